"""Archived files over HTTP: ETag, 304, ranges, HEAD.

A file's name carries the hash of its content. So the ETag is known without reading a byte, and the
answer may be kept for ever (``immutable``). What is refused here never reaches the disk: a path of
another form than our own, or one that needs percent signs to be written.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from typing import TYPE_CHECKING, BinaryIO

from fbsyncd.server.answers import Answer, Headers, Refused, matches

if TYPE_CHECKING:
    from pathlib import Path
    from wsgiref.types import WSGIEnvironment

    from fbsyncd.media import Media

PREFIX = "/media/"

_TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
}
_PATH = re.compile(
    r"/media/facebook/(?P<category>[a-z]{1,32})/"
    rf"(?P<filename>(?P<sha256>[0-9a-f]{{64}})\.(?P<extension>{'|'.join(_TYPES)}))"
)
_RANGE = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.IGNORECASE)
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}


@dataclass(frozen=True, slots=True)
class _Opened:
    """An archived file, open, with what its headers need."""

    file: BinaryIO
    size: int  # bytes
    modified: int  # seconds since 1970
    etag: str
    headers: Headers

    @property
    def last_modified(self) -> str:
        return formatdate(self.modified, usegmt=True)


def answer(media: Media, environ: WSGIEnvironment) -> Answer:
    """Return the archived file *environ* asks for, the part of it, or that nothing changed.

    Does not know which category exists or which file is archived: *media* does. Raises
    :class:`fbsyncd.server.answers.Refused` with 404, 405, 416 or 503.
    """
    if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
        raise Refused(405, "a file can only be read", headers=(("Allow", "GET, HEAD"),))
    named = _PATH.fullmatch(environ["PATH_INFO"])
    path = media.file(named["category"], named["filename"]) if named else None
    if named is None or path is None or _escaped(environ):
        raise _nothing_there()
    etag = f'"{named["sha256"]}"'
    headers = _headers(etag, _TYPES[named["extension"]])
    if matches(environ.get("HTTP_IF_NONE_MATCH"), etag):
        return Answer(304, headers)
    return _from_disk(_open(path, etag, headers), environ)


def one_range(header: str, size: int) -> range | None:
    """Return the bytes a Range header asks for, None when it is to be ignored.

    Several ranges at once, another unit and nonsense are ignored (RFC 9110 section 14.2 allows
    it). An empty range means: asked for rightly, but outside of the *size* bytes there are.
    """
    asked = _RANGE.fullmatch(header)
    if asked is None or asked.groups() == ("", ""):
        return None
    first, last = asked.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)


def _escaped(environ: WSGIEnvironment) -> bool:
    # Our names need no escapes. Whoever writes %2f or %2e for them tries another way in.
    raw: str = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
    return "%" in raw.partition("?")[0]


def _nothing_there() -> Refused:
    return Refused(404, "no file of that name is archived")


def _headers(etag: str, content_type: str) -> Headers:
    return (
        ("Content-Type", content_type),
        ("ETag", etag),
        ("Cache-Control", "public, max-age=31536000, immutable"),
        ("Accept-Ranges", "bytes"),
        ("Content-Security-Policy", "default-src 'none'; sandbox"),
        # Pictures are for dashboards of any origin; the API is not.
        ("Cross-Origin-Resource-Policy", "cross-origin"),
    )


def _open(path: Path, etag: str, headers: Headers) -> _Opened:
    # O_NOFOLLOW and O_NONBLOCK: the name may have become a link or a pipe since it was checked.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags)
    except OSError as e:
        if e.errno in _GONE:
            raise _nothing_there() from e
        raise Refused(503, "the file cannot be read now", headers=(("Retry-After", "5"),)) from e
    file = os.fdopen(descriptor, "rb")
    seen = os.fstat(descriptor)
    if not stat.S_ISREG(seen.st_mode):
        file.close()
        raise _nothing_there()
    return _Opened(file, seen.st_size, int(seen.st_mtime), etag, headers)


def _from_disk(opened: _Opened, environ: WSGIEnvironment) -> Answer:
    if _unmodified(opened, environ):
        opened.file.close()
        return Answer(304, opened.headers)
    part = _part(opened, environ)
    if part is not None and not part:
        opened.file.close()
        there = (("Content-Range", f"bytes */{opened.size}"),)
        raise Refused(416, f"the file has {opened.size} bytes", headers=there)
    if environ["REQUEST_METHOD"] == "HEAD":
        opened.file.close()
        return Answer(200, _with_length(opened, opened.size))
    return _whole(opened, environ) if part is None else _partial(opened, part, environ)


def _unmodified(opened: _Opened, environ: WSGIEnvironment) -> bool:
    # An If-None-Match that did not match means the client holds something else, whatever its date.
    if "HTTP_IF_NONE_MATCH" in environ:
        return False
    try:
        since = parsedate_to_datetime(environ.get("HTTP_IF_MODIFIED_SINCE", ""))
        return opened.modified <= since.timestamp()
    except (ValueError, OverflowError):
        return False


def _part(opened: _Opened, environ: WSGIEnvironment) -> range | None:
    held = environ.get("HTTP_IF_RANGE")
    if environ["REQUEST_METHOD"] != "GET" or "HTTP_RANGE" not in environ:
        return None
    if held is not None and held not in {opened.etag, opened.last_modified}:
        return None
    return one_range(environ["HTTP_RANGE"], opened.size)


def _with_length(opened: _Opened, length: int) -> Headers:
    return (
        *opened.headers,
        ("Last-Modified", opened.last_modified),
        ("Content-Length", str(length)),
    )


def _whole(opened: _Opened, environ: WSGIEnvironment) -> Answer:
    headers = _with_length(opened, opened.size)
    return Answer(200, headers, environ["wsgi.file_wrapper"](opened.file))


def _partial(opened: _Opened, part: range, environ: WSGIEnvironment) -> Answer:
    # waitress reads from where the file stands, and no further than Content-Length.
    opened.file.seek(part.start)
    span = ("Content-Range", f"bytes {part.start}-{part.stop - 1}/{opened.size}")
    headers = (*_with_length(opened, len(part)), span)
    return Answer(206, headers, environ["wsgi.file_wrapper"](opened.file))
