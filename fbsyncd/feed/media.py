"""Rows of media: which pictures are safe, which wait, which failed and why, and whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from peewee import Database

from fbsyncd import stored, view
from fbsyncd.feed import keyset
from fbsyncd.feed.clauses import Clause, joined
from fbsyncd.feed.sight import Sight, columns
from fbsyncd.models import Row, engine, rows, session, to_text
from fbsyncd.view import SHOT_COLUMNS, Shot

_OWN: Final = (
    "id",
    "category",
    "download_status",
    "error_message",
    "attempts",
    "next_attempt_at",
    "link_expires_at",
    "derived_from",
    "local_filename",
    "local_path",
    "file_size",
    "mime_type",
    "sha256",
    "width",
    "height",
    "downloaded_at",
    "created_at",
    "updated_at",
)
_OWNERS: Final = """coalesce(
    (SELECT min(p.id) FROM facebook_posts p WHERE p.local_picture_id = m.id),
    (SELECT min(p.id) FROM facebook_posts p WHERE p.local_full_picture_id = m.id),
    (SELECT min(a.post_id) FROM facebook_post_attachments a WHERE a.local_media_id = m.id),
    (SELECT min(a.post_id) FROM facebook_post_attachments a WHERE a.local_thumbnail_id = m.id)),
    (SELECT min(v.video_id) FROM facebook_video_posts v WHERE v.local_picture_id = m.id)"""
_NAMES: Final = (*_OWN, "post_id", "video_id", "is_working")
_MEDIA: Final = (
    f"SELECT {columns('m', _OWN)}, {_OWNERS}, coalesce(m.lease_until > ?, FALSE),"
    f" {stored.IS_AGAIN}, {columns('m', SHOT_COLUMNS)} FROM media_storage m"
)
# Both are literal, so that the planner sees which index holds no other rows.
_STATUSES: Final = {
    "success": "m.download_status = 'success'",
    "pending": "m.download_status <> 'success' AND m.download_status = 'pending'",
    # A second row of a picture that another row shows has not failed: nothing is to be done for it.
    "failed": "m.download_status <> 'success' AND m.download_status = 'failed'"
    f" AND NOT (m.next_attempt_at IS NULL AND {stored.IS_AGAIN})",
}
_OF_PAGE: Final = """(EXISTS (SELECT 1 FROM facebook_posts p WHERE p.page_id = ?
        AND (p.local_picture_id = m.id OR p.local_full_picture_id = m.id))
    OR EXISTS (SELECT 1 FROM facebook_post_attachments a
        JOIN facebook_posts p ON p.id = a.post_id WHERE p.page_id = ?
        AND (a.local_media_id = m.id OR a.local_thumbnail_id = m.id))
    OR EXISTS (SELECT 1 FROM facebook_video_posts v WHERE v.page_id = ?
        AND v.local_picture_id = m.id))"""

STATUSES: Final = tuple(_STATUSES)
_FILE_SIZE: Final = (
    "SELECT file_size FROM media_storage"
    " WHERE category = ? AND local_filename = ? AND download_status = 'success' LIMIT 1"
)
_STATUS: Final = _OWN.index("download_status")
#: What is told of a second row of a picture, which is waited for by the first one.
_NOT_LOST: Final = {"given_up": False, "image_state": None}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows are wanted; None means no matter. *given_up* ones are not tried again."""

    status: str | None = None
    category: str | None = None
    page_id: str | None = None
    given_up: bool | None = None

    def clauses(self) -> list[Clause]:
        """Return SQL conditions with their parameters."""
        found: list[Clause] = []
        if self.status is not None:
            found.append((_STATUSES[self.status], []))
        if self.given_up is not None:
            up = "m.download_status = 'failed' AND m.next_attempt_at IS NULL"
            wanted = f"{_STATUSES['failed']} AND {up}" if self.given_up else f"NOT ({up})"
            found.append((wanted, []))
        if self.category is not None:
            found.append(("m.category = ?", [self.category]))
        if self.page_id is not None:
            found.append((_OF_PAGE, [self.page_id] * 3))
        return found


class MediaRows:
    """The media rows of one archive, as the API tells them."""

    def __init__(self, db: Database, sight: Sight) -> None:
        self._db = db
        self._sight = sight

    def page(self, limit: int, cursor: str | None, wanted: Filter) -> dict[str, Any]:
        """Return ``{"media": [...], "next_cursor": ...}``, the newest rows first.

        Those whose time is none, or none that a cursor names, come last. Raises BadCursor.
        """
        form, worded = keyset.UUID_FORM, engine(self._db).worded
        behind = keyset.decoded(cursor, form, worded=worded) if cursor is not None else None
        is_apart = cursor is not None and keyset.is_apart(cursor)
        with session(self._db):
            found = [] if is_apart else self._dated(wanted, behind, limit + 1)
            dated = len(found)
            if dated <= limit:
                found += self._apart(wanted, behind if is_apart else None, limit + 1 - dated)
            kept, following = keyset.cut(found, limit, _OWN.index("created_at"))
            if following is not None and dated < limit:
                following = keyset.apart(str(kept[-1][0]))
            return {"media": self._told(kept), "next_cursor": following}

    def one(self, id_: UUID) -> dict[str, Any] | None:
        """Return one row, or None when there is none."""
        with session(self._db):
            told = self._told(self._found("WHERE m.id = ?", [str(id_)]))
        return told[0] if told else None

    def file_size(self, category: str, name: str) -> int | None:
        """Return the bytes a file has by its row, None when no row says that it is archived."""
        with session(self._db):
            found = rows(self._db, _FILE_SIZE, [category, name])
        return int(found[0][0]) if found else None

    def _dated(self, wanted: Filter, behind: tuple[str, str] | None, limit: int) -> list[Row]:
        clauses = wanted.clauses()
        if behind is not None:
            clauses.append(("(m.created_at, m.id) < (?, ?)", list(behind)))
        clauses.append((f"NOT {engine(self._db).apart.format('m.created_at')}", []))
        where, params = joined(clauses)
        order = "ORDER BY m.created_at DESC, m.id DESC LIMIT ?"
        return self._found(f"WHERE {where} {order}", [*params, limit])

    def _apart(self, wanted: Filter, behind: tuple[str, str] | None, limit: int) -> list[Row]:
        """Return rows without a place in time, by their ids."""
        clauses = [(engine(self._db).apart.format("m.created_at"), list[str]()), *wanted.clauses()]
        if behind is not None:
            clauses.append(("m.id < ?", [behind[1]]))
        where, params = joined(clauses)
        return self._found(f"WHERE {where} ORDER BY m.id DESC LIMIT ?", [*params, limit])

    def _found(self, which: str, params: list[Any]) -> list[Row]:
        now = to_text(self._sight.lens().now)
        return rows(self._db, f"{_MEDIA} {which}", [now, *params])

    def _told(self, found: Sequence[Row]) -> list[dict[str, Any]]:
        lens = self._sight.lens()
        own = len(_NAMES)
        return [
            view.media(dict(zip(_NAMES, row, strict=False)), Shot.stored(row[own + 1 :], lens))
            | (_NOT_LOST if row[own] and row[_STATUS] != "success" else {})
            for row in found
        ]
