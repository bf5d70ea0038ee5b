"""What is left of the budgets of calls, remembered by Page and for the app.

A Page that has used up its own budget does not hold up another; the app's budget is everyone's.
It does not wait: it says how long.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from fbsyncd.graph import usage
from fbsyncd.graph.usage import UNUSED, Usage

APP: Final = ""  # the budget of all Pages together; no Page has this id

# Percentages are of a rolling hour: what was heard longer ago says nothing.
_MEMORY: Final = timedelta(hours=1)


class Pace:
    """The budgets as last heard of; safe to use from several threads."""

    def __init__(self) -> None:
        self._heard: dict[str, tuple[datetime, Usage]] = {}
        self._closed: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def hear(self, page_id: str, headers: Mapping[str, str], now: datetime) -> None:
        """Take in what the headers of one answer tell of the Page and of the app."""
        told = {APP: usage.of_app(headers), page_id: usage.of_page(headers, page_id)}
        for budget, used in told.items():
            if used is not None:
                self._hear(budget, used, now)

    def close(self, budget: str, until: datetime) -> None:
        """Allow no call on this budget, a Page's id or APP, before *until*."""
        with self._lock:
            self._closed[budget] = max(until, self._closed.get(budget, until))

    def closed_until(self, page_id: str, now: datetime) -> datetime | None:
        """Return when this Page may be asked again, or None when it may be now."""
        with self._lock:
            ends = [self._closed[budget] for budget in (APP, page_id) if budget in self._closed]
        return max((end for end in ends if end > now), default=None)

    def is_known(self, page_id: str) -> bool:
        """Tell whether anything was ever heard of what calls for this Page count on."""
        with self._lock:
            return any(one in self._heard or one in self._closed for one in (APP, page_id))

    def used(self, page_id: str, now: datetime) -> Usage:
        """Return the fuller of the budgets that a call for this Page counts on."""
        with self._lock:
            fresh = [used for budget in (APP, page_id) for used in self._fresh(budget, now)]
        return max(fresh, default=UNUSED, key=lambda used: used.percent)

    def _fresh(self, budget: str, now: datetime) -> list[Usage]:
        """Return what was last heard of *budget*, if it still says anything.

        What was heard before a stop that is over says nothing: the budget is open again.
        """
        if budget not in self._heard:
            return []
        at, used = self._heard[budget]
        reopened = at < self._closed.get(budget, at) <= now
        return [] if reopened or now - at >= _MEMORY else [used]

    def _hear(self, budget: str, used: Usage, now: datetime) -> None:
        with self._lock:
            self._heard[budget] = (now, used)
        pause = usage.stop(used)
        if pause is not None:
            self.close(budget, now + pause)
