"""Towns at night: skylines, streets of lanterns, rain on a window, floodlights."""

from __future__ import annotations

import math

from PIL import Image

from fbsyncd.simulator.brushes import disc
from fbsyncd.simulator.canvas import Canvas
from fbsyncd.simulator.colour import Colour, Point, colours, mix, rgb
from fbsyncd.simulator.props import LAMPS, orbs

_TOWNS = (
    ("0c1430 2a2f5e 8a5a7a f0a070", "141a30", "ffcf7a"),
    ("101c3a 27406a 6a7f9a d8b090", "10202e", "ffd890"),
    ("08101f 141f3a 2a3560 4a5a8a", "0a1020", "ffc870"),
    ("1f1030 542a5c b04a6a ffab70", "1c1228", "ffd88a"),
    ("0a2030 1f4a5c 5a8a8a e8c890", "0c1e26", "ffe0a0"),
)


def city(canvas: Canvas) -> None:
    """A skyline with lit windows, and itself in the river."""
    dice = canvas.dice
    sky, wall, lamp = dice.choice(_TOWNS)
    run = colours(sky)
    shore = dice.uniform(0.62, 0.76)
    canvas.sky(run, 0, shore)
    if dice.random() < 0.5:
        canvas.oval(dice.uniform(0.1, 0.9), dice.uniform(0.1, 0.25), (0.03, 0.03), rgb("fff6e0"))
    canvas.tint(canvas.clouds((0.8, 0.12), 0.55, 1.6, shore), run[-1])
    for depth in (0.2, 0.6, 1.0):
        tone = mix(run[-1], rgb(wall), 0.35 + 0.6 * depth)
        _blocks(canvas, shore, depth, (tone, rgb(lamp)))
        canvas.veil(shore - 0.3, shore, run[-1], 0.28 * (1.1 - depth))
    canvas.light(dice.random(), shore, 0.8, rgb(lamp), 0.28)
    canvas.mirror(shore, 0.012, 0.62)
    for _ in range(26):
        x = dice.random()
        canvas.light(x, shore - 0.004, dice.uniform(0.015, 0.05), rgb(dice.choice(LAMPS)), 0.9)


def _blocks(canvas: Canvas, shore: float, depth: float, shades: tuple[Colour, Colour]) -> None:
    dice, (tone, lamp) = canvas.dice, shades
    houses: list[list[Point]] = []
    panes: list[list[Point]] = []
    x = -0.03
    while x < 1.02:
        wide = dice.uniform(0.035, 0.085) * (0.7 + 0.5 * depth)
        high = dice.uniform(0.10, 0.34) * (1.2 - 0.35 * depth)
        high *= 1.5 if dice.random() < 0.12 else 1
        roof = shore - high
        houses.append([(x, shore), (x, roof), (x + wide, roof), (x + wide, shore)])
        if dice.random() < 0.35:
            mid = x + wide / 2
            houses.append(
                [(mid - wide * 0.06, roof), (mid, roof - high * 0.2), (mid + wide * 0.06, roof)]
            )
        panes += _panes(canvas, (x, roof, wide, high), depth)
        x += wide * dice.uniform(0.85, 1.15)
    canvas.shapes(houses, mix(tone, rgb("000008"), 0.12), tone)
    third = len(panes) // 3
    glow = mix(tone, lamp, 0.35 + 0.55 * depth)
    canvas.shapes(panes[:third], glow)
    canvas.shapes(panes[third : 2 * third], mix(glow, rgb("fff4dc"), 0.4))
    canvas.shapes(panes[2 * third :], mix(glow, rgb("8ab8e8"), 0.35))


def _panes(
    canvas: Canvas, house: tuple[float, float, float, float], depth: float
) -> list[list[Point]]:
    dice = canvas.dice
    x, roof, wide, high = house
    step_x, step_y = 0.0105 * (0.8 + 0.4 * depth), 0.017 * (0.8 + 0.4 * depth)
    lit = dice.choice((0.15, 0.3, 0.45))
    found = []
    for row in range(1, int(high / step_y)):
        for column in range(1, int(wide / step_x)):
            if dice.random() < lit:
                left, top = x + column * step_x - 0.003, roof + row * step_y
                found.append(
                    [
                        (left, top),
                        (left + 0.006, top),
                        (left + 0.006, top + 0.008),
                        (left, top + 0.008),
                    ]
                )
    dice.shuffle(found)
    return found


