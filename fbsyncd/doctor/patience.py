"""Do something for so long and no longer, even where nothing can interrupt it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class OutOfTime(Exception):
    """It was not done in time. Whoever does it is left behind, in a thread of its own."""


class Deadline:
    """A moment that several waits share; before it there are so many seconds left."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return max(self._end - time.monotonic(), 0)


def within(seconds: float, do: Callable[[], T]) -> T:
    """Return what *do* returns, or raise what it raises; raises OutOfTime after *seconds*.

    A name look-up waits for half a minute and more when the network is away, and no signal and no
    time-out reaches into it.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(do())
        except BaseException as error:  # noqa: BLE001 - it is raised again, where it is awaited
            errors.append(error)

    thread = threading.Thread(target=run, name="doctor", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise OutOfTime
    return results[0]
