"""Rows to what the dashboard sees: posts, videos, Pages, media rows and the statistics."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from peewee import Database

from fbsyncd import migrate
from fbsyncd.brake import AWAY, Fault
from fbsyncd.errors import ArchiveError, MediaTrouble
from fbsyncd.feed import media, pages, posts, videos
from fbsyncd.feed.keyset import BadCursor
from fbsyncd.feed.sight import Sight
from fbsyncd.feed.timeline import timeline
from fbsyncd.media import Media
from fbsyncd.stats import stats

__all__ = ["BadCursor", "Feed"]

_PAGE: Final = 100
_ROUGHLY: Final = 10_000_000  # bytes


class Feed:
    """What is archived, as the dashboard reads it; safe to ask from many threads."""

    def __init__(
        self,
        db: Database,
        media_: Media,
        *,
        now: Callable[[], datetime],
        public_url: str = "",
        ours: Collection[str] | None = None,
    ) -> None:
        self._db = db
        self._media = media_
        self._now = now
        # The Pages that are configured; where that is not known, every Page counts as one.
        self._ours = ours
        self._sight = Sight(db, media_, now=now, public_url=public_url, ours=ours)
        self._posts = posts.Posts(db, self._sight)
        self._videos = videos.Videos(db, self._sight)
        self._rows = media.MediaRows(db, self._sight)

    def posts(self, *, limit: int = 20, cursor: str | None = None, **wanted: Any) -> dict[str, Any]:
        """Return ``{"posts": [...], "next_cursor": ...}``, newest first.

        *wanted* are the fields of :class:`fbsyncd.feed.posts.Filter`. Raises BadCursor for a
        cursor that no answer of this feed held.
        """
        return self._posts.page(limit, cursor, posts.Filter(**wanted))

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
        return self._posts.one(id_)

    def history(self, id_: str) -> list[dict[str, Any]] | None:
        """Return the earlier texts of a post, the oldest first, or None when there is no post."""
        return self._posts.history(id_)

    def videos(
        self, *, limit: int = 20, cursor: str | None = None, **wanted: Any
    ) -> dict[str, Any]:
        """Return ``{"videos": [...], "next_cursor": ...}``, newest first.

        *wanted* are the fields of :class:`fbsyncd.feed.videos.Filter`. Raises BadCursor.
        """
        return self._videos.page(limit, cursor, videos.Filter(**wanted))

    def pages(
        self, *, limit: int = 20, cursor: str | None = None, also: Collection[str] = ()
    ) -> dict[str, Any]:
        """Return ``{"pages": [...], "next_cursor": ...}``, by id. Raises BadCursor.

        *also* are Pages that are listed though they were never read.
        """
        return pages.page(self._db, limit, cursor, also, self._ours)

    def media(self, *, limit: int = 20, cursor: str | None = None, **wanted: Any) -> dict[str, Any]:
        """Return ``{"media": [...], "next_cursor": ...}``, the newest rows first.

        *wanted* are the fields of :class:`fbsyncd.feed.media.Filter`. Raises BadCursor.
        """
        return self._rows.page(limit, cursor, media.Filter(**wanted))

    def media_row(self, id_: UUID) -> dict[str, Any] | None:
        """Return one row of media, or None when there is none."""
        return self._rows.one(id_)

    def unavailable(self) -> str | None:
        """Return why no file can be had, with names of folders; None when files can."""
        return self._sight.reason()

    def file_size(self, category: str, name: str) -> int | None:
        """Return the bytes an archived file has according to its row, None without such a row."""
        return self._rows.file_size(category, name)

    def timeline(self, *, page_id: str | None = None, zone: str = "UTC") -> dict[str, Any]:
        """Return what :func:`fbsyncd.feed.timeline.timeline` counts."""
        return timeline(self._db, self._now(), page_id, zone)

    def stats(self, *, also: Collection[str] = ()) -> dict[str, Any]:
        """Return what :func:`fbsyncd.stats.stats` counts, and how the disk is.

        ``unavailable`` says why no file can be had, if so, and ``unavailable_kind`` what kind of
        trouble that is; ``free_bytes`` is what the disk takes of ``disk_bytes``, roughly: on a disk
        that others use every answer would be another one.
        """
        fault = self._sight.fault()
        space = {"free_bytes": _tried(self._media.free_bytes)}
        space["disk_bytes"] = _tried(self._media.disk_bytes)
        told = stats(self._db, self._now(), also, self._ours)
        reason, kind = (fault.reason, fault.kind) if fault else (None, None)
        return told | {"unavailable": reason, "unavailable_kind": kind, **space}

    def ready(self, *, whole: bool = False) -> dict[str, str]:
        """Return each part the answers need, with ``ok`` or what is wrong with it.

        *whole*: with the names of files and folders, which are not for everybody.
        """
        database = media_ = "ok"
        try:
            if migrate.pending(self._db):
                database = "its schema is older than this program: run fbsyncd setup"
            else:
                media_ = self._media_state(whole=whole)
        except ArchiveError as error:
            database = str(error) if whole else "it does not answer as it should"
        return {"database": database, "media": media_}

    def _media_state(self, *, whole: bool) -> str:
        fault = self._sight.fault()
        if fault is None and not self._media.is_mounted():
            fault = Fault(f"{self._media.root} is not there: mount its disk again", AWAY)
        if fault is None:
            return "ok"
        return fault.reason if whole else f"{fault.brief}: 'fbsyncd doctor' tells what to do"


def _tried(ask: Callable[[], int]) -> int | None:
    try:
        return ask() // _ROUGHLY * _ROUGHLY
    except MediaTrouble:
        return None
