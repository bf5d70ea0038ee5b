"""What the source listed: every object that a walk over the whole window met.

Objects are noted by id while the walk goes on, in the transactions that write them, so that a walk
which was cut short and gone on with has met what it met before the cut, and counts none twice. Its
end makes numbers of the posts, month by month.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Final

from peewee import Database

from fbsyncd.models import change, change_many, rows, to_text
from fbsyncd.records import Post, Video

#: In place of an id: the walk's beginning was noted, and all since then.
_ALL: Final = ""
#: In place of a month: met, and not kept.
_NOT_COUNTED: Final = ""
#: In place of that beside the beginning: something could not be read.
_DOUBT: Final = "?"


def begin(db: Database, page_id: str, walk_started_at: datetime) -> None:
    """Begin to note a walk, which is at its beginning."""
    change(
        db,
        "INSERT INTO listed_posts (page_id, walk_started_at, post_id, month) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        [page_id, to_text(walk_started_at), _ALL, _NOT_COUNTED],
    )


def note(
    db: Database,
    walk: tuple[str, datetime],
    met: Sequence[Post | Video],
    kept: Collection[Post | Video],
) -> None:
    """Note what a walk, named by its Page and its start, has met, and which posts of it count.

    What appeared since its start does not count: whether it is met is chance.
    """
    page_id, started_at = walk
    counted = {one.id for one in kept if isinstance(one, Post) and one.created_time < started_at}
    noted = [
        (id_, month(one.created_time) if id_ in counted else _NOT_COUNTED)
        for one in met
        for id_ in [one.id if isinstance(one, Post) else one.video_id]
    ]
    change_many(
        db,
        "INSERT INTO listed_posts (page_id, walk_started_at, post_id, month) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        [(page_id, to_text(started_at), *one) for one in sorted(noted)],
    )


def doubt(db: Database, page_id: str, walk_started_at: datetime) -> None:
    """Note that a walk met something it could not read, which may be any object."""
    change(
        db,
        "UPDATE listed_posts SET month = ?"
        " WHERE page_id = ? AND walk_started_at = ? AND post_id = ?",
        [_DOUBT, page_id, to_text(walk_started_at), _ALL],
    )


def meet(db: Database, page_id: str, records: Sequence[Post | Video]) -> None:
    """Note what was seen otherwise while a walk over the whole window is unfinished.

    A post that came to a place which the walk had passed already is not missing from it.
    """
    change_many(
        db,
        "INSERT INTO listed_posts (page_id, walk_started_at, post_id, month)"
        " SELECT page_id, walk_started_at, ?, CASE WHEN walk_started_at > ? THEN ? ELSE '' END"
        " FROM sync_state WHERE page_id = ?"
        " AND stream = ? AND walk_kind = 'full' AND walk_since <= ? ON CONFLICT DO NOTHING",
        sorted(
            (one.id, at, month(one.created_time), page_id, "posts", at)
            if isinstance(one, Post)
            else (one.video_id, at, _NOT_COUNTED, page_id, "videos", at)
            for one in records
            for at in [to_text(one.created_time)]
        ),
    )


def is_whole(db: Database, page_id: str, walk_started_at: datetime) -> bool:
    """Tell whether all that a walk has met is noted, and it has met anything at all."""
    walk = [page_id, to_text(walk_started_at)]
    some = "SELECT 1 FROM listed_posts WHERE page_id = ? AND walk_started_at = ?"
    begun = rows(db, f"{some} AND post_id = ? AND month <> ?", [*walk, _ALL, _DOUBT])
    return bool(begun and rows(db, f"{some} AND post_id <> ? LIMIT 1", [*walk, _ALL]))


def close(db: Database, page_id: str, walk_started_at: datetime) -> None:
    """Count the posts of a walk that came to its end, in place of what the one before it met.

    One whose notes are gone, because another process came to its end first, counts nothing.
    """
    walk = [page_id, to_text(walk_started_at)]
    one = "SELECT 1 FROM listed_posts WHERE page_id = ? AND walk_started_at = ? AND post_id = ?"
    if rows(db, one, [*walk, _ALL]):
        change(db, "DELETE FROM source_months WHERE page_id = ?", [page_id])
        change(
            db,
            "INSERT INTO source_months (page_id, month, posts, listed_at)"
            " SELECT page_id, month, count(*), walk_started_at FROM listed_posts"
            " WHERE page_id = ? AND walk_started_at = ? AND post_id <> ? AND month <> ?"
            " GROUP BY page_id, month, walk_started_at",
            [*walk, _ALL, _NOT_COUNTED],
        )


def sweep(db: Database, page_id: str) -> None:
    """Remove the notes of walks that came to their end or will not be gone on with."""
    change(
        db,
        "DELETE FROM listed_posts WHERE page_id = ? AND NOT EXISTS (SELECT 1 FROM sync_state s"
        " WHERE s.page_id = listed_posts.page_id AND s.walk_kind = 'full'"
        " AND s.walk_started_at = listed_posts.walk_started_at)",
        [page_id],
    )


def month(at: datetime) -> str:
    """Return the month of a moment, UTC, as ``2026-03``."""
    return f"{at.astimezone(UTC):%Y-%m}"
