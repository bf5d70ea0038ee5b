"""The parameters of a request: what each is called, may hold and means, and how it is read.

One description serves both for reading and for ``/openapi.json``. A parameter nobody knows is a
typing error, and a page of the wrong posts is a worse answer to it than 400. An empty value
(``?cursor=``) counts as not given, so that forms and templates may leave their fields empty.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from fbsyncd.feed import keyset
from fbsyncd.feed.media import STATUSES
from fbsyncd.feed.timeline import zones
from fbsyncd.media import CATEGORIES
from fbsyncd.server.answers import Refused

_LONGEST: Final = 500  # characters; our own cursors are far shorter
_MOST: Final = 30  # parameters in one request
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_EARLIEST: Final = datetime(1000, 1, 1, tzinfo=UTC)
_MOMENT: Final = "an ISO 8601 date or time, as 2026-11-22 or 2026-11-22T08:30:00Z"
_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(?::(\d\d)(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII
)
_TEXT: Final = {
    "type": "string",
    "maxLength": _LONGEST,
    "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a query. *read* raises ValueError, saying what it must be."""

    name: str
    read: Callable[[str], Any]
    schema: Mapping[str, Any]
    description: str


Parameters = Mapping[str, Parameter]


def limit(text: str) -> int:
    """Read the size of a page of results, 1 to 100."""
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= 100:
        return int(text)
    raise ValueError("a whole number from 1 to 100")


