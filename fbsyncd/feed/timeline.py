"""Counts by month and by day, for charts: posts, what was archived, which links die next.

Whoever looks at a chart thinks in the days of where they are, and filters by them. So days and
months are those of a time zone that is asked for: rows are added up by quarters of an hour, which
is what the offsets of all zones are made of, and those are put to the days they belong to there.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from peewee import Database

from fbsyncd.models import Row, rows, session, to_text

# Both engines write times alike: 2026-11-22 14:35, and more.
_QUARTER: Final = (
    "substr(CAST({0} AS TEXT), 1, 14) || CASE WHEN substr(CAST({0} AS TEXT), 15, 2) < '15' THEN"
    " '00' WHEN substr(CAST({0} AS TEXT), 15, 2) < '30' THEN '15'"
    " WHEN substr(CAST({0} AS TEXT), 15, 2) < '45' THEN '30' ELSE '45' END"
)
# From the second to the 27th it is the same month everywhere: there is less to add up.
_MONTH: Final = (
    "CASE WHEN substr(CAST({0} AS TEXT), 9, 2) BETWEEN '02' AND '27'"
    " THEN substr(CAST({0} AS TEXT), 1, 7) || '-15 12:00' ELSE " + _QUARTER + " END"
)
_POSTS: Final = (
    f"SELECT {_MONTH.format('created_time')}, count(*) FROM facebook_posts"
    # Older programs write no time as an empty one.
    " WHERE created_time > '0001-01-01' AND {} GROUP BY 1 ORDER BY 1"
)
_TYPES: Final = (
    "SELECT type, count(*) FROM facebook_posts WHERE type IS NOT NULL AND {}"
    " GROUP BY 1 ORDER BY 2 DESC, 1"
)
_ARCHIVED: Final = (
    f"SELECT {_QUARTER.format('downloaded_at')}, count(*), coalesce(sum(file_size), 0)"
    " FROM media_storage WHERE download_status = 'success' AND derived_from IS NULL"
    " AND downloaded_at IS NOT NULL GROUP BY 1 ORDER BY 1"
)
_DYING: Final = (
    f"SELECT {_QUARTER.format('link_expires_at')}, count(*) FROM media_storage"
    " WHERE download_status <> 'success' AND derived_from IS NULL AND link_expires_at > ?"
    " AND (download_status = 'pending' OR next_attempt_at IS NOT NULL) GROUP BY 1 ORDER BY 1"
)
_DAY_LONG: Final = len("2026-11-22")
_MONTH_LONG: Final = len("2026-11")


def timeline(
    db: Database, now: datetime, page_id: str | None = None, zone: str = "UTC"
) -> dict[str, Any]:
    """Return posts by month and by type, and of all Pages, by day, pictures.

    ``archived`` are pictures by the day of their download (developed ones are not counted),
    ``dying`` are pictures not archived by the day their link dies. Months and days are those of
    *zone*, as ``Asia/Bangkok``; of UTC if this machine knows no such zone. ``zone`` tells which.
    Those with none are left out.
    """
    of_page = ("page_id = ?", [page_id]) if page_id is not None else ("TRUE", [])
    known = zone if zone in _zones() else "UTC"
    with session(db):
        posts = rows(db, _POSTS.format(of_page[0]), of_page[1])
        types = rows(db, _TYPES.format(of_page[0]), of_page[1])
        archived = rows(db, _ARCHIVED)
        dying = rows(db, _DYING, [to_text(now)])
    # A machine without any data on zones knows UTC all the same.
    at = UTC if known == "UTC" else ZoneInfo(known)
    return {
        "posts": [{"month": month, "posts": count} for month, count in _by(_MONTH_LONG, posts, at)],
        "types": [{"type": kind, "posts": int(count)} for kind, count in types],
        "archived": [
            {"day": day, "pictures": count, "bytes": size}
            for day, count, size in _by(_DAY_LONG, archived, at)
        ],
        "dying": [{"day": day, "pictures": count} for day, count in _by(_DAY_LONG, dying, at)],
        "zone": known,
    }


@cache
def _zones() -> frozenset[str]:
    # Not by trying: what asks for a name that is a folder or too long gets errors of the disk.
    return frozenset(available_timezones() | {"UTC"})


def _by(length: int, quarters: Iterable[Row], zone: tzinfo) -> list[tuple[Any, ...]]:
    """Return the sums of *quarters* of an hour by day or month in *zone*: its name, and each sum.

    *length* is that of such a name.
    """
    sums: dict[str, list[int]] = {}
    for quarter, *counts in quarters:
        name = _moment(quarter).astimezone(zone).isoformat()[:length]
        known = sums.setdefault(name, [0] * len(counts))
        sums[name] = [one + int(more) for one, more in zip(known, counts, strict=True)]
    return [(name, *sums[name]) for name in sorted(sums)]


def _moment(quarter: str) -> datetime:
    try:
        return datetime.fromisoformat(quarter).replace(tzinfo=UTC)
    except ValueError:
        # An older program may have written the day alone.
        return datetime.fromisoformat(quarter[:_DAY_LONG]).replace(tzinfo=UTC)
