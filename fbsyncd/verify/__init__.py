"""Month by month: what was named, what is archived and whole, and what is lost, with the reason.

Changes nothing and asks nobody: it holds rows against files as they are now, and against what the
source listed when it was last read whole. Months are those of ``created_time``, in UTC; a picture
named by several posts counts once, in the month of the oldest, and so does one that an earlier
version of a post named. What no post names or named is counted beside the months. Small versions
that were made here are not looked at: they can be made anew.

Rows and files are streamed, so memory grows neither with the archive nor with a file.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from peewee import Database

from fbsyncd import known
from fbsyncd.errors import MediaTrouble
from fbsyncd.media import Media
from fbsyncd.models import rows, session
from fbsyncd.verify import verdict as reasons
from fbsyncd.verify.verdict import Count, Verdict
from fbsyncd.view import moment

__all__ = ["Count", "Verdict", "verify"]

CHUNK: Final = 1000
#: The progress is told after so many pictures.
STEP: Final = 20

# The text of a time begins with its month on both engines: sessions are in UTC.
_OF_TEXT: Final = (
    # Infinity, years with more digits and those before the first are of no month.
    "CASE WHEN CAST({0} AS TEXT) LIKE '____-__-%' AND CAST({0} AS TEXT) NOT LIKE '%BC'"
    " THEN substr(CAST({0} AS TEXT), 1, 7) END"
)
# Rows of older programs may not say when a post appeared.
_MONTH: Final = (
    f"coalesce({_OF_TEXT.format('{0}created_time')}, {_OF_TEXT.format('{0}created_at')})"
)
_PICTURES: Final = """
SELECT m.id, m.category, m.local_filename, m.file_size, m.sha256, m.download_status,
    m.next_attempt_at, m.error_message, (SELECT min(n.month) FROM (
        SELECT {post} AS month FROM facebook_posts p WHERE p.local_picture_id = m.id
        UNION ALL SELECT {post} FROM facebook_posts p WHERE p.local_full_picture_id = m.id
        UNION ALL SELECT {post} FROM facebook_posts p JOIN facebook_post_attachments a
            ON a.post_id = p.id WHERE a.local_media_id = m.id
        UNION ALL SELECT {post} FROM facebook_posts p JOIN facebook_post_attachments a
            ON a.post_id = p.id WHERE a.local_thumbnail_id = m.id
        UNION ALL SELECT {video} FROM facebook_video_posts v WHERE v.local_picture_id = m.id
        UNION ALL SELECT {post} FROM former_pictures f JOIN facebook_posts p
            ON p.id = f.owner_id WHERE f.media_id = m.id
        UNION ALL SELECT {video} FROM former_pictures f JOIN facebook_video_posts v
            ON v.video_id = f.owner_id WHERE f.media_id = m.id
    ) n), m.asset_key
FROM media_storage m WHERE m.id > ? AND m.derived_from IS NULL ORDER BY m.id LIMIT ?""".format(
    post=_MONTH.format("p."), video=_MONTH.format("v.")
)
_POSTS: Final = (
    f"SELECT page_id, {_MONTH.format('')}, count(*)"
    f" FROM facebook_posts WHERE {_MONTH.format('')} IS NOT NULL"
    # A post without an id is none of this program's.
    " AND id IS NOT NULL GROUP BY 1, 2"
)
# Only those that the last full listing can have met, or what it did not meet would make up for
# what it met and has no row: nothing that came after it began, is older than it went back, was
# unpublished, or was last seen before it.
_MET: Final = f"""
SELECT l.page_id, {_MONTH.format("p.")}, count(*)
FROM facebook_posts p
JOIN (SELECT page_id, max(listed_at) AS at FROM source_months GROUP BY page_id) l
    ON l.page_id = CAST(p.page_id AS TEXT)
LEFT JOIN sync_state s ON s.page_id = l.page_id AND s.stream = 'posts' AND s.full_at = l.at
WHERE coalesce(p.created_time, p.created_at) < l.at
    AND (s.covered_since IS NULL OR coalesce(p.created_time, p.created_at) >= s.covered_since)
    AND coalesce(CAST(p.is_published AS TEXT), '') NOT IN ('0', 'false')
    AND ((p.misses = 0 AND p.deleted_at IS NULL) OR p.last_seen_at >= l.at)
