"""Rows to what the dashboard sees: pages of posts by keyset, one post, the statistics.

Two statements a page, however many posts it holds, and never an OFFSET: a page far down costs
what the first one costs, and posts that arrive meanwhile move nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from peewee import Database

from fbsyncd import migrate, view
from fbsyncd.brake import Brake
from fbsyncd.errors import ArchiveError
from fbsyncd.media import Media
from fbsyncd.models import Row, from_text, marks, rows, session, to_text
from fbsyncd.stats import stats
from fbsyncd.view import SHOT_COLUMNS, Lens

_POST: Final = (
    "id",
    "page_id",
    "type",
    "message",
    "story",
    "permalink_url",
    "created_time",
    "updated_time",
    "deleted_at",
    "picture_url",
    "full_picture_url",
)
_ATTACHMENT: Final = (
    "post_id",
    "type",
    "title",
    "description",
    "media_url",
    "thumbnail_url",
    "width",
    "height",
)


def _columns(alias: str, names: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


_POSTS: Final = (
    f"SELECT {_columns('p', _POST)}, {_columns('s', SHOT_COLUMNS)}, {_columns('f', SHOT_COLUMNS)}"
    " FROM facebook_posts p LEFT JOIN media_storage s ON s.id = p.local_picture_id"
    " LEFT JOIN media_storage f ON f.id = p.local_full_picture_id"
)
_ATTACHMENTS: Final = (
    f"SELECT {_columns('a', _ATTACHMENT)}, {_columns('m', SHOT_COLUMNS)},"
    f" {_columns('t', SHOT_COLUMNS)} FROM facebook_post_attachments a"
    " LEFT JOIN media_storage m ON m.id = a.local_media_id"
    " LEFT JOIN media_storage t ON t.id = a.local_thumbnail_id"
    " WHERE a.removed_at IS NULL AND a.post_id IN ({}) ORDER BY a.post_id, a.position, a.id"
)


_PAGE: Final = 100


class BadCursor(ValueError):
    """A cursor that this feed never handed out."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which posts are wanted; None means no matter."""

    page_id: str | None = None
    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    has_local_image: bool | None = None

    def clauses(self) -> list[tuple[str, list[str]]]:
        """Return SQL conditions with their parameters."""
        found: list[tuple[str, list[str]]] = []
        if self.page_id is not None:
            found.append(("p.page_id = ?", [self.page_id]))
        if self.type is not None:
            found.append(("p.type = ?", [self.type]))
        if self.since is not None:
            found.append(("p.created_time >= ?", [to_text(self.since)]))
        if self.until is not None:
            found.append(("p.created_time < ?", [to_text(self.until)]))
        if self.has_local_image is not None:
            local = "coalesce('success' IN (s.download_status, f.download_status), FALSE)"
            found.append((local if self.has_local_image else f"NOT {local}", []))
        return found


