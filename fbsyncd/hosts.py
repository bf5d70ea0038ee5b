"""Which of the pictures' hosts cannot be reached, for as long as one drain lasts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from threading import Lock
from typing import Final, TypeVar

from fbsyncd.errors import FetchError, Intercepted, Unreachable

#: After so many tries in vain a host is left alone.
TRIES_PER_HOST: Final = 4

T = TypeVar("T")


class Hosts:
    """Counts the tries in vain at each host. For many threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._vain: Counter[str] = Counter()

    def ask(self, url: str, fetch: Callable[[], T]) -> T:
        """Return what *fetch* brings from the host of *url*, unless it is left alone by now.

        Raises what *fetch* raises, and Unreachable without a try.
        """
        host = url.partition("://")[2].partition("/")[0]
        # Asked when its turn comes: a whole queue for a dead host would wait for one time-out
        # after another.
        if self._vain[host] >= TRIES_PER_HOST:
            raise Unreachable(f"no connection to {host}")
        try:
            brought = fetch()
        except (Unreachable, Intercepted):
            with self._lock:
                self._vain[host] += 1
            raise
        except FetchError:
            self._heard_of(host)
            raise
        self._heard_of(host)
        return brought

    def _heard_of(self, host: str) -> None:
        with self._lock:
            self._vain[host] = 0
