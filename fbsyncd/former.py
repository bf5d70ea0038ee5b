"""What rows leave behind when others take the place of what they said, and what they find there.

Each is a part of the transaction in which the rows are written, or its last one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from peewee import Database

from fbsyncd import borne, merge, models
from fbsyncd.merge import Values
from fbsyncd.models import change, change_many, rows, to_text


def keep_texts(
    db: Database, known: Mapping[str, Values], changed: Sequence[Values | None], now: datetime
) -> None:
    """Keep the text of each post that is about to get another one.

    The first text counts from when this archive first had it; nobody knows since when it
    stood at the source.
    """
    distinct = models.engine(db).distinct
    change_many(
        db,
        "INSERT INTO facebook_post_history (post_id, seen_from, seen_until, message, story)"
        " SELECT p.id, coalesce((SELECT max(h.seen_until) FROM facebook_post_history h"
        " WHERE h.post_id = p.id), p.created_at, p.created_time, ?), ?, p.message, p.story"
        # Compared once more: another sync may have written the new text meanwhile.
        " FROM facebook_posts p WHERE p.id = ?"
        f" AND (p.message, p.story) {distinct} (?, ?) ON CONFLICT DO NOTHING",
        [
            (to_text(now), to_text(now), row["id"], row["message"], row["story"])
            for row in changed
            if row and merge.is_edited(known.get(row["id"]), row)
        ],
    )


def keep_pictures(db: Database, changed: Sequence[tuple[str, Values | None, Values]]) -> None:
    """Remember whose the pictures were that nothing is about to name any more."""
    change_many(
        db,
        "INSERT INTO former_pictures (owner_id, media_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
        sorted(
            (owner, media_id)
            for owner, known, row in changed
            for media_id in merge.former(known, row)
        ),
    )


def show_developed(db: Database, post_ids: Sequence[str]) -> None:
    """Link small versions made before, when another post named the same picture."""
    if not post_ids:
        return
    small = (
        "SELECT m.id FROM media_storage m WHERE m.derived_from = a.local_media_id"
        " AND m.download_status = 'success' LIMIT 1"
    )
    some, params = models.engine(db).among(post_ids)
    change(
        db,
        f"UPDATE facebook_post_attachments AS a SET local_thumbnail_id = ({small})"
        f" WHERE a.post_id {some} AND a.local_thumbnail_id IS NULL AND EXISTS ({small})",
        params,
    )


def join_videos(db: Database, page_id: str) -> None:
    """Tell videos which post shows them, as far as the posts' attachments say.

    One whose row must not be written to, by a rule that somebody gave the table, is left as it is.
    """
    shown = "FROM facebook_post_attachments a WHERE a.target_id = facebook_video_posts.video_id"

    def join(some: Sequence[str]) -> None:
        change_many(
            db,
            f"UPDATE facebook_video_posts SET post_id = (SELECT min(a.post_id) {shown})"
            f" WHERE video_id = ? AND post_id IS NULL AND EXISTS (SELECT 1 {shown})",
            [(id_,) for id_ in some],
        )

    found = rows(
        db,
        "SELECT video_id FROM facebook_video_posts WHERE page_id = ? AND post_id IS NULL"
        f" AND EXISTS (SELECT 1 {shown}) ORDER BY video_id",
        [page_id],
    )
    ids = [str(id_) for (id_,) in found]
    list(borne.by_halves(db, ids, join, partial(borne.warn_left, db, "videos")))