def street(canvas: Canvas) -> None:
    """Silk lanterns strung across an old street, the street itself out of focus."""
    dice = canvas.dice
    dark, warm = dice.choice((("1a1226", "c86a2a"), ("0f1a2a", "b8563a"), ("201018", "d88a3a")))
    canvas.sky(
        [mix(rgb(dark), rgb("000000"), 0.3), rgb(dark), mix(rgb(dark), rgb(warm), 0.45)], 0, 1
    )
    orbs(canvas, 46, (0.012, 0.05), 0.5)
    canvas.light(dice.uniform(0.3, 0.7), 0.75, 0.6, rgb(warm), 0.6)
    for row in range(4):
        near = (row + 1) / 4
        count, sag = 10 - row * 2, dice.uniform(0.03, 0.09)
        start, y0 = dice.uniform(-0.2, 0), 0.46 - 0.42 * near
        places = [
            (start + nth * 1.3 / count, y0 + sag * math.sin(nth / count * math.pi))
            for nth in range(count + 1)
        ]
        rope = [*places, *[(x, y + 0.004) for x, y in reversed(places)]]
        canvas.shape(rope, rgb("0a060c"))
        for x, y in places:
            _silk(canvas, (x, y), 0.022 + 0.068 * near**1.3)
        if row < 3:
            canvas.soften(0.011 - row * 0.0035)


def _silk(canvas: Canvas, at: Point, r: float) -> None:
    dice = canvas.dice
    colour = rgb(
        dice.choice(
            ("e83a2a", "f2a81f", "e85f8a", "2f9a8a", "8a4ad0", "f2642a", "f4d04a", "3a7fd8")
        )
    )
    x, y = at[0], at[1] + r * 1.25 * canvas.unit / canvas.h
    ay = r * canvas.unit / canvas.h
    flat = dice.choice((0.82, 1.0, 1.25))
    canvas.light(x, y, r * 2.6, colour, 0.45)
    for nth, part in enumerate((1.0, 0.86, 0.66, 0.40, 0.14)):
        tone = mix(colour, rgb("200808") if nth % 2 == 0 else rgb("ffe0a0"), 0.30 - part * 0.12)
        canvas.oval(x, y, (r * part, r * flat), tone, mix(tone, rgb("200808"), 0.30))
    canvas.light(x, y + ay * 0.15, r * 0.95, rgb("fff0c0"), 0.62)
    ax = r * canvas.unit / canvas.w
    low = y + ay * flat
    for edge in (y - ay * flat, low):
        cap = [(x - ax * 0.34, edge - ay * 0.07), (x + ax * 0.34, edge - ay * 0.07)]
        foot = [(x + ax * 0.34, edge + ay * 0.07), (x - ax * 0.34, edge + ay * 0.07)]
        canvas.shape([*cap, *foot], rgb("2a1210"))
    canvas.shape(
        [
            (x - ax * 0.08, low),
            (x + ax * 0.08, low),
            (x + ax * 0.14, low + ay * 0.9),
            (x - ax * 0.14, low + ay * 0.9),
        ],
        mix(colour, rgb("401010"), 0.4),
    )


def rain(canvas: Canvas) -> None:
    """A street through a wet window: lights out of focus, drops that hold it upside down."""
    dice = canvas.dice
    sky, wall, lamp = dice.choice(_TOWNS)
    run = [mix(colour, rgb("101828"), 0.45) for colour in colours(sky)]
    canvas.sky([*run, mix(run[-1], rgb("0a0a10"), 0.7)], 0, 1)
    for depth in (0.3, 1.0):
        _blocks(canvas, 0.8, depth, (mix(run[-1], rgb(wall), 0.4 + 0.5 * depth), rgb(lamp)))
    canvas.soften(0.016)
    canvas.light(dice.random(), 0.8, 0.8, rgb(lamp), 0.35)
    orbs(canvas, 34, (0.02, 0.075), 0.8)
    behind = canvas.image.transpose(Image.Transpose.ROTATE_180).reduce(10)
    for _ in range(130):
        _drop(canvas, behind, (dice.random(), dice.random()), 0.004 + 0.02 * dice.random() ** 3)


def _drop(canvas: Canvas, behind: Image.Image, at: Point, r: float) -> None:
    reach = max(2, round(r * canvas.unit))
    left, top = round(at[0] * canvas.w) - reach, round(at[1] * canvas.h) - reach
    # A drop is a lens: the whole scene stands in it, upside down.
    lens = behind.resize((reach * 2, reach * 2), Image.Resampling.BILINEAR)
    lens = lens.point([min(255, int(level * 1.5) + 8) for level in range(256)] * 3)
    canvas.image.paste(lens, (left, top), disc(*lens.size))
    canvas.light(at[0] - r * 0.3, at[1] - r * 0.4, r * 0.5, rgb("ffffff"), 0.8)