GROUP BY 1, 2"""
_BEFORE_ALL: Final = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Picture:
    """What a row says of its picture."""

    category: str
    filename: str | None
    size: int | None
    sha256: str | None
    status: str
    is_tried_again: bool
    why: str | None


def verify(
    db: Database,
    media: Media,
    *,
    quick: bool = False,
    heard: Callable[[int], None] = lambda _: None,
    ours: Collection[str] | None = None,
) -> Verdict:
    """Hold every row against its file, whose bytes are read; *quick* compares only the sizes.

    *heard* is told now and then how many pictures are done; *ours* are the Pages that are
    configured, None where that is not known. Raises MediaTrouble when a file cannot
    be looked at. That the folders are there at all is the caller's to see to: without them
    everything counts as lost.
    """
    verdict = Verdict(quick)
    _count_posts(db, verdict, ours)
    for done, (month, picture) in enumerate(_pictures(db)):
        if done % STEP == 0:
            heard(done)
        reason = fault(picture, media, quick=quick)
        count = verdict.unnamed if month is None else verdict.months[month]
        count.pictures += 1
        if reason is not None:
            count.lost += 1
            verdict.blame(reason)
        elif picture.status == "success":
            count.archived += 1
        else:
            count.waiting += 1
    return verdict


def fault(picture: Picture, media: Media, *, quick: bool) -> str | None:
    """Return why a picture is lost; None when its file is as recorded, or it still waits."""
    if picture.status != "success":
        gone = picture.status == "failed" and not picture.is_tried_again
        return (picture.why or "given up") if gone else None
    size = media.size(picture.category, picture.filename or "")
    if size is None:
        return reasons.MISSING
    if size != picture.size:
        return reasons.OTHER_SIZE
    return None if quick else _damage(picture, media)


def _damage(picture: Picture, media: Media) -> str | None:
    """Return what is wrong with the bytes; one bad sector must not end the whole look."""
    try:
        digest = media.digest(picture.category, picture.filename or "")
    except MediaTrouble as trouble:
        if getattr(trouble.__cause__, "errno", None) == errno.EIO:
            return reasons.UNREADABLE
        raise
    if digest is None:
        return reasons.MISSING
    return None if digest == picture.sha256 else reasons.DAMAGED


def _count_posts(db: Database, verdict: Verdict, ours: Collection[str] | None) -> None:
    told_of, params = known.listed("s.page_id", ours)
    with session(db):
        stored = {(str(page), month): int(count) for page, month, count in rows(db, _POSTS)}
        met = {(str(page), month): int(count) for page, month, count in rows(db, _MET)}
        listed = rows(db, "SELECT page_id, month, posts, listed_at FROM source_months")
        for (page,) in rows(db, f"SELECT s.page_id FROM sync_state s WHERE {told_of}", params):
            verdict.pages.setdefault(page, None)
    for (page, month), count in stored.items():
        verdict.pages.setdefault(page, None)
        verdict.months[month].posts += count
    for page, month, count, listed_at in listed:
        verdict.pages[page] = moment(listed_at)
        told, missing = verdict.months[month], max(0, int(count) - met.get((page, month), 0))
        told.posts_at_source = (told.posts_at_source or 0) + int(count)
        told.posts_missing += missing
        if missing:
            verdict.blame(reasons.NO_ROW, missing)


def _pictures(db: Database) -> Iterator[tuple[str | None, Picture]]:
    """Yield every picture with its month; None where no post or video names or named it."""
    last = _BEFORE_ALL
    while True:
        with session(db):
            found = rows(db, _PICTURES, [last, CHUNK])
        for id_, category, filename, size, sha256, status, again, why, month, key in found:
            # A second row that an older program had for a picture; the first one tells of it.
            if month is not None or not str(key).endswith(f"@{id_}"):
                stored = (category, filename, size, sha256, status)
                yield month, Picture(*stored, again is not None, why)
        if len(found) < CHUNK:
            return
        last = str(found[-1][0])
