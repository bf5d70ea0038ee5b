"""Scenes that look like photographs, another one for each picture."""

from __future__ import annotations

from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from fbsyncd.simulator import cities, gardens, landscapes, nights, sights, sports, waters, woods
from fbsyncd.simulator.canvas import Canvas

if TYPE_CHECKING:
    from collections.abc import Callable

FAMILIES: dict[str, Callable[[Canvas], None]] = {
    "peaks": landscapes.peaks,
    "dunes": landscapes.dunes,
    "terraces": landscapes.terraces,
    "forest": woods.forest,
    "snow": woods.snow,
    "balloons": landscapes.balloons,
    "sea": waters.sea,
    "bay": waters.bay,
    "beach": waters.beach,
    "lake": waters.lake,
    "lotus": gardens.lotus,
    "city": cities.city,
    "stars": nights.stars,
    "lanterns": nights.lanterns,
    "street": cities.street,
    "rain": cities.rain,
    "ball": sports.ball,
    "stadium": sports.stadium,
    "flowers": gardens.flowers,
    "cafe": sights.cafe,
    "temple": sights.temple,
    "rows": gardens.rows,
}


@lru_cache(maxsize=16)
def draw(key: str, topic: str, width: int, height: int) -> Image.Image:
    """Paint the scene of picture *key*; *topic* names families to choose from, with spaces.

    The last ones are kept, since a picture is mostly asked for in several sizes at once: copy
    the result before changing it.
    """
    choice = [family for family in topic.split() if family in FAMILIES] or sorted(FAMILIES)
    return paint(Random(f"family/{key}").choice(choice), key, width, height)


def paint(family: str, key: str, width: int, height: int) -> Image.Image:
    """Paint a scene of one family."""
    canvas = Canvas(Random(f"scene/{key}"), width, height)
    FAMILIES[family](canvas)
    return canvas.finish()


def vignette(width: int, height: int) -> Image.Image:
    """A soft round mask: opaque in the middle, clear at the corners."""
    return ImageOps.invert(Image.radial_gradient("L")).resize((width, height))
