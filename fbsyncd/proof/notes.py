"""What may stand in and behind a picture beside the picture: notes, but no other file.

A file that is a picture to us and a page, a script, a program or an archive to somebody else is
refused as a whole: bytes are never altered here. EXIF, XMP (which is XML) and colour profiles are
not searched.

Errors: PictureRefused, since the sender meant it so.
"""

from __future__ import annotations

import re
import zlib
from typing import Final

from fbsyncd.errors import PictureRefused

# Camera makers, editors and CDNs leave notes behind the picture. More is another file.
LONGEST_TAIL: Final = 65_536
#: So much of a compressed text is looked at.
LONGEST_TEXT: Final = 65_536

_PADDING: Final = b"\0\xff \t\r\n"
# The end of a comment that makes a variable or a label of what stands before it in a script.
_SCRIPT: Final = rb"\*/\s*[=:;,(]"
_BEHIND: Final = re.compile(
    rb"<(?:!doctype|html|head|body|script|iframe|svg|\?php)|PK\x03\x04|%PDF-|Rar!\x1a|" + _SCRIPT,
    re.IGNORECASE,
)
_WITHIN: Final = re.compile(
    rb"<(?:!doctype\s+html|html|script|svg|\?php)|PK\x03\x04|" + _SCRIPT, re.IGNORECASE
)
_PROGRAM: Final = re.compile(rb"MZ|\x7fELF|#!")
_PICTURE: Final = re.compile(
    rb"[\0\xff \t\r\n]*(?:\xff\xd8\xff|\x89PNG\r\n|GIF8[79]a|RIFF.{4}WEBP)", re.DOTALL
)
_PNG_TEXTS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt"})


def check_tail(data: bytes, end: int) -> None:
    """Raise PictureRefused for what stands behind the end of the picture, but padding and notes."""
    tail = data[end:].strip(_PADDING)
    if len(tail) > LONGEST_TAIL:
        raise PictureRefused(f"{len(tail):,} bytes of something else behind the picture")
    if _BEHIND.search(tail) or _PROGRAM.match(tail):
        raise PictureRefused("a page, script, program or archive is hidden behind the picture")
    if _PICTURE.match(data, end):
        raise PictureRefused("another picture is hidden behind the picture")


def check_note(note: bytes) -> None:
    """Raise PictureRefused for a note inside a picture that is a page, a script or an archive."""
    if _WITHIN.search(note):
        raise PictureRefused("a page, script or archive is hidden in a note inside the picture")


def check_png_text(name: bytes, content: memoryview) -> None:
    """Do the same for a chunk *name* of a PNG if it is text; compressed text is looked into."""
    if name not in _PNG_TEXTS:
        return
    note = bytes(content)
    check_note(note)
    _, _, text = note.partition(b"\0")
    if name == b"zTXt":
        check_note(_unpacked(text[1:]))
    elif name == b"iTXt" and text[:1] == b"\1":
        check_note(_unpacked(text[2:].split(b"\0", 2)[-1]))  # behind language and translation


def _unpacked(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, LONGEST_TEXT)
    except zlib.error:  # a damaged text does not make the picture less whole
        return b""
