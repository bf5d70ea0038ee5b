"""Whether the world outside answers. Offline is a state: told when it begins and when it ends.

There are two ways out, Facebook's and that of the pictures; whoever uses one says how it went.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

log = logging.getLogger(__name__)

FACEBOOK: Final = "facebook"
PICTURES: Final = "pictures"


class Outside:
    """What is known of the ways out; safe to use from several threads. *now* is the clock."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._away: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def lost(self, way: str, reason: str) -> None:
        """Note that nobody answers on *way*; only the first is told of."""
        with self._lock:
            is_first = not self._away
            self._away.setdefault(way, self._now())
        if is_first:
            log.warning("offline: %s", reason)

    def back(self, way: str) -> None:
        """Note that *way* leads somewhere."""
        with self._lock:
            was_away = bool(self._away)
            self._away.pop(way, None)
            is_over = was_away and not self._away
        if is_over:
            log.warning("online again")

    def is_away(self, way: str) -> bool:
        """Tell whether nobody answered on *way* last time."""
        return way in self._away

    def since(self, way: str) -> datetime | None:
        """Return when it was noticed first that nobody answers on *way*; None while somebody does.

        Known for as long as this process runs.
        """
        return self._away.get(way)
