"""What the dashboard sees of a row: which picture to show, and why when there is none.

Decides only. A local picture is named when its row is archived and its file is there; a link is
named only if it is one of the web's, is not known to be dead, and was not found to lead to
something that is no picture. Nothing here is broken when it is handed out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from fbsyncd import links, read
from fbsyncd.assets import is_dead
from fbsyncd.models import readable
from fbsyncd.proof import shows_nothing

#: The columns of an archived file, in the order :class:`Rendition` is made of them.
FILE_COLUMNS: Final = ("public_url", "category", "local_filename", "file_size", "width", "height")
#: The columns of one joined picture, in the order :meth:`Shot.from_row` reads them.
SHOT_COLUMNS: Final = (
    "id",
    "download_status",
    "original_url",
    "link_expires_at",
    "needs_link",
    "next_attempt_at",
    "error_message",
    *FILE_COLUMNS,
)
# Renditions of one picture differ by rounding only; what differs more is another cut of it.
_SAME_SHAPE: Final = 0.05
# How this program writes times as text; others wrote them otherwise before.
_OWN_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+00:00", re.ASCII)


class Rendition(NamedTuple):
    """One size of a picture that can be loaded from here."""

    url: str
    width: int | None
    height: int | None

    def as_json(self) -> dict[str, Any]:
        return {"url": self.url, "width": self.width, "height": self.height}

    @property
    def shape(self) -> float:
        """How much wider than high it is; 0 when that is not known."""
        return self.width / self.height if self.width and self.height else 0.0


@dataclass(frozen=True, slots=True)
class Lens:
    """How answers are made.

    *prefix* of local links; *is_there* tells whether the folder holds a file (category, name,
    size); *away* says why none can be had now, for everybody.
    """

    prefix: str
    now: datetime
    is_there: Callable[[str, str, int], bool]
    away: str | None = None

    def rendition(self, columns: Sequence[Any]) -> Rendition | None:
        """Return an archived file by its :data:`FILE_COLUMNS`, None when it cannot be had."""
        public, category, name, size, width, height = columns
        if self.away or not public or not self.is_there(category, name, size):
            return None
        return Rendition(f"{self.prefix}{public}", width, height)


@dataclass(slots=True)
class Shot:
    """One picture as a post names it: what the archive has of it, and what its state rests on.

    *files* are its sizes that can be had: *file* itself, and those *developed* from it.
    """

    status: str | None = None
    file: Rendition | None = None
    original: str | None = None
    why: str | None = None
    away: str | None = None
    is_healing: bool = False
    is_given_up: bool = False
    files: list[Rendition] = field(init=False)

    def __post_init__(self) -> None:
        self.files = [self.file] if self.file else []

    @classmethod
    def stored(cls, columns: Sequence[Any], lens: Lens) -> Shot:
        """Read a row of pictures by its :data:`SHOT_COLUMNS`."""
        id_, status, url, expires, needs_link, again, why, *file = columns
        is_dead_ = bool(needs_link) or is_dead(readable(expires), lens.now)
        stored = status == "success"
        there = lens.rendition(file) if stored else None
        given_up = status == "failed" and again is None
        link = links.unmarked(url or "", str(id_))
        is_shown = links.is_web(link) and not (given_up and shows_nothing(why))
        return cls(
            status=status,
            file=there,
            original=link if is_shown and not is_dead_ else None,
            why=why,
            away=lens.away if stored else None,
            # A file that is gone is noticed, and fetched again, within moments.
            is_healing=there is None if stored else is_dead_,
            is_given_up=given_up,
        )

    @classmethod
    def linked(cls, link: str | None, lens: Lens, *, is_ours: bool = False) -> Shot:
        """Return a picture without a row: only its *link* is known, or not even that.

        Of a Page that *is_ours* the row is made, and a dead link asked for anew, within moments.
        """
        if link is None or not links.is_web(link):
            return cls()
        if is_dead(links.expires_at(link), lens.now):
            return cls(is_healing=is_ours)
        return cls(original=link)

    @property
    def local(self) -> str | None:
        return self.file.url if self.file else None

    def state(self) -> str | None:
        """Return ``archived``, ``pending``, ``healing``, ``lost: why``, ``unavailable: why``.

        Returns None where there is no picture, or none that anybody could ever have had.
        """
        if self.file:
            return "archived"
        if self.away:
            return f"unavailable: {self.away}"
        if self.is_given_up:
            return f"lost: {self.why}"
        if self.is_healing:
            return "healing"
        return "pending" if self.status or self.original else None


def post(row: Mapping[str, Any], picture: Shot, full: Shot) -> dict[str, Any]:
    """Return a post as the API tells it, without its attachments.

    ``display_image_url`` is the first there is of the two local and the two original pictures;
    ``images`` are the sizes of the picture that are here, the smallest first.
    """
    shown = picture.file or full.file
    return {
        "id": row["id"],
        "page_id": _name(row["page_id"]),
        "type": row["type"],
        "message": row["message"],
        "story": row["story"],
        "permalink_url": row["permalink_url"],
        "created_time": moment(row["created_time"]),
        "updated_time": moment(row["updated_time"]),
        "deleted_at": moment(row["deleted_at"]),
        "edits": int(row["edits"]),
        **displayed((picture, full), (full, picture)),
        "local_picture_url": picture.local,
        "local_full_picture_url": full.local,
        "original_picture_url": picture.original,
        "original_full_picture_url": full.original,
        "width": shown.width if shown else None,
        "height": shown.height if shown else None,
        "images": sizes(full, picture),
        "attachments": [],
    }


def attachment(row: Mapping[str, Any], media: Shot, thumbnail: Shot) -> dict[str, Any]:
    """Return an attachment as the API tells it; its size is the picture's, known or announced."""
    width = media.file.width if media.file else None
    height = media.file.height if media.file else None
    return {
        "type": row["type"],
        "title": row["title"],
        "description": row["description"],
        "media_url": media.original,
        "thumbnail_url": thumbnail.original if row["thumbnail_url"] else None,
        "local_media_url": media.local,
        "local_thumbnail_url": thumbnail.local,
        **displayed((media, thumbnail), (media, thumbnail)),
        "width": width or row["width"],
        "height": height or row["height"],
        "images": sizes(media, thumbnail),
    }


