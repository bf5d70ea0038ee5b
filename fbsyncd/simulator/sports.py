"""Football: a pitch under floodlights, and the ball in its grass."""

from __future__ import annotations

import math

from fbsyncd.simulator.canvas import Canvas
from fbsyncd.simulator.colour import Colour, Point, colours, mix, rgb
from fbsyncd.simulator.props import orbs, streaks


def stadium(canvas: Canvas) -> None:
    """A football pitch, by day or under floodlights."""
    dice = canvas.dice
    sky, grass = dice.choice(_SKIES)
    run = colours(sky)
    line = dice.uniform(0.40, 0.52)
    canvas.sky(run, 0, line)
    streaks(canvas, run[-1], line)
    canvas.sky([mix(run[1], rgb("101018"), 0.5), rgb("181824")], line - 0.14, line)
    _crowd(canvas, line)
    _pitch(canvas, line, rgb(grass))
    for x in (0.06, 0.35, 0.65, 0.94):
        foot, top = line - 0.12, 0.14
        canvas.shape(
            [(x - 0.004, foot), (x - 0.003, top), (x + 0.003, top), (x + 0.004, foot)],
            rgb("0c0c14"),
        )
        for nth in range(3):
            canvas.light(x + (nth - 1) * 0.022, 0.13, 0.055, rgb("f4faff"), 1.3)
        canvas.light(x, top, 0.4, rgb("c8dcff"), 0.32)
    canvas.light(0.5, line + 0.3, 0.7, rgb("e8ffd8"), 0.22)
    if dice.random() < 0.4:
        _confetti(canvas)


def _crowd(canvas: Canvas, line: float) -> None:
    dice = canvas.dice
    for _ in range(900):
        x, y = dice.random() * canvas.w, (line - 0.012 - 0.12 * dice.random()) * canvas.h
        tone = rgb(dice.choice(("c8b8a8", "d84a3a", "e8e8e8", "3a5aa8", "8a8a94", "f0c84a")))
        dim = mix(tone, rgb("181824"), dice.uniform(0.2, 0.7))
        canvas.image.putpixel((int(x), int(y)), dim)


def _confetti(canvas: Canvas) -> None:
    dice = canvas.dice
    for tone in ("f2c84a", "4ad890", "f4f4f4"):
        flakes = []
        for _ in range(60):
            x, y, r = dice.random(), dice.random(), dice.uniform(0.003, 0.009)
            lean = dice.uniform(-r, r)
            flakes.append([(x - r, y), (x + lean, y - r), (x + r, y + lean), (x - lean, y + r)])
        canvas.shapes(flakes, rgb(tone))


def _pitch(canvas: Canvas, line: float, grass: Colour) -> None:
    dice = canvas.dice
    canvas.sky([mix(grass, rgb("c8e8b0"), 0.25), grass, mix(grass, rgb("08200c"), 0.45)], line, 1)
    lost = dice.uniform(0.35, 0.65)
    stripes = []
    for nth in range(-14, 15, 2):
        near = [(0.5 + nth * 0.22 - 0.11, 1.0), (0.5 + nth * 0.22 + 0.11, 1.0)]
        far = [(lost + nth * 0.065 + 0.0325, line), (lost + nth * 0.065 - 0.0325, line)]
        stripes.append([*near, *far])
    canvas.shapes(stripes, mix(grass, rgb("d8f0b8"), 0.30), mix(grass, rgb("0a2a10"), 0.28))
    white = mix(rgb("ffffff"), grass, 0.12)
    for y, thick in ((line + 0.02, 0.003), (line + 0.17, 0.006), (0.93, 0.012)):
        canvas.shape([(0, y), (1, y - 0.01), (1, y - 0.01 + thick), (0, y + thick)], white)
    ring = []
    for nth in range(41):
        turn = nth / 20 * math.pi
        ring.append((lost + 0.24 * math.cos(turn), line + 0.17 + 0.075 * math.sin(turn)))
    middle = line + 0.17
    inner = [(lost + (x - lost) * 0.965, middle + (y - middle) * 0.92) for x, y in reversed(ring)]
    canvas.shape([*ring, *inner], white)
    canvas.mottle(line, (0.02, 0.008), 0.16)


