"""Archived files over HTTP: ETag, 304, ranges, HEAD, or a word to nginx to send them.

A file's name carries the hash of its content. So the ETag is known without reading a byte, and the
answer may be kept for ever (``immutable``). A file of another size than its row has is none.
What is refused here never reaches the disk: a path of another form than our own, or one that needs
percent signs to be written.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.utils import formatdate, parsedate_to_datetime
from typing import TYPE_CHECKING, BinaryIO

from fbsyncd.media import CATEGORIES
from fbsyncd.server import ranges
from fbsyncd.server.answers import Answer, Headers, Refused, matches, require_expected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from wsgiref.types import WSGIEnvironment

    from fbsyncd.media import Media
    from fbsyncd.server.sizes import Sizes

PREFIX = "/media/"

_METHODS = ("GET", "HEAD", "OPTIONS")
_ALLOW = ("Allow", ", ".join(_METHODS))

_TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
}
_PATH = re.compile(
    rf"/media/facebook/(?P<place>(?:{'|'.join(CATEGORIES)})/"
    rf"(?P<sha256>[0-9a-f]{{64}})\.(?P<extension>{'|'.join(_TYPES)}))"
)
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}
# A folder of pictures is one itself: a link in its place may lead anywhere. To go through it needs
# no right to list it.
_INTO = getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DIRECTORY
# O_NOFOLLOW and O_NONBLOCK: in place of the file somebody may have put a link or a pipe.
_HOW = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class _Named:
    """A file of ours as a request names it; whether it is there is another matter."""

    place: str  # category/filename
    etag: str
    headers: Headers

    @property
    def folder(self) -> str:
        return self.place.partition("/")[0]

    @property
    def filename(self) -> str:
        return self.place.partition("/")[2]


@dataclass(frozen=True, slots=True)
class _Path:
    """Where a file is: *name* in *folder*, neither of which may be a link."""

    folder: str
    name: str

    @contextmanager
    def into(self) -> Iterator[int]:
        """Open the folder, so that nobody can put another one in its place meanwhile."""
        descriptor = os.open(self.folder, _INTO)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class _Opened:
    """An archived file, open, with what its headers need."""

    file: BinaryIO
    size: int  # bytes
    modified: int  # seconds since 1970
    named: _Named

    @property
    def last_modified(self) -> str:
        return formatdate(self.modified, usegmt=True)


def answer(
    media: Media, environ: WSGIEnvironment, sizes: Sizes, *, accel_prefix: str = ""
) -> Answer:
    """Return the archived file *environ* asks for, parts of it, or that nothing changed.

    With *accel_prefix* no byte is read: the answer names the file below that prefix, and nginx,
    which must stand in front, sends it. Does not ask whether a row knows the file, only for its
    size; while no row can be read, the answer is not to be kept. Raises
    :class:`fbsyncd.server.answers.Refused` with 404, 405, 412, 416 or 503.
    """
    if environ["REQUEST_METHOD"] not in _METHODS:
        raise Refused(405, "a file can only be read", headers=(_ALLOW,))
    named = _named(environ)
    if environ["REQUEST_METHOD"] == "OPTIONS":
        return Answer(204, (_ALLOW,))
    path = _Path(f"{media.root}/{named.folder}", named.filename)
    if matches(environ.get("HTTP_IF_NONE_MATCH"), named.etag):
        # The client has it whole, whatever became of the file.
        _require_expected(named, int(_seen(path).st_mtime), environ)
        return Answer(304, named.headers)
    if accel_prefix:
        seen = _seen(path)
        named = _whole(named, seen.st_size, sizes)
        _require_expected(named, int(seen.st_mtime), environ)
        redirect = ("X-Accel-Redirect", f"{accel_prefix}{named.place}")
        # nginx hands ours on and adds its own, and a header of one value would be sent twice.
        headers = (pair for pair in named.headers if pair[0] != "Accept-Ranges")
        # Without a length the connection to nginx would end after each picture.
        return Answer(200, (*headers, redirect, ("Content-Length", "0")))
    return _from_disk(_open(path, named), environ, sizes)


def _named(environ: WSGIEnvironment) -> _Named:
    match = _PATH.fullmatch(environ["PATH_INFO"])
    # Our names need no escapes. Whoever writes %2f or %2e for them tries another way in.
    raw: str = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
    if match is None or "%" in raw.partition("?")[0]:
        raise _nothing_there()
    etag = f'"{match["sha256"]}"'
    return _Named(match["place"], etag, _headers(etag, _TYPES[match["extension"]]))


def _headers(etag: str, content_type: str) -> Headers:
    return (
        ("Content-Type", content_type),
        ("ETag", etag),
        ("Cache-Control", "public, immutable, max-age=31536000"),
        ("Accept-Ranges", "bytes"),
        ("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'"),
        # Pictures are for dashboards of any origin; the API is not.
        ("Cross-Origin-Resource-Policy", "cross-origin"),
    )


def _nothing_there() -> Refused:
    return Refused(404, "no file of that name is archived")


def _whole(named: _Named, size: int, sizes: Sizes) -> _Named:
    """Return *named* as a file of that *size* is answered. Raises Refused when it was cut."""
    fits = sizes.fits(named.place, size)
    if fits is None:
        told = dict(named.headers) | {"Cache-Control": "no-cache"}
        return replace(named, headers=tuple(told.items()))
    if not fits:
        raise _nothing_there()
    return named


def _seen(path: _Path) -> os.stat_result:
    """Return what the disk tells of the file. Raises Refused when there is none."""
    try:
        with path.into() as folder:
            seen = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
    except OSError as e:
        raise _refusal(e) from e
    if not stat.S_ISREG(seen.st_mode):
        raise _nothing_there()
    return seen


def _refusal(e: OSError) -> Refused:
    if e.errno in _GONE:
        return _nothing_there()
    return Refused(503, "the file cannot be read now", headers=(("Retry-After", "5"),))


def _open(path: _Path, named: _Named) -> _Opened:
    try:
        with path.into() as folder:
            descriptor = os.open(path.name, _HOW, dir_fd=folder)
    except OSError as e:
        raise _refusal(e) from e
    seen = os.fstat(descriptor)
    if not stat.S_ISREG(seen.st_mode):
        os.close(descriptor)
        raise _nothing_there()
    file = os.fdopen(descriptor, "rb", buffering=0)
    return _Opened(file, seen.st_size, int(seen.st_mtime), named)


def _from_disk(opened: _Opened, environ: WSGIEnvironment, sizes: Sizes) -> Answer:
    try:
        named = _whole(opened.named, opened.size, sizes)
        if named is not opened.named:
            opened = replace(opened, named=named)
        _require_expected(opened.named, opened.modified, environ)
        if _unmodified(opened, environ):
            opened.file.close()
            return Answer(304, opened.named.headers)
        parts = _parts(opened, environ)
    except Refused:
        opened.file.close()
        raise
    if environ["REQUEST_METHOD"] == "HEAD":
        opened.file.close()
        return Answer(200, _told(opened, opened.size))
    if parts is None:
        return Answer(200, _told(opened, opened.size), environ["wsgi.file_wrapper"](opened.file))
    return _one(opened, parts[0], environ) if len(parts) == 1 else _several(opened, parts)


def _require_expected(named: _Named, modified: int, environ: WSGIEnvironment) -> None:
    """Raise Refused (412) when the client wants the file only as it is not."""
    if "HTTP_IF_MATCH" in environ:
        require_expected(environ["HTTP_IF_MATCH"], named.etag)
        return
    until = _moment(environ.get("HTTP_IF_UNMODIFIED_SINCE"))
    if until is not None and modified > until:
        raise Refused(412, "the file was written after If-Unmodified-Since")


def _unmodified(opened: _Opened, environ: WSGIEnvironment) -> bool:
    # An If-None-Match that did not match means the client holds something else, whatever its date.
    if "HTTP_IF_NONE_MATCH" in environ:
        return False
    since = _moment(environ.get("HTTP_IF_MODIFIED_SINCE"))
    return since is not None and opened.modified <= since


def _moment(date: str | None) -> float | None:
    """Return the seconds since 1970 of a date in a header, None for nonsense."""
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except (ValueError, OverflowError):
        return None


def _parts(opened: _Opened, environ: WSGIEnvironment) -> list[range] | None:
    held = environ.get("HTTP_IF_RANGE")
    if environ["REQUEST_METHOD"] != "GET" or "HTTP_RANGE" not in environ:
        return None
    if held is not None and held not in {opened.named.etag, opened.last_modified}:
        return None
    parts = ranges.asked(environ["HTTP_RANGE"], opened.size)
    if parts == []:
        there = (("Content-Range", f"bytes */{opened.size}"),)
        raise Refused(416, f"the file has {opened.size} bytes", headers=there)
    return parts


def _told(opened: _Opened, length: int) -> Headers:
    modified = ("Last-Modified", opened.last_modified)
    return (*opened.named.headers, modified, ("Content-Length", str(length)))


def _one(opened: _Opened, part: range, environ: WSGIEnvironment) -> Answer:
    # waitress reads from where the file stands, and no further than Content-Length.
    opened.file.seek(part.start)
    headers = (
        *_told(opened, len(part)),
        ("Content-Range", ranges.span(part, opened.size)),
    )
    return Answer(206, headers, environ["wsgi.file_wrapper"](opened.file))


def _several(opened: _Opened, parts: Sequence[range]) -> Answer:
    content_type = dict(opened.named.headers)["Content-Type"]
    body = ranges.Multipart.of(opened.file, parts, opened.size, content_type)
    told = (pair for pair in _told(opened, body.length) if pair[0] != "Content-Type")
    return Answer(206, (("Content-Type", body.content_type), *told), body)
