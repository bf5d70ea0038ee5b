"""What an answer of the Graph API changes in the rows. Decides only; reads and writes nothing.

Two rules run through it. An answer that lacks a picture or all attachments takes none away:
Facebook leaves them out now and then (measured on real feeds), and they come back. Texts follow
the answer, since a text that was taken out at the source is absent there too. And a
link is replaced when it leads to another picture or is dead, not because it was signed anew:
every answer signs every link anew, and an unchanged Page must cost no write.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from fbsyncd import links, read
from fbsyncd.assets import Asset, is_dead
from fbsyncd.models import from_text
from fbsyncd.records import Attachment, Post, Video

Values = dict[str, Any]

POST_COLUMNS: Final = (
    "id",
    "page_id",
    "message",
    "story",
    "type",
    "status_type",
    "permalink_url",
    "picture_url",
    "full_picture_url",
    "video_url",
    "source",
    "created_time",
    "updated_time",
    "is_published",
    "is_hidden",
    "deleted_at",
    "local_picture_id",
    "local_full_picture_id",
)
ATTACHMENT_COLUMNS: Final = (
    "post_id",
    "attachment_key",
    "position",
    "type",
    "media_url",
    "thumbnail_url",
    "title",
    "description",
    "target_id",
    "width",
    "height",
    "removed_at",
    "local_media_id",
    "local_thumbnail_id",
)
VIDEO_COLUMNS: Final = (
    "video_id",
    "page_id",
    "title",
    "description",
    "permalink_url",
    "source",
    "length",
    "picture",
    "created_time",
    "updated_time",
    "local_picture_id",
)
_TIMES: Final = {"created_time", "updated_time", "deleted_at", "removed_at"}
_FLAGS: Final = {"is_published", "is_hidden"}
#: Columns whose values are written otherwise than they are here.
SPECIAL: Final = _TIMES | _FLAGS
_IDS: Final = {"id", "page_id", "post_id", "video_id"}


def stored(columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> list[Values]:
    """Return rows of either engine in the terms of this module."""
    told = [dict(zip(columns, row, strict=True)) for row in rows]
    for column in columns:
        plain = _plain(column)
        if plain is not None:
            for values in told:
                if values[column] is not None:
                    values[column] = plain(values[column])
    return told


def by_key(stored: Sequence[Values]) -> dict[str, dict[str, Values]]:
    """Return attachments by post and key; one without is another program's, not adopted yet."""
    found: dict[str, dict[str, Values]] = defaultdict(dict)
    for row in stored:
        if row["attachment_key"] is not None:
            found[row["post_id"]][row["attachment_key"]] = row
    return found


def post(known: Values | None, new: Post, now: datetime) -> Values | None:
    """Return the whole row of *new* as it should be, or None when nothing changes."""
    old = known or {}
    picture = keep_link(old.get("picture_url"), new.picture_url, now)
    full = keep_link(old.get("full_picture_url"), new.full_picture_url, now)
    return _changed(
        known,
        {
            "id": new.id,
            "page_id": new.page_id,
            "message": new.message,
            "story": new.story,
            # Without its attachments a post cannot say what it is.
            "type": new.type if new.attachments is not None or not known else old["type"],
            "status_type": new.status_type,
            "permalink_url": new.permalink_url or old.get("permalink_url"),
            "picture_url": picture,
            "full_picture_url": full,
            "video_url": new.video_url or old.get("video_url"),
            "source": keep_stream(old.get("source"), new.source, now),
            "created_time": new.created_time,
            "updated_time": new.updated_time or old.get("updated_time"),
            "is_published": new.is_published,
            "is_hidden": new.is_hidden,
            "deleted_at": None,
            "local_picture_id": _asset_id(picture),
            "local_full_picture_id": _asset_id(full),
        },
    )


def attachments(known: Mapping[str, Values], new: Post, now: datetime) -> list[Values]:
    """Return the attachment rows of *new* that change: new, altered, returned or removed ones.

    *known* holds the post's rows by their key. Removed ones keep their row and their picture.
    """
    if new.attachments is None:
        return []
    seen = {one.key for one in new.attachments}
    rows = [_attachment(known.get(one.key), new.id, one, now) for one in new.attachments]
    gone = [
        row | {"removed_at": now}
        for key, row in known.items()
        if key not in seen and row["removed_at"] is None
    ]
    return [row for row in rows if row is not None] + gone