def ball(canvas: Canvas) -> None:
    """The ball in the grass, the lights behind it out of focus."""
    dice = canvas.dice
    sky, grass = dice.choice(_SKIES)
    line = dice.uniform(0.5, 0.6)
    canvas.sky(colours(sky), 0, line)
    canvas.sky([rgb("20202c"), rgb("14141c")], line - 0.1, line)
    canvas.sky([mix(rgb(grass), rgb("d8f0b0"), 0.3), rgb(grass)], line, 1)
    orbs(canvas, 18, (0.03, 0.08), 0.8)
    canvas.soften(0.02)
    canvas.light(dice.random(), 0.15, 0.7, rgb("f0f6ff"), 0.5)
    x, r = dice.uniform(0.3, 0.7), dice.uniform(0.17, 0.24)
    y = 0.93 - r * canvas.unit / canvas.h
    canvas.shade(x, y + 0.8 * r * canvas.unit / canvas.h, r * 1.5, 0.7)
    _blades(canvas, line + 0.12, 0.9, rgb(grass))
    _leather(canvas, (x, y), r)
    _blades(canvas, 0.9, 1.08, rgb(grass))


def _leather(canvas: Canvas, at: Point, r: float) -> None:
    x, y = at
    ax, ay = r * canvas.unit / canvas.w, r * canvas.unit / canvas.h
    canvas.oval(x, y, (r, r), rgb("fbfbf6"), rgb("9a9a9c"))
    turned = canvas.dice.uniform(0, 6.3)
    dark = []
    for nth in range(6):
        out = 0.0 if nth == 5 else 0.72
        lean = turned + nth * math.pi * 0.4
        cx, cy = out * math.cos(lean), out * math.sin(lean)
        # A patch near the rim is seen from the side: it keeps its length and loses its depth.
        flat = 0.62 if nth < 5 else 1.0
        patch = []
        for corner in range(5):
            turn = corner * math.pi * 0.4 + (math.pi / 5 if nth == 5 else 0)
            along, across = 0.27 * flat * math.cos(turn), 0.30 * math.sin(turn)
            px = cx + along * math.cos(lean) - across * math.sin(lean)
            py = cy + along * math.sin(lean) + across * math.cos(lean)
            patch.append((x + px * ax, y + py * ay))
        dark.append(patch)
    canvas.shapes(dark, rgb("26262c"), rgb("101014"))
    canvas.shade(x + 0.35 * ax, y + 0.6 * ay, r * 0.9, 0.45)
    canvas.light(x - 0.4 * ax, y - 0.45 * ay, r * 0.8, rgb("ffffff"), 0.5)


def _blades(canvas: Canvas, top: float, bottom: float, grass: Colour) -> None:
    dice = canvas.dice
    for tone in (mix(grass, rgb("06200c"), 0.5), grass, mix(grass, rgb("d8f0a0"), 0.35)):
        blades = []
        for _ in range(170):
            x, y = dice.uniform(-0.02, 1.02), dice.uniform(top, bottom)
            high, lean = dice.uniform(0.03, 0.07) * (0.4 + y), dice.uniform(-0.02, 0.02)
            blades.append([(x - 0.004, y), (x + lean, y - high), (x + 0.004, y)])
        canvas.shapes(blades, tone, mix(tone, rgb("04180a"), 0.4))


_SKIES = (
    ("0a1430 1f3260 4a5a86", "2f8a3f"),
    ("1a1030 4a2a5a 8a4a6a", "3a8a44"),
    ("0c2030 2a5068 6a98a0", "2a8048"),
    ("4f9ad8 9accee e0f0f4", "4a9a3a"),
    ("3a3f74 c87a6a f8c08a", "4f8a38"),
)
