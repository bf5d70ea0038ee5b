"""Open land: mountains, dunes, rice terraces, hills with balloons."""

from __future__ import annotations

import math

from fbsyncd.simulator.canvas import Canvas
from fbsyncd.simulator.colour import Colour, Point, colours, mix, rgb
from fbsyncd.simulator.props import birds, pines, streaks, sunlight

# From the zenith to the horizon, then the nearest ground, then the sun.
_DAYS = (
    ("2b3a67 6d6a9c d98c8c f6c89f", "151a2d", "fff0c9"),
    ("1d3557 457b9d a8c5d6 f8e9d2", "12222b", "fff7e0"),
    ("3c2a5e 8c4a7c e8786a fdc46a", "1b1026", "ffe9a8"),
    ("274060 5a8ca6 b7d3cf f4ead0", "14261f", "fffbe8"),
    ("4a5a8a 9a9ac4 e4b8c4 fbe3d0", "222440", "fff1e6"),
    ("0f3b4c 2f7f86 9cc9b2 f7e3a8", "0a1f22", "fff3bf"),
    ("5b2c4f b24a5a f08a5d ffd29d", "23101f", "ffe3b0"),
)
_DESERTS = (
    ("3f5f8a 9fb4c8 f3d9b8", "e9b06c", "8a4b2f"),
    ("2b2f55 a8627a f4a86a", "f0a35e", "6b2f34"),
    ("6fa3c8 bcd6e0 f6e7cf", "f2c98a", "b07a4a"),
    ("1f2a4a 5c4a7a d98a7a", "c98a6a", "3f2a44"),
)
_RICE = (("4f8a3a", "c9b84a"), ("3f7d4a", "8fb04f"), ("6a9a3f", "d9c25a"), ("2f6f4f", "7fa85a"))
_CLOTHS = (
    "c8402f f2b84b f7e9c8",
    "2f5fa8 f4f0e0 d94a3f",
    "7a3f8a e87a9a f8d06a",
    "1f7a6f f2d24b e85f3f",
    "d8562f 2f3f6a f0c04a",
)


def peaks(canvas: Canvas) -> None:
    """Ranges of mountains, each paler than the one before it."""
    sky, near, sun = _day(canvas)
    dice = canvas.dice
    horizon = dice.uniform(0.42, 0.58)
    canvas.sky(sky, 0, horizon + 0.1)
    canvas.sky([sky[-1], near], horizon + 0.1, 1)
    x, y = dice.uniform(0.2, 0.8), horizon - dice.uniform(0.0, 0.16)
    streaks(canvas, sky[-1], horizon)
    sunlight(canvas, x, y, sun)
    count = dice.choice((4, 5, 6))
    for nth in range(count):
        depth = (nth + 1) / count
        base = horizon + (1 - horizon) * depth**1.5 * 0.72
        colour = mix(mix(sky[-1], sky[1], 0.55), near, depth)
        line = canvas.ridge(base, 0.03 + 0.11 * depth * (1 - depth * 0.45), 7, 0.52)
        canvas.land(line, colour, mix(colour, sky[-1], 0.5 * (1 - depth)))
        canvas.veil(base, base + 0.16, sky[-1], 0.30 * (1 - depth))
    if dice.random() < 0.5:
        pines(canvas, 0.97, near, 26)
    if dice.random() < 0.4:
        birds(canvas, near)


def dunes(canvas: Canvas) -> None:
    """A desert: crests with a side in the sun and a side in the shade."""
    dice = canvas.dice
    sky, lit, dark = dice.choice(_DESERTS)
    horizon = dice.uniform(0.30, 0.45)
    canvas.sky(colours(sky), 0, 1)
    canvas.light(dice.uniform(0.1, 0.9), horizon - 0.05, 0.5, rgb("fff0d0"), 0.7)
    count = 6
    for nth in range(count):
        depth = (nth + 1) / count
        far = colours(sky)[-1]
        top = mix(far, rgb(lit), min(1, 0.35 + depth))
        bottom = mix(far, rgb(dark), min(1, 0.25 + depth))
        base = horizon + (1 - horizon) * (depth - 1 / count) * 1.05
        _dune(canvas, base, 0.05 + 0.10 * depth, (top, bottom))
    canvas.tint(canvas.clouds((0.9, 0.012), 0.55, 0.5, 1 - horizon), rgb(lit), horizon)


def _dune(canvas: Canvas, base: float, swing: float, shades: tuple[Colour, Colour]) -> None:
    dice = canvas.dice
    phase, waves = dice.uniform(0, 6.3), dice.uniform(0.5, 1.1)
    crest = [
        (x / 60, base - swing * (math.sin(phase + x / 60 * waves * 6.3) + 0.25 * math.sin(x / 9)))
        for x in range(61)
    ]
    lit, dark = shades
    canvas.land(crest, lit, mix(lit, dark, 0.55))
    peak = min(crest[8:52], key=lambda point: point[1])
    side = [point for point in crest if point[0] >= peak[0]]
    sway, drift = dice.uniform(0.03, 0.10), dice.uniform(-0.45, -0.15)
    spine = []
    for step in range(21):
        t = step / 20
        x = peak[0] + drift * t + sway * math.sin(t * 6.3)
        spine.append((x, peak[1] + (swing * 5 + 0.1) * t**1.3))
    canvas.shape([*side, (1.02, spine[-1][1]), *reversed(spine)], dark, mix(lit, dark, 0.55))


