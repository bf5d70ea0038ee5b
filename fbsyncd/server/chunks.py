"""The body of a request that comes in chunks, of which only one form is taken.

waitress takes half a line end in the line of a size, and any bytes as trailers (waitress 3.0.2). A
program in front that reads such a line another way would see the body end elsewhere.
"""

from __future__ import annotations

import re
from typing import Any, Final

from waitress.utilities import BadRequest, RequestEntityTooLarge

_LONGEST: Final = 4096  # bytes of a size with its extensions, or of a trailer
_END: Final = b"\r\n"
_SIZE: Final = re.compile(rb"([0-9a-fA-F]{1,16})(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_TRAILER: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n")


class Chunks:
    """Receives one body as waitress' own receivers do; *buffer* gets its bytes, fewer than *most*.

    Trailers are looked at and left out.
    """

    def __init__(self, buffer: Any, most: int) -> None:
        self.completed = False
        self.error: BadRequest | RequestEntityTooLarge | None = None
        self._buffer = buffer
        self._most = most
        self._line = b""
        self._left = 0  # bytes of the chunk that is arriving
        self._read = self._size

    def __len__(self) -> int:
        return int(self._buffer.__len__())

    def getfile(self) -> Any:
        """Return the body to be read."""
        return self._buffer.getfile()

    def getbuf(self) -> Any:
        """Return what holds the body."""
        return self._buffer

    def received(self, data: bytes) -> int:
        """Take in what belongs to the body; return how many bytes that was."""
        taken = 0
        while taken < len(data) and not (self.completed or self.error):
            taken += self._bytes(data[taken:]) if self._left else self._text(data, taken)
        return taken

    def _bytes(self, data: bytes) -> int:
        part = data[: self._left]
        self._buffer.append(part)
        self._left -= len(part)
        return len(part)

    def _text(self, data: bytes, start: int) -> int:
        end = data.find(b"\n", start) + 1
        part = data[start : end or len(data)]
        self._line += part
        if len(self._line) > _LONGEST:
            self.error = BadRequest("a line between chunks is too long")
        elif end:
            line, self._line = self._line, b""
            self._read(line)
        return len(part)

    def _size(self, line: bytes) -> None:
        match = _SIZE.fullmatch(line)
        if match is None:
            self.error = BadRequest("the size of a chunk is not one")
            return
        self._left = int(match[1], 16)
        self._read = self._after if self._left else self._trailer
        if self._left + len(self) >= self._most:
            self.error = RequestEntityTooLarge(f"the body has {self._most} bytes or more")

    def _after(self, line: bytes) -> None:
        if line != _END:
            self.error = BadRequest("a chunk is longer or shorter than its size")
        self._read = self._size

    def _trailer(self, line: bytes) -> None:
        if line == _END:
            self.completed = True
        elif not _TRAILER.fullmatch(line):
            self.error = BadRequest("a trailer is no header")