class Feed:
    """What is archived, as the dashboard reads it; safe to ask from many threads."""

    def __init__(
        self, db: Database, media: Media, *, now: Callable[[], datetime], public_url: str = ""
    ) -> None:
        self._db = db
        self._media = media
        self._now = now
        self._public_url = public_url.rstrip("/")

    def posts(self, *, limit: int = 20, cursor: str | None = None, **wanted: Any) -> dict[str, Any]:
        """Return ``{"posts": [...], "next_cursor": ...}``, newest first.

        *wanted* are the fields of :class:`Filter`. Raises BadCursor for a cursor that no answer
        of this feed held.
        """
        clauses = Filter(**wanted).clauses()
        if cursor is not None:
            clauses.append(("(p.created_time, p.id) < (?, ?)", list(_decoded(cursor))))
        where = " AND ".join(clause for clause, _ in clauses) or "TRUE"
        params: list[object] = [param for _, some in clauses for param in some]
        sql = f"{_POSTS} WHERE {where} ORDER BY p.created_time DESC, p.id DESC LIMIT ?"
        with session(self._db):
            found = rows(self._db, sql, [*params, limit + 1])
            posts = self._told(found[:limit])
        last = found[limit - 1] if len(found) > limit else None
        return {"posts": posts, "next_cursor": _encoded(last) if last else None}

    def newest(self, limit: int, **wanted: Any) -> Iterator[dict[str, Any]]:
        """Yield the newest posts, any number of them, a page at a time."""
        cursor = None
        while limit > 0:
            page = self.posts(limit=min(limit, _PAGE), cursor=cursor, **wanted)
            yield from page["posts"]
            limit, cursor = limit - _PAGE, page["next_cursor"]
            if cursor is None:
                return

    def post(self, id_: str) -> dict[str, Any] | None:
        """Return one post, or None when there is none."""
        with session(self._db):
            told = self._told(rows(self._db, f"{_POSTS} WHERE p.id = ?", [id_]))
        return told[0] if told else None

    def history(self, id_: str) -> list[dict[str, Any]] | None:
        """Return the earlier texts of a post, the oldest first, or None when there is no post.

        ``from`` is when this archive first had the text, ``until`` when it found another one.
        """
        with session(self._db):
            found = rows(
                self._db,
                "SELECT h.message, h.story, h.seen_from, h.seen_until FROM facebook_posts p"
                " LEFT JOIN facebook_post_history h ON h.post_id = p.id WHERE p.id = ?"
                " ORDER BY h.seen_from",
                [id_],
            )
        told = [view.earlier_text(*row) for row in found if row[3] is not None]
        return told if found else None

    def stats(self) -> dict[str, Any]:
        """Return what :func:`fbsyncd.stats.stats` counts, and why no file can be had, if so."""
        return stats(self._db, self._now()) | {"unavailable": Brake(self._db, self._media).reason()}

    def ready(self) -> dict[str, str]:
        """Return each part the answers need, with ``ok`` or what is wrong with it."""
        parts = {"database": "ok", "media": "ok"}
        try:
            if migrate.pending(self._db):
                parts["database"] = "its schema is older than this program: run fbsyncd setup"
            else:
                parts["media"] = Brake(self._db, self._media).reason() or "ok"
        except ArchiveError as error:
            parts["database"] = str(error)
        if parts["media"] == "ok" and not self._media.is_mounted():
            parts["media"] = f"{self._media.root} is not there: mount its disk again"
        return parts

    def _told(self, found: Sequence[Row]) -> list[dict[str, Any]]:
        lens = Lens(self._public_url, self._now())
        posts = [_post(row, lens) for row in found]
        attached = self._attachments([post["id"] for post in posts], lens)
        for post in posts:
            post["attachments"] = attached[post["id"]]
        return posts

    def _attachments(self, ids: Sequence[str], lens: Lens) -> dict[str, list[dict[str, Any]]]:
        told: dict[str, list[dict[str, Any]]] = defaultdict(list)
        if ids:
            for row in rows(self._db, _ATTACHMENTS.format(marks(len(ids))), ids):
                named, media, thumbnail = _parts(row, _ATTACHMENT)
                told[named["post_id"]].append(
                    view.attachment(
                        named,
                        lens.shot(named["media_url"], media),
                        lens.shot(named["thumbnail_url"], thumbnail),
                        lens,
                    )
                )
        return told


def _post(row: Row, lens: Lens) -> dict[str, Any]:
    named, picture, full = _parts(row, _POST)
    return view.post(
        named,
        lens.shot(named["picture_url"], picture),
        lens.shot(named["full_picture_url"], full),
        lens,
    )


def _parts(row: Row, names: Sequence[str]) -> tuple[dict[str, Any], Row, Row]:
    """Cut a joined row into its own columns and those of its two pictures."""
    own, shot = len(names), len(SHOT_COLUMNS)
    return dict(zip(names, row, strict=False)), row[own : own + shot], row[own + shot :]


def _encoded(row: Row) -> str:
    at = from_text(row[_POST.index("created_time")])
    text = f"{to_text(at)}|{row[0]}" if at else ""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> tuple[str, str]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        at, _, id_ = base64.b64decode(padded, altchars=b"-_", validate=True).decode().partition("|")
        return to_text(datetime.fromisoformat(at)), id_
    except (binascii.Error, ValueError) as error:
        raise BadCursor("not a cursor of this archive") from error
