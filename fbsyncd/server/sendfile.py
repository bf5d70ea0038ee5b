"""Files that the kernel sends: waitress would read each piece twice, and copy it to send it.

Where the system has no ``sendfile`` waitress' own way stays in place.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from waitress.buffers import ReadOnlyFileBasedBuffer

IS_THERE = hasattr(os, "sendfile")
#: What a client that has gone away makes of a send; ENOTCONN for one that is closed meanwhile.
GONE = frozenset({errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.ESHUTDOWN, errno.EBADF})


@dataclass(frozen=True, slots=True)
class Window:
    """The bytes of an open file that are to be sent next."""

    descriptor: int
    offset: int
    count: int

    def send(self, socket: int) -> int:
        """Hand bytes to the kernel; return how many it took, 0 when it takes none now.

        Raises OSError, also when the file has become shorter than it was promised to be.
        """
        try:
            sent = os.sendfile(socket, self.descriptor, self.offset, self.count)
        except BlockingIOError:
            return 0
        if sent == 0:
            raise OSError(errno.EIO, "the file was cut while it was being sent")
        return sent


class SentFile(ReadOnlyFileBasedBuffer):  # type: ignore[misc]  # waitress ships no types
    """A file in the buffers of a connection, of which no byte is read here."""

    _offset = 0

    def prepare(self, size: int | None = None) -> int:
        """Take what is left of the file from where it stands, at most *size* bytes of it."""
        self._offset = self.file.tell()
        left = max(0, os.fstat(self.file.fileno()).st_size - self._offset)
        self.remain: int = left if size is None else min(left, size)
        return self.remain

    def get(self, numbytes: int = -1, skip: bool = False) -> Window:
        """Return all that is left, for :meth:`Window.send`; the kernel takes what it can."""
        return Window(self.file.fileno(), self._offset, self.remain)

    def skip(self, numbytes: int, allow_prune: bool = False) -> None:
        """Count *numbytes* as sent."""
        self._offset += numbytes
        self.remain -= numbytes
