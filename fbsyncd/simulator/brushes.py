"""What paint is made of: runs of colour, discs, glows, grain. Costly ones are kept."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from random import Random

from PIL import Image, ImageDraw, ImageFilter

from fbsyncd.simulator.colour import Colour

GRAIN = 1024


def ramp(stops: Sequence[Colour], width: int, height: int) -> Image.Image:
    """A vertical run of colours."""
    column = Image.new("RGB", (1, len(stops)))
    column.putdata(list(stops))
    # Half a cell above the first and below the last colour would stay flat: cut it away.
    box = (0, 0.5, 1, len(stops) - 0.5) if len(stops) > 1 else None
    tall = column.resize((1, height), Image.Resampling.BILINEAR, box)
    return tall.resize((width, height), Image.Resampling.NEAREST)


def blurred(image: Image.Image, pixels: float) -> Image.Image:
    """Gaussian blur; a wide one is done on a smaller picture, which nobody can see."""
    if pixels < 1.2:
        return image.filter(ImageFilter.GaussianBlur(pixels))
    factor = max(2, int(pixels / 2))
    small = image.reduce(factor).filter(ImageFilter.GaussianBlur(pixels / factor))
    return small.resize(image.size, Image.Resampling.BICUBIC)


@lru_cache(192)
def disc(width: int, height: int) -> Image.Image:
    """A white ellipse with a smooth edge."""
    mask = Image.new("L", (width * 2, height * 2))
    ImageDraw.Draw(mask).ellipse((0, 0, width * 2 - 1, height * 2 - 1), fill=255)
    return mask.reduce(2)


@lru_cache(96)
def halo(colour: Colour, reach: int, power: float) -> Image.Image:
    """A round glow of *colour* on black."""
    mask = falloff().resize((reach * 2, reach * 2), Image.Resampling.BILINEAR)
    return Image.merge("RGB", (mask, mask, mask)).point(_tones(colour, power))


def stepped(pixels: float) -> int:
    """A whole number of pixels, of few different ones, so that glows are made once."""
    step = max(1, int(pixels / 8))
    return max(1, round(pixels / step) * step)


@lru_cache(512)
def _tones(colour: Colour, power: float) -> list[int]:
    return [int(min(255, part * power) * level / 255) for part in colour for level in range(256)]


@lru_cache(256)
def faded(power: float) -> list[int]:
    """A table that weakens a mask to *power*."""
    return [int(min(1.0, power) * level) for level in range(256)]


@cache
def falloff() -> Image.Image:
    """White in the middle, falling away as light does."""
    fall = [round(255 * max(0.0, 1 - level / 255) ** 2.4) for level in range(256)]
    return Image.radial_gradient("L").point([fall[min(255, round(v * 1.42))] for v in range(256)])


@lru_cache(32)
def corners(width: int, height: int, power: float) -> Image.Image:
    """A mask for the darkened corners of a lens."""
    table = [round(255 * power * (level / 255) ** 2.2) for level in range(256)]
    return Image.radial_gradient("L").point(table).resize((width, height))


@cache
def sensor(amount: int) -> Image.Image:
    """Grey noise around 128, as a sensor adds it."""
    dice = Random(amount)
    grey = Image.frombytes("L", (GRAIN, GRAIN), dice.randbytes(GRAIN * GRAIN))
    soft = grey.filter(ImageFilter.GaussianBlur(0.45))
    soft = soft.point([128 + round((v - 128) * amount / 48) for v in range(256)])
    return Image.merge("RGB", (soft, soft, soft))
