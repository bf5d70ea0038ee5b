"""Places: a temple in the evening, a table in a café."""

from __future__ import annotations

import math

from fbsyncd.simulator.canvas import Canvas
from fbsyncd.simulator.colour import Colour, Point, colours, mix, rgb
from fbsyncd.simulator.props import EVENINGS, birds, orbs, streaks, sunlight

_CAFES = (
    ("5a4030", "9a6a42", "f6f0e6"),
    ("34444a", "8a5f3c", "3a5f6a"),
    ("4a3a3a", "b8895a", "d86a4a"),
    ("2f3f34", "7a5034", "f0e4d0"),
    ("6a5a4a", "a87a50", "2f3a44"),
)


def temple(canvas: Canvas) -> None:
    """Spires of a temple before the evening sky."""
    dice = canvas.dice
    sky, ground, sun = dice.choice(EVENINGS)
    run, dark = colours(sky), rgb(ground)
    floor = dice.uniform(0.76, 0.84)
    canvas.sky(run, 0, floor + 0.02)
    streaks(canvas, run[-1], floor)
    x = dice.uniform(0.25, 0.75)
    sunlight(canvas, x, dice.uniform(0.35, 0.62), rgb(sun))
    line = canvas.ridge(floor - 0.05, 0.05, 6, 0.5)
    canvas.land(line, mix(run[-1], dark, 0.35), mix(run[-1], dark, 0.2))
    haze = mix(dark, run[-1], 0.35)
    for place in (0.12, 0.88, 0.3, 0.7):
        at = place + dice.uniform(-0.06, 0.06)
        _chedi(canvas, at, floor, dice.uniform(0.16, 0.34), haze)
    canvas.veil(floor - 0.3, floor, run[-1], 0.3)
    main = dice.uniform(0.38, 0.62)
    _chedi(canvas, main, floor, dice.uniform(0.48, 0.62), dark)
    for side in (-1, 1):
        if dice.random() < 0.75:
            _hall(canvas, main + side * dice.uniform(0.24, 0.33), floor, 0.15, dark)
    canvas.land([(0, floor), (1, floor)], dark, mix(dark, rgb("000000"), 0.5))
    for _ in range(14):
        canvas.light(dice.random(), floor - 0.006, dice.uniform(0.012, 0.03), rgb("ffc870"), 0.9)
    if dice.random() < 0.5:
        canvas.mirror(floor, 0.010, 0.8)
    if dice.random() < 0.5:
        birds(canvas, dark)


def _chedi(canvas: Canvas, x: float, floor: float, high: float, colour: Colour) -> None:
    """A bell-shaped spire: steps, bell, rings and needle."""
    wide = high * 0.34 * canvas.h / canvas.w
    profile = [
        (0.0, 1.0),
        (0.10, 0.98),
        (0.10, 0.84),
        (0.17, 0.82),
        (0.17, 0.70),
        (0.23, 0.68),
        (0.25, 0.58),
        (0.36, 0.54),
        (0.44, 0.42),
        (0.50, 0.24),
        (0.53, 0.22),
        (0.53, 0.30),
        (0.57, 0.30),
        (0.57, 0.16),
    ]
    profile += [
        (0.58 + nth * 0.022 + (nth % 2) * 0.008, 0.15 - nth * 0.010 + (nth % 2) * 0.02)
        for nth in range(10)
    ]
    profile += [(0.84, 0.03), (0.92, 0.015), (1.0, 0.0)]
    left = [(x - wide * half, floor - high * up) for up, half in profile]
    right = [(x + wide * half, floor - high * up) for up, half in reversed(profile)]
    canvas.shape([*left, *right], mix(colour, rgb("c88a4a"), 0.18), colour)
    rim = [(x + wide * half * 0.55, floor - high * up) for up, half in reversed(profile)]
    canvas.shape(
        [*right, *reversed(rim)], mix(colour, rgb("f0a860"), 0.30), mix(colour, rgb("c87a4a"), 0.12)
    )


def _hall(canvas: Canvas, x: float, floor: float, high: float, colour: Colour) -> None:
    """A hall with the stacked, upturned roofs of the country."""
    wide = high * 0.95 * canvas.h / canvas.w
    parts = [
        [
            (x - wide * 0.62, floor),
            (x - wide * 0.62, floor - high * 0.4),
            (x + wide * 0.62, floor - high * 0.4),
            (x + wide * 0.62, floor),
        ]
    ]
    for nth in range(3):
        half, low = wide * (0.92 - 0.22 * nth), floor - high * (0.36 + 0.2 * nth)
        top = low - high * 0.30
        parts.append(
            [
                (x - half * 1.12, low - high * 0.07),
                (x - half, low),
                (x + half, low),
                (x + half * 1.12, low - high * 0.07),
                (x + half * 0.42, top),
                (x, top - high * 0.12),
                (x - half * 0.42, top),
            ]
        )
    canvas.shapes(parts, mix(colour, rgb("b8683a"), 0.22), colour)
    for nth in range(-2, 3):
        left = x + nth * wide * 0.22 - wide * 0.04
        canvas.shape(
            [
                (left, floor - high * 0.28),
                (left + wide * 0.08, floor - high * 0.28),
                (left + wide * 0.08, floor - high * 0.05),
                (left, floor - high * 0.05),
            ],
            rgb("ffc468"),
            rgb("d8782a"),
        )


