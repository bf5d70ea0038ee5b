"""Things that stand in many scenes: the sun, clouds, trees, birds, boats, lights out of focus."""

from __future__ import annotations

import math
from functools import lru_cache

from PIL import Image

from fbsyncd.simulator.brushes import disc
from fbsyncd.simulator.canvas import Canvas
from fbsyncd.simulator.colour import Colour, Point, mix, rgb

LAMPS = ("ffb45a", "ff8a4a", "ffd890", "ff5a5a", "5ab8ff", "8aff9a", "c88aff", "ffe8c0", "ff9ac0")
EVENINGS = (
    ("2a2f66 8a4f86 f08a5a ffd08a", "1c1226", "fff0c0"),
    ("1f4a6a 6fa0a8 f0cf98 fff0cc", "14242a", "fff8e0"),
    ("4a1f44 b0445a f8945a ffd890", "200e1c", "ffeab0"),
    ("3a4a86 8a90c0 e8b4b8 ffe4cc", "1c2036", "fff2e0"),
    ("0f2440 34607a d8a868 ffe0a0", "0c141e", "fff2c8"),
)


def sunlight(canvas: Canvas, x: float, y: float, sun: Colour) -> None:
    """A low sun: its disc, its halo and the light in the air."""
    canvas.light(x, y, 0.75, mix(sun, rgb("ff9a5a"), 0.45), 0.55)
    canvas.light(x, y, 0.22, sun, 0.75)
    canvas.oval(x, y, (0.026, 0.026), mix(sun, rgb("ffffff"), 0.7))


def streaks(canvas: Canvas, colour: Colour, below: float) -> None:
    """High thin clouds down to a horizon."""
    thin = canvas.dice.uniform(0.48, 0.56)
    mask = canvas.clouds((0.9, 0.11), thin, 2.6, below)
    canvas.tint(mask, mix(colour, rgb("ffffff"), 0.35))


def birds(canvas: Canvas, colour: Colour) -> None:
    """A few birds far away."""
    dice = canvas.dice
    x0, y0 = dice.uniform(0.2, 0.7), dice.uniform(0.12, 0.35)
    for _ in range(dice.randint(4, 9)):
        x, y, r = (
            x0 + dice.uniform(-0.1, 0.1),
            y0 + dice.uniform(-0.05, 0.05),
            dice.uniform(0.008, 0.016),
        )
        dip = r * 0.45
        canvas.shape(
            [
                (x - r, y - dip),
                (x - r * 0.4, y - dip * 1.1),
                (x, y),
                (x + r * 0.4, y - dip * 1.1),
                (x + r, y - dip),
                (x + r * 0.4, y - dip * 0.6),
                (x, y + dip * 0.5),
                (x - r * 0.4, y - dip * 0.6),
            ],
            colour,
        )


def pines(canvas: Canvas, base: float, colour: Colour, count: int) -> None:
    """A row of conifers on a level ground."""
    dice = canvas.dice
    row = []
    for _ in range(count):
        high = dice.uniform(0.5, 1.0) * 4.2 / (count + 8)
        row.append(_pine(canvas, dice.uniform(-0.02, 1.02), base + dice.uniform(0, 0.012), high))
    canvas.shapes(row, colour)


def stand(canvas: Canvas, line: list[Point], colour: Colour, high: float) -> None:
    """Conifers along a ridge."""
    dice = canvas.dice
    trees = []
    for _ in range(int(4.5 / high) + 4):
        x, y = line[dice.randrange(len(line))]
        x += dice.uniform(-0.01, 0.01)
        trees.append(_pine(canvas, x, y + 0.02, high * dice.uniform(0.55, 1.05)))
    canvas.shapes(trees, colour)


def _pine(canvas: Canvas, x: float, base: float, high: float) -> list[Point]:
    dice = canvas.dice
    wide = high * canvas.h / canvas.w * dice.uniform(0.16, 0.22)
    rows = 7
    left, right = [], []
    for row in range(rows + 1):
        y = base - high * (1 - row / rows)
        reach = wide * (row / rows) ** 0.9
        left += [(x - reach * dice.uniform(0.8, 1.1), y), (x - reach * 0.5, y - high * 0.012)]
        right += [(x + reach * dice.uniform(0.8, 1.1), y), (x + reach * 0.5, y - high * 0.012)]
    return [*left, *reversed(right)]


def islands(canvas: Canvas, horizon: float, colour: Colour) -> None:
    dice = canvas.dice
    for _ in range(dice.randint(1, 3)):
        x, wide, high = dice.random(), dice.uniform(0.06, 0.2), dice.uniform(0.02, 0.07)
        line = [
            (
                x + wide * (s / 12 - 0.5),
                horizon - high * math.sin(s / 12 * math.pi) * dice.uniform(0.7, 1),
            )
            for s in range(13)
        ]
        canvas.shape(
            [*line, (x + wide / 2, horizon + 0.004), (x - wide / 2, horizon + 0.004)], colour
        )


def boat(canvas: Canvas, x: float, y: float) -> None:
    """A long-tail boat with its high bow."""
    size = 0.05 + 0.14 * (y - 0.4)
    ax, ay = size * canvas.unit / canvas.w, size * canvas.unit / canvas.h
    way = canvas.dice.choice((-1, 1))
    dark = rgb("1a1414")
    hull = [
        (-1.0, -0.16),
        (-0.6, 0.02),
        (0.55, 0.02),
        (0.95, -0.3),
        (1.12, -0.62),
        (0.98, -0.5),
        (0.6, -0.14),
        (-0.7, -0.1),
    ]
    roof = [(-0.55, -0.42), (0.25, -0.42), (0.3, -0.36), (-0.6, -0.36)]
    poles = [(-0.5, -0.4), (-0.46, -0.4), (-0.46, -0.08), (-0.5, -0.08)]
    more = [(0.16, -0.4), (0.2, -0.4), (0.2, -0.1), (0.16, -0.1)]
    parts = [
        [(x + way * px * ax, y + py * ay) for px, py in part] for part in (hull, roof, poles, more)
    ]
    shadow = [(x + way * px * ax, y + (0.06 - py * 0.35) * ay) for px, py in hull]
    canvas.shapes([shadow], mix(dark, rgb("3a3a44"), 0.5))
    canvas.shapes(parts, dark, mix(dark, rgb("5a3a28"), 0.5))


def orbs(canvas: Canvas, count: int, reach: tuple[float, float], power: float) -> None:
    """Lights out of focus: discs, a little brighter at the rim."""
    dice = canvas.dice
    lamps = [rgb(dice.choice(LAMPS)) for _ in range(4)]
    sizes = [dice.uniform(*reach) * canvas.unit for _ in range(6)]
    for _ in range(count):
        pixels = max(3, round(dice.choice(sizes)))
        strong = dice.choice((0.25, 0.45, 0.7, 1.0)) * power
        patch = _orb(mix(rgb("000000"), dice.choice(lamps), strong), pixels)
        canvas.add(patch, dice.uniform(0, 1), min(1.0, max(0.0, dice.gauss(0.55, 0.25))))


@lru_cache(64)
def _orb(colour: Colour, pixels: int) -> Image.Image:
    rim = max(1, pixels // 9)
    patch = Image.new("RGB", (pixels * 2, pixels * 2))
    patch.paste(colour, (0, 0), disc(pixels * 2, pixels * 2))
    inner = disc(2 * (pixels - rim), 2 * (pixels - rim))
    patch.paste(mix(colour, rgb("000000"), 0.28), (rim, rim), inner)
    return patch
