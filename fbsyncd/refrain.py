"""What happens again and again is told once in a while, with how often it was. Decides only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

#: The same is told again after this time at the earliest.
EVERY: Final = timedelta(minutes=10)


def gist(text: str) -> str:
    """Return *text* without its words that hold a number: what makes two messages the same."""
    return re.sub(r"\S*\d\S*", "#", text)


@dataclass(slots=True)
class _Verse:
    text: str
    count: int = 0
    told_at: datetime | None = None

    def told(self) -> str:
        """Return the text, with its count when it was more than once."""
        return f"{self.text} ({self.count:,} times)" if self.count > 1 else self.text

    def is_fresh(self, now: datetime) -> bool:
        """Tell whether it was told a short while ago; a clock that was set back forgets that."""
        return self.told_at is not None and now - EVERY < self.told_at <= now


class Refrain:
    """Counts what is heard, and says when it is time to tell of it. For one thread."""

    def __init__(self) -> None:
        self._verses: dict[str, _Verse] = {}

    def hear(self, text: str) -> None:
        """Take in one more of what *text* says; of the same kind the latest text is told."""
        verse = self._verses.setdefault(gist(text), _Verse(text))
        verse.text = text
        verse.count += 1

    def due(self, now: datetime) -> list[str]:
        """Return what is to be told now, each with how often it was since it was last told."""
        old = {key: verse for key, verse in self._verses.items() if not verse.is_fresh(now)}
        told = [verse.told() for verse in old.values() if verse.count]
        for key, verse in old.items():
            if verse.count:
                verse.count, verse.told_at = 0, now
            else:
                del self._verses[key]
        return told