def cafe(canvas: Canvas) -> None:
    """A cup on a wooden table, the room behind it in warm blur."""
    dice = canvas.dice
    wall, wood, cup = dice.choice(_CAFES)
    canvas.sky(
        [mix(rgb(wall), rgb("000000"), 0.25), rgb(wall), mix(rgb(wall), rgb("f0c890"), 0.3)],
        0,
        0.66,
    )
    if dice.random() < 0.6:
        for _ in range(3):
            x, wide = dice.random(), dice.uniform(0.06, 0.14)
            canvas.shape(
                [(x, 0.05), (x + wide, 0.05), (x + wide, 0.5), (x, 0.5)],
                rgb("e8eef0"),
                rgb("b8c8c8"),
            )
        canvas.soften(0.02)
    orbs(canvas, 26, (0.018, 0.06), 0.7)
    edge = dice.uniform(0.58, 0.66)
    canvas.sky(
        [mix(rgb(wood), rgb("f4d8b0"), 0.35), rgb(wood), mix(rgb(wood), rgb("0a0504"), 0.45)],
        edge,
        1,
    )
    grain = canvas.clouds((0.8, 0.012), 0.42, 1.3, 1 - edge)
    canvas.tint(grain, mix(rgb(wood), rgb("0a0402"), 0.7), edge)
    canvas.veil(edge - 0.05, edge + 0.02, rgb(wall), 0.5)
    x, y = dice.uniform(0.36, 0.64), dice.uniform(0.68, 0.76)
    _cup(canvas, (x, y), dice.uniform(0.17, 0.23), rgb(cup))
    canvas.light(dice.choice((-0.05, 1.05)), 0.3, 0.9, rgb("ffe0a8"), 0.35)


def _cup(canvas: Canvas, at: Point, r: float, china: Colour) -> None:
    x, y = at
    ay = r * canvas.unit / canvas.h
    dark, pale = mix(china, rgb("1a0f0a"), 0.55), mix(china, rgb("ffffff"), 0.3)
    canvas.shade(x, y + 0.55 * ay, r * 2.3, 0.75)
    canvas.oval(x, y + 0.66 * ay, (r * 1.75, r * 0.42), pale, mix(china, dark, 0.5))
    well = (mix(china, dark, 0.45), mix(china, dark, 0.15))
    canvas.oval(x, y + 0.62 * ay, (r * 1.2, r * 0.26), *well)
    _bowl(canvas, at, r, china)
    canvas.oval(x, y - 0.35 * ay, (r, r * 0.30), pale, mix(china, dark, 0.2))
    canvas.oval(x, y - 0.34 * ay, (r * 0.90, r * 0.25), rgb("5a3016"), rgb("8a5428"))
    _latte(canvas, (x, y - 0.34 * ay), r)
    for nth in range(5):
        drift = 0.2 * math.sin(nth * 1.3) * r * canvas.unit / canvas.w
        canvas.light(x + drift, y - (0.7 + nth * 0.33) * ay, r * 0.36, rgb("fff8f0"), 0.13)


def _bowl(canvas: Canvas, at: Point, r: float, china: Colour) -> None:
    x, y = at
    ax, ay = r * canvas.unit / canvas.w, r * canvas.unit / canvas.h
    dark = mix(china, rgb("1a0f0a"), 0.55)
    way = canvas.dice.choice((-1, 1))
    ear = x + way * 1.05 * ax
    canvas.oval(ear, y + 0.02 * ay, (r * 0.40, r * 0.34), mix(china, dark, 0.3), dark)
    canvas.oval(ear, y + 0.02 * ay, (r * 0.25, r * 0.20), mix(rgb("6a4a30"), dark, 0.4))
    side = []
    for step in range(21):
        turn = step / 20 * math.pi
        narrow = 1 - 0.16 * math.sin(turn)
        depth = 0.95 * math.sin(turn) ** 0.55 - 0.35
        side.append((x + ax * math.cos(turn) * narrow, y + ay * depth))
    canvas.shape(side, china, mix(china, dark, 0.65))
    canvas.light(x - way * 0.45 * ax, y - 0.05 * ay, r * 0.75, rgb("ffffff"), 0.35)


def _latte(canvas: Canvas, at: Point, r: float) -> None:
    foam, ax, ay = rgb("f2dcb8"), canvas.unit / canvas.w, canvas.unit / canvas.h
    for size, shift in ((0.66, 0.0), (0.52, -0.02), (0.40, -0.03), (0.26, -0.05)):
        tone = foam if size in (0.66, 0.40) else rgb("9a6232")
        points = []
        for step in range(31):
            turn = step / 15 * math.pi
            heart = 1 - 0.42 * max(0.0, -math.sin(turn)) ** 6
            points.append(
                (
                    at[0] + math.cos(turn) * size * r * ax,
                    at[1] + (math.sin(turn) * size * 0.27 * heart + shift) * r * ay,
                )
            )
        canvas.shape(points, tone)