def moment(text: str) -> datetime:
    """Read an ISO 8601 date or time; without an offset it is UTC, and a date means its midnight.

    A leap second is the one before it. What is before the year 1000 is its beginning: databases
    do not agree on how to write such times, and Facebook knows none.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(_MOMENT)
    date, clock, seconds, fraction, offset = match.groups()
    if date < "1000-01-02":
        return _EARLIEST
    second = "59" if seconds == "60" else seconds or "00"
    zone = (offset or "Z").upper()
    written = f"{date}T{clock or '00:00'}:{second}{(fraction or '.0')[:7]}{zone}"
    try:
        return datetime.fromisoformat(written).astimezone(UTC)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
    except ValueError as e:
        raise ValueError(_MOMENT) from e


def flag(text: str) -> bool:
    """Read true or false."""
    try:
        return _FLAGS[text.lower()]
    except KeyError:
        raise ValueError("true or false") from None


def word(text: str) -> str:
    """Read an id, a name or words to look for: any text without control characters."""
    if _CONTROL.search(text):
        raise ValueError("text without control characters")
    return text


def zone(text: str) -> str:
    """Read the name of a time zone this machine knows."""
    if text in zones():
        return text
    raise ValueError("a time zone known here, as UTC or Asia/Bangkok")


def one_of(*words: str) -> Callable[[str], str]:
    """Return a reader of one of *words*."""

    def read(text: str) -> str:
        if text in words:
            return text
        raise ValueError(f"one of {', '.join(words)}")

    return read


def cursor(form: str) -> Callable[[str], str]:
    """Return a reader of cursors of this *form*."""

    def read(text: str) -> str:
        if re.fullmatch(form, text, re.ASCII):
            return text
        raise ValueError("a next_cursor of an earlier answer")

    return read


def _moments(name: str, description: str) -> Parameter:
    forms = [{"type": "string", "format": kind} for kind in ("date", "date-time")]
    return Parameter(name, moment, {"anyOf": forms}, description)


def _flag(name: str, description: str) -> Parameter:
    return Parameter(name, flag, {"type": "boolean"}, description)


def _enumerated(name: str, words: tuple[str, ...], description: str) -> Parameter:
    return Parameter(name, one_of(*words), {"type": "string", "enum": list(words)}, description)


def _sought(what: str, where: str) -> Parameter:
    description = (
        f"Only {what} whose texts hold all these words, or parts of words, in any order; words in"
        f" double quotes as they stand. {where} Case, accents and width make no difference."
    )
    return Parameter("q", word, _TEXT, description)


def known(*parameters: Parameter) -> Parameters:
    """Return *parameters* by their names."""
    return {parameter.name: parameter for parameter in parameters}


LIMIT: Final = Parameter(
    "limit",
    limit,
    {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    "How many to answer with at most.",
)
CURSOR: Final = Parameter(
    "cursor",
    cursor(keyset.FORM),
    {"type": "string", "pattern": keyset.FORM},
    "The `next_cursor` of an earlier answer: go on behind it. It stays good while rows come and"
    " go, and with other filters than it came with.",
)
PAGE_ID: Final = Parameter(
    "page_id", word, _TEXT, "Only what belongs to the Page of this id; nothing for one unknown."
)
HAS_LOCAL_IMAGE: Final = _flag(
    "has_local_image",
    "Only those with a picture of their own in the archive, or only those without.",
)
SINCE: Final = _moments(
    "since", "Only what appeared at this date or time or later; UTC unless it says otherwise."
)
UNTIL: Final = _moments("until", "Only what appeared before this date or time.")

NONE: Final[Parameters] = {}
PAGING: Final = known(LIMIT, CURSOR)
POSTS: Final = known(
    LIMIT,
    CURSOR,
    PAGE_ID,
    Parameter(
        "type",
        word,
        _TEXT,
        "Only posts of this type. Types are Facebook's words and may become more, so any word can"
        " be asked for, and one that no post has finds nothing. `/api/timeline` lists those that"
        " posts here have.",
    ),
    SINCE,
    UNTIL,
    _sought(
        "posts",
        "Message, story, and titles and descriptions of attachments and videos are searched.",
    ),
    HAS_LOCAL_IMAGE,
)
VIDEOS: Final = known(
    LIMIT,
    CURSOR,
    PAGE_ID,
    SINCE,
    UNTIL,
    _sought("videos", "Title and description are searched."),
    HAS_LOCAL_IMAGE,
)
MEDIA: Final = known(
    LIMIT,
    replace(
        CURSOR,
        read=cursor(keyset.UUID_FORM),
        schema={"type": "string", "pattern": keyset.UUID_FORM},
    ),
    _enumerated("status", STATUSES, "Only rows with this `download_status`."),
    _flag(
        "given_up",
        "Only failed rows that are not tried again by themselves, or all but those. With this or"
        " `status=failed` a picture that has several rows is listed once.",
    ),
    _enumerated("category", CATEGORIES, "Only rows of this folder."),
    PAGE_ID,
)
TIMELINE: Final = known(
    PAGE_ID,
    Parameter(
        "zone",
        zone,
        {"type": "string", "enum": sorted(zones()), "default": "UTC"},
        "Count by the days and months of this time zone, as `Asia/Bangkok`. Those that the"
        " server's machine knows are listed; any other is refused (400).",
    ),
)


def read(query: str, known: Parameters) -> dict[str, Any]:
    """Return the values given in *query* under their names.

    Raises :class:`fbsyncd.server.answers.Refused` (400), naming the parameter that is unknown,
    given twice or has a value it cannot have.
    """
    values: dict[str, Any] = {}
    for name, text in _pairs(query):
        if name not in known:
            raise bad(f"unknown parameter {_shown(name)}; known here: {_names(known)}")
        if name in values:
            raise bad(f"{name} is given twice")
        if text:
            values[name] = _value(text, known[name])
    return values


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        # WSGI hands the query over as Latin-1, so an unescaped byte is no sign of an encoding.
        raw = query.encode("latin-1").decode("utf-8")
        return parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=_MOST)
    except ValueError as e:
        raise bad(f"the query is not UTF-8, or has more than {_MOST} parameters") from e


def _value(text: str, parameter: Parameter) -> Any:
    if len(text) > _LONGEST:
        raise bad(f"{parameter.name} is longer than {_LONGEST} characters")
    try:
        return parameter.read(text)
    except ValueError as e:
        raise bad(f"{parameter.name} must be {e}, not {_shown(text)}") from e


def bad(message: str) -> Refused:
    """Return the refusal of a parameter; *message* names it."""
    return Refused(400, message, code="bad_parameter")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}...")


def _names(known: Parameters) -> str:
    return ", ".join(known) or "none"
