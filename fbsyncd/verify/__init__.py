"""Month by month: what was named, what is archived and whole, and what is lost, with the reason.

Changes nothing and asks nobody: it holds rows against files as they are now, and against what the
source listed when it was last read whole. Months are those of ``created_time``, in UTC; a picture
named by several posts counts once, in the month of the oldest.

Rows are streamed, so memory does not grow with the archive.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Final

from peewee import Database

from fbsyncd.media import Media
from fbsyncd.models import rows, session
from fbsyncd.view import moment

CHUNK: Final = 1000
#: Reasons may hold numbers; beyond so many different ones they are counted together.
MOST_REASONS: Final = 500

# The text of a time begins with its month on both engines: sessions are in UTC.
_MONTH: Final = "substr(CAST({} AS TEXT), 1, 7)"
_NAMED: Final = """
SELECT m.id, m.category, m.local_filename, m.file_size, m.sha256, m.download_status,
    m.next_attempt_at, m.error_message, (SELECT min(n.month) FROM (
        SELECT {post} AS month FROM facebook_posts p WHERE p.local_picture_id = m.id
        UNION ALL SELECT {post} FROM facebook_posts p WHERE p.local_full_picture_id = m.id
        UNION ALL SELECT {post} FROM facebook_posts p JOIN facebook_post_attachments a
            ON a.post_id = p.id WHERE a.local_media_id = m.id
        UNION ALL SELECT {post} FROM facebook_posts p JOIN facebook_post_attachments a
            ON a.post_id = p.id WHERE a.local_thumbnail_id = m.id
        UNION ALL SELECT {video} FROM facebook_video_posts v WHERE v.local_picture_id = m.id
    ) n)
FROM media_storage m WHERE m.id > ? AND m.derived_from IS NULL ORDER BY m.id LIMIT ?""".format(
    # Rows of older programs may not say when a post appeared.
    post=_MONTH.format("coalesce(p.created_time, p.created_at)"),
    video=_MONTH.format("coalesce(v.created_time, v.created_at)"),
)
_POSTS: Final = (
    f"SELECT page_id, {_MONTH.format('coalesce(created_time, created_at)')}, count(*)"
    " FROM facebook_posts WHERE coalesce(created_time, created_at) IS NOT NULL GROUP BY 1, 2"
)
_BEFORE_ALL: Final = "00000000-0000-0000-0000-000000000000"


@dataclass(slots=True)
class Count:
    """The numbers of one month; *posts_at_source* None: not listed yet."""

    posts_at_source: int | None = None
    posts: int = 0
    posts_missing: int = 0
    pictures: int = 0
    whole: int = 0
    waiting: int = 0
    lost: int = 0

    def __iadd__(self, other: Count) -> Count:
        for each in fields(self):
            mine, more = getattr(self, each.name), getattr(other, each.name)
            setattr(self, each.name, more if mine is None else mine + (more or 0))
        return self


@dataclass(slots=True)
class Verdict:
    """What :func:`verify` found; *pages* are told with the time they were last listed whole."""

    is_deep: bool
    months: dict[str, Count] = field(default_factory=lambda: defaultdict(Count))
    reasons: Counter[str] = field(default_factory=Counter)
    pages: dict[str, str | None] = field(default_factory=dict)

    @property
    def total(self) -> Count:
        total = Count()
        for count in self.months.values():
            total += count
        return total

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing is lost; what still waits may yet come."""
        return not self.reasons

    def blame(self, reason: str, count: int = 1) -> None:
        known = reason in self.reasons or len(self.reasons) < MOST_REASONS
        self.reasons[reason if known else "other reasons"] += count

    def as_json(self) -> dict[str, Any]:
        """Return the verdict for machines."""
        return {
            "ok": self.is_whole,
            "deep": self.is_deep,
            "months": [{"month": name, **_plain(self.months[name])} for name in self.sorted()],
            "total": _plain(self.total),
            "lost": [
                {"reason": reason, "count": count} for reason, count in self.reasons.most_common()
            ],
            "pages": [{"id": id_, "listed_at": at} for id_, at in sorted(self.pages.items())],
        }

    def sorted(self) -> list[str]:
        """Return the months, the newest first."""
        return sorted(self.months, reverse=True)


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


