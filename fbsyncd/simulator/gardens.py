"""What grows: flowers, lotus, rows of tea and lavender."""

from __future__ import annotations

import math

from fbsyncd.simulator.canvas import Canvas
from fbsyncd.simulator.colour import Colour, Point, colours, mix, rgb
from fbsyncd.simulator.props import EVENINGS, streaks, sunlight

# Number of petals, their width, and how many rings of them.
_FORMS = {"daisy": (17, 0.15, 2), "cosmos": (8, 0.36, 1), "plumeria": (5, 0.40, 1)}
_GARDEN = (
    ("4a7a3a", "fdfbf4", "f2c030", "daisy"),
    ("3a6a44", "f08ab8", "f2b838", "cosmos"),
    ("2f6048", "fff6ec", "ffc83a", "plumeria"),
    ("5a7a2f", "f8b820", "6a3a1a", "daisy"),
    ("3a5a5a", "b88af0", "f2d050", "cosmos"),
    ("2a5a3a", "ff9a7a", "ffd85a", "plumeria"),
    ("4a6a30", "e8483a", "2a1a1a", "cosmos"),
)
_CROPS = (
    ("7a5fb0", "4a3a44"),
    ("4f8a44", "3a4a2a"),
    ("c84a5a", "4a3f2c"),
    ("d8b040", "54482a"),
    ("3f7a5a", "2f3f2a"),
)
_PONDS = (
    ("1f4a44", "4f8a4a", "f29ab8"),
    ("1a3a4a", "5a8f5a", "f7c0d0"),
    ("2a4a34", "6a9a44", "e86a9a"),
    ("223a3a", "4a7f5a", "fbe4ea"),
)


def flowers(canvas: Canvas) -> None:
    """A few flowers in focus before a garden that is not."""
    dice = canvas.dice
    leaf, petal, heart, form = dice.choice(_GARDEN)
    greens = [mix(rgb(leaf), rgb(other), 0.5) for other in ("e8f4c0", "1a3a20", "0a1a10")]
    canvas.sky(greens, 0, 1)
    for _ in range(26):
        tone = mix(rgb(dice.choice((petal, leaf, "f4f0c0"))), greens[1], dice.uniform(0.1, 0.6))
        canvas.light(dice.random(), dice.random(), dice.uniform(0.06, 0.19), tone, 0.75)
    canvas.soften(0.02)
    for nth in range(6):
        near = nth / 5
        at = (dice.uniform(0.02, 0.98), 0.25 + 0.5 * dice.random())
        _flower(canvas, at, 0.06 + 0.08 * near, (rgb(petal), rgb(heart), rgb(leaf)), form)
        if nth == 3:
            canvas.soften(0.012)
    at = (dice.uniform(0.35, 0.65), dice.uniform(0.38, 0.55))
    _flower(canvas, at, dice.uniform(0.24, 0.32), (rgb(petal), rgb(heart), rgb(leaf)), form)
    canvas.light(dice.choice((0.0, 1.0)), 0, 0.9, rgb("fff4d0"), 0.4)


def _flower(
    canvas: Canvas, at: Point, r: float, shades: tuple[Colour, Colour, Colour], form: str
) -> None:
    petal, heart, leaf = shades
    x, y = at
    ax, ay = r * canvas.unit / canvas.w, r * canvas.unit / canvas.h
    stalk = [(x - 0.02 * ax, y), (x + 0.02 * ax, y)]
    foot = [(x + 0.30 * ax, y + 4 * ay), (x + 0.22 * ax, y + 4 * ay)]
    canvas.shape([*stalk, *foot], mix(leaf, rgb("c8d890"), 0.3), leaf)
    squeeze = canvas.dice.uniform(0.72, 1.0)
    _crown(canvas, (at, (ax, ay * squeeze)), petal, form)
    if form == "plumeria":
        canvas.glaze(x, y, r * 0.62, heart, 1.0)
        canvas.glaze(x, y, r * 0.22, mix(heart, rgb("c0501a"), 0.6), 0.7)
        return
    core = (r * 0.22, r * 0.22 * squeeze)
    canvas.oval(x, y, core, mix(heart, rgb("fff0b0"), 0.2), mix(heart, rgb("3a1a08"), 0.45))
    canvas.light(x - 0.06 * ax, y - 0.08 * ay, r * 0.2, rgb("fff4c8"), 0.4)


