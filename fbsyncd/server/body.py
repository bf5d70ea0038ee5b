"""The body of a request: a JSON object of few known members, or nothing at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fbsyncd.server.answers import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from wsgiref.types import WSGIEnvironment

_MOST: Final = 4096  # bytes
_TYPES: Final = {str: "text", bool: "true or false"}


def read(environ: WSGIEnvironment, known: Mapping[str, type]) -> dict[str, Any]:
    """Return the members of the body, {} when there is no body.

    Raises Refused: 413 when it is too large, 415 when it is no JSON by its Content-Type, 400 when
    it is none or holds what is not *known*, with the name of the member.
    """
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > _MOST:
        raise Refused(413, f"the body has more than {_MOST} bytes")
    data = environ["wsgi.input"].read(length) if length else b""
    if not data:
        return {}
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, "the body must be JSON, with Content-Type: application/json")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as e:
        raise Refused(400, "the body is not JSON") from e
    if not isinstance(value, dict):
        raise Refused(400, "the body must be a JSON object")
    for name, member in value.items():
        _check(name, member, known)
    return value


def _check(name: str, member: object, known: Mapping[str, type]) -> None:
    if name not in known:
        there = ", ".join(known) or "none"
        raise Refused(400, f"unknown member {name[:60]!r}; known here: {there}")
    if not isinstance(member, known[name]):
        raise Refused(400, f"{name} must be {_TYPES[known[name]]}")
