"""A request as it comes over the wire, held to one reading.

Where two programs in a row differ on where a request ends, the second can be made to answer what
the first never saw (request smuggling). waitress takes much of what can be read in two ways: a
length beside chunks, chunks before HTTP/1.1 and in versions to come, headers folded over lines
(waitress 3.0.2). RFC 9112 lets a server refuse all of it; here it does, and closes the connection.
"""

from __future__ import annotations

import re
from typing import Any, Final

from waitress.buffers import OverflowableBuffer
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.utilities import BadRequest, Error

from fbsyncd.server.chunks import Chunks

# One method, one target without spaces, controls and fragment, one version: what waitress strips or
# drops of it, a proxy in front has read as something else.
_START: Final = re.compile(
    rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [^\x00-\x20\x7f#]+(?: HTTP/[0-9]+\.[0-9]+)?"
)
# Empty lines may come before a request (RFC 9112 section 2.2), and of them as much as has arrived.
_LED: Final = re.compile(rb"(?:\r\n)*(?:\r?\Z|[!#$%&'*+.^_`|~0-9A-Za-z-])")
_FOLDED: Final = re.compile(rb"\r\n[ \t]")
_LINE: Final = re.compile(rb"\r\n(host|content-length|transfer-encoding):([^\r\n]*)")
_ENDS: Final = (b"\r\ncontent-length:", b"\r\ntransfer-encoding:")
_DIGITS: Final = 18  # of a length: more is no number of bytes, and int() refuses thousands
_ADDRESS: Final = re.compile(r"https?://[^/?#]", re.IGNORECASE)


class VersionNotSupported(Error):  # type: ignore[misc]  # waitress ships no types
    """A request of a version whose rules we do not know."""

    code = 505
    reason = "HTTP Version Not Supported"


class Request(HTTPRequestParser):  # type: ignore[misc]  # waitress ships no types
    """A request that is arriving."""

    body_rcv: Any = None

    def received(self, data: bytes) -> int:
        """Take in what arrived; return how many bytes belong to this request."""
        if self.body_rcv is None and not _LED.match(self.header_plus + data):
            # waitress drops all that is white there, a proxy in front may not.
            self.parse_header(b"GET / HTTP/1.0\r\n")
            self.error = BadRequest("more than empty lines comes before the request line")
            self.completed = True
            return len(data)
        taken = int(super().received(data))
        if self.completed:
            # waitress would tell the client to go on, and wait for a body that nobody sends.
            self.expect_continue = False
        return taken

    def parse_header(self, header_plus: bytes) -> None:
        """Read the head of the request. Raises ParsingError for what has two readings."""
        if not _START.fullmatch(header_plus.partition(b"\r\n")[0]):
            raise ParsingError("the request line is invalid")
        told = _once(header_plus)
        _require_one_end(told)
        try:
            super().parse_header(header_plus)
        except ValueError as e:
            raise ParsingError("the target is no address") from e
        if self.version not in {"1.0", "1.1"}:
            self.error = VersionNotSupported("this is a server of HTTP/1.1")
            self.completed = True
            return
        self._require_host()
        if self.version == "1.0" and b"transfer-encoding" in told:
            raise ParsingError("HTTP/1.0 has no Transfer-Encoding")
        if self.chunked:
            buffer: Any = OverflowableBuffer(self.adj.inbuf_overflow)
            self.body_rcv = Chunks(buffer, self.adj.max_request_body_size)

    def _require_host(self) -> None:
        target = str(self.request_uri)
        if self.version == "1.1" and "HOST" not in self.headers:
            raise ParsingError("the header Host is missing")
        if _ADDRESS.match(target):
            # RFC 9112 section 3.2.2: the name in the target counts, whatever Host says.
            self.headers["HOST"] = self.proxy_netloc
        elif not target.startswith("/") and (self.command, target) != ("OPTIONS", "*"):
            raise ParsingError("the target is no path")


def _once(head: bytes) -> dict[bytes, bytes]:
    """Return the headers that tell where a request ends, if any, all in small letters."""
    if _FOLDED.search(head):
        raise ParsingError("a header is folded over lines")
    told: dict[bytes, bytes] = {}
    small = head.lower()
    if not any(end in small for end in _ENDS) and small.count(b"\r\nhost:") < 2:
        # The usual request, and looking for them line by line would take longer.
        return told
    for name, text in _LINE.findall(small):
        if name in told:
            raise ParsingError(f"{name.decode()} is given twice")
        told[name] = text.strip(b" \t")
    return told


def _require_one_end(told: dict[bytes, bytes]) -> None:
    """Raise ParsingError unless there is one way only to tell where the request ends."""
    length, coding = told.get(b"content-length"), told.get(b"transfer-encoding")
    if length is not None and len(length) > _DIGITS:
        raise ParsingError("Content-Length is invalid")
    if coding is None:
        return
    if length is not None:
        raise ParsingError("Content-Length and Transfer-Encoding are both given")
    codings = [one.strip(b" \t") for one in coding.split(b",")]
    if b"" in codings or codings.count(b"chunked") > 1:
        raise ParsingError("Transfer-Encoding is invalid")
