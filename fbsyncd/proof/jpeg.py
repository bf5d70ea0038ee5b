"""Follow a JPEG marker by marker to its end, through every scan, without decoding it.

Takes 0.2 ms for 190 KB, where a decoder needs 8 ms. It finds every cut, every lost or zeroed end
and practically every foreign block inside the scans, because random bytes hold markers that are
not allowed there. It does not find a changed bit: nothing but a checksum or an eye does.

Formats: ITU-T T.81 annex B (JPEG), CIPA DC-007 (MPO, several JPEGs one behind the other).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from fbsyncd.errors import FetchFailed, PictureRefused
from fbsyncd.proof.notes import check_note, check_tail
from fbsyncd.proof.structure import Sketch, cut_off, damaged

# The encoders in use write 10 scans. Thousands of them in a small file keep a decoder busy for
# minutes: each one goes over the whole picture.
MOST_SCANS = 200
# Decoders keep them all, and some join them one by one.
MOST_SEGMENTS = 2000
MOST_PICTURES = 100  # in one MPO; phones write 2 to 4

_NEXT_PICTURE = re.compile(rb"\x00*(?=\xff\xd8\xff)")
_MARKER = re.compile(rb"\xff+([\x01-\xfe])")  # any number of fill bytes may stand before it
_SCAN_END = re.compile(rb"\xff[\x01-\xfe]")
_SCAN_END_RESTARTS = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")

_EOI, _SOS, _DRI, _COM = 0xD9, 0xDA, 0xDD, 0xFE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_FRAMES_KEPT = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive
_COLOURS_KEPT = frozenset({1, 3, 4})
# Quantisation, Huffman and arithmetic tables, number of lines, APP0 to APP15, comment.
_TABLES = frozenset({0xDB, 0xC4, 0xCC, 0xDC, *range(0xE0, 0xF0), _COM})
_KNOWN = _TABLES | _FRAMES | {_EOI, _SOS, _DRI}


@dataclass(slots=True)
class _Seen:
    """What a walk through one picture has met so far."""

    size: tuple[int, int] | None = None
    exif: bytes = b""
    scans: int = 0
    segments: int = 0
    scan_end: re.Pattern[bytes] = _SCAN_END


def walk(data: bytes) -> Sketch:
    """Return size and EXIF block of a whole JPEG; all pictures of an MPO are followed, the first
    one counts.

    Raises FetchFailed for a cut or damaged file, PictureRefused for one we do not keep.
    """
    sketch, end = _picture(data, 0)
    for _ in range(MOST_PICTURES):
        further = _NEXT_PICTURE.match(data, end)
        if further is None:
            break
        if data.find(b"MPF\0", 0, end) < 0:
            raise PictureRefused("another picture is hidden behind the picture")
        _, end = _picture(data, further.end())
    # An EOI that came too early, in bytes that do not belong there, leaves the true one behind.
    if data.rstrip(b"\0").endswith(b"\xff\xd9", end):
        raise damaged(data, end)
    check_tail(data, end)
    return sketch


def _picture(data: bytes, start: int) -> tuple[Sketch, int]:
    """Return what the picture that begins at *start* is, and the offset behind its EOI."""
    seen = _Seen()
    code, at = _marker(data, start + 2)
    while code != _EOI:
        after = _segment(data, code, at, seen)
        if seen.scans > MOST_SCANS or seen.segments > MOST_SEGMENTS:
            raise PictureRefused(f"a JPEG of more than {MOST_SCANS} scans or {MOST_SEGMENTS} parts")
        code, at = _marker(data, after)
    if seen.size is None or not seen.scans:
        raise PictureRefused("a JPEG without a picture in it")
    return Sketch(*seen.size, exif=seen.exif), at


def _marker(data: bytes, at: int) -> tuple[int, int]:
    found = _MARKER.match(data, at)
    if found is None or found[1][0] not in _KNOWN:
        raise damaged(data, at)
    return found[1][0], found.end()


def _segment(data: bytes, code: int, at: int, seen: _Seen) -> int:
    """Take in the segment behind the marker *code*, with the scan it starts; return its end."""
    after = _segment_end(data, at)
    seen.segments += 1
    if code == _SOS and seen.size:
        seen.scans += 1
        after = _scan_end(data, at, after, seen.scan_end)
    elif code in _FRAMES and not seen.size:
        seen.size = _frame(code, data[at:after])
    elif code == _DRI:
        seen.scan_end = _SCAN_END_RESTARTS
    elif code not in _TABLES:
        raise damaged(data, at - 2)
    elif code == _COM:
        check_note(data[at:after])
    elif not seen.exif and data.startswith(b"Exif\0\0", at + 2):
        seen.exif = data[at + 2 : after]
    return after


def _segment_end(data: bytes, at: int) -> int:
    """Step over a segment by its length, so that an EOI in its thumbnail does not end the walk."""
    if at + 2 > len(data):
        raise cut_off(data)
    length = data[at] << 8 | data[at + 1]
    if length < 2:
        raise damaged(data, at)
    if at + length > len(data):
        raise cut_off(data)
    return at + length


def _scan_end(data: bytes, header: int, at: int, end: re.Pattern[bytes]) -> int:
    """Return the offset of the marker that ends the scan whose header is *header* to *at*."""
    if at - header != 6 + 2 * data[header + 2]:
        raise damaged(data, header)
    found = end.search(data, at)
    if found is None:
        raise cut_off(data)
    return found.start()


def _frame(code: int, segment: bytes) -> tuple[int, int]:
    bits, height, width, colours = struct.unpack_from(">BHHB", segment.ljust(8, b"\0"), 2)
    if not bits * colours:
        raise FetchFailed("damaged: a JPEG whose frame is empty")
    if code not in _FRAMES_KEPT or bits != 8 or colours not in _COLOURS_KEPT:
        raise PictureRefused(
            f"a rare kind of JPEG that browsers do not show (SOF{code - 0xC0},"
            f" {bits} bits, {colours} colours)"
        )
    return width, height
