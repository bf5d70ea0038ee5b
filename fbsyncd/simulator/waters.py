"""Water by day: open sea, limestone bays, beaches with palms, mirror lakes."""

from __future__ import annotations

import math

from fbsyncd.simulator.canvas import Canvas
from fbsyncd.simulator.colour import Colour, Point, colours, mix, rgb
from fbsyncd.simulator.props import birds, boat, islands, pines, streaks, sunlight

_SUNSETS = (
    ("24305e 7a4f86 e2725b ffc46b", "a8506a 4a3262 161832", "fff0b8"),
    ("1b3a5c 5f8aa6 f2b880 ffe0a0", "a8a08a 3f6a7a 12303f", "fff6d0"),
    ("3a1c4a a23b5c f26b4f ffc857", "b84a4a 5a2448 1c0f26", "ffe9a0"),
    ("4a6fa5 93b5d6 f5d5c8 fff0dc", "b8c4cc 5f86a0 234a63", "fffaf0"),
    ("0f2a3f 2f6a78 d9a05b ffd890", "8a8a6a 2a5460 0a1f2c", "fff0c0"),
    ("5a3f72 c2708a f7a88a ffe0b8", "c88a8a 6a4a72 2a2240", "fff2d8"),
)
_BAYS = (
    ("6fa8c8 b8d6de eef2ea", "8fc4b8 2f8a86 0f4a54", "2f5a44"),
    ("8a9ab8 c8ccd8 f2e6dc", "a8b8b4 5a8a8a 1f4a54", "34504a"),
    ("d88a6a f2bc8a ffe6bc", "d8a87a 6a7a72 1f3a42", "3a3a44"),
    ("3f7fae 9fcbe0 eaf6f2", "6fd0bc 1fa098 075a66", "2a6240"),
)
_BEACHES = (
    ("1f7fc8 6fb8e6 d8f0f6", "1a7fae 2fb8c0 8fe6d8", "f4e2c0"),
    ("3a8fd0 9ad0ee eef8f6", "2f8fb8 4fc8c8 b0f0e0", "fbeed6"),
    ("e88a6a f8c08a fff0d0", "8a86a0 c89a9a f0d0b8", "d8b088"),
    ("2f6fb0 7fb0d8 f0ece0", "2a6f98 3fa8a8 9ad8c8", "e8d2a8"),
)
_LAKES = (
    ("1f3f7a 6f9ac8 f4dcc8", "16303a", "fff2d8"),
    ("5a3f7a c87f94 fbd0a8", "231a36", "ffe8c0"),
    ("2a6f8a 8fc4c4 f0eed0", "12322a", "fffbe0"),
    ("33405e 8a93b0 e2dce0", "1a2430", "ffffff"),
    ("7a2f4a d8705a ffc888", "2a1220", "fff0c8"),
)


def sea(canvas: Canvas) -> None:
    """A sunset over open water, with the sun's path on it."""
    dice = canvas.dice
    sky, water, sun = dice.choice(_SUNSETS)
    run, deep = colours(sky), colours(water)
    horizon = dice.uniform(0.48, 0.62)
    canvas.sky(run, 0, horizon)
    streaks(canvas, run[-1], horizon)
    x = dice.uniform(0.25, 0.75)
    high = dice.choice((0.012, 0.05, 0.10))
    sunlight(canvas, x, horizon - high, rgb(sun))
    canvas.sky([mix(run[-1], deep[0], 0.35), *deep], horizon, 1)
    waves = canvas.clouds((0.35, 0.018), 0.45, 1.6, 1 - horizon)
    canvas.tint(waves, mix(deep[-1], rgb("05070d"), 0.4), horizon)
    canvas.light(x, horizon + 0.05, 0.42, mix(rgb(sun), run[-1], 0.5), 0.5)
    canvas.glints(horizon, x, mix(rgb(sun), rgb("ffffff"), 0.35), 0.11)
    if dice.random() < 0.6:
        islands(canvas, horizon, mix(run[0], deep[-1], 0.6))
    if dice.random() < 0.6:
        boat(canvas, dice.uniform(0.15, 0.85), dice.uniform(horizon + 0.08, 0.86))
    if dice.random() < 0.5:
        birds(canvas, mix(run[0], rgb("000000"), 0.5))


