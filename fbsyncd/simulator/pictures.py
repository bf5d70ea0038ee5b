"""Pictures as values, the sizes they come in, and their bytes (kept in a bounded cache).

One picture in one size is always the same bytes, whatever link asks for it.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from PIL import Image, ImageOps

from fbsyncd.simulator import plain, scenes
from fbsyncd.simulator.signing import Link

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TAG = re.compile(r"(?:^|[_/])([sp])(\d+)x(\d+)(?=$|[_/])")
_CROP = re.compile(r"(?:^|_)c0\.\d+x0\.\d+f")
_NAME = re.compile(r"\d+_\d+_\d+_[a-z]\.(?:jpe?g|png|gif|webp)(?:\.webp)?$", re.IGNORECASE)
_FORMATS = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG", "webp": "WEBP", "gif": "GIF"}
_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}
_OPTIONS: dict[str, dict[str, int]] = {
    "JPEG": {"quality": 84},
    "WEBP": {"quality": 80, "method": 0},
    "PNG": {"compress_level": 1},
    "GIF": {},
}
_CACHED_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class Picture:
    """One stored file of the CDN: *width* and *height* are those of the original.

    *key* is the file name, or the address a link preview was taken from. *alpha* makes PNG
    links transparent. *topic* names the kind of scene; empty leaves the choice to the key.
    """

    key: str
    path: str
    width: int
    height: int
    topic: str = ""
    alpha: bool = False
    params: tuple[tuple[str, str], ...] = ()

    def link(self, stp: str = "") -> Link:
        """The link to this picture in the size that *stp* asks for, native when empty."""
        size = (("stp", stp),) if stp else ()
        return Link(self.path, (*self.params, *size))

    def size(self, tag: str) -> tuple[int, int]:
        """Width and height of this picture under a size tag such as ``s720x720``."""
        return fitted(self.width, self.height, tag)


@dataclass(frozen=True, slots=True)
class Rendition:
    """The bytes of a picture in one size."""

    content: bytes
    content_type: str


def key_of(path: str, query: str) -> str:
    """The name under which the picture of a link is known (path not encoded)."""
    base = path.rsplit("/", 1)[-1]
    if _NAME.search(base):
        return base.removesuffix(".webp")
    original = dict(parse_qsl(query)).get("url")
    return original or path


def size_tag(path: str, query: str) -> str:
    """The part of a link that names its size (``ctp``, ``stp`` or a folder), or nothing."""
    params = dict(parse_qsl(query))
    if "safe_image" in path and params.get("w", "").isdecimal() and params.get("h", "").isdecimal():
        return f"c0.5000x0.5000f_p{params['w']}x{params['h']}"
    places = (params.get("ctp", ""), params.get("stp", ""), path)
    return next((place for place in places if _TAG.search(place)), "")


def format_of(path: str, query: str) -> str:
    """The format that is delivered: what ``stp`` says, else the file's ending, else JPEG.

    Measured on real links: ``.png`` names with ``stp=dst-jpg`` are JPEG, previews have no ending.
    """
    wanted = re.search(r"dst-([a-z]+)", dict(parse_qsl(query)).get("stp", ""))
    ending = path.rsplit(".", 1)[-1].lower()
    return _FORMATS.get(wanted[1] if wanted else ending) or _FORMATS.get(ending, "JPEG")


def fitted(width: int, height: int, tag: str) -> tuple[int, int]:
    """Fit a picture: ``sNxN`` inside the box, ``pNxN`` shorter side N; never enlarged.

    A crop around a point (``c0.5000x0.5000f``), as link previews have it, is the box itself.
    """
    found = _TAG.search(tag)
    if not found:
        return width, height
    if _CROP.search(tag):
        return min(width, int(found[2])), min(height, int(found[3]))
    wide, high = int(found[2]) / width, int(found[3]) / height
    scale = min(1.0, min(wide, high) if found[1] == "s" else max(wide, high))
    return max(1, round(width * scale)), max(1, round(height * scale))


class Gallery:
    """The CDN's store: every picture that exists, and the darkroom that draws them."""

    def __init__(self, style: str = "scenes") -> None:
        if style not in ("scenes", "plain"):
            raise ValueError(f"pictures are scenes or plain, not {style}")
        self._plain = style == "plain"
        self._pictures: dict[str, Picture] = {}
        self._purged: set[str] = set()
        self._cache: OrderedDict[tuple[str, int, int, str], Rendition] = OrderedDict()
        self._cached = 0
        self._lock = threading.Lock()

    def add(self, picture: Picture) -> None:
        """Store *picture*; a larger one of the same key takes its place."""
        known = self._pictures.get(picture.key)
        if known is None or known.width * known.height < picture.width * picture.height:
            self._pictures[picture.key] = picture

    def purge(self, key: str) -> None:
        """Forget a file: its links answer 404 from now on, however well signed."""
        self._purged.add(key)

    def find(self, path: str, query: str) -> Picture | None:
        """The picture a link names, or None when there is none (any more)."""
        key = key_of(path, query)
        return None if key in self._purged else self._pictures.get(key)

    def render(self, picture: Picture, path: str, query: str) -> Rendition:
        """Draw *picture* as the link asks; the same link text gives the same bytes."""
        width, height = picture.size(size_tag(path, query))
        kind = format_of(path, query)
        return self._cached_or(
            (picture.key, width, height, kind), lambda: self._develop(picture, width, height, kind)
        )

    def _develop(self, picture: Picture, width: int, height: int, kind: str) -> Rendition:
        image = self._print(picture, width, height)
        if picture.alpha and kind == "PNG":
            image = image.copy()
            image.putalpha(scenes.vignette(width, height))
        return Rendition(_saved(image, kind, _OPTIONS[kind]), _TYPES[kind])

    def _print(self, picture: Picture, width: int, height: int) -> Image.Image:
        if self._plain:
            return plain.draw(picture.key, width, height)
        negative = "s960x960" if picture.height > 1.5 * picture.width else "s720x720"
        size = fitted(picture.width, picture.height, negative)
        image = scenes.draw(picture.key, picture.topic, *size)
        if size == (width, height):
            return image
        return ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)

    def _cached_or(
        self, key: tuple[str, int, int, str], develop: Callable[[], Rendition]
    ) -> Rendition:
        with self._lock:
            found = self._cache.get(key)
            if found is not None:
                self._cache.move_to_end(key)
                return found
        made = develop()
        with self._lock:
            if key not in self._cache:
                self._cache[key] = made
                self._cached += len(made.content)
            while self._cached > _CACHED_BYTES:
                self._cached -= len(self._cache.popitem(last=False)[1].content)
        return made


def _saved(image: Image.Image, kind: str, options: Mapping[str, int]) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()
