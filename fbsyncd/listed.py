"""What the source listed: how many posts of each month a walk over the whole window met.

Posts are noted by id while the walk goes on, in the transactions that write them, so that a walk
which was cut short and gone on with counts none twice; its end makes numbers of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from peewee import Database

from fbsyncd.models import change, change_many, to_text
from fbsyncd.records import Post, Video


def note(
    db: Database, page_id: str, walk_started_at: datetime, records: Sequence[Post | Video]
) -> None:
    """Note the posts among *records*, which a walk has met."""
    started = to_text(walk_started_at)
    change_many(
        db,
        "INSERT INTO listed_posts (page_id, walk_started_at, post_id, month) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        [
            (page_id, started, one.id, month(one.created_time))
            for one in records
            if isinstance(one, Post)
        ],
    )


def close(db: Database, page_id: str, walk_started_at: datetime) -> None:
    """Count what a walk that came to its end has met, in place of what the one before it met."""
    started = to_text(walk_started_at)
    change(db, "DELETE FROM source_months WHERE page_id = ?", [page_id])
    change(
        db,
        "INSERT INTO source_months (page_id, month, posts, listed_at)"
        " SELECT page_id, month, count(*), walk_started_at FROM listed_posts"
        " WHERE page_id = ? AND walk_started_at = ? GROUP BY page_id, month, walk_started_at",
        [page_id, started],
    )
    change(db, "DELETE FROM listed_posts WHERE page_id = ?", [page_id])


def month(at: datetime) -> str:
    """Return the month of a moment, UTC, as ``2026-03``."""
    return f"{at.astimezone(UTC):%Y-%m}"