def bay(canvas: Canvas) -> None:
    """Limestone rocks that stand in green water, paler with distance."""
    dice = canvas.dice
    sky, water, rock = dice.choice(_BAYS)
    run, deep = colours(sky), colours(water)
    horizon = dice.uniform(0.50, 0.60)
    canvas.sky(run, 0, horizon)
    streaks(canvas, rgb("ffffff"), horizon)
    canvas.sky([run[-1], *deep], horizon, 1)
    for nth in range(4):
        depth = (nth + 1) / 4
        colour = mix(run[-1], rgb(rock), depth**0.8)
        foot = horizon + 0.02 + 0.13 * depth**2
        for _ in range(4 - nth // 2):
            _rock(canvas, dice.uniform(-0.05, 1.05), foot, 0.10 + 0.34 * depth, colour)
        canvas.veil(foot - 0.18, foot, run[-1], 0.5 * (1 - depth) + 0.08)
    waves = canvas.clouds((0.3, 0.02), 0.45, 1.2, 1 - horizon - 0.17)
    canvas.tint(waves, mix(deep[-1], rgb("001018"), 0.35), horizon + 0.17)
    canvas.glints(horizon + 0.18, dice.random(), mix(run[-1], rgb("ffffff"), 0.5), 0.5)
    if dice.random() < 0.8:
        boat(canvas, dice.uniform(0.2, 0.8), dice.uniform(horizon + 0.2, 0.88))


def _rock(canvas: Canvas, x: float, foot: float, high: float, colour: Colour) -> None:
    dice = canvas.dice
    wide = high * dice.uniform(0.32, 0.6) * canvas.h / canvas.w
    high *= dice.uniform(0.55, 1.0)
    outline: list[Point] = []
    for step in range(25):
        turn = step / 24
        dome = math.sin(turn * math.pi) ** 0.42
        y = foot - high * dome * (1 + dice.uniform(-0.10, 0.05))
        outline.append((x + wide * (turn - 0.5) * 2 + dice.uniform(-0.006, 0.006), y))
    canvas.shape(outline, mix(colour, rgb("dfe8c8"), 0.18), mix(colour, rgb("101c1a"), 0.15))
    shady = [(px + wide * 0.02, py + high * 0.02) for px, py in outline[13:]]
    spur = [(x + wide * 0.25, foot), (x + wide * 0.1, foot - high * 0.5)]
    canvas.shape([*shady, *spur], mix(colour, rgb("0a1614"), 0.35), mix(colour, rgb("0a1614"), 0.2))
    cracks = [_crack(canvas, (x, foot), wide, high) for _ in range(7)]
    canvas.shapes(cracks, mix(colour, rgb("0a1614"), 0.22), mix(colour, rgb("0a1614"), 0.10))
    water = [(px, foot + (foot - py) * 0.10) for px, py in outline]
    canvas.shape(water, mix(colour, rgb("0a1614"), 0.45), colour)


def _crack(canvas: Canvas, foot: Point, wide: float, high: float) -> list[Point]:
    dice = canvas.dice
    x, y = foot[0] + wide * dice.uniform(-0.7, 0.7), foot[1] - high * dice.uniform(0.25, 0.7)
    long, thick = high * dice.uniform(0.12, 0.3), wide * dice.uniform(0.02, 0.06)
    return [
        (x, y - long),
        (x + thick, y - long * 0.4),
        (x + thick * 1.4, y),
        (x - thick * 0.3, y - long * 0.3),
    ]


def beach(canvas: Canvas) -> None:
    """White sand, shallow water and a leaning palm."""
    dice = canvas.dice
    sky, water, sand = dice.choice(_BEACHES)
    run, deep, shore = colours(sky), colours(water), rgb(sand)
    horizon = dice.uniform(0.36, 0.46)
    canvas.sky(run, 0, horizon)
    heap = canvas.clouds((0.5, 0.2), 0.53, 4.0, horizon)
    canvas.tint(heap, mix(run[-1], rgb("ffffff"), 0.75))
    canvas.sky(deep, horizon, 0.86)
    if dice.random() < 0.6:
        islands(canvas, horizon, mix(run[-1], rgb("3f6a6a"), 0.55))
    waves = canvas.clouds((0.3, 0.016), 0.5, 1.3, 0.86 - horizon)
    canvas.tint(waves, mix(deep[0], rgb("ffffff"), 0.25), horizon)
    phase, swing = dice.uniform(0, 6), dice.uniform(0.02, 0.05)
    for nth, (colour, below) in enumerate(
        ((rgb("ffffff"), deep[-1]), (deep[-1], deep[-1]), (rgb("fdfdf8"), shore), (shore, shore))
    ):
        base = 0.66 + (0.0, 0.022, 0.085, 0.10)[nth]
        line = [
            (s / 50, base + swing * math.sin(phase + s / 50 * 5 + nth * 0.15)) for s in range(51)
        ]
        canvas.land(
            line, mix(colour, below, 0.15), mix(below, rgb("8a6a48"), 0.12 if nth == 3 else 0)
        )
    canvas.mottle(0.78, (0.03, 0.008), 0.18)
    side = dice.choice((-1, 1))
    for _ in range(dice.choice((1, 2, 2))):
        _palm(canvas, 0.5 - side * dice.uniform(0.42, 0.56), side)
    canvas.light(0.5 - side * 0.6, 0.0, 0.9, rgb("fff6df"), 0.35)


def _palm(canvas: Canvas, foot: float, side: int) -> None:
    dice = canvas.dice
    bark, leaf = rgb("4a3828"), rgb(dice.choice(("1f4a2f", "2f5a34", "17382a")))
    x, y = foot + side * dice.uniform(0.10, 0.26), dice.uniform(0.16, 0.34)
    aspect = canvas.unit / canvas.w
    left, right = [], []
    for step in range(13):
        t = step / 12
        px = foot + (x - foot) * t**1.7
        half = (0.017 - 0.009 * t) * aspect
        py = 1.05 + (y - 1.05) * t
        left.append((px - half, py))
        right.append((px + half, py))
    canvas.shape([*left, *reversed(right)], mix(bark, rgb("a08058"), 0.4), bark)
    fronds = []
    for nth in range(11):
        turn = -math.pi / 2 + (nth - 5) * 0.52 + dice.uniform(-0.15, 0.15)
        fronds.append(_frond(canvas, (x, y), turn, dice.uniform(0.20, 0.30)))
    canvas.shapes(fronds[::2], mix(leaf, rgb("a8c060"), 0.28), leaf)
    canvas.shapes(fronds[1::2], leaf, mix(leaf, rgb("06120c"), 0.5))


def _frond(canvas: Canvas, at: Point, turn: float, long: float) -> list[Point]:
    ax, ay = canvas.unit / canvas.w, canvas.unit / canvas.h
    upper, lower = [], []
    for step in range(15):
        t = step / 14
        droop = 0.16 * t * t
        x = at[0] + math.cos(turn) * long * t * ax
        y = at[1] + (math.sin(turn) * long * t + droop) * ay
        teeth = (0.030 if step % 2 else 0.014) * math.sin(math.pi * min(1, t + 0.12))
        upper.append((x, y - teeth * 0.6 * ay))
        lower.append((x - teeth * 0.3 * ax, y + teeth * 1.5 * ay))
    return [*upper, *reversed(lower)]


def lake(canvas: Canvas) -> None:
    """Mountains twice: once in the air and once in the water."""
    dice = canvas.dice
    sky, near, sun = dice.choice(_LAKES)
    run, dark = colours(sky), rgb(near)
    shore = dice.uniform(0.54, 0.62)
    canvas.sky(run, 0, shore)
    streaks(canvas, run[-1], shore)
    sunlight(canvas, dice.uniform(0.2, 0.8), shore - dice.uniform(0.12, 0.25), rgb(sun))
    for nth in range(4):
        depth = (nth + 1) / 4
        colour = mix(mix(run[-1], run[0], 0.4), dark, depth * 0.9)
        base = shore - 0.20 * (1 - depth) - 0.03
        line = [(x, min(shore, y)) for x, y in canvas.ridge(base, 0.13 * (1.1 - depth), 7, 0.52)]
        canvas.land(line, colour, mix(colour, run[-1], 0.3))
        canvas.veil(base, shore, run[-1], 0.2)
    pines(canvas, shore + 0.002, mix(dark, rgb("050a0c"), 0.4), dice.choice((24, 40, 60)))
    canvas.mirror(shore, dice.uniform(0.004, 0.012), 0.78)
    canvas.veil(shore - 0.03, shore + 0.015, run[-1], 0.35)
    if dice.random() < 0.4:
        boat(canvas, dice.uniform(0.2, 0.8), dice.uniform(0.78, 0.9))
