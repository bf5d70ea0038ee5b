"""The query string of a request, read into typed values or refused by name.

A parameter nobody knows is a typing error, and a page of the wrong posts is a worse answer to it
than 400. An empty value (``?cursor=``) counts as not given, so that forms and templates may leave
their fields empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from fbsyncd.server.answers import Refused

Reader = Callable[[str], Any]
Parameters = Mapping[str, Reader]

_LONGEST = 500  # characters; our own cursors are far shorter
_MOST = 30  # parameters in one request
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def limit(text: str) -> int:
    """Read the size of a page of results, 1 to 100."""
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= 100:
        return int(text)
    raise ValueError("a whole number from 1 to 100")


def moment(text: str) -> datetime:
    """Read an ISO 8601 date or time; without an offset it is UTC, and a date means its midnight."""
    try:
        given = datetime.fromisoformat(text)
        return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    except (ValueError, OverflowError) as e:
        raise ValueError("an ISO 8601 date or time, as 2026-11-22 or 2026-11-22T08:30:00Z") from e


def flag(text: str) -> bool:
    """Read true or false."""
    try:
        return _FLAGS[text.lower()]
    except KeyError:
        raise ValueError("true or false") from None


def word(text: str) -> str:
    """Read an id, a name or a cursor: any short text without control characters."""
    if text.isprintable():
        return text
    raise ValueError("text without control characters")


NONE: Parameters = {}
POSTS: Parameters = {
    "limit": limit,
    "cursor": word,
    "page_id": word,
    "type": word,
    "since": moment,
    "until": moment,
    "has_local_image": flag,
}


def read(query: str, known: Parameters) -> dict[str, Any]:
    """Return the values given in *query* under their names.

    Raises :class:`fbsyncd.server.answers.Refused` (400), naming the parameter that is unknown,
    given twice or has a value it cannot have.
    """
    values: dict[str, Any] = {}
    for name, text in _pairs(query):
        if name not in known:
            raise _bad(f"unknown parameter {_shown(name)}; known here: {_names(known)}")
        if name in values:
            raise _bad(f"{name} is given twice")
        if text:
            values[name] = _value(name, text, known[name])
    return values


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        # WSGI hands the query over as Latin-1, so an unescaped byte is no sign of an encoding.
        raw = query.encode("latin-1").decode("utf-8")
        return parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=_MOST)
    except ValueError as e:
        raise _bad(f"the query is not UTF-8, or has more than {_MOST} parameters") from e


def _value(name: str, text: str, reader: Reader) -> Any:
    if len(text) > _LONGEST:
        raise _bad(f"{name} is longer than {_LONGEST} characters")
    try:
        return reader(text)
    except ValueError as e:
        raise _bad(f"{name} must be {e}, not {_shown(text)}") from e


def _bad(message: str) -> Refused:
    return Refused(400, message, code="bad_parameter")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}...")


def _names(known: Parameters) -> str:
    return ", ".join(known) or "none"
