"""Texts of the made-up posts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


@dataclass(frozen=True, slots=True)
class Text:
    """What a post says, and the kind of scene that goes with it."""

    message: str | None
    topic: str
    headline: str


def compose(theme: str, dice: Random) -> Text:
    """Make up a post of a page with *theme*."""
    return Text(f"{theme} {dice.randrange(9999)} สวัสดีตอนเช้า 🌅", "", "Hello")


def article(dice: Random) -> tuple[str, str]:
    """Address and headline of a page worth sharing."""
    return f"https://news.example.org/story/{dice.randrange(999)}", "A story"
