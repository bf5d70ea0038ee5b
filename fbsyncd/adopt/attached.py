"""Attachments of older programs: which of a post show the same picture again. Decides only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fbsyncd import links, read


@dataclass(frozen=True, slots=True)
class Attached:
    """An attachment as another program wrote it; *place* tells its row from all others.

    Its own id would not: their table may have none, or one twice.
    """

    place: Any
    post_id: str | None
    type: str | None
    media_url: str | None
    thumbnail_url: str | None
    title: str | None
    description: str | None

    @property
    def media(self) -> str | None:
        return read.picture({"link": self.media_url}, "link")

    @property
    def thumbnail(self) -> str | None:
        return read.picture({"link": self.thumbnail_url}, "link")

    @property
    def key(self) -> str | None:
        """Return the key that the next answer gives it, None for one without any link.

        A film has no picture of its own; where it has no poster either, it is known by its link.
        """
        link = self.media or self.thumbnail or read.link({"link": self.media_url}, "link")
        return links.picture_key(link) if link else None

    @property
    def text(self) -> tuple[str | None, ...]:
        # Scripts write no text as an empty one, or the other way round.
        return self.type, self.title or None, self.description or None

    @property
    def mark(self) -> str:
        """Return what tells it from others with the same key."""
        told = repr((self.type, self.media_url, self.thumbnail_url))
        return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Place:
    """The key an attachment gets, and the key of the one that shows the same picture, if any."""

    key: str
    duplicate_of: str | None


def places(
    found: Sequence[Attached], taken: Mapping[str, Attached], keys: Iterable[str]
) -> list[Place]:
    """Return the places of attachments *found* in one post, in order.

    *taken* are those of the post that are shown, by key; *keys* are those of all its rows. The
    first of several with one picture shows it; without a link they are the same when their texts
    are.
    """
    used, count = set(keys), len(taken)
    shown: dict[object, str] = {one.key or one.text: key for key, one in taken.items()}
    shown |= {key: key for key in taken}
    told = []
    for one in found:
        what = one.key or one.text
        first = shown.get(what)
        key = _free(f"{first}@{one.mark}", used) if first else one.key or _number(one, used, count)
        used.add(key)
        shown.setdefault(what, key)
        count += first is None
        told.append(Place(key, first))
    return told


def _free(key: str, used: set[str]) -> str:
    """Return *key*, with a number behind it where another row has it."""
    free, number = key, 1
    while free in used:
        number += 1
        free = f"{key}-{number}"
    return free


def _number(one: Attached, used: set[str], position: int) -> str:
    """Return the key of an attachment without a link, as answers of the API give it."""
    while f"{one.type}/{position}" in used:
        position += 1
    return f"{one.type}/{position}"
