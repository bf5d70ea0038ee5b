"""What rows leave behind when others take the place of what they said, and what they find there.

Each is a part of the transaction in which the rows are written, or its last one.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from peewee import Database

from fbsyncd import borne, merge, models
from fbsyncd.merge import Values
from fbsyncd.models import Row, change, change_many, readable, rows, to_text

#: How the names of notes begin in which the database tells of a post that is about to be replaced.
NOTE: Final = "rewritten:"
_NOTES: Final = (NOTE, f"{NOTE}~")
#: A text was there for so long at least.
_LEAST: Final = timedelta(milliseconds=1)
_TOLD: Final = ("id", "message", "story")
_KEEP: Final = (
    "INSERT INTO facebook_post_history (post_id, seen_from, seen_until, message, story)"
    " SELECT ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM facebook_posts WHERE id = ?)"
    " ON CONFLICT DO NOTHING"
)


def keep_texts(
    db: Database, known: Mapping[str, Values], changed: Sequence[Values | None], now: datetime
) -> None:
    """Keep the text of each post that is about to get another one.

    The first text counts from when this archive first had it; nobody knows since when it
    stood at the source. What a script wrote over comes before what is written over here.
    """
    if any(changed):
        put_back(db)
    edited = [row for row in changed if row and merge.is_edited(known.get(row["id"]), row)]
    if not edited:
        return
    spans = _spans(db, [row["id"] for row in edited], now)
    distinct = models.engine(db).distinct
    change_many(
        db,
        "INSERT INTO facebook_post_history (post_id, seen_from, seen_until, message, story)"
        " SELECT p.id, ?, ?, p.message, p.story"
        # Compared once more: another sync may have written the new text meanwhile.
        " FROM facebook_posts p WHERE p.id = ?"
        f" AND (p.message, p.story) {distinct} (?, ?) ON CONFLICT DO NOTHING",
        [(*map(to_text, spans.get(row["id"], (now, now))), *map(row.get, _TOLD)) for row in edited],
    )


def _spans(
    db: Database, post_ids: Sequence[str], now: datetime
) -> dict[str, tuple[datetime, datetime]]:
    """Return from when until when posts had their texts; older programs write times as they like.

    By a clock that was set back a text would end before it began, and stand before earlier ones.
    """
    some, params = models.engine(db).among(post_ids)
    found = models.rows(
        db,
        "SELECT p.id, (SELECT max(h.seen_until) FROM facebook_post_history h"
        " WHERE h.post_id = p.id), p.created_at, p.created_time"
        f" FROM facebook_posts p WHERE p.id {some}",
        params,
    )
    spans = {}
    for id_, *times in found:
        last, *others = map(readable, times)
        until = max(now, last + _LEAST) if last else now
        spans[str(id_)] = (last or next(filter(None, others), now), until)
    return spans


def let_go(db: Database, changed: Sequence[Values | None]) -> None:
    """Drop what the database noted of rows that were written since :func:`keep_texts`.

    It cannot tell them from a script's, and their texts are kept.
    """
    if any(changed):
        change(db, "DELETE FROM archive WHERE name > ? AND name < ?", list(_NOTES))


def notes(db: Database) -> list[Row]:
    """Return what the database noted of posts before they were replaced; a server does not."""
    sql = "SELECT name, value FROM archive WHERE name > ? AND name < ? ORDER BY name"
    return rows(db, sql, list(_NOTES))


def put_back(db: Database) -> None:
    """Put the texts back that a script has written over, with those before; in a transaction."""

    def leave(saved: Row, why: str) -> None:
        borne.warn(db, "posts", str(json.loads(saved[1])[0]), why)

    saved = notes(db)
    list(borne.by_halves(db, saved, lambda some: _put_back(db, some), leave))
    change_many(db, "DELETE FROM archive WHERE name = ?", [(name,) for name, _ in saved])


def _put_back(db: Database, saved: Sequence[Row]) -> None:
    told = [json.loads(value) for _, value in saved]
    earlier = [row for *_, texts in told for row in texts]
    change_many(db, _KEEP, [(*row, row[0]) for row in earlier])
    of: dict[str, list[Any]] = defaultdict(list)
    for one in told:
        of[one[0]].append(one)
    for id_, mine in of.items():
        found = rows(db, "SELECT message, story FROM facebook_posts WHERE id = ?", [id_])
        texts = [*(one[1:3] for one in mine[1:]), *map(list, found[:1])]
        before = [[], *(one[-1] for one in mine)]
        # Of a post that is gone by now the last one is left out; nothing is kept of it anyway.
        for one, after, known in zip(mine, texts, before, strict=False):
            if one[1:3] != after and not _is_kept(one, known):
                _keep(db, one)


def _is_kept(one: Sequence[Any], before: Sequence[Any]) -> bool:
    """Tell whether the text was kept before the note was made, as an earlier version left some.

    *before* is what was kept when the note before it was made.
    """
    latest: list[Any] = max(one[-1], key=lambda row: (row[2], row[1]), default=[])
    return latest[3:] == one[1:3] and latest not in before


def _keep(db: Database, one: Sequence[Any]) -> None:
    """Keep the text of a post that had another one afterwards."""
    id_, message, story, created_at, created_time, until, _ = one
    known = rows(db, "SELECT max(seen_until) FROM facebook_post_history WHERE post_id = ?", [id_])
    times = [*map(readable, [known[0][0], created_at, created_time, until])]
    since = next(filter(None, times))
    # By a clock that was set back, or twice at once, one of two texts would have no time.
    end = max(since + _LEAST, *filter(None, times[-1:]))
    change_many(db, _KEEP, [(id_, to_text(since), to_text(end), message, story, id_)])


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
