"""One request as waitress works on it, with a quicker head and files that the kernel sends.

waitress closes the connection after every 304, since it has no Content-Length (waitress 3.0.2).
A page whose pictures are all held would open a connection for each of them.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from waitress.task import WSGITask

from fbsyncd.server import sendfile


class Task(WSGITask):  # type: ignore[misc]  # waitress ships no types
    """A request for our application, whose headers need no putting right."""

    wrote_header: bool = False
    content_bytes_written: int = 0

    def get_environment(self) -> dict[str, Any]:
        """Return the WSGI environment with our own wrapper for files."""
        environ: dict[str, Any] = super().get_environment()
        if sendfile.IS_THERE:
            environ["wsgi.file_wrapper"] = sendfile.SentFile
        return environ

    def write(self, data: bytes) -> None:
        """Send *data*, the first of it together with the head.

        Each call of the system lets another thread have the interpreter, and waits for it after.
        """
        length = self.content_length
        is_first = self.complete and not self.wrote_header and self.has_body
        if not (is_first and data and length is not None and len(data) <= length):
            super().write(data)
            return
        head = self.build_response_header()
        self.wrote_header = True
        self.content_bytes_written = len(data)
        self.channel.write_soon(head + data)

    def build_response_header(self) -> bytes:
        """Return the head of the answer, and decide whether the connection is kept after it."""
        length = self.content_length if self.has_body else None
        if self.version != "1.1" or (self.has_body and length is None):
            return bytes(super().build_response_header())
        if "close" in _words(self.request.headers.get("CONNECTION", "")):
            self.set_close_on_finish()
        lines = [f"HTTP/1.1 {self.status}"]
        lines += [
            f"{name}: {text}"
            for name, text in self.response_headers
            if name.lower() != "content-length"
        ]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        lines.append(f"Date: {_date(int(time.time()))}\r\n\r\n")
        return "\r\n".join(lines).encode("latin-1")


def _words(header: str) -> list[str]:
    return [word.strip(" \t") for word in header.lower().split(",")]


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
