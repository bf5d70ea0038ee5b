"""Recorded answers of the real Graph API, read so that the simulator can serve them again.

A file holds JSON: an answer (``{"data": [...]}``), a bare list, one object, objects by id, or
one JSON value a line; anything around the records (``body``, ``post``, ``revisions``) is looked
through. Picture links of Facebook's hosts become links of the simulator: path and parameters are
kept, signatures are not, and a picture is drawn for each. What is no post and no video is left
out, records without an id too.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from fbsyncd.simulator.clock import moment
from fbsyncd.simulator.pictures import Picture, key_of, size_tag
from fbsyncd.simulator.signing import Link
from fbsyncd.simulator.values import Post

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PAGE = "recorded"
_HOSTS = (".fbcdn.net", ".akamaihd.net", ".fbsbx.com", ".cdninstagram.com")
_SIGNING = re.compile(r"oh|oe|ccb|edm|_nc_.*|amp;.*")
_NOT_PICTURES = (".mp4", ".mpd", ".swf", ".flv", ".m4v", ".mov", ".js", ".css")
_POST_SIGNS = {"attachments", "full_picture", "status_type", "story", "permalink_url"}
_POST_TYPES = {"status", "photo", "link", "video", "swf", "offer", "note", "question", "music"}
_VIDEO_SIGNS = {"length", "format", "thumbnails", "embed_html"}
_SHAPES = ((1440, 1080), (1080, 1080), (1080, 1350), (1620, 1080))
_LONG_AGO = datetime(2010, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Recording:
    """The posts, videos and pictures of one file (or of several)."""

    posts: dict[str, Post] = field(default_factory=dict)
    pictures: dict[str, Picture] = field(default_factory=dict)
    _guessed: set[str] = field(default_factory=set)

    def add(self, record: dict[str, Any]) -> None:
        """Take one record in; a later one of the same id takes its place."""
        kind = kind_of(record)
        if kind is None:
            return
        node = self._converted(record)
        created = _moment(record.get("created_time") or record.get("creation_time"))
        self.posts[record["id"]] = Post(
            id=record["id"],
            page_id=PAGE,
            kind="recorded" if kind == "post" else "recorded_video",
            created=created,
            updated=created,
            published=record.get("is_published") is not False,
            recorded=node,
        )

    def _converted(self, value: Any, beside: dict[str, Any] | None = None) -> Any:
        if isinstance(value, dict):
            return {name: self._converted(below, value) for name, below in value.items()}
        if isinstance(value, list):
            return [self._converted(item) for item in value]
        if isinstance(value, str) and _is_facebook_file(value):
            return self._link(value, beside or {})
        return value

    def _link(self, url: str, beside: dict[str, Any]) -> Link:
        parts = urlsplit(url)
        path = unquote(parts.path)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        params = tuple(pair for pair in pairs if not _SIGNING.fullmatch(pair[0]))
        if not path.lower().endswith(_NOT_PICTURES):
            self._note(path, parts.query, beside)
        return Link(path, params)

    def _note(self, path: str, query: str, beside: dict[str, Any]) -> None:
        key = key_of(path, query)
        listed = _listed_size(beside.get("width"), beside.get("height"), size_tag(path, query))
        known = self.pictures.get(key)
        if listed and (
            key in self._guessed or known is None or _area(known) < listed[0] * listed[1]
        ):
            self.pictures[key] = Picture(key, path, *listed)
            self._guessed.discard(key)
        elif known is None:
            self.pictures[key] = Picture(
                key, path, *_SHAPES[zlib.crc32(key.encode()) % len(_SHAPES)]
            )
            self._guessed.add(key)


def load(paths: Iterable[str | Path]) -> Recording:
    """Read files into one recording; of several versions of one id the last one stays."""
    recording = Recording()
    for path in paths:
        for record in records(_parsed(Path(path).read_text("utf-8"))):
            recording.add(record)
    return recording


def records(value: Any) -> Iterator[dict[str, Any]]:
    """Every post or video inside *value*, in order, however it is wrapped."""
    if isinstance(value, list):
        for item in value:
            yield from records(item)
    elif isinstance(value, dict):
        if kind_of(value):
            yield value
            return
        for name, below in value.items():
            if name == "body" and isinstance(below, str):
                yield from records(_parsed(below))
            elif isinstance(below, dict | list):
                yield from records(below)


def kind_of(record: dict[str, Any]) -> str | None:
    """Whether a record is a "post", a "video" or (None) something else."""
    record_id = record.get("id")
    if not isinstance(record_id, str) or not record_id:
        return None
    if "_" in record_id or "images" in record:
        return "post" if "images" not in record else None
    if _is_video(record):
        return "video"
    typed = record.get("type") in _POST_TYPES and "created_time" in record
    spoken = "message" in record and "created_time" in record and "subject" not in record
    return "post" if typed or spoken or _POST_SIGNS & record.keys() else None


def _is_video(record: dict[str, Any]) -> bool:
    if {"message", "attachments", "full_picture", "type"} & record.keys():
        return False
    address = str(record.get("permalink_url", ""))
    named = {"title", "description"} <= record.keys()
    return named or bool(_VIDEO_SIGNS & record.keys()) or "/videos/" in address


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError:
        return None


def _is_facebook_file(text: str) -> bool:
    if not text.startswith(("http://", "https://")):
        return False
    host = urlsplit(text).hostname or ""
    return f".{host}".endswith(_HOSTS)


def _listed_size(width: Any, height: Any, tag: str) -> tuple[int, int] | None:
    """The size of the original after the one listed beside a link, if there is one."""
    if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
        return None
    longest = max(width, height)
    if tag and longest < 600:
        return round(width * 960 / longest), round(height * 960 / longest)
    return width, height


def _area(picture: Picture) -> int:
    return picture.width * picture.height


def _moment(text: Any) -> datetime:
    if isinstance(text, int):
        return datetime.fromtimestamp(text, UTC)
    try:
        return moment(str(text))
    except ValueError:
        return _LONG_AGO
