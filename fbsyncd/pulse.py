"""When each part of the daemon was last heard of. Decides only who is late."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from threading import Lock
from typing import Any


class Pulse:
    """The signs of life of some *parts*; safe to use from several threads.

    Each counts as heard of when this is made, so that none is late before its first turn.
    """

    def __init__(self, parts: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._heard = dict.fromkeys(parts, clock())

    def beat(self, part: str) -> None:
        """Take a sign of life of *part*."""
        with self._lock:
            self._heard[part] = self._clock()

    def beater(self, part: str) -> Callable[[], None]:
        """Return what *part* calls to give a sign of life."""
        return partial(self.beat, part)

    def around(self, part: str, job: Callable[..., Any]) -> Callable[..., None]:
        """Return *job* with a sign of life before and after it, however it ends."""

        def watched(*args: Any) -> None:
            self.beat(part)
            try:
                job(*args)
            finally:
                self.beat(part)

        return watched

    def late(self, patience: float) -> list[str]:
        """Return the parts that were not heard of for *patience* seconds."""
        now = self._clock()
        with self._lock:
            return [part for part, heard in self._heard.items() if now - heard > patience]
