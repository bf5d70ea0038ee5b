"""What this process has done since it began, counted by whoever did it.

Plain numbers under a lock: counting must cost nothing, and the library that writes them down is
loaded at the first scrape only.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

#: Upper ends of the classes that request times are sorted into (seconds).
CLASSES: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(slots=True)
class Spread:
    """How request times are spread: how many fall into each class, and their sum (seconds)."""

    classes: list[int] = field(default_factory=lambda: [0] * (len(CLASSES) + 1))
    sum: float = 0.0

    def add(self, seconds: float) -> None:
        self.classes[bisect_left(CLASSES, seconds)] += 1
        self.sum += seconds


class Tallies:
    """Counts, by name and one label; and request times by method, route and status."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._spreads: dict[tuple[str, str, str], Spread] = {}

    def add(self, name: str, label: str = "", count: int = 1) -> None:
        """Count *count* more of *name*."""
        with self._lock:
            self._counts[name, label] += count

    def downloaded(self, result: str, count: int) -> None:
        """Count pictures by what came of them; the result ``bytes`` counts bytes."""
        if result == "bytes":
            self.add("downloaded_bytes", count=count)
        else:
            self.add("downloads", result, count)

    def took(self, method: str, route: str, status: str, seconds: float) -> None:
        """Count a request that was answered in so many seconds.

        Whoever calls sees to it that there are few routes: each one is kept for good.
        """
        with self._lock:
            self._spreads.setdefault((method, route, status), Spread()).add(seconds)

    def counts(self, name: str) -> dict[str, int]:
        """Return the counts of *name* by label."""
        with self._lock:
            return {label: n for (kind, label), n in self._counts.items() if kind == name}

    def spreads(self) -> dict[tuple[str, str, str], Spread]:
        """Return a copy of the request times by method, route and status."""
        with self._lock:
            return {
                key: Spread(list(spread.classes), spread.sum)
                for key, spread in self._spreads.items()
            }
