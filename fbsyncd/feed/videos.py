"""Pages of videos by keyset: what is known of each, and its poster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from peewee import Database

from fbsyncd import search, view
from fbsyncd.feed import keyset
from fbsyncd.feed.clauses import Clause, joined, local, span, status_of
from fbsyncd.feed.sight import Sight, columns
from fbsyncd.models import Row, engine, rows, session

_OWN: Final = (
    "video_id",
    "page_id",
    "post_id",
    "title",
    "description",
    "permalink_url",
    "length",
    "created_time",
    "updated_time",
    "deleted_at",
    "picture",
    "local_picture_id",
)
# Rows of older programs may not say when the video appeared.
_AT: Final = "coalesce(v.created_time, v.created_at)"
_NAMES: Final = (*_OWN, "at")
_VIDEOS: Final = f"SELECT {columns('v', _OWN)}, {_AT} FROM facebook_video_posts v"
_STATUSES: Final = f"({status_of('v.local_picture_id')}, NULL)"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which videos are wanted; None means no matter. *q* is looked for in their texts."""

    page_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    q: str | None = None
    has_local_image: bool | None = None

    def clauses(self, *, is_away: bool) -> list[Clause]:
        """Return SQL conditions with their parameters; without the disk no poster is local."""
        found = span(_AT, self.since, self.until)
        if self.page_id is not None:
            found.append(("v.page_id = ?", [self.page_id]))
        if self.has_local_image is not None:
            has = local(_STATUSES, self.has_local_image, is_away=is_away)
            found.append((has, []))
        return found


class Videos:
    """The videos of one archive, as the API tells them."""

    def __init__(self, db: Database, sight: Sight) -> None:
        self._db = db
        self._sight = sight

    def page(self, limit: int, cursor: str | None, wanted: Filter) -> dict[str, Any]:
        """Return ``{"videos": [...], "next_cursor": ...}``, newest first. Raises BadCursor."""
        worded = engine(self._db).worded
        behind = keyset.decoded(cursor, worded=worded) if cursor is not None else None
        with session(self._db):
            is_away = wanted.has_local_image is not None and self._sight.reason() is not None
            # Rows of older programs may have no id either, and without one nothing leads to it.
            shown = f"{engine(self._db).placed.format(_AT)} AND v.video_id IS NOT NULL"
            clauses = [*wanted.clauses(is_away=is_away), (shown, [])]
            asked = search.of(self._db, wanted.q, search.OF_VIDEO) if wanted.q else None
            if asked:
                # Not the index: it knows posts too, of which there are many more.
                clauses.append(asked.scanned)
            if behind:
                clauses.append((f"({_AT}, v.video_id) < (?, ?)", list(behind)))
            where, params = joined(clauses)
            sql = f"{_VIDEOS} WHERE {where} ORDER BY {_AT} DESC, v.video_id DESC LIMIT ?"
            found = rows(self._db, sql, [*params, limit + 1])
            kept, following = keyset.cut(found, limit, _NAMES.index("at"))
            return {"videos": self._told(kept), "next_cursor": following}

    def _told(self, found: Sequence[Row]) -> list[dict[str, Any]]:
        videos = [dict(zip(_NAMES, row, strict=True)) for row in found]
        pictures = self._sight.pictures(video["local_picture_id"] for video in videos)
        return [
            view.video(
                video,
                pictures.shot(video["local_picture_id"], video["picture"], video["page_id"]),
            )
            for video in videos
        ]
