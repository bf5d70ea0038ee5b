"""Follow the structure of a picture file from its first byte to its last, without decoding it.

::

    JPEG   marker by marker to EOI, through every scan: see jpeg.py
    PNG    chunk by chunk to IEND, every CRC compared
    GIF    block by block to the trailer
    WEBP   chunk by chunk to the length its header tells
    AVIF   box by box to the end

A walk finds cut, lost and zeroed ends before a decoder spends memory on them, and what decoders
forgive: Pillow takes a PNG without IEND, a GIF without trailer, and anything behind either. A
file that was walked may still fail to decode.

Errors: FetchFailed for a file that is cut off or damaged, which another transfer may mend;
PictureRefused for one that is as its sender meant it and that we do not keep.

Formats: PNG third edition, GIF89a, the WebP container specification (RFC 9649),
ISO/IEC 14496-12 (boxes), CIPA DC-008 (EXIF).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fbsyncd.errors import FetchFailed, PictureRefused
from fbsyncd.proof.notes import check_note, check_png_text, check_tail

if TYPE_CHECKING:
    from collections.abc import Iterator

# Parts of a few bytes each make a reader in Python busy for minutes: a PNG of 10 MB could have
# 800,000 chunks. Real ones have a few thousand at most.
MOST_PARTS = 20_000

_ZEROS_OF_A_HOLE = 32
_HOLE = bytes(64)


@dataclass(frozen=True, slots=True)
class Sketch:
    """What a walk saw: size in pixels as stored, number of frames, EXIF block.

    The walk of an AVIF leaves the size at 0: only its decoder knows. The EXIF block is told for
    JPEG alone: the other decoders hand it out themselves.
    """

    width: int
    height: int
    frames: int = 1
    exif: bytes = b""


def cut_off(data: bytes) -> FetchFailed:
    """Say after how many bytes *data* ends too early; zeros up to the end were never written."""
    kept = len(data.rstrip(b"\0"))
    if len(data) - kept < _ZEROS_OF_A_HOLE:
        return FetchFailed(f"cut off after {len(data):,} bytes")
    return FetchFailed(f"cut off after {kept:,} bytes: the other {len(data) - kept:,} are zeros")


def damaged(data: bytes, at: int) -> FetchFailed:
    """Say where the structure breaks; when nothing but padding follows, the end is what lacks."""
    if not data[at:].strip(b"\0\xff"):
        return cut_off(data)
    return FetchFailed(f"damaged at byte {at:,} of {len(data):,}")


def _check_parts(count: int) -> None:
    if count > MOST_PARTS:
        raise PictureRefused(f"a picture of more than {MOST_PARTS:,} parts")


# --- PNG ----------------------------------------------------------------------------------------


def walk_png(data: bytes) -> Sketch:
    """Follow a PNG or APNG and compare every CRC."""
    sketch: Sketch | None = None
    announced, frames, end = 1, 0, 0
    for name, at, end in _png_chunks(data):
        if sketch is None:
            sketch = _png_header(name, data[at : at + 13])
        elif name == b"acTL" and end - at >= 12:
            announced = struct.unpack_from(">I", data, at)[0]
        elif name == b"fcTL":
            frames += 1
    check_tail(data, end)
    if sketch is None:
        raise cut_off(data)
    return Sketch(sketch.width, sketch.height, max(1, announced, frames))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, offset of the content and offset behind each chunk up to IEND."""
    view = memoryview(data)
    name, end, parts = b"", 8, 0
    while name != b"IEND":
        parts += 1
        _check_parts(parts)
        at = end + 8
        if at + 4 > len(data):
            raise cut_off(data)
        length, name = struct.unpack_from(">I4s", data, end)
        end = at + length + 4
        if end > len(data):
            raise cut_off(data)
        if zlib.crc32(view[at - 4 : end - 4]) != int.from_bytes(view[end - 4 : end]):
            raise damaged(data, at - 8)
        check_png_text(name, view[at : end - 4])
        yield name, at, end


def _png_header(name: bytes, content: bytes) -> Sketch:
    if name != b"IHDR" or len(content) < 13:
        raise FetchFailed("damaged: a PNG that does not begin with its header")
    width, height = struct.unpack_from(">II", content)
    return Sketch(width, height)


# --- GIF ----------------------------------------------------------------------------------------

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_GIF_TEXTS = frozenset({b"\x01", b"\xfe"})  # text to be painted, comment


