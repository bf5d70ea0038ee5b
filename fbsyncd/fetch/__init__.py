"""Get one picture from the CDN, whole and proven, whatever the other side sends.

=======================================  ==============  =======================================
the answer                               error           because
=======================================  ==============  =======================================
403, 404, 410                            LinkDead        signed links end so: a fresh one helps
other 4xx                                LinkDead        this very link will be refused again
407, 408, 421, 425, 429                  FetchFailed     about this moment, not about the link
5xx, no connection, cut, too slow        FetchFailed     it may pass
1xx, 204, 206, 304 and other oddities    FetchFailed     we asked for a whole picture
HTML, text, JSON or XML                  Intercepted     a portal or proxy answered, not the CDN
a Content-Encoding                       FetchFailed     a proxy packs what must not be packed
a video, a sound, another kind of file   PictureRefused  nothing this archive keeps
more bytes than ``max_bytes``            PictureRefused  it will be the same next time
a link or redirect to a forbidden place  PictureRefused  see reach.py
redirects in a circle, or too many       PictureRefused  it will be the same next time
=======================================  ==============  =======================================

What :func:`fbsyncd.proof.prove` says about the bytes themselves comes on top of it.

No token, cookie, password or proxy setting of the environment goes out with the request. Nothing
is written, no row is touched, nothing is tried again. Memory: at most ``max_bytes`` for the body of
each transfer under way, plus what proof.py needs. The one wait that ``deadline`` cannot end is the
look-up of the host's name, which the system bounds.
"""

from __future__ import annotations

import hashlib
import html
import logging
import re
import threading
import zlib
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING

from fbsyncd.errors import FetchError, FetchFailed, Intercepted, LinkDead, PictureRefused
from fbsyncd.fetch.reach import Place, allowed, first_place, next_place
from fbsyncd.proof import Proof, prove

if TYPE_CHECKING:
    from fbsyncd.fetch.line import Answer, Line

__all__ = ["Fetcher", "Limits", "Picture", "allowed"]

