"""Colours and points of the painted scenes."""

from __future__ import annotations

Colour = tuple[int, int, int]
Point = tuple[float, float]


def rgb(text: str) -> Colour:
    """``"ff8800"`` as a colour."""
    return int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16)


def colours(text: str) -> list[Colour]:
    """``"ff8800 ffcc00"`` as a list of colours."""
    return [rgb(word) for word in text.split()]


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """*one* with *share* of *other* in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
