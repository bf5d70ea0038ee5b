"""How much of the calls is used up, as rows of ``graph_budgets``.

The process that calls writes them, so that any other can tell: ``fbsyncd stats``, the dashboard.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from peewee import Database

from fbsyncd.models import change_many, from_text, rows, session, to_text, transaction
from fbsyncd.view import moment

APP: Final = ""
#: Percentages are of a rolling hour: what was heard longer ago says nothing.
_MEMORY: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget, a Page's or the app's: *percent* used, and until when no call is made."""

    page_id: str
    percent: float
    closed_until: datetime | None = None


def save(db: Database, budgets: Iterable[Budget], now: datetime) -> None:
    """Write down how budgets stand."""
    with transaction(db):
        change_many(
            db,
            "INSERT INTO graph_budgets (page_id, percent, closed_until, heard_at)"
            " VALUES (?, ?, ?, ?) ON CONFLICT (page_id) DO UPDATE SET"
            " percent = excluded.percent, closed_until = excluded.closed_until,"
            " heard_at = excluded.heard_at",
            sorted(
                (
                    one.page_id,
                    one.percent,
                    to_text(one.closed_until) if one.closed_until else None,
                    to_text(now),
                )
                for one in budgets
            ),
        )


def told(db: Database, now: datetime) -> list[dict[str, Any]]:
    """Return the budgets as ``/api/stats`` shows them; the app's has no Page.

    *percent* is 0 once an hour has passed; *back_at* is null while calls are made.
    """
    with session(db):
        found = rows(
            db,
            "SELECT page_id, percent, closed_until, heard_at FROM graph_budgets ORDER BY page_id",
        )
    return [
        _told(str(page_id), percent, from_text(until), from_text(heard), now)
        for page_id, percent, until, heard in found
    ]


def _told(
    page_id: str, percent: float, until: datetime | None, heard: datetime | None, now: datetime
) -> dict[str, Any]:
    is_known = heard is not None and now - heard < _MEMORY
    return {
        "page_id": page_id or None,
        "percent": round(float(percent), 1) if is_known else 0.0,
        "back_at": moment(until) if until and until > now else None,
        "heard_at": moment(heard),
    }