_log = logging.getLogger(__name__)

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ABOUT_THE_MOMENT = frozenset({407, 408, 421, 425, 429})
_UNKNOWN_BYTES = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_PAGE = re.compile(r"text/|(?:application/|.*\+)(?:json|xml)|application/javascript")
_LONGEST_EXCUSE = 512  # bytes of an error's body that are read
_CHECKSUM = re.compile(r"(?:.*\badler32=)?(\d{1,10})\b")


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be fetched. Times are seconds; *deadline* is for a whole picture with redirects.

    *allowed_hosts* are patterns as :func:`allowed` reads them. *max_pixels* is width times height.
    """

    allowed_hosts: tuple[str, ...]
    max_bytes: int
    max_pixels: int
    connect_timeout: float = 10
    read_timeout: float = 20
    deadline: float = 120
    max_redirects: int = 3


@dataclass(frozen=True, slots=True)
class Picture:
    """A whole picture: its bytes, their SHA-256 in hex, and what was proven about them."""

    data: bytes
    sha256: str
    proof: Proof


class Fetcher:
    """Fetches pictures for as many threads as call it; each call has a line of its own.

    Lines are kept for the next call, whichever thread makes it, with their connections open.
    """

    def __init__(self, limits: Limits, *, user_agent: str) -> None:
        self._limits = limits
        self._headers = {
            "User-Agent": user_agent,
            "Accept": "image/jpeg,image/png,image/gif,image/webp,image/*;q=0.8",
            # Pictures are packed already, and 200 KB of gzip can become 200 MB.
            "Accept-Encoding": "identity",
        }
        self._lock = threading.Lock()
        self._idle: list[Line] = []
        self._busy: set[Line] = set()
        self._closed = False

    def fetch(self, url: str) -> Picture:
        """Return the picture that *url* leads to.

        Raises LinkDead, FetchFailed or PictureRefused, as the table above says. Messages name host
        and file, never the rest of the link.
        """
        place = first_place(url, self._limits.allowed_hosts)
        line = self._take()
        try:
            return self._follow(line, place)
        except FetchError as e:
            raise type(e)(f"{e} ({place})") from e
        finally:
            self._give_back(line)

    def close(self) -> None:
        """End every transfer under way, with FetchFailed, and close all connections.

        Returns at once: the threads in :meth:`fetch` are not waited for.
        """
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for line in self._busy:
                line.guard.stop()
        for line in idle:
            line.close()

    def _take(self) -> Line:
        with self._lock:
            if self._closed:
                raise FetchFailed("stopped before it was asked for")
            line = self._idle.pop() if self._idle else self._new_line()
            self._busy.add(line)
        return line

    def _new_line(self) -> Line:
        # Late: the daemon's first answer need not wait for what this loads.
        from fbsyncd.fetch.line import Line

        return Line(self._limits.allowed_hosts, self._headers)

    def _give_back(self, line: Line) -> None:
        with self._lock:
            self._busy.discard(line)
            if not self._closed:
                self._idle.append(line)
                return
        line.close()

    def _follow(self, line: Line, place: Place) -> Picture:
        limits = self._limits
        line.guard.begin(seconds=limits.deadline, most_bytes=limits.max_bytes)
        asked = {place.url}
        for _ in range(limits.max_redirects + 1):
            answer = line.ask(
                place, connect_timeout=limits.connect_timeout, read_timeout=limits.read_timeout
            )
            try:
                if answer.status not in _REDIRECTS:
                    return _receive(answer, line, limits, place)
                place = _redirect(answer, place, limits)
            finally:
                answer.close()
            if place.url in asked:
                raise PictureRefused("redirected in a circle")
            asked.add(place.url)
        raise PictureRefused(f"redirected more than {limits.max_redirects} times")


def _redirect(answer: Answer, place: Place, limits: Limits) -> Place:
    location = answer.header("Location")
    if not location:
        raise FetchFailed(f"{answer.status} without a Location")
    return next_place(place, location, limits.allowed_hosts)


def _receive(answer: Answer, line: Line, limits: Limits, place: Place) -> Picture:
    if answer.status != HTTPStatus.OK:
        raise _refusal(answer)
    _check_headers(answer, limits)
    data, sha256 = _read(answer, line, limits)
    proof = prove(data, max_pixels=limits.max_pixels)
    _compare_checksum(answer, data, place)
    return Picture(data, sha256, proof)


def _refusal(answer: Answer) -> FetchError:
    """Turn a status other than 200 into its error, with the words that came with it."""
    status = answer.status
    if 400 <= status < 500 and status not in _ABOUT_THE_MOMENT:
        return LinkDead(f"{status} {_excuse(answer)}".rstrip())
    wait = answer.header("Retry-After")[:40]
    told = f", asks to wait {wait} s" if wait.isdigit() else f", asks to wait until {wait}"
    return FetchFailed(f"{status} {_phrase(status)}".rstrip() + (told if wait else ""))


def _excuse(answer: Answer) -> str:
    """Return the short text of an error ("URL signature expired"), or what its number means."""
    body = b""
    try:
        while len(body) < _LONGEST_EXCUSE and (part := answer.read()):
            body += part
    except FetchFailed:
        pass  # the number says enough
    text = html.unescape(re.sub(r"<[^>]*>?", " ", body[:_LONGEST_EXCUSE].decode("latin-1")))
    words = " ".join(re.sub(r"[^!-~]+", " ", text).split())
    return words[:100] or _phrase(answer.status)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _check_headers(answer: Answer, limits: Limits) -> None:
    """Refuse by the headers alone what need not be read at all."""
    encoding = answer.header("Content-Encoding").strip().lower()
    if encoding not in {"", "identity"}:
        raise FetchFailed(f"packed with {encoding[:20]} although we asked for plain bytes")
    kind = answer.header("Content-Type").partition(";")[0].strip().lower()
    if _PAGE.match(kind) and not kind.startswith("image/"):
        raise Intercepted(f"a page or text ({kind[:40]}) instead of a picture")
    if kind not in _UNKNOWN_BYTES and not kind.startswith("image/"):
        raise PictureRefused(f"{kind[:40]} instead of a picture")
    if answer.length is not None and answer.length > limits.max_bytes:
        raise PictureRefused(f"{answer.length:,} bytes, the limit is {limits.max_bytes:,}")


def _read(answer: Answer, line: Line, limits: Limits) -> tuple[bytes, str]:
    """Return the body and its SHA-256."""
    # getvalue() hands out the buffer itself, where b"".join() would hold everything twice.
    body, digest, announced = BytesIO(), hashlib.sha256(), answer.length
    try:
        while part := answer.read():
            body.write(part)
            digest.update(part)
            if body.tell() > limits.max_bytes:
                raise PictureRefused(f"more bytes than the limit of {limits.max_bytes:,}")
            line.guard.seconds_left()
    except FetchFailed as e:
        of = "" if announced is None else f" of {announced:,}"
        raise FetchFailed(f"broken off after {body.tell():,}{of} bytes: {e}") from e
    return body.getvalue(), digest.hexdigest()


def _compare_checksum(answer: Answer, data: bytes, place: Place) -> None:
    """Log when the CDN's own checksum is another one.

    Not an error: nobody has written down whether it is the checksum of the resized bytes or of the
    stored original, and the structure has been proven.
    """
    told = answer.header("content-digest") or answer.header("x-needle-checksum")
    found = _CHECKSUM.match(told)
    if found and int(found[1]) != zlib.adler32(data):
        _log.warning("checksum differs from the CDN's, kept all the same: %s", place)
