"""What Prometheus may know: measured when it asks, and counted as things happen.

Rows are read at most once in :data:`FRESH` seconds, and counted whole once in :data:`COUNTED`, so
that no scraper can keep the database busy. What cannot be measured is left out, and
``fbsyncd_part_up`` says so; a scrape is always answered. Holds no secret: Pages are told by id.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from peewee import Database

from fbsyncd.errors import FbsyncdError
from fbsyncd.graph import Graph
from fbsyncd.graph.pace import APP
from fbsyncd.media import Media
from fbsyncd.metrics import measures
from fbsyncd.metrics.tallies import Tallies

if TYPE_CHECKING:
    from fbsyncd.metrics.families import Budget

__all__ = ["Metrics", "Subject", "Tallies"]

#: Seconds for which what was read from the rows is told again.
FRESH: Final = 5.0
COUNTED: Final = 60.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Subject:
    """The parts of an archive that are measured; *floor* is free bytes, *pages* are ids.

    *unavailable* tells why no file can be had, if so.
    """

    db: Database
    media: Media
    unavailable: Callable[[], str | None]
    graph: Graph
    pages: tuple[str, ...]
    floor: int
    now: Callable[[], datetime]


class Metrics:
    """The metrics of one archive and this process; safe to ask from many threads."""

    def __init__(
        self, subject: Subject, tallies: Tallies, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.subject = subject
        self._tallies = tallies
        self._queue = _Kept(lambda: measures.queue(subject.db, subject.now()), FRESH, clock)
        self._stock = _Kept(lambda: measures.stock(subject.db), COUNTED, clock)
        self._available = _Kept(lambda: subject.unavailable() is None, FRESH, clock)

    def scrape(self) -> tuple[bytes, str]:
        """Return all metrics as Prometheus reads them, and the content type of that."""
        # The library takes a tenth of a second to load: nobody waits for it who is never scraped.
        from fbsyncd.metrics import families

        subject = self.subject
        return families.text(
            families.Scrape(
                now=subject.now(),
                tallies=self._tallies,
                budgets=self._budgets(),
                queue=self._queue.get(),
                stock=self._stock.get(),
                available=self._available.get(),
                free_bytes=_tried(subject.media.free_bytes),
                floor_bytes=subject.floor,
            )
        )

    def _budgets(self) -> tuple[Budget, ...]:
        from fbsyncd.metrics.families import Budget

        graph, now = self.subject.graph, self.subject.now()
        calls = graph.calls

        def budget(page_id: str, name: str, made: int) -> Budget:
            until = graph.pace.closed_until(page_id, now)
            used = graph.pace.used(page_id, now).percent / 100
            return Budget(name, made, used, (until - now).total_seconds() if until else 0.0)

        pages = [budget(page_id, page_id, calls.get(page_id, 0)) for page_id in self.subject.pages]
        return (budget(APP, "app", sum(one.calls for one in pages)), *pages)


class _Kept(Generic[T]):
    """A measurement that is repeated no more often than every so many seconds; None: it failed."""

    def __init__(
        self, measure: Callable[[], T], seconds: float, clock: Callable[[], float]
    ) -> None:
        self._measure = measure
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._value: T | None = None
        self._until = float("-inf")

    def get(self) -> T | None:
        # Under the lock: ten scrapers at once must not count everything ten times.
        with self._lock:
            if self._clock() >= self._until:
                self._value = _tried(self._measure)
                self._until = self._clock() + self._seconds
            return self._value


def _tried(measure: Callable[[], T]) -> T | None:
    try:
        return measure()
    except FbsyncdError:
        return None
