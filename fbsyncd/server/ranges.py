"""Parts of a file: what a Range header asks for, and how several parts go into one answer.

Decides and lays out only; whoever calls opens the file.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

#: More at once is no viewer's wish (RFC 9110 section 14.2 names the attack).
MOST: Final = 16
_CHUNK: Final = 65536  # bytes read at once
_HEADER: Final = re.compile(r"bytes=(.*)", re.IGNORECASE)
_SPEC: Final = re.compile(r"(\d{0,18})-(\d{0,18})", re.ASCII)


def asked(header: str, size: int) -> list[range] | None:
    """Return the parts of a file of *size* bytes that a Range header asks for.

    None means that the header is to be ignored: another unit, nonsense, or more than MOST parts.
    An empty list means: asked for rightly, but nothing of it is in the file. The parts lie inside
    the file, are not empty and do not overlap.
    """
    unit = _HEADER.fullmatch(header.strip(" \t"))
    specs = [spec.strip(" \t") for spec in unit[1].split(",")] if unit else []
    found = [_resolved(spec, size) for spec in specs if spec]
    if not found or len(found) > MOST:
        return None
    parts = [part for part in found if part is not None]
    return _apart([part for part in parts if part]) if len(parts) == len(found) else None


def _resolved(spec: str, size: int) -> range | None:
    bounds = _SPEC.fullmatch(spec)
    if bounds is None or bounds.groups() == ("", ""):
        return None
    first, last = bounds.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)


def _apart(parts: list[range]) -> list[range]:
    """Return *parts* in the order asked for, or joined in the file's order where they overlap."""
    joined: list[range] = []
    for part in sorted(parts, key=lambda part: part.start):
        if joined and part.start < joined[-1].stop:
            joined[-1] = range(joined[-1].start, max(joined[-1].stop, part.stop))
        else:
            joined.append(part)
    return parts if len(joined) == len(parts) else joined


def span(part: range, size: int) -> str:
    """Return the value of Content-Range for *part* of *size* bytes."""
    return f"bytes {part.start}-{part.stop - 1}/{size}"


@dataclass(frozen=True, slots=True)
class Multipart:
    """Several parts of one file as ``multipart/byteranges``; iterate once, then close."""

    file: BinaryIO
    parts: Sequence[range]
    heads: Sequence[bytes]
    tail: bytes
    content_type: str

    @classmethod
    def of(cls, file: BinaryIO, parts: Sequence[range], size: int, content_type: str) -> Multipart:
        """Lay out *parts* of an open *file* of *size* bytes."""
        boundary = secrets.token_hex(16)
        heads = [
            f"\r\n--{boundary}\r\nContent-Type: {content_type}\r\n"
            f"Content-Range: {span(part, size)}\r\n\r\n".encode()
            for part in parts
        ]
        kind = f"multipart/byteranges; boundary={boundary}"
        return cls(file, parts, heads, f"\r\n--{boundary}--\r\n".encode(), kind)

    @property
    def length(self) -> int:
        """How many bytes the whole body has."""
        return sum(map(len, (*self.parts, *self.heads, self.tail)))

    def __iter__(self) -> Iterator[bytes]:
        for head, part in zip(self.heads, self.parts, strict=True):
            yield head
            self.file.seek(part.start)
            yield from _read(self.file, len(part))
        yield self.tail

    def close(self) -> None:
        """Close the file; whoever serves the body calls this."""
        self.file.close()


def _read(file: BinaryIO, count: int) -> Iterable[bytes]:
    while count > 0 and (data := file.read(min(count, _CHUNK))):
        count -= len(data)
        yield data
