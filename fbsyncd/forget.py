"""Removing on purpose: a post, or a Page with all that is known of it, and their files.

Rows go first, in one transaction, together with a note of what went; the ids in ``forgotten`` keep
it from coming back with the next sync. The files to remove are noted in the same transaction, so
that a kill or an unplugged disk in between leaves work for :func:`fbsyncd.condemned.sweep`, and no
picture behind.

A picture stays while anything else names it, and a file while another row has the same bytes.
Backups and copies of the archive are not touched.
"""

from __future__ import annotations

import logging
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import Final

from peewee import Database

from fbsyncd import condemned, models
from fbsyncd.condemned import Query, sweep
from fbsyncd.errors import RowRefused, UsageError
from fbsyncd.media import Media
from fbsyncd.models import change, from_text, marks, rows, session, to_text, transaction

log = logging.getLogger(__name__)

_POSTS: Final = {"post": "id = ?", "page": "page_id = ?"}
# A video that another post shows as well is that post's from now on.
_VIDEOS: Final = {
    "post": "(post_id = ? OR video_id IN (SELECT target_id FROM facebook_post_attachments"
    " WHERE post_id = ?)) AND NOT EXISTS (SELECT 1 FROM facebook_post_attachments other"
    " WHERE other.target_id = facebook_video_posts.video_id AND other.post_id <> ?)",
    "page": "page_id = ?",
}


@dataclass(frozen=True, slots=True)
class Toll:
    """What is removed: rows of each kind, *pictures* (rows of media), *files* and their *bytes*."""

    posts: int
    attachments: int
    videos: int
    pictures: int = 0
    files: int = 0
    bytes: int = 0

    def __str__(self) -> str:
        kinds = ("posts", "attachments", "videos", "pictures", "files", "bytes")
        counts = ((kind, getattr(self, kind)) for kind in kinds)
        told = [f"{count:,} {kind[:-1] if count == 1 else kind}" for kind, count in counts if count]
        return ", ".join(told) or "nothing but its name"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be forgotten: a ``post`` or a ``page``, and its id."""

    kind: str
    id: str

    @property
    def posts(self) -> Query:
        """Return a query for the ids of its posts."""
        return f"SELECT id FROM facebook_posts WHERE {_POSTS[self.kind]}", [self.id]

    @property
    def videos(self) -> Query:
        """Return a query for the ids of its videos."""
        condition = _VIDEOS[self.kind]
        sql = f"SELECT video_id FROM facebook_video_posts WHERE {condition}"
        return sql, [self.id] * condition.count("?")


def weigh(db: Database, subject: Subject) -> Toll:
    """Count what would go, changing nothing; pictures are not counted.

    Raises UsageError when the archive has nothing of that id.
    """
    posts, videos = subject.posts, subject.videos
    attached = f"SELECT 1 FROM facebook_post_attachments WHERE post_id IN ({posts[0]})"
    with session(db):
        counts = [
            int(rows(db, f"SELECT count(*) FROM ({sql}) counted", params)[0][0])
            for sql, params in (posts, (attached, posts[1]), videos)
        ]
        if not any(counts) and not _is_known_page(db, subject):
            raise UsageError(_unknown(db, subject))
    return Toll(*counts)


def forget(db: Database, media: Media, subject: Subject, now: datetime) -> Toll:
    """Remove *subject* and return what went.

    Raises UsageError when the archive has nothing of that id, and MediaTrouble when its folders
    are not there, before anything is changed; MediaTrouble also when a file cannot be removed,
    which the next sweep tries again.
    """
    weigh(db, subject)
    condemned.require(media)
    sweep(db, media)
    try:
        with transaction(db):
            # A sync that had asked before what is forgotten would write the post once more.
            change(db, models.engine(db).lock_for_removal)
            toll = _remove_rows(db, subject, now)
            change(
                db,
                "INSERT INTO forgotten (kind, id, forgotten_at, posts, attachments, videos,"
                f" pictures, files, bytes) VALUES ({marks(9)}) ON CONFLICT DO NOTHING",
                [subject.kind, subject.id, to_text(now), *astuple(toll)],
            )
    except RowRefused as error:
        raise UsageError(
            "nothing was removed: a table that is not fbsyncd's refers to it, or a rule keeps it"
            f" ({error.why})"
        ) from error
    log.warning("forgot %s %s on purpose, gone: %s", subject.kind, subject.id, toll)
    sweep(db, media)
    return toll


def _remove_rows(db: Database, subject: Subject, now: datetime) -> Toll:
    condemned.note(db, subject.posts, subject.videos)
    if subject.kind == "post":
        _mark_videos(db, subject, now)
        _unlist(db, subject.id)
    videos, posts = _remove_videos(db, subject), subject.posts
    attachments = change(
        db, f"DELETE FROM facebook_post_attachments WHERE post_id IN ({posts[0]})", posts[1]
    )
    change(db, f"DELETE FROM former_pictures WHERE owner_id IN ({posts[0]})", posts[1])
    removed = change(db, f"DELETE FROM facebook_posts WHERE {_POSTS[subject.kind]}", [subject.id])
    if subject.kind == "page":
        _remove_page(db, subject.id)
    return Toll(removed, attachments, videos, *condemned.remove_rows(db))


def _mark_videos(db: Database, subject: Subject, now: datetime) -> None:
    """Keep the post's videos from coming back by themselves: Facebook lists them twice."""
    videos, params = subject.videos
    change(
        db,
        "INSERT INTO forgotten (kind, id, forgotten_at)"
        f" SELECT 'video', video_id, ? FROM facebook_video_posts WHERE video_id IN ({videos})"
        " ON CONFLICT DO NOTHING",
        [to_text(now), *params],
    )


