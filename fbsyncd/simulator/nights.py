"""The dark sky: stars, aurora, and lanterns that rise into it."""

from __future__ import annotations

import math

from PIL import Image, ImageChops, ImageDraw

from fbsyncd.simulator.brushes import blurred
from fbsyncd.simulator.canvas import Canvas
from fbsyncd.simulator.colour import Colour, Point, colours, mix, rgb
from fbsyncd.simulator.props import pines

_NIGHTS = (
    ("050a1c 0f1f44 274a74", "04070f"),
    ("0a0820 24184c 5a3a74", "070410"),
    ("04141c 0c3440 2a6a6a", "030c10"),
    ("0a1020 1f2f5a 7a5a74", "06080f"),
)
_FESTIVALS = (
    "0a1230 2a1f4a 6a2f4a c8602f",
    "0c0f26 1f2450 4a3560 a8583a",
    "14081c 3a1a3c 7a2f3f d8743a",
)


def stars(canvas: Canvas) -> None:
    """The night sky: the Milky Way or an aurora over a dark ridge."""
    dice = canvas.dice
    sky, ground = dice.choice(_NIGHTS)
    run = colours(sky)
    canvas.sky(run, 0, 0.95)
    if dice.random() < 0.5:
        _aurora(canvas)
    else:
        _milky_way(canvas, run[-1])
    _sprinkle(canvas)
    line = canvas.ridge(0.84, 0.09, 7, 0.52)
    canvas.veil(0.5, 0.95, run[-1], 0.3)
    canvas.land(line, rgb(ground))
    if dice.random() < 0.6:
        pines(canvas, 1.0, mix(rgb(ground), rgb("000000"), 0.4), 18)
    if dice.random() < 0.5:
        _tent(canvas, dice.uniform(0.25, 0.75), 0.95)


def _sprinkle(canvas: Canvas) -> None:
    dice = canvas.dice
    pen = ImageDraw.Draw(canvas.image)
    for _ in range(420):
        x, y = dice.random() * canvas.w, dice.random() ** 1.2 * canvas.h * 0.9
        tone = round(110 + 145 * dice.random() ** 3)
        pen.point((x, y), fill=(tone, tone, min(255, tone + 14)))
    for _ in range(46):
        canvas.light(
            dice.random(), dice.uniform(0, 0.8), dice.uniform(0.004, 0.013), rgb("e8f0ff"), 1.2
        )


