"""What goes back over HTTP, as values: a JSON answer, a refusal, and whether 304 is enough.

Nothing here knows a route or a database. :class:`Answer` is what every part of the server makes,
:class:`Refused` is how every part says no, and there is one shape of error for all of them.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from fbsyncd.errors import FbsyncdError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import WSGIEnvironment

Headers = tuple[tuple[str, str], ...]

JSON_TYPE = "application/json; charset=utf-8"

_EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # An answer that is neither the page nor a picture loads nothing and is framed by nobody.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    # No page of another site may load it as if it were a picture or a script.
    "Cross-Origin-Resource-Policy": "same-origin",
}
_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    412: "precondition_failed",
    413: "too_large",
    414: "uri_too_long",
    415: "unsupported_media_type",
    416: "range_not_satisfiable",
    421: "misdirected",
    431: "headers_too_large",
    501: "not_implemented",
    503: "unavailable",
    505: "version_not_supported",
}
_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, its headers and its body; *body* is what WSGI may iterate over."""

    status: int
    headers: Headers = ()
    body: Iterable[bytes] = ()

    def header(self, name: str) -> str | None:
        """Return the value of the header *name*; in any letters, for bottle changes them."""
        wanted = name.lower()
        return next((text for given, text in self.headers if given.lower() == wanted), None)


class Refused(FbsyncdError):
    """A request that cannot be granted; *message* tells the client what to ask instead."""

    def __init__(self, status: int, message: str, *, code: str = "", headers: Headers = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code or code_of(status)
        self.headers = headers

    def answer(self) -> Answer:
        """Return the refusal as every client gets it."""
        body = error_body(self.code, str(self))
        told = ("Content-Type", JSON_TYPE), ("Content-Length", str(len(body)))
        return Answer(self.status, (*told, ("Cache-Control", "no-store"), *self.headers), (body,))


def error_body(code: str, message: str) -> bytes:
    """Return the one shape in which this server says that something went wrong."""
    return encode({"error": {"code": code, "message": message}})


def code_of(status: int) -> str:
    """Return the word a program can compare for an HTTP status."""
    return _CODES.get(status, "internal_error" if status >= 500 else "refused")


def json_answer(value: Any, *, status: int = 200) -> Answer:
    """Return *value* as a JSON answer with a strong ETag over its bytes."""
    body = encode(value)
    headers = (
        ("Content-Type", JSON_TYPE),
        ("Content-Length", str(len(body))),
        ("ETag", etag_of(body)),
        ("Cache-Control", "no-cache"),
    )
    return Answer(status, headers, (body,))


def conditional(answer: Answer, environ: WSGIEnvironment) -> Answer:
    """Return a bodiless 304 in place of an *answer* the client already holds.

    Raises Refused (412) when the client wants none but another one (If-Match).
    """
    etag = answer.header("ETag")
    if answer.status != 200 or etag is None:
        return answer
    require_expected(environ.get("HTTP_IF_MATCH"), etag)
    if not matches(environ.get("HTTP_IF_NONE_MATCH"), etag):
        return answer
    told = {"Content-Type", "Content-Length"}
    return Answer(304, tuple(pair for pair in answer.headers if pair[0] not in told))


def matches(if_none_match: str | None, etag: str) -> bool:
    """Compare an If-None-Match header with *etag*, weakly, as RFC 9110 section 13.1.2 asks."""
    if not if_none_match:
        return False
    if if_none_match.strip() == "*":
        return True
    return etag in _ENTITY_TAG.findall(if_none_match)


def require_expected(if_match: str | None, etag: str) -> None:
    """Raise Refused (412) unless If-Match names *etag*, strongly (RFC 9110 section 13.1.1)."""
    if if_match is None or if_match.strip() == "*":
        return
    if etag not in {tag.strip(" \t") for tag in if_match.split(",")}:
        raise Refused(412, "what is here is another one than If-Match names")


def encode(value: Any) -> bytes:
    """Return *value* as compact UTF-8 JSON; half a surrogate pair becomes a question mark."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # Half a surrogate pair, or a number of more than 64 bits: rare, and no reason to fail.
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def etag_of(body: bytes) -> str:
    """Return the strong ETag of *body*."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def status_line(status: int) -> str:
    """Return a status as WSGI wants it, ``404 Not Found``."""
    return f"{status} {HTTPStatus(status).phrase}"


def with_safety(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return *headers* with those that every answer carries, unless they are set already."""
    given = list(headers)
    names = {name.lower() for name, _ in given}
    return given + [pair for pair in _EVERYWHERE.items() if pair[0].lower() not in names]
