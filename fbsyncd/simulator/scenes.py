"""Drawn scenes (placeholder until the brushes are here)."""

from __future__ import annotations

from PIL import Image, ImageOps

from fbsyncd.simulator import plain


def draw(key: str, topic: str, width: int, height: int) -> Image.Image:
    """Draw the scene named *key*."""
    return plain.draw(key, topic, width, height)


def vignette(width: int, height: int) -> Image.Image:
    """A soft round mask: opaque in the middle, clear at the corners."""
    return ImageOps.invert(Image.radial_gradient("L")).resize((width, height))
