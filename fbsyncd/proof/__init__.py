"""Are these bytes a whole picture, and of a kind this archive keeps?

The sender's word (name, Content-Type) is not asked: the CDN delivers JPEG under ``.png`` names and
WEBP under ``.jpg`` names as a matter of course, and a portal delivers its log-in page under any.

============================================  ==============  =================================
what came                                     error           because
============================================  ==============  =================================
nothing, a cut or damaged picture             FetchFailed     the next transfer may be whole
an HTML page, a text, bytes of unknown kind   FetchFailed     a portal, a proxy or a fault page
too many pixels, frames or parts              PictureRefused  it will be the same next time
SVG, PDF, TIFF, HEIC, a video, an archive     PictureRefused  nothing this archive keeps
something else hidden in or behind it          PictureRefused  somebody meant it so
============================================  ==============  =================================

Nothing is written and no global setting of Pillow or of ``warnings`` is touched: many threads may
call :func:`prove` at once. What is decoded is so one after the other, stills and animations apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from fbsyncd.errors import FetchError, FetchFailed, PictureRefused
from fbsyncd.proof import jpeg, structure

if TYPE_CHECKING:
    from collections.abc import Callable

# An animation may hold this many times the pixels of the largest still picture, all frames added.
ANIMATION_PIXELS = 10
MOST_FRAMES = 2000

_LYING = frozenset({5, 6, 7, 8})  # orientations that are shown turned by a quarter


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proven about a picture.

    *extension* has no dot. *width* and *height* are as displayed: a photo that EXIF turns by a
    quarter has them swapped.
    """

    mime_type: str
    extension: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _Format:
    magic: re.Pattern[bytes]
    mime_type: str
    extension: str
    walk: Callable[[bytes], structure.Sketch]
    #: Its walk finds less than a decoder.
    is_decoded: bool = True


_FORMATS = (
    # The walk finds what a decoder of JPEG finds, in a fiftieth of its time.
    _Format(re.compile(rb"\xff\xd8\xff"), "image/jpeg", "jpg", jpeg.walk, is_decoded=False),
    _Format(re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png", "png", structure.walk_png),
    _Format(re.compile(rb"GIF8[79]a"), "image/gif", "gif", structure.walk_gif),
    _Format(
        re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
        "image/webp",
        "webp",
        structure.walk_webp,
    ),
    _Format(
        re.compile(rb"\0\0\0.ftyp(?=.{0,48}?avi[fs])", re.DOTALL),
        "image/avif",
        "avif",
        structure.walk_avif,
    ),
)


def prove(data: bytes, *, max_pixels: int) -> Proof:
    """Return what *data* is, once it is proven whole to the last byte.

    PNG, GIF, WEBP and AVIF are decoded, every frame of them. Of a JPEG the structure is followed:
    changed bits inside its scans are not noticed here.

    *max_pixels* is the limit of width times height; an animation may have
    :data:`ANIMATION_PIXELS` times as many in all its frames together.

    Raises FetchFailed and PictureRefused, as the table above says.
    """
    form = next((form for form in _FORMATS if form.magic.match(data)), None)
    if form is None:
        raise _stranger(data)
    sketch = form.walk(data)
    _check_size(sketch, max_pixels=max_pixels)
    if form.is_decoded:
        # Late: most pictures are JPEGs, and Pillow takes long to load.
        from fbsyncd.proof import frames

        sketch = frames.decoded(form.extension, data, partial(_check_size, max_pixels=max_pixels))
    if not sketch.width * sketch.height:
        raise FetchFailed("damaged: a picture without a width or a height")
    turned = structure.orientation(sketch.exif) in _LYING
    width, height = sketch.width, sketch.height
    return Proof(
        form.mime_type,
        form.extension,
        width=height if turned else width,
        height=width if turned else height,
    )


def shows_nothing(why: str | None) -> bool:
    """Tell by the words of a refusal whether what came is no picture to anybody.

    False for what only this archive does not keep: too large, of another kind, from another host.
    """
    return why is not None and _SHOWS_NOTHING.search(why) is not None


def _check_size(sketch: structure.Sketch, *, max_pixels: int) -> None:
    pixels = sketch.width * sketch.height
    if pixels > max_pixels:
        size = f"{sketch.width:,} x {sketch.height:,}"
        raise PictureRefused(
            f"{_mega(pixels)} megapixels ({size}), the limit is {_mega(max_pixels)}"
        )
    if sketch.frames > MOST_FRAMES:
        raise PictureRefused(
            f"an animation of {sketch.frames:,} frames, the limit is {MOST_FRAMES:,}"
        )
    if pixels * sketch.frames > max_pixels * ANIMATION_PIXELS:
        raise PictureRefused(
            f"an animation of {_mega(pixels * sketch.frames)} megapixels in {sketch.frames:,}"
            f" frames, the limit is {_mega(max_pixels * ANIMATION_PIXELS)}"
        )


def _mega(pixels: int) -> str:
    return f"{pixels / 1_000_000:,.4g}" if pixels < 10**10 else f"{pixels // 1_000_000:,}"


_UNKEPT = tuple(
    (re.compile(magic, re.DOTALL), name)
    for magic, name in (
        (rb"%PDF-", "a PDF document"),
        (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript document"),
        (rb"II\*\0|MM\0\*", "a TIFF picture"),
        (rb"BM.{4}\0{4}", "a BMP picture"),
        (rb"\0\0\x01\0", "an icon file"),
        (rb"8BPS", "a Photoshop document"),
        (rb"\0\0\0\x0cJXL |\xff\x0a", "a JPEG XL picture"),
        (rb"\0\0\0.ftyp(?:hei|hev|mif1|msf1)", "a HEIC picture"),
        (rb"....ftyp|\x1a\x45\xdf\xa3", "a video"),
        (rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!\x1a", "an archive file"),
    )
)
# What is said of bytes that no program shows as a picture: the words below and those of fetch.
_SHOWS_NOTHING = re.compile(
    r"not a picture$|instead of a picture$|bytes that are no picture|a JPEG without a picture"
    r"|^(?:a (?:PDF|PostScript|Photoshop) document|a video|an archive file), which"
)
# Below this a cut AVIF cannot be told from a video, nor anything from its own beginning.
_SHORTEST = 64
_ELEMENT = re.compile(rb"<([a-z][a-z0-9:]*)", re.IGNORECASE)
_SVG = frozenset({b"svg", b"svg:svg"})


def _stranger(data: bytes) -> FetchError:
    """Name what came instead of a picture."""
    head = data[:2048].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not data.strip(b"\0"):
        return FetchFailed(f"{len(data):,} zeros, not a picture" if data else "nothing came at all")
    if head.startswith(b"<"):
        return _markup(head)
    for magic, name in _UNKEPT:
        if magic.match(head):
            if len(data) < _SHORTEST:
                return structure.cut_off(data)
            return PictureRefused(f"{name}, which this archive does not keep")
    text = " ".join(head.decode("utf-8", "ignore").split())[:60]
    if text.isprintable() and len(text.encode()) * 2 > min(len(head), 60):
        return FetchFailed(f'a text ("{text}"), not a picture')
    return FetchFailed(f"{len(data):,} bytes that are no picture (they begin {data[:4].hex(' ')})")


def _markup(head: bytes) -> FetchError:
    element = _ELEMENT.search(head)
    if element and element[1].lower() in _SVG:
        return PictureRefused("an SVG drawing, which this archive does not keep")
    if head.startswith(b"<?xml"):
        return FetchFailed("an XML document, not a picture")
    return FetchFailed("an HTML page, not a picture")
