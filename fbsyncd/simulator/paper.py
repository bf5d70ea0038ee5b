"""The sheet a scene is painted on, and the solid things on it: sky, shapes, land.

Coordinates are fractions of the picture (0,0 top left to 1,1 bottom right) unless a name says
pixels; lengths called *r* are fractions of the shorter side. Everything random comes from the
sheet's own dice, so one key always paints the same picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random

from PIL import Image, ImageChops, ImageDraw

from fbsyncd.simulator.brushes import disc, ramp
from fbsyncd.simulator.colour import Colour, Point


class Paper:
    """A picture in the making."""

    def __init__(self, dice: Random, width: int, height: int) -> None:
        self.dice = dice
        self.w = width
        self.h = height
        self.unit = min(width, height)
        self.image = Image.new("RGB", (width, height))

    def sky(self, stops: Sequence[Colour], top: float = 0.0, bottom: float = 1.0) -> None:
        """Fill from *top* to *bottom* with a smooth run of colours, evenly spaced."""
        first, last = round(top * self.h), round(bottom * self.h)
        if last > first:
            self.image.paste(ramp(stops, self.w, last - first), (0, first))

    def shape(self, points: Sequence[Point], top: Colour, bottom: Colour | None = None) -> None:
        """A polygon with smooth edges, of one colour or running from *top* to *bottom*."""
        self.shapes([points], top, bottom)

    def shapes(
        self, many: Sequence[Sequence[Point]], top: Colour, bottom: Colour | None = None
    ) -> None:
        """Many polygons at once, coloured as one: much faster than one after the other."""
        xs = [x * self.w for points in many for x, _ in points]
        ys = [y * self.h for points in many for _, y in points]
        if not xs:
            return
        left, upper = max(0, int(min(xs)) - 1), max(0, int(min(ys)) - 1)
        right, lower = min(self.w, int(max(xs)) + 2), min(self.h, int(max(ys)) + 2)
        if right <= left or lower <= upper:
            return
        mask = Image.new("L", ((right - left) * 2, (lower - upper) * 2))
        pen = ImageDraw.Draw(mask)
        wide, high = self.w * 2, self.h * 2
        for points in many:
            pen.polygon([(x * wide - left * 2, y * high - upper * 2) for x, y in points], fill=255)
        fill = ramp([top, bottom or top], right - left, lower - upper)
        self.image.paste(fill, (left, upper), mask.reduce(2))

    def oval(
        self, x: float, y: float, size: Point, top: Colour, bottom: Colour | None = None
    ) -> None:
        """An ellipse around (x, y); *size* is its half width and half height in units."""
        wide, high = max(1, round(size[0] * self.unit)), max(1, round(size[1] * self.unit))
        mask = disc(wide * 2, high * 2)
        fill = ramp([top, bottom or top], wide * 2, high * 2)
        self.image.paste(fill, (round(x * self.w) - wide, round(y * self.h) - high), mask)

    def land(self, line: Sequence[Point], top: Colour, bottom: Colour | None = None) -> None:
        """Everything below *line*."""
        first = max(0, int(min(y for _, y in line) * self.h))
        flat = min(self.h, int(max(y for _, y in line) * self.h) + 1)
        if first >= self.h:
            return
        fill = ramp([top, bottom or top], self.w, self.h - first)
        if flat > first:
            wide, high = self.w * 2, (flat - first) * 2
            mask = Image.new("L", (wide, high))
            edge = [(x * wide, y * self.h * 2 - first * 2) for x, y in line]
            ImageDraw.Draw(mask).polygon([(-9, high + 9), *edge, (wide + 9, high + 9)], fill=255)
            band = fill.crop((0, 0, self.w, flat - first))
            self.image.paste(band, (0, first), mask.reduce(2))
        # Only the uneven edge needs a mask; what lies below it is filled at once.
        self.image.paste(fill.crop((0, flat - first, self.w, self.h - first)), (0, flat))

    def ridge(self, y: float, rough: float, steps: int = 6, lean: float = 0.55) -> list[Point]:
        """A mountain line from left to right around *y*, by halving and jolting."""
        line = [y + self.dice.uniform(-rough, rough) for _ in range(3)]
        for _ in range(steps):
            rough *= lean
            halves = [(a + b) / 2 + self.dice.uniform(-rough, rough) for a, b in pairwise(line)]
            line = [y for pair in zip(line, halves, strict=False) for y in pair] + [line[-1]]
        last = len(line) - 1
        return [(nth / last, y) for nth, y in enumerate(line)]

    def add(self, patch: Image.Image, x: float, y: float) -> None:
        """Add the light of *patch*, centred on (x, y)."""
        left, upper = round(x * self.w) - patch.width // 2, round(y * self.h) - patch.height // 2
        self._onto(patch, left, upper, ImageChops.screen)

    def _onto(
        self,
        patch: Image.Image,
        left: int,
        upper: int,
        how: Callable[[Image.Image, Image.Image], Image.Image],
    ) -> None:
        box = (
            max(0, left),
            max(0, upper),
            min(self.w, left + patch.width),
            min(self.h, upper + patch.height),
        )
        if box[2] <= box[0] or box[3] <= box[1]:
            return
        part = patch.crop((box[0] - left, box[1] - upper, box[2] - left, box[3] - upper))
        self.image.paste(how(self.image.crop(box), part), box)