def video(row: Mapping[str, Any], poster: Shot) -> dict[str, Any]:
    """Return a video as the API tells it; its pictures are those of its poster."""
    return {
        "video_id": _name(row["video_id"]),
        "page_id": _name(row["page_id"]),
        "post_id": row["post_id"],
        "title": row["title"],
        "description": row["description"],
        "permalink_url": row["permalink_url"],
        "length": read.seconds(row["length"]),
        "created_time": moment(row["created_time"]),
        "updated_time": moment(row["updated_time"]),
        "deleted_at": moment(row["deleted_at"]),
        **displayed((poster,), (poster,)),
        "local_picture_url": poster.local,
        "original_picture_url": poster.original,
        "width": poster.file.width if poster.file else None,
        "height": poster.file.height if poster.file else None,
        "images": sizes(poster),
    }


def media(row: Mapping[str, Any], shot: Shot) -> dict[str, Any]:
    """Return a row of media as the API tells it; links are there only while they lead somewhere.

    ``is_working``: some process has it in hand. ``given_up``: it is not tried again by itself.
    """
    times = ("next_attempt_at", "link_expires_at", "downloaded_at", "created_at", "updated_at")
    return {
        **row,
        **{name: moment(row[name]) for name in times},
        "id": str(row["id"]),
        "derived_from": str(row["derived_from"]) if row["derived_from"] else None,
        "is_working": bool(row["is_working"]),
        "given_up": shot.is_given_up,
        "image_state": shot.state(),
        "public_url": shot.local,
        "original_url": shot.original,
    }


def displayed(shots: Sequence[Shot], telling: Sequence[Shot]) -> dict[str, Any]:
    """Return which of *shots* to show, and what the first of *telling* that knows says of them."""
    for shot in shots:
        if shot.file:
            url = shot.file.url
            return {"display_image_url": url, "has_local_image": True, "image_state": "archived"}
    return {
        "display_image_url": _first(shot.original for shot in shots),
        "has_local_image": False,
        "image_state": _first(shot.state() for shot in telling),
    }


def sizes(*shots: Shot) -> list[dict[str, Any]]:
    """Return the sizes of one picture that can be loaded from here, the smallest first.

    The first of *shots* that is here is the picture; sizes of another shape are another cut of it
    and would make a page jump.
    """
    files = [file for shot in shots for file in shot.files]
    known = {(file.width, file.height): file for file in reversed(files) if file.shape}
    wide = files[0].shape if files else 0.0
    alike = [file for file in known.values() if not wide or _is_alike(file.shape, wide)]
    return [file.as_json() for file in sorted(alike, key=_width)]


def earlier_text(
    message: str | None, story: str | None, seen_from: object, seen_until: object
) -> dict[str, Any]:
    """Return a text that a post had earlier as the API tells it."""
    return {
        "message": message,
        "story": story,
        "from": moment(seen_from),
        "until": moment(seen_until),
    }


def moment(value: object) -> str | None:
    """Return a stored time in ISO 8601 with ``Z``, to the second; None for none, or no time."""
    if isinstance(value, str) and _OWN_TIME.fullmatch(value):
        return f"{value[:10]}T{value[11:19]}Z"
    at = readable(value)
    # strftime takes ten times as long.
    return f"{at.replace(microsecond=0, tzinfo=None).isoformat()}Z" if at else None


def _is_alike(one: float, other: float) -> bool:
    return abs(one / other - 1) <= _SAME_SHAPE


def _width(file: Rendition) -> int:
    return file.width or 0


def _name(id_: object) -> str | None:
    # A number in the tables of older programs.
    return None if id_ is None else str(id_)


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value), None)
