"""What Facebook answers, as frozen values: the only code that reads the keys of its JSON.

The field list of each request stands beside the code that reads the answer. Reading is lenient
where a wrong shape costs a detail (the detail becomes None) and strict where it would cost the
record's place in the archive: without an id and a time it is a :class:`BadRecord`.

Text comes out fit for SQLite and PostgreSQL alike, times in UTC, links as they were signed.
Nothing is filtered here: unpublished posts are read too, whoever writes rows decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fbsyncd import read
from fbsyncd.links import asset_key, picture_key

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fbsyncd.read import Json

# Post-level "link", "source", "type" and the like were removed in v3.3, and asking for one of them
# fails the whole request (code 12). Without a limit some answers stop at a dozen subattachments.
_MEDIA = "title,description,target{id,url},media{image{src,width,height},source}"
_ATTACHMENTS = (
    f"attachments{{media_type,type,url,unshimmed_url,{_MEDIA},"
    f"subattachments.limit(100){{media_type,type,url,{_MEDIA}}}}}"
)
# Enough to keep the post, for one whose attachments alone are more than Facebook will answer.
BARE_POST_FIELDS = (
    "id,message,story,created_time,updated_time,permalink_url,full_picture,picture,status_type,"
    "is_published,is_hidden,is_expired,shares"
)
POST_FIELDS = f"{BARE_POST_FIELDS},{_ATTACHMENTS}"
# Without "source": heavy fields make Facebook refuse whole pages of videos as too much data.
VIDEO_FIELDS = (
    "id,title,description,length,created_time,updated_time,permalink_url,picture,published"
)
PAGE_FIELDS = "id,name,username,category,about,website,fan_count"

# The many names of one kind of post. What is not here keeps Facebook's own name.
_KINDS = {
    "cover_photo": "photo",
    "profile_media": "photo",
    "new_album": "album",
    "share": "link",
    "event_footer_only": "event",
    "native_templates": "status",  # the shared original is not visible: nothing but the text
}
# For answers without attachments: what else tells posts that are more than text.
_STATUS_KINDS = {"added_photos": "photo", "added_video": "video", "created_event": "event"}


class BadRecord(ValueError):
    """A record without what it needs to be kept; the message names it."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """One picture, video or link of a post.

    *key* is the same in every answer and unique in its post; *position* counts from 0.
    *media_url* is always a picture: of a video, its poster.
    """

    key: str
    position: int
    type: str | None
    media_type: str | None
    media_url: str | None
    thumbnail_url: str | None
    title: str | None
    description: str | None
    target_id: str | None
    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class Post:
    """One post.

    *attachments* is None when the answer carried none. That says nothing about the post: answers
    that forget them for an hour were seen on real feeds, so None must never delete any. *type*,
    *video_url* and *source* come from the attachments too, so they are less sure then.
    """

    id: str
    page_id: str
    message: str | None
    story: str | None
    type: str
    status_type: str | None
    permalink_url: str | None
    picture_url: str | None
    full_picture_url: str | None
    video_url: str | None
    source: str | None
    created_time: datetime
    updated_time: datetime | None
    is_published: bool | None
    is_hidden: bool | None
    attachments: tuple[Attachment, ...] | None

    @classmethod
    def from_json(cls, node: object, page_id: str) -> Post:
        """Read a post of any version since v2.1; raises :class:`BadRecord`."""
        items = read.items(node, "attachments")
        kind = _kind(node, items)
        return cls(
            id=_id(node),
            page_id=page_id,
            message=read.text(node, "message"),
            story=read.text(node, "story"),
            type=kind,
            status_type=read.text(node, "status_type"),
            permalink_url=read.permalink(node, "permalink_url"),
            picture_url=read.picture(node, "picture"),
            full_picture_url=read.picture(node, "full_picture"),
            video_url=_video_page(node, items) if kind == "video" else None,
            source=_source(node, items),
            created_time=_created(node),
            updated_time=read.moment(node, "updated_time"),
            is_published=read.flag(node, "is_published"),
            is_hidden=read.flag(node, "is_hidden"),
            attachments=_attachments(items),
        )


@dataclass(frozen=True, slots=True)
class Video:
    """One video of a Page; *length* in seconds, *picture* its poster."""

    video_id: str
    page_id: str
    title: str | None
    description: str | None
    permalink_url: str | None
    source: str | None
    length: float | None
    picture: str | None
    created_time: datetime
    updated_time: datetime | None
    published: bool | None

    @classmethod
    def from_json(cls, node: object, page_id: str) -> Video:
        """Read a video node; raises :class:`BadRecord`."""
        return cls(
            video_id=_id(node),
            page_id=page_id,
            title=read.text(node, "title") or read.text(node, "name"),
            description=read.text(node, "description"),
            permalink_url=read.permalink(node, "permalink_url"),
            source=read.link(node, "source"),
            length=read.number(node, "length"),
            picture=read.picture(node, "picture"),
            created_time=_created(node),
            updated_time=read.moment(node, "updated_time"),
            published=read.flag(node, "published"),
        )


@dataclass(frozen=True, slots=True)
class PageInfo:
    """What a Page says about itself."""

    id: str
    name: str | None
    username: str | None
    category: str | None
    about: str | None
    website: str | None
    fan_count: int | None

    @classmethod
    def from_json(cls, node: object) -> PageInfo:
        """Read a page node; raises :class:`BadRecord`."""
        return cls(
            id=_id(node),
            name=read.text(node, "name"),
            username=read.text(node, "username"),
            category=read.text(node, "category"),
            about=read.text(node, "about"),
            website=read.text(node, "website"),
            fan_count=read.count(node, "fan_count"),
        )


# Attachments


def _attachments(items: list[Json]) -> tuple[Attachment, ...] | None:
    """Flatten albums into their pictures, each once and in order."""
    found: dict[str, Attachment] = {}
    for item in (part for whole in items for part in _parts(whole)):
        attachment = _attachment(item, len(found))
        found.setdefault(attachment.key, attachment)
    return tuple(found.values()) or None


def _parts(item: Json) -> list[Json]:
    """Return the pictures of an album, or the item itself.

    An album shows its first photo as its own; only another one is a picture more.
    """
    parts = read.items(item, "subattachments")
    if not parts:
        return [item]
    cover = _identity(item)
    return parts if cover is None or cover in map(_identity, parts) else [item, *parts]


def _attachment(item: Json, position: int) -> Attachment:
    kind = read.text(item, "type")
    target = read.name(item, "target", "id")
    media = read.picture(item, "media", "image", "src")
    return Attachment(
        key=_identity(item) or target or f"{kind}/{position}",
        position=position,
        type=kind,
        media_type=read.text(item, "media_type"),
        media_url=media,
        thumbnail_url=_thumbnail(item, media),
        title=read.text(item, "title"),
        description=read.text(item, "description"),
        target_id=target,
        width=read.count(item, "media", "image", "width"),
        height=read.count(item, "media", "image", "height"),
    )


def _identity(item: Json) -> str | None:
    picture = read.picture(item, "media", "image", "src")
    return picture and picture_key(picture)


def _thumbnail(item: Json, media: str | None) -> str | None:
    """Return a picture of the same object that is another asset than *media*, if there is one."""
    listed = (read.picture(each, "uri") for each in read.items(item, "thumbnails"))
    known = media and asset_key(media)
    return _first(
        other
        for other in (read.picture(item, "picture"), *listed)
        if other and asset_key(other) != known
    )


# Parts of a post


def _kind(node: object, items: list[Json]) -> str:
    """Return what kind of post this is: its own word (before v3.3), else its first attachment's."""
    first = items[0] if items else {}
    own = read.text(node, "type")
    word = own or read.text(first, "media_type") or read.text(first, "type") or _status_kind(node)
    if word.startswith("video") or read.link(first, "media", "source"):
        return "video"
    return _KINDS.get(word, word)


def _status_kind(node: object) -> str:
    return _STATUS_KINDS.get(read.text(node, "status_type") or "", "status")


def _video_page(node: object, items: list[Json]) -> str | None:
    attached = ((read.permalink(i, "url"), read.permalink(i, "target", "url")) for i in items)
    return read.permalink(node, "link") or _first(link for pair in attached for link in pair)


def _source(node: object, items: list[Json]) -> str | None:
    return read.link(node, "source") or _first(read.link(i, "media", "source") for i in items)


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value), None)


# What a record cannot do without


def _id(node: object) -> str:
    if not isinstance(node, dict):
        raise BadRecord(f"an object was expected, not {type(node).__name__}")
    found = read.name(node, "id")
    if found is None:
        raise BadRecord("a record without an id")
    return found


def _created(node: object) -> datetime:
    moment = read.moment(node, "created_time")
    if moment is None:
        raise BadRecord(f"{_id(node)}: no created_time that can be read")
    return moment
