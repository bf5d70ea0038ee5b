"""Budgets of calls, and the headers that tell how much of them is used up.

Every call counts, a refused one too, and so does each item of a batch; an hour later, by the
simulator's clock, it is forgotten. Without a budget the percentages stay far below any limit.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict, deque
from datetime import timedelta
from typing import TYPE_CHECKING

from fbsyncd.simulator import refusals

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fbsyncd.simulator.clock import Clock
    from fbsyncd.simulator.refusals import Refusal

HOUR = 3600
Percentages = dict[str, int] | str


class Usage:
    """Counts the calls of each page and of the app."""

    def __init__(self, clock: Clock) -> None:
        self.app: Percentages | None = None
        self.pages: dict[str, Percentages] = {}
        self.calls_per_hour: int | None = None
        self._clock = clock
        self._calls: dict[str, deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()

    def count(self, page_id: str) -> None:
        """Count one call with this page's token; Refusal (80001) when the budget is gone."""
        with self._lock:
            calls = self._calls[page_id]
            now = self._clock.now().timestamp()
            calls.append(now)
            while calls and calls[0] <= now - HOUR:
                calls.popleft()
            if self.calls_per_hour is None or len(calls) <= self.calls_per_hour:
                return
            wait = int(calls[-self.calls_per_hour] + HOUR - now) // 60 + 1
        raise self.refusal(80001, page_id, wait)

    def in_minutes(self, minutes: int) -> datetime:
        """The time it will be then."""
        return self._clock.now() + timedelta(minutes=minutes)

    def over(self, until: datetime | None) -> bool:
        """Whether a time has come."""
        return until is not None and self._clock.now() >= until

    def headers(self, page_id: str) -> dict[str, str]:
        """The usage headers of an answer to this page's token (empty: no page's)."""
        headers = {"X-App-Usage": _told(self.app or _shape(self._used("") // 50))}
        if page_id:
            used = self.pages.get(page_id) or self.pages.get("") or _shape(self._used(page_id))
            headers["X-Business-Use-Case-Usage"] = _business(page_id, used)
        return headers

    def refusal(self, code: int, page_id: str, minutes: int) -> Refusal:
        """The error of a used-up budget, with the headers that say until when."""
        full = _shape(100)
        headers = {"X-App-Usage": _told(full)}
        if code >= 80000:
            headers = {"X-Business-Use-Case-Usage": _business(page_id, full, minutes)}
        return refusals.over_limit(code, headers)

    def _used(self, page_id: str) -> int:
        calls = len(self._calls[page_id]) if page_id else sum(map(len, self._calls.values()))
        budget = self.calls_per_hour or max(4800, calls * 4)
        return min(100, calls * 100 // budget)


def _shape(percent: int) -> dict[str, int]:
    return {"call_count": percent, "total_cputime": percent // 2, "total_time": percent // 2}


def _told(used: Percentages) -> str:
    return used if isinstance(used, str) else json.dumps(used, separators=(",", ":"))


def _business(page_id: str, used: Percentages, minutes: int = 0) -> str:
    if isinstance(used, str):
        return used
    pool: Mapping[str, object] = {
        "type": "pages",
        "estimated_time_to_regain_access": minutes,
        **used,
    }
    return json.dumps({page_id: [pool]}, separators=(",", ":"))