def without_clashes(rows: Iterable[Values], stored: Sequence[Values]) -> list[Values]:
    """Return attachment *rows* without what another of the *stored* ones of their post says.

    Older programs' tables take each type and link once a post. Where another row has them, a
    known row keeps its own, and a new one is not needed: it is that other row, not adopted yet.
    """
    known = {(row["post_id"], row["attachment_key"]): row for row in stored}
    holders = {_place(row): row["attachment_key"] for row in stored if row["media_url"]}
    kept = []
    for row in rows:
        before = known.get((row["post_id"], row["attachment_key"]))
        if holders.get(_place(row), row["attachment_key"]) == row["attachment_key"]:
            kept.append(row)
        elif before is not None:
            kept.append(row | {name: before[name] for name in ("type", "media_url")})
    return kept


def video(known: Values | None, new: Video, now: datetime) -> Values | None:
    """Return the whole row of *new* as it should be, or None when nothing changes."""
    old = known or {}
    picture = keep_link(old.get("picture"), new.picture, now)
    return _changed(
        known,
        {
            "video_id": new.video_id,
            "page_id": new.page_id,
            "title": new.title,
            "description": new.description,
            "permalink_url": new.permalink_url or old.get("permalink_url"),
            "source": keep_stream(old.get("source"), new.source, now),
            "length": new.length,
            "picture": picture,
            "created_time": new.created_time,
            "updated_time": new.updated_time or old.get("updated_time"),
            "local_picture_id": _asset_id(picture),
        },
    )


def is_edited(known: Values | None, row: Values | None) -> bool:
    """Tell whether *row* gives a known post another text."""
    return bool(known and row) and _text(known) != _text(row)


def former(known: Values | None, row: Values | None) -> list[str]:
    """Return the ids of the pictures a known row named and *row* names no longer."""
    if not known or not row:
        return []
    named = [name for name in known if name.startswith("local_")]
    return [known[name] for name in named if known[name] and known[name] != row[name]]


def assets(new: Post | Video) -> list[Asset]:
    """Return every picture a record names, the one that gives the file its folder first."""
    if isinstance(new, Video):
        return _named((new.picture, "thumbnails"))
    named = _named((new.full_picture_url, "posts"), (new.picture_url, "posts"))
    for one in new.attachments or ():
        named += _named((one.media_url, "attachments"), (one.thumbnail_url, "thumbnails"))
    return named


def keep_link(old: str | None, new: str | None, now: datetime) -> str | None:
    """Return which of two links to a picture a row should hold."""
    if old is None or new is None or old == new:
        return old or new
    same = links.asset_key(old) == links.asset_key(new)
    return old if same and not is_dead(links.expires_at(old), now) else new


def keep_stream(old: str | None, new: str | None, now: datetime) -> str | None:
    """Return which of two links to a film a row should hold; their paths tell nothing."""
    if old is None or new is None:
        return old or new
    return new if is_dead(links.expires_at(old), now) else old


def _attachment(
    known: Values | None, post_id: str, new: Attachment, now: datetime
) -> Values | None:
    old = known or {}
    media = keep_link(old.get("media_url"), new.media_url, now)
    thumbnail = keep_link(old.get("thumbnail_url"), new.thumbnail_url, now)
    return _changed(
        known,
        {
            "post_id": post_id,
            "attachment_key": new.key,
            "position": new.position,
            "type": new.type,
            "media_url": media,
            "thumbnail_url": thumbnail,
            "title": new.title,
            "description": new.description,
            "target_id": new.target_id,
            "width": new.width,
            "height": new.height,
            "removed_at": None,
            "local_media_id": _asset_id(media),
            # Where Facebook names no thumbnail, the one developed here stays linked.
            "local_thumbnail_id": _asset_id(thumbnail) or _kept_thumbnail(old, media),
        },
    )


def _kept_thumbnail(old: Values, media: str | None) -> str | None:
    same = old.get("local_media_id") == _asset_id(media)
    return old.get("local_thumbnail_id") if same else None


def _place(row: Values) -> tuple[str | None, ...]:
    return row["post_id"], row["type"], row["media_url"]


def _text(row: Values | None) -> tuple[str | None, str | None]:
    # Older programs write no text as an empty one.
    return (row["message"] or None, row["story"] or None) if row else (None, None)


def _changed(known: Values | None, wanted: Values) -> Values | None:
    return None if wanted == known else wanted


def _named(*pictures: tuple[str | None, str]) -> list[Asset]:
    return [Asset(url, category) for url, category in pictures if url]


def _asset_id(url: str | None) -> str | None:
    return links.link_id(url) if url else None


def _plain(column: str) -> Callable[[Any], Any] | None:
    """Return what makes a value of *column* the same on both engines, None where all are."""
    if column in _TIMES:
        return from_text
    if column in _FLAGS:
        return read.truth
    if column == "length":
        return read.seconds
    # An adopted table may hold ids as numbers.
    return str if column.startswith("local_") or column in _IDS else None