def _crown(canvas: Canvas, place: tuple[Point, Point], petal: Colour, form: str) -> None:
    """The petals around *place* (a centre and the reach to the side and up).

    Each petal of a large flower is painted by itself; those of a small one in three tones.
    """
    count, wide, rings = _FORMS[form]
    turned, large = canvas.dice.uniform(0, 2 * math.pi), place[1][0] * canvas.w > 90
    tones: dict[int, tuple[Colour, list[list[Point]], list[list[Point]]]] = {}
    for nth in range(count * rings):
        ring, turn = nth // count, turned + (nth + nth // count * 0.5) / count * 2 * math.pi
        light = 0.5 - 0.5 * math.sin(turn)
        dusk = mix(petal, rgb("1a0a14"), (0.30, 0.20, 0.25)[nth % 3])
        tone = mix(dusk, mix(petal, rgb("ffffff"), 0.25), light)
        group = tones.setdefault(nth if large else round(light * 2), (tone, [], []))
        group[1].append(_around(place, _petal(1 - 0.14 * ring, wide, turn)))
        group[2].append(_around(place, _petal(0.82 - 0.11 * ring, wide * 0.42, turn)))
    for tone, petals, folds in tones.values():
        canvas.shapes(petals, mix(tone, rgb("1a0a14"), 0.06), mix(tone, petal, 0.4))
        canvas.shapes(folds, mix(tone, rgb("ffffff"), 0.12), tone)


def _around(place: tuple[Point, Point], outline: list[Point]) -> list[Point]:
    (x, y), (ax, ay) = place
    return [(x + px * ax, y + py * ay) for px, py in outline]


def _petal(long: float, wide: float, turn: float) -> list[Point]:
    points = []
    for way in (-1, 1):
        for step in range(15):
            t = step / 14 if way < 0 else 1 - step / 14
            x, y = (
                long * t,
                way * wide * math.sin(math.pi * min(1.0, t**1.15 * 0.96 + 0.02)) ** 0.75,
            )
            points.append(
                (x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn))
            )
    return points


def rows(canvas: Canvas) -> None:
    """Rows of tea, lavender or tulips that run to the horizon."""
    dice = canvas.dice
    sky, _, sun = dice.choice(EVENINGS)
    run = [mix(colour, rgb("fff4e8"), 0.15) for colour in colours(sky)]
    plant, soil = dice.choice(_CROPS)
    horizon = dice.uniform(0.40, 0.5)
    canvas.sky(run, 0, horizon + 0.05)
    streaks(canvas, run[-1], horizon)
    lost = dice.uniform(0.25, 0.75)
    sunlight(canvas, lost + dice.uniform(-0.2, 0.2), horizon - dice.uniform(0.03, 0.14), rgb(sun))
    hills = canvas.ridge(horizon - 0.01, 0.035, 6, 0.5)
    canvas.land(hills, mix(run[-1], rgb(plant), 0.3), mix(run[-1], rgb(plant), 0.5))
    canvas.sky([mix(rgb(soil), run[-1], 0.45), rgb(soil)], horizon + 0.02, 1)
    _rows(canvas, (lost, horizon + 0.02), rgb(plant))
    canvas.haze(horizon + 0.02, horizon + 0.24, run[-1], 0.6)
    canvas.mottle(horizon + 0.05, (0.02, 0.016), 0.16)
    if dice.random() < 0.7:
        _tree(canvas, dice.uniform(0.1, 0.9), horizon + 0.035, dice.uniform(0.08, 0.16))


def _rows(canvas: Canvas, lost: Point, plant: Colour) -> None:
    x, top = lost
    bodies, crowns, wide = [], [], 0.085
    for nth in range(-19, 20):
        near, far = 0.5 + nth * 0.24, x + nth * 0.034
        left = [(far, top), (near - wide, 1.02)]
        bodies.append([*left, (near + wide, 1.02), (far + 0.024, top)])
        ridge = [(near - wide * 0.75, 1.02), (near + wide * 0.15, 1.02)]
        crowns.append([(far, top), *ridge, (far + 0.015, top)])
    canvas.shapes(bodies, mix(plant, rgb("0a140c"), 0.25), plant)
    canvas.shapes(crowns, plant, mix(plant, rgb("fff4e0"), 0.32))