def verify(db: Database, media: Media, *, deep: bool = False) -> Verdict:
    """Hold every row against its file; *deep* reads every file and compares its SHA-256.

    Raises MediaTrouble when a file cannot be looked at. That the folders are there at all is the
    caller's to see to: without them everything counts as lost.
    """
    verdict = Verdict(deep)
    _count_posts(db, verdict)
    for month, picture in _named(db):
        reason = fault(picture, media, deep=deep)
        count = verdict.months[month]
        count.pictures += 1
        if reason is not None:
            count.lost += 1
            verdict.blame(reason)
        elif picture.status == "success":
            count.whole += 1
        else:
            count.waiting += 1
    return verdict


def fault(picture: Picture, media: Media, *, deep: bool) -> str | None:
    """Return why a picture is lost; None when it is archived and whole, or still waits."""
    if picture.status != "success":
        gone = picture.status == "failed" and not picture.is_tried_again
        return (picture.why or "given up") if gone else None
    size = media.size(picture.category, picture.filename or "")
    if size is None:
        return "the file is missing on disk"
    if size != picture.size:
        return "the file has another size than recorded"
    if deep and media.digest(picture.category, picture.filename or "") != picture.sha256:
        return "the file's content is damaged"
    return None


def _count_posts(db: Database, verdict: Verdict) -> None:
    with session(db):
        stored = {(str(page), month): int(count) for page, month, count in rows(db, _POSTS)}
        listed = rows(db, "SELECT page_id, month, posts, listed_at FROM source_months")
        for (page,) in rows(db, "SELECT page_id FROM sync_state"):
            verdict.pages.setdefault(page, None)
    for (page, month), count in stored.items():
        verdict.pages.setdefault(page, None)
        verdict.months[month].posts += count
    for page, month, count, listed_at in listed:
        verdict.pages[page] = moment(listed_at)
        told, missing = verdict.months[month], max(0, int(count) - stored.get((page, month), 0))
        told.posts_at_source = (told.posts_at_source or 0) + int(count)
        told.posts_missing += missing
        if missing:
            verdict.blame("a post that the source listed has no row", missing)


def _named(db: Database) -> Iterator[tuple[str, Picture]]:
    """Yield every picture that something names, with its month."""
    last = _BEFORE_ALL
    while True:
        with session(db):
            found = rows(db, _NAMED, [last, CHUNK])
        for _, category, filename, size, sha256, status, again, why, month in found:
            if month is not None:
                stored = (category, filename, size, sha256, status)
                yield month, Picture(*stored, again is not None, why)
        if len(found) < CHUNK:
            return
        last = str(found[-1][0])


def _plain(count: Count) -> dict[str, int | None]:
    return {each.name: getattr(count, each.name) for each in fields(count)}


# What people read

_COLUMNS: Final = {
    "at source": "posts_at_source",
    "posts": "posts",
    "pictures": "pictures",
    "whole": "whole",
    "waiting": "waiting",
    "lost": "lost",
}
_SHOWN_REASONS: Final = 20


def table(verdict: Verdict) -> str:
    """Return the verdict as a table with its reasons."""
    lines = [_line("month", list(_COLUMNS))]
    lines += [_line(month, _cells(verdict.months[month])) for month in verdict.sorted()]
    lines += [_line("all", _cells(verdict.total)), ""]
    for page, at in sorted(verdict.pages.items()):
        when = f"posts at the source as listed on {at}" if at else "not listed yet"
        lines.append(f"page {page}: {when}")
    return "\n".join([*lines, *_sentences(verdict)])


def _sentences(verdict: Verdict) -> list[str]:
    total = verdict.total
    waiting = f"{total.waiting:,} still wait" if total.waiting else "none waits"
    if verdict.is_whole:
        return [f"Nothing is lost: {total.whole:,} pictures are archived and whole, {waiting}."]
    shown = verdict.reasons.most_common(_SHOWN_REASONS)
    more = sum(verdict.reasons.values()) - sum(count for _, count in shown)
    lines = [f"Lost: {sum(verdict.reasons.values()):,}"]
    lines += [f"{count:>9,}  {' '.join(reason.split())}" for reason, count in shown]
    return [*lines, f"{more:>9,}  other reasons"] if more else lines


def _cells(count: Count) -> list[str]:
    values = [getattr(count, name) for name in _COLUMNS.values()]
    return ["-" if value is None else f"{value:,}" for value in values]


def _line(first: str, cells: list[str]) -> str:
    return f"{first:<8}" + "".join(f"{cell:>11}" for cell in cells)
