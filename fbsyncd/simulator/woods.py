"""Conifers in the fog, and mountains in snow above them."""

from __future__ import annotations

from fbsyncd.simulator.canvas import Canvas
from fbsyncd.simulator.colour import Colour, Point, colours, mix, rgb
from fbsyncd.simulator.props import pines, stand, streaks

_FOGS = (
    ("9fb3b8 c9d6d6 e3e8e4", "1f332f"),
    ("8a98b0 b9c2d2 dfe2ea", "1c2740"),
    ("c9b7a0 e3d3bd f3e8d6", "3a2f28"),
    ("7fa39a b4ccc0 e0ebdf", "12322f"),
    ("a78fa8 d3b8c4 f2dcd8", "2c2140"),
)
_WINTERS = (
    ("2f5f9a 7fa8d0 cfe0ee", "ffffff", "6f8fb8"),
    ("4a4f86 a08fb8 f2c4b4", "fff2ea", "8a86b4"),
    ("1f3f6a 4f86b0 b9d8e6", "f6fbff", "5f86a8"),
    ("6a7f98 a9b8c4 dfe4e6", "f4f6f8", "8796a6"),
)


def forest(canvas: Canvas) -> None:
    """Conifers that go away into the fog."""
    dice = canvas.dice
    sky, near = dice.choice(_FOGS)
    fog = colours(sky)
    canvas.sky(fog, 0, 1)
    if dice.random() < 0.6:
        canvas.light(dice.uniform(0.2, 0.8), dice.uniform(0.1, 0.4), 0.7, rgb("fff2d8"), 0.55)
    count = 5
    for nth in range(count):
        depth = (nth + 1) / count
        colour = mix(fog[-1], rgb(near), depth**1.3)
        base = 0.42 + 0.6 * depth
        line = canvas.ridge(base, 0.06, 6, 0.5)
        canvas.land(line, colour, mix(colour, fog[-1], 0.3))
        stand(canvas, line, colour, 0.10 + 0.26 * depth**1.4)
        thin = 1.9 * (1.05 - depth)
        drift = canvas.clouds((0.8, 0.22), 0.42, thin)
        canvas.tint(drift, fog[-1])


def snow(canvas: Canvas) -> None:
    """High mountains in snow, with a dark wood at their feet."""
    dice = canvas.dice
    sky, white, blue = dice.choice(_WINTERS)
    run = colours(sky)
    canvas.sky(run, 0, 0.75)
    streaks(canvas, rgb("ffffff"), 0.5)
    for depth in (0.3, 1.0):
        _massif(canvas, 0.30 + 0.12 * depth, depth, (mix(run[-1], rgb(white), depth), rgb(blue)))
        canvas.veil(0.45, 0.72, run[-1], 0.55)
    ground = mix(rgb(white), rgb(blue), 0.25)
    canvas.land(canvas.ridge(0.78, 0.03, 5, 0.5), ground, rgb(white))
    for base, count, shade in ((0.79, 46, 0.5), (0.84, 30, 0.3), (1.0, 9, 0.0)):
        pines(canvas, base, mix(rgb("17262f"), run[-1], shade), count)
    if dice.random() < 0.6:
        for _ in range(90):
            r = dice.choice((0.004, 0.006, 0.008, 0.018))
            canvas.light(dice.random(), dice.random(), r, rgb("ffffff"), 0.9)


def _massif(canvas: Canvas, top: float, depth: float, shades: tuple[Colour, Colour]) -> None:
    dice, white, blue = canvas.dice, shades[0], shades[1]
    line = canvas.ridge(top + 0.10, 0.17, 6, 0.58)
    rock = mix(blue, rgb("2a3346"), 0.35 + 0.3 * depth)
    canvas.land(line, white, mix(white, blue, 0.35))
    shaded, stones = [], []
    for nth in range(1, len(line) - 1):
        if line[nth][1] < min(line[nth - 1][1], line[nth + 1][1]):
            shaded.append(_flank(canvas, line, nth, 0.11 + 0.15 * dice.random()))
            stones.append(_flank(canvas, line, nth, 0.03 + 0.06 * dice.random()))
    canvas.shapes(shaded, mix(white, rock, 0.62), mix(white, rock, 0.10))
    canvas.shapes(stones, mix(white, rock, 0.9), mix(white, rock, 0.5))


def _flank(canvas: Canvas, line: list[Point], peak: int, fall: float) -> list[Point]:
    """The side of a peak that lies in the shade: from the top to the right and down a spur."""
    dice = canvas.dice
    crest = [line[peak]]
    for point in line[peak + 1 :]:
        if point[1] < crest[-1][1]:
            break
        crest.append(point)
    x, y = line[peak]
    foot = [(crest[-1][0] + fall * 0.5, crest[-1][1] + fall * 0.5)]
    spur = [
        (x + fall * (0.05 * step - 0.2) + dice.uniform(-0.012, 0.012), y + fall * (6 - step) / 5)
        for step in range(6)
    ]
    return [*crest, *foot, *spur]
