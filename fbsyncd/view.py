"""What the dashboard sees of a row: which picture to show, and why when there is none.

Decides only. A local picture is named when its row is archived; a link of Facebook's is named
only while it is not known to be dead. Nothing here is broken when it is handed out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fbsyncd import links
from fbsyncd.assets import is_dead
from fbsyncd.models import from_text

#: The columns of one joined picture, in the order :meth:`Shot.from_row` reads them.
SHOT_COLUMNS = (
    "download_status",
    "public_url",
    "original_url",
    "link_expires_at",
    "needs_link",
    "next_attempt_at",
    "error_message",
    "width",
    "height",
)


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture as a post names it: the link in the post, and what the archive has of it."""

    status: str | None
    local: str | None
    original: str | None
    why: str | None
    is_healing: bool
    is_given_up: bool
    width: int | None
    height: int | None

    @classmethod
    def from_row(cls, named: str | None, columns: Iterable[Any], now: datetime) -> Shot:
        """Read the columns of :data:`SHOT_COLUMNS`; *named* is the link in the post's own row."""
        status, public, url, expires, needs_link, again, why, width, height = columns
        dead = bool(needs_link) or is_dead(from_text(expires), now)
        if status is None:
            url, dead = named, named is None or is_dead(links.expires_at(named), now)
        stored = status == "success"
        return cls(
            status=status,
            local=public if stored else None,
            original=None if dead else url,
            why=why,
            is_healing=dead and not stored,
            is_given_up=status == "failed" and again is None,
            width=width if stored else None,
            height=height if stored else None,
        )

    def state(self) -> str | None:
        """Return ``archived``, ``pending``, ``healing``, ``lost: why``, or None for no picture."""
        if self.local:
            return "archived"
        if self.is_given_up:
            return f"lost: {self.why}"
        if self.is_healing:
            return "healing" if self.status else None
        return "pending" if self.original else None


@dataclass(frozen=True, slots=True)
class Lens:
    """How answers are made: *prefix* of local links, and the time."""

    prefix: str
    now: datetime

    def url(self, public_url: str | None) -> str | None:
        return f"{self.prefix}{public_url}" if public_url else None

    def shot(self, named: str | None, columns: Iterable[Any]) -> Shot:
        return Shot.from_row(named, columns, self.now)


def post(row: dict[str, Any], picture: Shot, full: Shot, lens: Lens) -> dict[str, Any]:
    """Return a post as the API tells it, without its attachments.

    ``display_image_url`` is the first there is of the two local and the two original pictures.
    """
    local = [lens.url(picture.local), lens.url(full.local)]
    display = _first([*local, picture.original, full.original])
    states = [shot.state() for shot in (full, picture)]
    return {
        "id": row["id"],
        "page_id": row["page_id"],
        "type": row["type"],
        "message": row["message"],
        "story": row["story"],
        "permalink_url": row["permalink_url"],
        "created_time": moment(row["created_time"]),
        "updated_time": moment(row["updated_time"]),
        "deleted_at": moment(row["deleted_at"]),
        "display_image_url": display,
        "has_local_image": any(local),
        "image_state": "archived" if any(local) else _first(states),
        "local_picture_url": local[0],
        "local_full_picture_url": local[1],
        "original_picture_url": picture.original,
        "original_full_picture_url": full.original,
        "attachments": [],
    }


def attachment(row: dict[str, Any], media: Shot, thumbnail: Shot, lens: Lens) -> dict[str, Any]:
    """Return an attachment as the API tells it; its size is the picture's, known or announced."""
    local = [lens.url(media.local), lens.url(thumbnail.local)]
    return {
        "type": row["type"],
        "title": row["title"],
        "description": row["description"],
        "media_url": media.original,
        "thumbnail_url": thumbnail.original if row["thumbnail_url"] else None,
        "local_media_url": local[0],
        "local_thumbnail_url": local[1],
        "display_image_url": _first([*local, media.original, thumbnail.original]),
        "has_local_image": any(local),
        "image_state": "archived" if any(local) else _first([media.state(), thumbnail.state()]),
        "width": media.width or row["width"],
        "height": media.height or row["height"],
    }


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
    """Return a stored time in ISO 8601 with ``Z``."""
    at = from_text(value)
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value), None)
