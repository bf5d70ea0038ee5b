"""How much of the budget of calls is spent, and how fast the next call may follow.

Facebook reports in whole percent of a rolling hour, and only once enough calls were made. Pure:
it reads headers and reckons pauses; whoever calls waits.

Sources: https://developers.facebook.com/docs/graph-api/overview/rate-limiting
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from fbsyncd import read

# Below FREE calls follow at once, at FULL they stop: Facebook goes on counting refused calls, so
# running into the limit costs more than staying under it.
FREE: Final = 75
FULL: Final = 95
LONGEST_PAUSE: Final = timedelta(minutes=2)
SHORTEST_STOP: Final = timedelta(minutes=10)

_GAUGES = ("call_count", "total_cputime", "total_time")
_NOTHING = timedelta()


@dataclass(frozen=True, slots=True)
class Usage:
    """One budget: *percent* spent (it may pass 100), and *regain* until it is open again.

    *regain* is zero while the budget is open.
    """

    percent: float = 0
    regain: timedelta = _NOTHING


UNUSED: Final = Usage()


def of_app(headers: Mapping[str, str]) -> Usage | None:
    """Return the usage of all the app's users and Pages together; None when not told."""
    told = _json(headers, "x-app-usage")
    return _usage([told]) if told else None


def of_page(headers: Mapping[str, str], page_id: str) -> Usage | None:
    """Return the usage of one Page's own budget; None when not told.

    The header's key may be the Page's other number (a Page has two since the New Pages
    Experience), so an answer that does not know *page_id* counts for it with all it has.
    Budgets of other uses (messenger, ads) are not ours.
    """
    business = _json(headers, "x-business-use-case-usage")
    pools = business.get(page_id) or [pool for pools in business.values() for pool in _list(pools)]
    ours = [pool for pool in _list(pools) if read.text(pool, "type") in {"pages", None}]
    told = [*ours, _json(headers, "x-page-usage")]
    return _usage([gauge for gauge in told if gauge]) if any(told) else None


def pause(usage: Usage) -> timedelta:
    """Return how long to wait before the next call: nothing below FREE, then growing.

    It does not say stop; that is :func:`stop`.
    """
    share = (usage.percent - FREE) / (FULL - FREE)
    return LONGEST_PAUSE * min(max(share, 0), 1)


def stop(usage: Usage) -> timedelta | None:
    """Return how long no call may be made at all, or None while calls may be made."""
    if usage.percent < FULL and not usage.regain:
        return None
    return max(usage.regain, SHORTEST_STOP)


def _usage(pools: list[object]) -> Usage:
    percents = [read.number(pool, gauge) or 0 for pool in pools for gauge in _GAUGES]
    # Minutes here, though the like field of the ads header counts seconds.
    minutes = [read.count(pool, "estimated_time_to_regain_access") or 0 for pool in pools]
    return Usage(max(percents, default=0), timedelta(minutes=max(minutes, default=0)))


def _json(headers: Mapping[str, str], name: str) -> read.Json:
    """Return a header's object; a header that is absent or broken is an empty one."""
    value = next((headers[key] for key in headers if key.lower() == name), "{}")
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
