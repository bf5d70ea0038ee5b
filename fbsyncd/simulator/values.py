"""What the simulated Facebook holds: pages, posts, photos and videos as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fbsyncd.simulator.pictures import Picture

Kind = Literal[
    "photo",
    "album",
    "reel",
    "live",
    "share",
    "text",
    "unavailable",
    "cover",
    "profile",
    "recorded",
    "recorded_video",
]


@dataclass(frozen=True, slots=True)
class Page:
    """A Page and the token that reads it.

    *owner* is its number in permalinks, which on the real Facebook is another one than *id*.
    """

    id: str
    name: str
    username: str
    token: str
    owner: str
    category: str
    about: str
    website: str
    fan_count: int
    theme: str


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo node: its own id and the picture it shows."""

    id: str
    picture: Picture


@dataclass(frozen=True, slots=True)
class Video:
    """A video node. *thumbnails* are its frames, the preferred one first."""

    id: str
    length: float
    thumbnails: tuple[Picture, ...]
    source: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """One post as the page made it, or (*recorded*) as an answer of the real API held it.

    *size* is the ``stp`` its pictures are listed with. *footer* adds the second attachment
    without a picture that event posts have.
    """

    id: str
    page_id: str
    kind: Kind
    created: datetime
    updated: datetime
    message: str | None = None
    photos: tuple[Photo, ...] = ()
    video: Video | None = None
    permalink: str = ""
    headline: str = ""
    address: str = ""
    size: str = "dst-jpg_s720x720_tt6"
    shares: int = 0
    footer: bool = False
    published: bool = True
    publish_at: datetime | None = None
    recorded: Mapping[str, Any] | None = None