def _unlist(db: Database, post_id: str) -> None:
    """Take the post out of what the source listed, or it would be missed there for ever."""
    found = rows(
        db,
        "SELECT page_id, created_time, deleted_at, misses, last_seen_at FROM facebook_posts"
        " WHERE id = ?",
        [post_id],
    )
    change(db, "DELETE FROM listed_posts WHERE post_id = ?", [post_id])
    # Of a post that was never read there may be a video.
    for page_id, created_time, deleted_at, misses, seen_at in found:
        at = from_text(created_time)
        # Of one that is missed, the last reading may have counted nothing.
        seen = from_text(seen_at) if misses else datetime.max.replace(tzinfo=UTC)
        if at and seen and deleted_at is None:
            change(
                db,
                "UPDATE source_months SET posts = posts - 1"
                " WHERE page_id = ? AND month = ? AND listed_at BETWEEN ? AND ? AND posts > 0",
                [page_id, f"{at:%Y-%m}", to_text(at), to_text(seen)],
            )


def _remove_videos(db: Database, subject: Subject) -> int:
    videos, params = subject.videos
    change(db, f"DELETE FROM former_pictures WHERE owner_id IN ({videos})", params)
    removed = change(db, f"DELETE FROM facebook_video_posts WHERE {_VIDEOS[subject.kind]}", params)
    posts, of_posts = subject.posts
    change(
        db, f"UPDATE facebook_video_posts SET post_id = NULL WHERE post_id IN ({posts})", of_posts
    )
    return removed


def _remove_page(db: Database, page_id: str) -> None:
    change(db, "DELETE FROM facebook_pages WHERE id = ?", [page_id])
    for table in ("sync_state", "source_months", "listed_posts"):
        change(db, f"DELETE FROM {table} WHERE page_id = ?", [page_id])


def _is_known_page(db: Database, subject: Subject) -> bool:
    return subject.kind == "page" and bool(
        rows(
            db,
            "SELECT CAST(id AS TEXT) FROM facebook_pages WHERE id = ?"
            " UNION SELECT page_id FROM sync_state WHERE page_id = ?",
            [subject.id] * 2,
        )
    )


def _unknown(db: Database, subject: Subject) -> str:
    before = rows(
        db,
        "SELECT forgotten_at FROM forgotten WHERE kind = ? AND id = ?",
        [subject.kind, subject.id],
    )
    at = from_text(before[0][0]) if before else None
    if at:
        return f"{subject.kind} {subject.id} was forgotten on {at:%Y-%m-%d}"
    return f"no {subject.kind} with the id {subject.id} is archived"