def terraces(canvas: Canvas) -> None:
    """Rice on a hillside: green steps, some of them mirrors of the sky."""
    sky, near, sun = _day(canvas)
    dice = canvas.dice
    horizon = dice.uniform(0.30, 0.40)
    canvas.sky(sky, 0, horizon + 0.15)
    streaks(canvas, rgb("ffffff"), horizon)
    sunlight(canvas, dice.uniform(0.15, 0.85), horizon - 0.06, sun)
    for depth in (0.25, 0.55):
        colour = mix(sky[-1], rgb("2f4f4a"), 0.35 + depth * 0.6)
        line = canvas.ridge(horizon - 0.05 + 0.12 * depth, 0.07, 7, 0.5)
        canvas.land(line, colour, mix(colour, sky[-1], 0.6))
    green, ripe = dice.choice(_RICE)
    phase, bend = dice.uniform(0, 6), dice.uniform(2.5, 5.0)
    count = 17
    for nth in range(count):
        depth = nth / (count - 1)
        base = horizon + 0.06 + (1 - horizon) * depth**1.6
        line = _contour(base, 0.015 + 0.05 * depth, phase + nth * 0.33, bend)
        _step(canvas, line, depth, (rgb(green), rgb(ripe), sky[-1], near))
    canvas.haze(horizon, horizon + 0.25, sky[-1], 0.45)
    canvas.mottle(horizon, (0.03, 0.012), 0.16)


def _contour(base: float, swing: float, phase: float, bend: float) -> list[Point]:
    return [
        (
            x / 60,
            base + swing * (math.sin(phase + x / 60 * bend) + 0.35 * math.sin(x / 60 * bend * 2.7)),
        )
        for x in range(61)
    ]


def _step(
    canvas: Canvas, line: list[Point], depth: float, shades: tuple[Colour, Colour, Colour, Colour]
) -> None:
    green, ripe, sky, near = shades
    dice = canvas.dice
    field = mix(green, ripe, dice.random())
    if dice.random() < 0.3:
        field = mix(sky, rgb("8fb0c0"), 0.25)
    canvas.land(line, mix(field, sky, 0.3 * (1 - depth)), mix(field, near, 0.25))
    bank = [(x, y - 0.004 - 0.010 * depth) for x, y in line]
    canvas.shape([*bank, *reversed(line)], mix(near, green, 0.7), mix(near, green, 0.35))


def balloons(canvas: Canvas) -> None:
    """Hot-air balloons above hills at dawn."""
    peaks_of = canvas.dice.choice(_DAYS)
    sky = colours(peaks_of[0])
    dice = canvas.dice
    canvas.sky([mix(colour, rgb("fff2e6"), 0.25) for colour in sky], 0, 0.85)
    sunlight(canvas, dice.uniform(0.2, 0.8), 0.66, rgb(peaks_of[2]))
    streaks(canvas, rgb("fff4ea"), 0.7)
    near = rgb(peaks_of[1])
    for nth in range(4):
        depth = (nth + 1) / 4
        colour = mix(sky[-1], near, 0.2 + 0.7 * depth)
        canvas.land(
            canvas.ridge(0.66 + 0.26 * depth**1.4, 0.035, 5, 0.45),
            colour,
            mix(colour, sky[-1], 0.35),
        )
        canvas.veil(0.66 + 0.2 * depth, 0.85 + 0.15 * depth, sky[-1], 0.25)
    for r in sorted(dice.uniform(0.012, 0.045) for _ in range(dice.randint(5, 9))):
        _balloon(canvas, dice.uniform(0.06, 0.94), dice.uniform(0.1, 0.62), r, sky[-1])
    _balloon(
        canvas, dice.uniform(0.25, 0.75), dice.uniform(0.25, 0.4), dice.uniform(0.09, 0.14), None
    )


def _balloon(canvas: Canvas, x: float, y: float, r: float, haze: Colour | None) -> None:
    dice = canvas.dice
    cloth = colours(dice.choice(_CLOTHS))
    if haze:
        cloth = [mix(colour, haze, max(0.0, 0.55 - r * 9)) for colour in cloth]
    wide, high = r * canvas.unit / canvas.w, r * canvas.unit / canvas.h
    for nth in range(6):
        spread = 1 - nth / 6
        colour = cloth[nth % len(cloth)]
        _envelope(canvas, (x, y), (wide * spread, high), colour)
    canvas.light(x - wide * 0.35, y - high * 0.4, r * 0.9, rgb("fff1d6"), 0.4)
    basket = [(x - wide * 0.14, y + high * 1.62), (x + wide * 0.14, y + high * 1.62)]
    foot = [(x + wide * 0.11, y + high * 1.85), (x - wide * 0.11, y + high * 1.85)]
    canvas.shape([*basket, *foot], rgb("4a3020"))


def _envelope(canvas: Canvas, at: Point, half: Point, colour: Colour) -> None:
    points = []
    for step in range(40):
        turn = step / 40 * 2 * math.pi
        down = math.sin(turn)
        narrow = 1 - 0.62 * max(0.0, down) ** 1.7
        points.append(
            (
                at[0] + half[0] * math.cos(turn) * narrow,
                at[1] + half[1] * down * (1.35 if down > 0 else 1),
            )
        )
    canvas.shape(points, mix(colour, rgb("ffffff"), 0.18), mix(colour, rgb("1a1020"), 0.35))


def _day(canvas: Canvas) -> tuple[list[Colour], Colour, Colour]:
    sky, near, sun = canvas.dice.choice(_DAYS)
    return colours(sky), rgb(near), rgb(sun)
