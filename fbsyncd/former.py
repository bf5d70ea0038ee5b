"""What rows leave behind when others take the place of what they said, and what they find there.

Each is a part of the transaction in which the rows are written, or its last one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from peewee import Database

from fbsyncd import borne, merge, models
from fbsyncd.merge import Values
from fbsyncd.models import change, change_many, rows, to_text

_TOLD: Final = ("id", "message", "story")


def keep_texts(
    db: Database, known: Mapping[str, Values], changed: Sequence[Values | None], now: datetime
) -> None:
    """Keep the text of each post that is about to get another one.

    The first text counts from when this archive first had it; nobody knows since when it
    stood at the source.
    """
    edited = [row for row in changed if row and merge.is_edited(known.get(row["id"]), row)]
    if not edited:
        return
    since = _since(db, [row["id"] for row in edited])
    distinct = models.engine(db).distinct
    change_many(
        db,
        "INSERT INTO facebook_post_history (post_id, seen_from, seen_until, message, story)"
        " SELECT p.id, ?, ?, p.message, p.story"
        # Compared once more: another sync may have written the new text meanwhile.
        " FROM facebook_posts p WHERE p.id = ?"
        f" AND (p.message, p.story) {distinct} (?, ?) ON CONFLICT DO NOTHING",
        [
            (to_text(since.get(row["id"], now)), to_text(now), *map(row.get, _TOLD))
            for row in edited
        ],
    )


def _since(db: Database, post_ids: Sequence[str]) -> dict[str, datetime]:
    """Return from when on each post had its text; an older program may write times as it likes."""
    some, params = models.engine(db).among(post_ids)
    found = models.rows(
        db,
        "SELECT p.id, (SELECT max(h.seen_until) FROM facebook_post_history h"
        " WHERE h.post_id = p.id), p.created_at, p.created_time"
        f" FROM facebook_posts p WHERE p.id {some}",
        params,
    )
    moments = {str(id_): [*filter(None, map(models.readable, times))] for id_, *times in found}
    return {id_: times[0] for id_, times in moments.items() if times}


def settle_texts(db: Database) -> None:
    """Write since when texts were seen as this program does; an earlier one copied it as it was.

    A copy to another archive and back has added such a text once more: one of both goes.
    """
    speech = models.engine(db)
    otherwise = speech.otherwise.format("seen_from")
    found = models.rows(
        db, f"SELECT post_id, seen_from FROM facebook_post_history WHERE {otherwise}"
    )
    ours = [(to_text(time), *key) for *key, time in _timed(found)]
    change_many(
        db,
        "DELETE FROM facebook_post_history AS o WHERE EXISTS (SELECT 1 FROM facebook_post_history h"
        " WHERE h.post_id = o.post_id AND h.seen_from = ?"
        f" AND NOT (h.message, h.story) {speech.distinct} (o.message, o.story))"
        " AND o.post_id = ? AND o.seen_from = ?",
        ours,
    )
    change_many(
        db,
        "UPDATE facebook_post_history AS o SET seen_from = ? WHERE post_id = ? AND seen_from = ?"
        " AND NOT EXISTS (SELECT 1 FROM facebook_post_history h WHERE h.post_id = o.post_id"
        " AND h.seen_from = ?)",
        [(*one, one[0]) for one in ours],
    )


def _timed(found: Sequence[models.Row]) -> Iterator[tuple[str, str, datetime]]:
    for post_id, seen_from in found:
        if time := models.readable(seen_from):
            yield post_id, seen_from, time


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