def _tree(canvas: Canvas, x: float, foot: float, high: float) -> None:
    dice = canvas.dice
    ax, ay = canvas.unit / canvas.w, canvas.unit / canvas.h
    leaf = rgb(dice.choice(("2a3f24", "34482a", "1f3428")))
    canvas.shape(
        [
            (x - 0.006 * ax, foot),
            (x + 0.006 * ax, foot),
            (x + 0.003 * ax, foot - high * ay),
            (x - 0.003 * ax, foot - high * ay),
        ],
        rgb("2a1c14"),
    )
    for nth in range(16):
        r = high * dice.uniform(0.18, 0.34)
        px, py = (
            x + dice.gauss(0, high * 0.28) * ax,
            foot - high * (0.75 + dice.uniform(-0.1, 0.45)) * ay,
        )
        canvas.oval(
            px,
            py,
            (r, r * 0.8),
            mix(leaf, rgb("c8d080"), 0.08 + 0.02 * nth),
            mix(leaf, rgb("04080a"), 0.3),
        )


def lotus(canvas: Canvas) -> None:
    """A pond of pads with pink lotus above them."""
    dice = canvas.dice
    dark, pad, petal = dice.choice(_PONDS)
    water = rgb(dark)
    canvas.sky([mix(water, rgb("9ab8a8"), 0.5), water, mix(water, rgb("000000"), 0.4)], 0, 1)
    canvas.light(dice.random(), -0.1, 1.1, rgb("dfeed8"), 0.5)
    for nth in range(36):
        depth = (nth / 36) ** 0.8
        r = 0.03 + 0.13 * depth
        x, y = dice.uniform(-0.05, 1.05), 0.05 + 1.0 * depth + dice.uniform(-0.05, 0.05)
        _pad(
            canvas,
            (x, y),
            r,
            mix(_green(canvas, pad), mix(water, rgb("b8d0c0"), 0.4), 0.5 - depth / 2),
        )
        if nth == 14:
            canvas.soften(0.006)
        if nth in (16, 24, 29, 33):
            _bloom(canvas, (dice.uniform(0.15, 0.85), y - r * 0.8), r * 1.15, rgb(petal))


def _green(canvas: Canvas, pad: str) -> Colour:
    other = canvas.dice.choice(("c8d878", "2f6a4a", "88b060"))
    return mix(rgb(pad), rgb(other), canvas.dice.uniform(0, 0.5))


def _pad(canvas: Canvas, at: Point, r: float, tone: Colour) -> None:
    x, y = at
    canvas.oval(x, y + r * 0.05, (r, r * 0.42), mix(tone, rgb("04140c"), 0.65))
    canvas.oval(x, y, (r, r * 0.40), mix(tone, rgb("eaf4c8"), 0.22), mix(tone, rgb("08281a"), 0.3))


def _bloom(canvas: Canvas, at: Point, r: float, colour: Colour) -> None:
    ax, ay = canvas.unit / canvas.w, canvas.unit / canvas.h
    stem = [(at[0] - 0.006 * ax, at[1]), (at[0] + 0.006 * ax, at[1]), (at[0], at[1] + r * 1.4 * ay)]
    canvas.shape(stem, rgb("4f7a3f"), rgb("1f3a24"))
    pale = mix(colour, rgb("ffffff"), 0.6)
    for spread, long, count in ((1.25, 0.95, 7), (0.85, 1.05, 6), (1.35, 0.62, 6), (0.75, 0.72, 4)):
        for nth in range(count):
            lean = ((nth + 0.5) / count - 0.5) * 2 * spread
            petal = _leaf(r * long, r * 0.24, lean)
            points = [(at[0] + x * ax, at[1] + y * ay) for x, y in petal]
            tip = mix(colour, rgb("ffffff"), 0.10 * (nth % 3) + (0.2 if long < 0.9 else 0))
            canvas.shape(points, mix(tip, rgb("a03060"), 0.10), pale)


def _leaf(long: float, wide: float, lean: float) -> list[Point]:
    """The outline of a pointed petal that rises from the origin and leans to one side."""
    points = []
    for way in (-1, 1):
        for step in range(11):
            t = step / 10 if way < 0 else 1 - step / 10
            x, y = way * wide * math.sin(math.pi * t**0.8) * (1 - t * 0.15), -long * t
            points.append(
                (x * math.cos(lean) - y * math.sin(lean), x * math.sin(lean) + y * math.cos(lean))
            )
    return points
