"""A canvas: paper, and the brushes for light, air and water on it."""

from __future__ import annotations

import math

from PIL import Image, ImageChops, ImageFilter, ImageOps

from fbsyncd.simulator.brushes import (
    GRAIN,
    blurred,
    corners,
    faded,
    falloff,
    halo,
    ramp,
    sensor,
    stepped,
)
from fbsyncd.simulator.colour import Colour, Point
from fbsyncd.simulator.paper import Paper

_LARGE = 200


class Canvas(Paper):
    """Paper that takes light, haze, clouds, reflections and the grain of a photograph."""

    def light(self, x: float, y: float, r: float, colour: Colour, power: float = 1.0) -> None:
        """A soft glow; a small one only ever makes things brighter."""
        reach = stepped(r * self.unit)
        if reach > _LARGE:
            self.glaze(x, y, r, colour, power)
            return
        patch = halo(colour, reach, power)
        self._onto(patch, round(x * self.w) - reach, round(y * self.h) - reach, ImageChops.screen)

    def shade(self, x: float, y: float, r: float, power: float = 0.5) -> None:
        """A soft shadow."""
        reach = stepped(r * self.unit)
        patch = ImageOps.invert(halo((255, 255, 255), reach, power))
        self._onto(patch, round(x * self.w) - reach, round(y * self.h) - reach, ImageChops.multiply)

    def veil(self, top: float, bottom: float, colour: Colour, power: float) -> None:
        """Haze: nothing at *top*, *power* at *bottom*, nothing again below it."""
        first, last = round(top * self.h), round(bottom * self.h)
        if last <= first:
            return
        mask = ramp([(0, 0, 0), (round(255 * power),) * 3], self.w, last - first).getchannel(0)
        self.image.paste(Image.new("RGB", mask.size, colour), (0, first), mask)

    def haze(self, top: float, bottom: float, colour: Colour, power: float) -> None:
        """Haze over the ground: *power* at *top*, nothing from *bottom* on."""
        first, last = round(top * self.h), round(bottom * self.h)
        if last <= first:
            return
        mask = ramp([(round(255 * power),) * 3, (0, 0, 0)], self.w, last - first).getchannel(0)
        self.image.paste(Image.new("RGB", mask.size, colour), (0, first), mask)

    def tint(self, mask: Image.Image, colour: Colour, top: float = 0.0) -> None:
        """Lay *colour* on where *mask* is white; its upper edge lies at *top*."""
        self.image.paste(Image.new("RGB", mask.size, colour), (0, round(top * self.h)), mask)

    def clouds(self, size: Point, above: float, gain: float, high: float = 1.0) -> Image.Image:
        """A mask of billowing noise with lumps of *size*: what rises *above*, *gain* times.

        It is as wide as the picture and *high* of its height.
        """
        wide, tall = self.w // 4, max(1, round(self.h * high) // 4)
        whole = Image.new("L", (wide, tall), 128)
        for octave, weight in enumerate((0.62, 0.42, 0.3, 0.22)):
            columns = max(2, round(wide / (size[0] * self.unit / 4) * 2**octave))
            rows = max(2, round(tall / (size[1] * self.unit / 4) * 2**octave))
            lumps = self.speckle(columns, rows).resize((wide, tall), Image.Resampling.BICUBIC)
            whole = Image.blend(whole, lumps, weight)
        table = [
            int(255 * min(1.0, max(0.0, (level / 255 - above) * gain))) for level in range(256)
        ]
        full = (self.w, round(self.h * high))
        return whole.point(table).resize(full, Image.Resampling.BICUBIC)

    def speckle(self, columns: int, rows: int) -> Image.Image:
        """Raw noise of so many cells."""
        return Image.frombytes("L", (columns, rows), self.dice.randbytes(columns * rows))

    def mottle(self, top: float, size: Point, power: float) -> None:
        """Uneven ground: lumps of *size* darken what lies below *top* by up to *power*."""
        mask = self.clouds(size, 0.4, 2.4 * power, 1 - top)
        self.tint(mask, (14, 16, 20), top)

    def mirror(self, horizon: float, ripple: float, dim: float = 0.75) -> None:
        """Still water below *horizon*: what is above it upside down, rippled and a little dim."""
        line = round(horizon * self.h)
        deep = self.h - line
        above = self.image.crop((0, max(0, line - deep), self.w, line))
        water = ImageOps.flip(above).resize((self.w, deep), Image.Resampling.BILINEAR)
        water = water.filter(ImageFilter.BoxBlur((1, 3)))
        phase = self.dice.uniform(0, 6)
        for y in range(0, deep, 2):
            near = y / deep
            shift = ripple * self.unit * near * math.sin(phase + 26 / (0.06 + near))
            strip = water.crop((0, y, self.w, y + 2))
            self.image.paste(strip, (round(shift), line + y))
            if shift:
                edge = round(shift) - self.w if shift > 0 else round(shift) + self.w
                self.image.paste(strip, (edge, line + y))
        below = (0, line, self.w, self.h)
        water = self.image.crop(below).point([int(level * dim) for level in range(256)] * 3)
        self.image.paste(water, below)

    def glints(self, horizon: float, x: float, colour: Colour, spread: float) -> None:
        """The broken path of light on water, from *horizon* towards us under a sun at *x*."""
        dice, strokes = self.dice, []
        for _ in range(420):
            near = dice.random() ** 1.4
            y = horizon + (1 - horizon) * near
            reach = spread * (0.25 + near)
            at = dice.gauss(x, reach * 0.45)
            long = (0.006 + 0.05 * near) * dice.uniform(0.4, 1.3)
            thick = (0.0008 + 0.0042 * near) * dice.uniform(0.6, 1.2)
            strokes.append([(at - long, y), (at, y - thick), (at + long, y), (at, y + thick)])
        self.shapes(strokes, colour)

    def soften(self, r: float) -> None:
        """Throw the whole picture out of focus."""
        self.image = blurred(self.image, r * self.unit)

    def finish(self, grain: int = 3, vignette: float = 0.25) -> Image.Image:
        """The photograph: darker corners and the grain of a sensor."""
        if vignette:
            self.image.paste((8, 8, 14), (0, 0, self.w, self.h), corners(self.w, self.h, vignette))
        x, y = self.dice.randrange(GRAIN - self.w), self.dice.randrange(GRAIN - self.h)
        noise = sensor(grain).crop((x, y, x + self.w, y + self.h))
        return ImageChops.add(self.image, noise, 1, -128)

    def glaze(self, x: float, y: float, r: float, colour: Colour, power: float) -> None:
        """A soft round wash of *colour*; where it lies it covers, also what is brighter."""
        reach = max(1, round(r * self.unit))
        left, upper = round(x * self.w) - reach, round(y * self.h) - reach
        if reach <= _LARGE:
            spot = falloff().resize((reach * 2, reach * 2), Image.Resampling.BILINEAR)
            fill = Image.new("RGB", spot.size, colour)
            self.image.paste(fill, (left, upper), spot.point(faded(power)))
            return
        scale = falloff().width / (2 * reach)
        box = (-left * scale, -upper * scale, (self.w - left) * scale, (self.h - upper) * scale)
        small = (self.w // 4, self.h // 4)
        fall = falloff().transform(small, Image.Transform.EXTENT, box, Image.Resampling.BILINEAR)
        mask = fall.point(faded(power)).resize((self.w, self.h), Image.Resampling.BILINEAR)
        self.image.paste(colour, (0, 0, self.w, self.h), mask)
