"""Counts by month and by day, for charts: posts, what was archived, which links die next.

Whoever looks at a chart thinks in the days of where they are, and filters by them. So days and
months are those of a time zone that is asked for: rows are added up by spans so short that each
lies within one day everywhere in that zone, and those are put to the days they belong to there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from peewee import Database

from fbsyncd.models import Row, engine, rows, session, to_text

# Both engines write times alike: 2026-11-22 14:35, and more. What stays open is how much of it.
_SPAN: Final = "substr(CAST({0} AS TEXT), 1, {{0}})"
# From the second to the 27th it is the same month everywhere: there is less to add up.
_MONTH: Final = (
    "CASE WHEN substr(CAST({0} AS TEXT), 9, 2) BETWEEN '02' AND '27'"
    " THEN substr(CAST({0} AS TEXT), 1, 7) || '-15' ELSE " + _SPAN + " END"
)
# Older programs write no time as an empty one, and posts without an id, which are not shown.
_LISTED: Final = "(created_time > '0001-01-01' AND {1})"
_POSTS: Final = (
    f"SELECT {_MONTH.format('created_time')}, count(*) FROM facebook_posts"
    f" WHERE {_LISTED} AND id IS NOT NULL AND {{2}} GROUP BY 1"
)
_UNDATED: Final = (
    "SELECT count(*) FROM facebook_posts WHERE (created_time IS NULL"
    f" OR NOT {_LISTED}) AND id IS NOT NULL AND {{2}}"
)
_TYPES: Final = (
    "SELECT type, count(*) FROM facebook_posts WHERE type IS NOT NULL AND id IS NOT NULL AND {}"
    " GROUP BY 1 ORDER BY 2 DESC, 1"
)
_ARCHIVED: Final = (
    f"SELECT {_SPAN.format('downloaded_at')}, count(*), coalesce(sum(file_size), 0)"
    " FROM media_storage WHERE download_status = 'success' AND derived_from IS NULL"
    " AND downloaded_at IS NOT NULL GROUP BY 1"
)
_DYING: Final = (
    f"SELECT {_SPAN.format('link_expires_at')}, count(*) FROM media_storage"
    " WHERE download_status <> 'success' AND derived_from IS NULL AND link_expires_at > ?"
    " AND (download_status = 'pending' OR next_attempt_at IS NOT NULL) GROUP BY 1"
)
_DATED: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_HOUR_LONG: Final = len("2026-11-22 14")
_TEN_MINUTES_LONG: Final = len("2026-11-22 14:3")
_MINUTE_LONG: Final = len("2026-11-22 14:35")
_DAY_LONG: Final = len("2026-11-22")
_MONTH_LONG: Final = len("2026-11")


def timeline(
    db: Database, now: datetime, page_id: str | None = None, zone: str = "UTC"
) -> dict[str, Any]:
    """Return posts by month and by type, and of all Pages, by day, pictures.

    ``archived`` are pictures by the day of their download (developed ones are not counted),
    ``dying`` are pictures not archived by the day their link dies. Months and days are those of
    *zone*, one of :func:`zones`; ``zone`` tells which. Those with none are left out, and those
    whose time another program wrote in no way we read. ``undated`` posts have no time, and so no
    month.
    """
    of_page = ("page_id = ?", [page_id]) if page_id is not None else ("TRUE", [])
    # A machine without any data on zones knows UTC all the same.
    at = UTC if zone == "UTC" else ZoneInfo(zone)
    span = _span(at, now)
    dated = span, engine(db).placed.format("created_time"), of_page[0]
    with session(db):
        posts = rows(db, _POSTS.format(*dated), of_page[1])
        types = rows(db, _TYPES.format(of_page[0]), of_page[1])
        ((undated,),) = rows(db, _UNDATED.format(*dated), of_page[1])
        archived = rows(db, _ARCHIVED.format(span))
        dying = rows(db, _DYING.format(span), [to_text(now)])
    return {
        "posts": [{"month": month, "posts": count} for month, count in _by(_MONTH_LONG, posts, at)],
        "undated": int(undated),
        "types": [{"type": kind, "posts": int(count)} for kind, count in types],
        "archived": [
            {"day": day, "pictures": count, "bytes": size}
            for day, count, size in _by(_DAY_LONG, archived, at)
        ],
        "dying": [{"day": day, "pictures": count} for day, count in _by(_DAY_LONG, dying, at)],
        "zone": zone,
    }


@cache
def zones() -> frozenset[str]:
    """Return the names of the time zones this machine knows, as ``Asia/Bangkok``."""
    # Not by trying: what asks for a name that is a folder or too long gets errors of the disk.
    return frozenset(available_timezones() | {"UTC"})


def _span(zone: tzinfo, now: datetime) -> int:
    """Return how much of a time is kept: the longer the span, the less there is to add up.

    It follows from the offsets of this year, winter and summer. In years when a zone had another
    fraction of an hour, as Caracas from 2007 to 2016, up to half an hour of a day is counted to
    the one beside it.
    """
    if zone is UTC:
        return _DAY_LONG
    offsets = [at.astimezone(zone).utcoffset() for at in (now, now + timedelta(days=182))]
    minutes = {int((offset or timedelta()).total_seconds()) // 60 for offset in offsets}
    if all(one % 60 == 0 for one in minutes):
        return _HOUR_LONG
    return _TEN_MINUTES_LONG if all(one % 30 == 0 for one in minutes) else _MINUTE_LONG


def _by(length: int, spans: Iterable[Row], zone: tzinfo) -> list[tuple[Any, ...]]:
    """Return the sums of *spans* by day or month in *zone*: its name, and each sum.

    *length* is that of such a name.
    """
    sums: dict[str, list[int]] = {}
    for span, *counts in spans:
        at = _moment(span, zone)
        if at is None:
            continue
        name = at.isoformat()[:length]
        known = sums.setdefault(name, [0] * len(counts))
        sums[name] = [one + int(more) for one, more in zip(known, counts, strict=True)]
    return [(name, *sums[name]) for name in sorted(sums)]


def _moment(span: str, zone: tzinfo) -> datetime | None:
    """Return when *span* begins, in *zone*; None where it is not the beginning of a time."""
    # An older program may have written the day alone.
    written = f"{span}0" if len(span) == _TEN_MINUTES_LONG else span
    # Not by the parser alone: the same text cut elsewhere would be another time to it.
    if not _DATED.match(written):
        return None
    try:
        return datetime.fromisoformat(written).replace(tzinfo=UTC).astimezone(zone)
    except (ValueError, OverflowError):
        return None
