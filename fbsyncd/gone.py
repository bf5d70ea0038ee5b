"""Posts and videos that are missed at the source, and when they count as gone.

A post may vanish for an hour or two and come back (measured on real feeds: two posts of 340, twice
each), so one look says nothing. Nothing is ever deleted for it: the row is marked, and unmarked
when the post is seen again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from peewee import Database

from fbsyncd import borne, listed
from fbsyncd.models import change_many, engine, marks, rows, to_text
from fbsyncd.plural import counted
from fbsyncd.records import Post, Video
from fbsyncd.walks import BEGINNING

log = logging.getLogger(__name__)

#: So many misses, the first and the last so far apart, make a post gone.
MISSES: Final = 3
SPAN: Final = timedelta(days=1)
#: A missed post is looked for again by its id this long after.
LOOK_AGAIN: Final = timedelta(hours=8)
#: Looks that lie closer together are one miss: a post may be away for an hour or two.
APART: Final = timedelta(hours=6)
#: So many are looked for at once: a list may leave out hundreds of posts that are there.
SUSPECTS: Final = 50

_TABLES: Final = {
    "posts": ("facebook_posts", "id"),
    "videos": ("facebook_video_posts", "video_id"),
}
# SQLite takes no more parameters than this in one statement, whatever its version.
_CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class Span:
    """What a full walk, begun at *until*, looks at: objects of *page_id* created in these times."""

    stream: str
    page_id: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Sighting:
    """When the objects of a *stream* were last looked at and there; None for nobody knows."""

    stream: str
    at: datetime | None


def ids(records: Sequence[Post] | Sequence[Video]) -> list[str]:
    """Return the ids of *records*."""
    return [one.id if isinstance(one, Post) else one.video_id for one in records]


def count_missing(db: Database, span: Span, seen_at: datetime | None, now: datetime) -> int:
    """Count a miss for what a walk, now at its end, should have met; return how many there are.

    *seen_at* is when the walk before it was made.
    """
    lost = missing(db, span)
    if lost:
        marked = missed(db, Sighting(span.stream, seen_at), lost, now)
        log.info(
            "page %s: %s missed, %d of them gone",
            span.page_id,
            counted(len(lost), span.stream.removesuffix("s")),
            marked,
        )
    return len(lost)


def missing(db: Database, span: Span) -> list[str]:
    """Return the ids of objects that should have been among those the walk has noted.

    What appeared only while the walk was under way is not expected of it, and a walk that could
    not read everything says nothing. Neither does a list without anything: that is no thousand
    deletions, it is what a token without its permissions is given.
    """
    if not listed.is_whole(db, span.page_id, span.until):
        return []
    table, key = _TABLES[span.stream]
    found = rows(
        db,
        f"SELECT {key} FROM {table} t WHERE page_id = ? AND created_time >= ?"
        " AND created_time < ? AND NOT EXISTS (SELECT 1 FROM listed_posts l"
        f" WHERE l.page_id = t.page_id AND l.walk_started_at = ? AND l.post_id = t.{key})"
        f" ORDER BY {key}",
        [span.page_id, to_text(span.since), to_text(span.until), to_text(span.until)],
    )
    return [str(id_) for (id_,) in found]


def missed(db: Database, sighting: Sighting, named: Sequence[str], now: datetime) -> int:
    """Count a miss for each object *named*; return how many of them are gone by it.

    ``updated_at`` stays as it was, except of those: dashboards ask by it for what has changed.

    One that was missed less than APART ago is not counted again, however it was looked for.
    The mark is the time of the first miss. What is missed keeps when it was last known to be
    there: when its row was written or, if later, at *sighting*.

    A row that must not be written to, by a rule that somebody gave the table, is left as it is.
    """
    table, key = _TABLES[sighting.stream]
    at, before = to_text(now), to_text(sighting.at or BEGINNING)

    def count(some: Sequence[str]) -> int:
        change_many(
            db,
            f"UPDATE {table} SET misses = misses + 1, last_missed_at = ?,"
            " first_missed_at = coalesce(first_missed_at, ?), last_seen_at = coalesce(last_seen_at,"
            f" CASE WHEN updated_at < ? THEN ? ELSE updated_at END) WHERE {key} = ?"
            # A miss that lies ahead was counted by a wrong clock.
            " AND (last_missed_at IS NULL OR last_missed_at <= ? OR last_missed_at > ?)",
            [(at, at, before, before, id_, to_text(now - APART), at) for id_ in some],
        )
        return change_many(
            db,
            f"UPDATE {table} SET deleted_at = first_missed_at WHERE deleted_at IS NULL"
            f" AND misses >= ? AND first_missed_at <= ? AND last_missed_at = ? AND {key} = ?",
            [(MISSES, to_text(now - SPAN), at, id_) for id_ in some],
        )

    _take_notes(db)
    return sum(borne.by_halves(db, sorted(named), count, _leaving(db, sighting.stream)))


def among(db: Database, stream: str, named: Sequence[str]) -> set[str]:
    """Return those of the objects *named* that count as gone."""
    table, key = _TABLES[stream]
    return {
        str(id_)
        for chunk in _chunks(sorted(named))
        for (id_,) in rows(
            db,
            f"SELECT {key} FROM {table} WHERE {key} IN ({marks(len(chunk))})"
            " AND deleted_at IS NOT NULL",
            chunk,
        )
    }


def seen(db: Database, stream: str, named: Sequence[str]) -> int:
    """Forget the misses of objects that were seen, and that they were gone; return how many.

    A row that must not be written to is left as it is, as in :func:`missed`.
    """
    table, key = _TABLES[stream]

    def forget(some: Sequence[str]) -> int:
        return change_many(
            db,
            f"UPDATE {table} SET misses = 0, deleted_at = NULL, first_missed_at = NULL,"
            f" last_missed_at = NULL, last_seen_at = NULL WHERE {key} = ?",
            [(id_,) for id_ in some],
        )

    back = [
        str(id_)
        for chunk in _chunks(sorted(named))
        for (id_,) in rows(
            db,
            f"SELECT {key} FROM {table} WHERE {key} IN ({marks(len(chunk))})"
            f" AND (misses > 0 OR deleted_at IS NOT NULL) ORDER BY {key}",
            chunk,
        )
    ]
    if not back:
        return 0
    _take_notes(db)
    return sum(borne.by_halves(db, back, forget, _leaving(db, stream)))


def patience(misses: int) -> timedelta:
    """Return how long after its last miss an object is looked for again: longer each time.

    So three looks are enough to tell that something is gone.
    """
    return LOOK_AGAIN if misses == 1 else SPAN - LOOK_AGAIN


def suspects(db: Database, pages: Sequence[str], now: datetime) -> list[tuple[str, str, str]]:
    """Return stream, Page and id of missed objects that are to be looked for again now."""
    if not pages:
        return []
    return [
        (stream, str(page_id), str(id_))
        for stream, (table, key) in _TABLES.items()
        for page_id, id_ in rows(
            db,
            f"SELECT page_id, {key} FROM {table} WHERE misses > 0 AND deleted_at IS NULL"
            # Not by the index of the Page: few posts are missed, and a Page has many.
            " AND last_missed_at <= ? AND (misses = 1 OR last_missed_at <= ?)"
            f" AND page_id || '' IN ({marks(len(pages))}) ORDER BY last_missed_at LIMIT ?",
            [to_text(now - patience(1)), to_text(now - patience(2)), *pages, SUSPECTS],
        )
    ]


def _leaving(db: Database, stream: str) -> Callable[[str, str], None]:
    return partial(borne.warn_left, db, stream)


def _take_notes(db: Database) -> None:
    """Let what follows in this transaction count no miss as a change of its row."""
    if statement := engine(db).takes_notes:
        rows(db, statement)


def _chunks(named: Sequence[str]) -> list[Sequence[str]]:
    return [named[start : start + _CHUNK] for start in range(0, len(named), _CHUNK)]
