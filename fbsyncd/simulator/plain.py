"""Plain pictures for load: a gradient and a few shapes, different for each file."""

from __future__ import annotations

from random import Random

from PIL import Image, ImageDraw


def draw(key: str, width: int, height: int) -> Image.Image:
    """Draw the picture named *key* in any size."""
    dice = Random(key)
    image = Image.new("RGB", (1, 2))
    image.putdata([_colour(dice), _colour(dice)])
    image = image.resize((1, height), Image.Resampling.BILINEAR).resize(
        (width, height), Image.Resampling.NEAREST
    )
    pen = ImageDraw.Draw(image)
    for _ in range(4):
        x, y, reach = (
            dice.random() * width,
            dice.random() * height,
            dice.uniform(0.05, 0.3) * height,
        )
        pen.rectangle((x - reach, y - reach / 2, x + reach, y + reach / 2), fill=_colour(dice))
    return image


def _colour(dice: Random) -> tuple[int, int, int]:
    return dice.randrange(40, 230), dice.randrange(40, 230), dice.randrange(40, 230)