def _milky_way(canvas: Canvas, glow: Colour) -> None:
    dice = canvas.dice
    lean = dice.uniform(0.25, 0.75)
    band = canvas.clouds((0.35, 0.35), 0.32, 1.7)
    where = Image.new("L", (canvas.w // 8, canvas.h // 8))
    wide, high = where.size
    foot, top = wide * lean, wide * (1.15 - lean)
    ImageDraw.Draw(where).polygon(
        [
            (foot - wide * 0.13, high),
            (foot + wide * 0.13, high),
            (top + wide * 0.05, 0),
            (top - wide * 0.10, 0),
        ],
        fill=210,
    )
    soft = blurred(where, wide / 18).resize((canvas.w, canvas.h), Image.Resampling.BICUBIC)
    canvas.tint(soft.point([level // 3 for level in range(256)]), mix(glow, rgb("8a9ad8"), 0.5))
    canvas.tint(ImageChops.multiply(band, soft), mix(rgb("f4e4e0"), glow, 0.25))


def _aurora(canvas: Canvas) -> None:
    dice = canvas.dice
    green, violet = dice.choice((("5af2a0", "9a5af0"), ("4ae8c8", "f05ab8"), ("a8f06a", "5a8af0")))
    for nth in range(3):
        curtain = canvas.clouds((0.07, 1.6), 0.36, 2.4, 0.75)
        fade = _fade(canvas, 0.75, dice.uniform(0.35, 0.8))
        where = ImageChops.multiply(curtain, fade)
        canvas.tint(
            where.point([int(level * 0.62) for level in range(256)]),
            rgb((green, violet, green)[nth]),
        )


def _fade(canvas: Canvas, high: float, peak: float) -> Image.Image:
    """Brightest along one wavy line, gone above and below."""
    wide, tall = 48, 32
    phase = canvas.dice.uniform(0, 6)
    cells = bytearray()
    for y in range(tall):
        for x in range(wide):
            middle = peak + 0.14 * math.sin(phase + x / wide * 5)
            off = y / tall - middle
            cells.append(int(255 * math.exp(-((off / (0.10 if off > 0 else 0.30)) ** 2))))
    size = (canvas.w, round(canvas.h * high))
    return Image.frombytes("L", (wide, tall), bytes(cells)).resize(size, Image.Resampling.BICUBIC)


def _tent(canvas: Canvas, x: float, y: float) -> None:
    ax, ay = 0.075 * canvas.unit / canvas.w, 0.075 * canvas.unit / canvas.h
    canvas.light(x, y - 0.02, 0.2, rgb("ffa850"), 0.6)
    canvas.shape(
        [(x - ax, y), (x - 0.1 * ax, y - ay), (x + 0.2 * ax, y - ay), (x + ax, y)],
        rgb("ffd890"),
        rgb("e87a30"),
    )
    canvas.shape([(x - 0.1 * ax, y - ay), (x + 0.05 * ax, y), (x - 0.3 * ax, y)], rgb("a04a20"))


def lanterns(canvas: Canvas) -> None:
    """Hundreds of paper lanterns that rise into the night."""
    dice = canvas.dice
    run = colours(dice.choice(_FESTIVALS))
    canvas.sky(run, 0, 1)
    canvas.tint(canvas.clouds((0.6, 0.3), 0.5, 0.9), mix(run[-1], rgb("ffb070"), 0.4))
    canvas.light(dice.uniform(0.3, 0.7), 1.0, 1.0, rgb("ff9a40"), 0.55)
    sizes = sorted(0.006 + 0.07 * dice.random() ** 3.2 for _ in range(85))
    for nth, r in enumerate(sizes):
        if nth == 55:
            canvas.soften(0.0022)
        _lantern(canvas, (dice.uniform(-0.02, 1.02), dice.uniform(-0.02, 0.86)), r)
    heads = [_head(canvas) for _ in range(34)]
    canvas.shapes(heads, rgb("120a10"))


def _lantern(canvas: Canvas, at: Point, r: float) -> None:
    x, y = at
    ax, ay = r * canvas.unit / canvas.w, r * canvas.unit / canvas.h
    paper, ember = mix(rgb("ffd98a"), rgb("ff9a4a"), canvas.dice.random()), rgb("f2701f")
    canvas.light(x, y, r * 2.6, rgb("ff8a30"), 0.42)
    body = [
        (-0.62, 0.9),
        (-0.8, 0.1),
        (-0.7, -0.7),
        (-0.42, -1.0),
        (0.42, -1.0),
        (0.7, -0.7),
        (0.8, 0.1),
        (0.62, 0.9),
    ]
    canvas.shape(
        [(x + px * ax, y + py * ay) for px, py in body],
        mix(paper, ember, 0.55),
        mix(paper, rgb("fff6d8"), 0.5),
    )
    canvas.light(x, y + 0.6 * ay, r * 0.9, rgb("fff0b0"), 0.9)


def _head(canvas: Canvas) -> list[Point]:
    dice = canvas.dice
    x, y, r = dice.uniform(-0.02, 1.02), dice.uniform(0.90, 1.0), dice.uniform(0.016, 0.032)
    ax, ay = r * canvas.unit / canvas.w, r * canvas.unit / canvas.h
    top = [
        (x + ax * math.cos(a / 8 * math.pi), y - ay * 1.15 * math.sin(a / 8 * math.pi))
        for a in range(9)
    ]
    neck, arm = y + ay * 0.9, y + ay * 1.7
    left = [(x - ax * 0.5, neck), (x - ax * 1.7, arm), (x - ax * 2.1, 1.1)]
    right = [(x + ax * 2.1, 1.1), (x + ax * 1.7, arm), (x + ax * 0.5, neck)]
    return [*top, *left, *right]