def walk_gif(data: bytes) -> Sketch:
    """Follow a GIF; a frame that reaches beyond the screen enlarges it, as decoders do."""
    width, height, flags = struct.unpack_from("<HHB", data.ljust(13, b"\0"), 6)
    at, frames, notes = 13 + _gif_colours(flags), 0, 0
    while at < len(data) and data[at] != _TRAILER:
        if data[at] == _EXTENSION:
            start, (at, blocks) = at, _gif_content(data, at + 2)
            if data[start + 1 : start + 2] in _GIF_TEXTS:
                check_note(data[start:at])
            notes += blocks + 1
            _check_parts(notes)
            continue
        left, top, wide, high, flags = _gif_frame(data, at)
        width, height, frames = max(width, left + wide), max(height, top + high), frames + 1
        at, _ = _gif_content(data, at + 11 + _gif_colours(flags))
    if at >= len(data):
        raise cut_off(data)
    if not frames:
        raise FetchFailed("damaged: a GIF without a picture in it")
    check_tail(data, at + 1)
    return Sketch(width, height, frames)


def _gif_frame(data: bytes, at: int) -> tuple[int, int, int, int, int]:
    """Return left, top, width, height and flags of the frame whose description begins at *at*."""
    if data[at] != _IMAGE:
        raise damaged(data, at)
    if at + 10 > len(data):
        raise cut_off(data)
    left, top, wide, high, flags = struct.unpack_from("<HHHHB", data, at + 1)
    return left, top, wide, high, flags


def _gif_colours(flags: int) -> int:
    """Return the bytes of the colour table that *flags* announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _gif_content(data: bytes, at: int) -> tuple[int, int]:
    """Return the offset behind the sub-blocks that begin at *at*, and how many they are."""
    blocks = 0
    while at < len(data) and (length := data[at]):
        at += length + 1
        blocks += 1
    return at + 1, blocks


# --- WEBP and AVIF ------------------------------------------------------------------------------


_WEBP_IMAGES = frozenset({b"VP8 ", b"VP8L", b"ANMF"})


def walk_webp(data: bytes) -> Sketch:
    """Follow a WEBP. Its canvas is read here because the decoder allocates it when it opens."""
    if len(data) < 30:
        raise cut_off(data)
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    if end > len(data):
        raise cut_off(data)
    at, frames, parts = 12, 0, 0
    while at + 8 <= end:
        name, length = struct.unpack_from("<4sI", data, at)
        at += 8 + length + (length & 1)
        # The decoder paints over zeros as if they were a picture.
        if name in _WEBP_IMAGES and data.endswith(_HOLE, 0, at):
            raise cut_off(data)
        frames += name == b"ANMF"
        parts += 1
        _check_parts(parts)
    if at - end not in {0, 1}:  # the last pad byte is left out by some
        raise damaged(data, end)
    check_tail(data, end)
    return Sketch(*_webp_canvas(data), max(1, frames))


def _webp_canvas(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise FetchFailed("damaged: a WEBP without a picture in it")


def walk_avif(data: bytes) -> Sketch:
    """Follow the outermost boxes of an AVIF; what is in them is left to the decoder."""
    if data.endswith(_HOLE):  # the decoder paints over zeros as if they were a picture
        raise cut_off(data)
    at, parts = 0, 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        if length == 1:
            length = int.from_bytes(data[at + 8 : at + 16])
        elif length == 0:  # "up to the end of the file"
            length = len(data) - at
        if length < 8:
            raise damaged(data, at)
        at += length
        parts += 1
        _check_parts(parts)
    if at != len(data):
        raise cut_off(data)
    return Sketch(0, 0)


# --- EXIF ---------------------------------------------------------------------------------------

_ORIENTATION, _SHORT = 0x0112, 3


def orientation(exif: bytes) -> int:
    """Return 1 to 8 as EXIF counts them; 1, "as it is stored", when *exif* cannot be read.

    Pillow would copy the value of each of its entries to find this one, and warn about those that
    it does not understand.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return 1
    start = struct.unpack_from(f"{order}L", tiff, 4)[0] + 2
    for at in range(start, len(tiff) - 11, 12):
        tag, kind, _, value = struct.unpack_from(f"{order}HHLH", tiff, at)
        # They are sorted by tag, and 65,536 tags would be all there can be.
        if tag >= _ORIENTATION:
            return value if (tag, kind) == (_ORIENTATION, _SHORT) and 1 <= value <= 8 else 1
    return 1
