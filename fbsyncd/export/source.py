"""Rows to records for an export: whole, in order, a chunk at a time."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final

from peewee import Database

from fbsyncd import read, view
from fbsyncd.models import (
    Row,
    engine,
    from_text,
    marks,
    rows,
    session,
    snapshot,
    stream,
    to_text,
)
from fbsyncd.view import moment

CHUNK: Final = 200
Record = dict[str, Any]
#: Tells whether the export has the picture of this category and name.
There = Callable[[str, str], bool]

_POST: Final = (
    "id",
    "page_id",
    "type",
    "status_type",
    "message",
    "story",
    "permalink_url",
    "video_url",
    "created_time",
    "updated_time",
    "deleted_at",
    "is_hidden",
)
_ATTACHMENT: Final = ("post_id", "type", "title", "description", "target_id", "removed_at")
_VIDEO: Final = (
    "video_id",
    "page_id",
    "post_id",
    "title",
    "description",
    "permalink_url",
    "length",
    "created_time",
    "updated_time",
)
_PAGE: Final = ("id", "name", "username", "category", "about", "website", "fan_count")
_TIMES: Final = {"created_time", "updated_time", "deleted_at", "removed_at"}
_SHOT: Final = (
    "category",
    "local_filename",
    "download_status",
    "next_attempt_at",
    "error_message",
    "width",
    "height",
)


def _columns(alias: str, names: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


_POSTS: Final = (
    f"SELECT {_columns('p', _POST)}, {_columns('s', _SHOT)}, {_columns('f', _SHOT)}"
    " FROM facebook_posts p LEFT JOIN media_storage s ON s.id = p.local_picture_id"
    " LEFT JOIN media_storage f ON f.id = p.local_full_picture_id"
    # Older programs write posts without an id.
    " WHERE {} AND p.id IS NOT NULL"
    " ORDER BY p.created_time DESC, p.id DESC LIMIT ?"
)
#: Times that another program wrote, each in its own way.
_OTHERWISE: Final = (
    "SELECT p.id, p.created_time FROM facebook_posts p WHERE {} AND p.id IS NOT NULL"
)
_ATTACHMENTS: Final = (
    f"SELECT {_columns('a', _ATTACHMENT)}, {_columns('m', _SHOT)}, {_columns('t', _SHOT)}"
    " FROM facebook_post_attachments a LEFT JOIN media_storage m ON m.id = a.local_media_id"
    " LEFT JOIN media_storage t ON t.id = a.local_thumbnail_id"
    " WHERE a.duplicate_of IS NULL AND a.post_id IN ({})"
    " ORDER BY a.post_id, a.position, a.id"
)
_VIDEOS: Final = (
    f"SELECT {_columns('v', _VIDEO)}, {_columns('m', _SHOT)} FROM facebook_video_posts v"
    " LEFT JOIN media_storage m ON m.id = v.local_picture_id"
    " WHERE v.video_id > ? ORDER BY v.video_id LIMIT ?"
)
_HISTORY: Final = (
    "SELECT post_id, message, story, seen_from, seen_until FROM facebook_post_history"
    " WHERE post_id IN ({}) ORDER BY post_id, seen_from"
)
#: Stands for the month of posts whose time another program wrote in no way we read.
UNDATED: Final = "undated"
# They write no time as an empty one, too.
_DATED: Final = "p.created_time > '0001-01-01' AND {}"
_BEHIND: Final = "(p.created_time, p.id) < (?, ?)"


def posts(db: Database, there: There) -> Iterator[Record]:
    """Yield every post, newest first, and last those whose time cannot be read.

    Each has its attachments, also removed ones, and its history. Pictures are named by their path
    in the export when they are *there*.
    """
    apart = _apart(db)
    odd, undated = list[Record](), list[Record]()
    for start in range(0, len(apart), CHUNK):
        ids = apart[start : start + CHUNK]
        for post in _read(db, there, f"p.id IN ({marks(len(ids))})", ids)[0]:
            (odd if post["created_time"] else undated).append(post)
    odd.sort(key=_newest, reverse=True)
    held = frozenset(apart)
    in_order = (post for post in _posts(db, there) if post["id"] not in held)
    yield from heapq.merge(in_order, odd, key=_newest, reverse=True)
    yield from undated


def _newest(post: Record) -> str:
    return str(post["created_time"])


def _apart(db: Database) -> list[str]:
    """Return the ids of posts that do not stand in their month, or at no place at all."""
    sql = _OTHERWISE.format(engine(db).suspect.format("p.created_time"))
    with snapshot(db):
        return [
            id_
            for some in stream(db, sql)
            for id_, written in some
            # SQLite sorts times as the texts they are.
            if not isinstance(written, str) or (moment(written) or "")[:7] != written[:7]
        ]


def _posts(db: Database, there: There) -> Iterator[Record]:
    last: list[str] = []
    dated = _DATED.format(engine(db).placed.format("p.created_time"))
    while True:
        told, found = _read(db, there, f"{_BEHIND} AND {dated}" if last else dated, last)
        yield from told
        if len(found) < CHUNK:
            return
        stored = found[-1][_POST.index("created_time")]
        at = None if isinstance(stored, str) else from_text(stored)
        # SQLite compares texts: a place behind a row is one only in the words of that row.
        last = [to_text(at) if at else str(stored), found[-1][0]]


def _read(
    db: Database, there: There, where: str, params: Sequence[str]
) -> tuple[list[Record], Sequence[Row]]:
    """Return a chunk of posts, and their rows."""
    with session(db):
        found = rows(db, _POSTS.format(where), [*params, CHUNK])
        ids = [row[0] for row in found]
        attached, texts = _attachments(db, ids, there), _texts(db, ids)
    told = []
    for row in found:
        own, picture, full = _cut(row, _POST)
        told.append(
            _told(own, _POST)
            | {"picture": _picture(picture, there), "full_picture": _picture(full, there)}
            | {"attachments": attached[own[0]], "history": texts[own[0]]}
        )
    return told, found


def videos(db: Database, there: There) -> Iterator[Record]:
    """Yield every video."""
    # Before every id, also where they are numbers.
    last = "0"
    while True:
        with session(db):
            found = rows(db, _VIDEOS, [last, CHUNK])
        for row in found:
            own, picture, _ = _cut(row, _VIDEO)
            yield _told(own, _VIDEO) | {"picture": _picture(picture, there)}
        if len(found) < CHUNK:
            return
        last = found[-1][0]


def pages(db: Database) -> list[Record]:
    """Return every Page as it describes itself."""
    with session(db):
        found = rows(db, f"SELECT {', '.join(_PAGE)} FROM facebook_pages ORDER BY id")
    return [dict(zip(_PAGE, row, strict=True)) for row in found]


def pictures(db: Database, category: str) -> Iterator[str]:
    """Yield the name of every archived file of a category, each once."""
    last = ""
    while True:
        with session(db):
            found = rows(
                db,
                "SELECT DISTINCT local_filename FROM media_storage"
                " WHERE category = ? AND download_status = 'success' AND local_filename > ?"
                " ORDER BY local_filename LIMIT ?",
                [category, last, CHUNK],
            )
        yield from (name for (name,) in found)
        if len(found) < CHUNK:
            return
        last = found[-1][0]


def known(db: Database, category: str, names: Collection[str]) -> set[str]:
    """Return which of *names* are archived files of a category."""
    with session(db):
        found = rows(
            db,
            "SELECT local_filename FROM media_storage WHERE category = ?"
            f" AND download_status = 'success' AND local_filename IN ({marks(len(names))})",
            [category, *sorted(names)],
        )
    return {name for (name,) in found}


def month(post: Record) -> str:
    """Return the month of a post (UTC), or :data:`UNDATED` where its time cannot be read."""
    return str(post["created_time"] or UNDATED)[:7]


def _attachments(db: Database, ids: Sequence[str], there: There) -> dict[str, list[Record]]:
    told: dict[str, list[Record]] = defaultdict(list)
    for row in rows(db, _ATTACHMENTS.format(marks(len(ids))), ids) if ids else ():
        own, media, thumbnail = _cut(row, _ATTACHMENT)
        attachment = _told(own, _ATTACHMENT)
        attachment["picture"] = _picture(media, there)
        attachment["thumbnail"] = _picture(thumbnail, there)
        told[attachment.pop("post_id")].append(attachment)
    return told


def _texts(db: Database, ids: Sequence[str]) -> dict[str, list[Record]]:
    told: dict[str, list[Record]] = defaultdict(list)
    for post_id, *text in rows(db, _HISTORY.format(marks(len(ids))), ids) if ids else ():
        told[post_id].append(view.earlier_text(*text))
    return told


def _cut(row: Row, own: Sequence[str]) -> tuple[Row, Row, Row]:
    end = len(own) + len(_SHOT)
    return row[: len(own)], row[len(own) : end], row[end:]


def _told(row: Row, names: Sequence[str]) -> Record:
    told = dict(zip(names, row, strict=True))
    for name in _TIMES & told.keys():
        told[name] = moment(told[name])
    for name in ("page_id", "video_id"):
        # A number in the tables of older programs.
        if told.get(name) is not None:
            told[name] = str(told[name])
    for name, plain in (("is_hidden", read.truth), ("length", read.seconds)):
        if told.get(name) is not None:
            told[name] = plain(told[name])
    return told


def _picture(row: Row, there: There) -> Record | None:
    category, filename, status, again, why, width, height = row
    if status is None:
        return None
    if status == "success" and there(category, filename):
        state, file = "archived", f"pictures/{category}/{filename}"
    elif status == "success":
        state, file = "lost: the file is missing or damaged", None
    else:
        file = None
        state = f"lost: {why}" if status == "failed" and again is None else "waiting"
    return {"file": file, "state": state, "width": width, "height": height}
