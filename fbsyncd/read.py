"""Single values out of a JSON answer, whatever may stand there.

Each reader takes a node and the path of keys below it, and returns a value both databases take, or
None. None of them raises: a wrong shape is the same as an absent field. Numbers written as text
and text written as numbers are understood, since versions of the Graph API differ in that.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

from fbsyncd.links import repaired

# Its first call imports a module; out of open files, that must not pass for a date nobody can read.
datetime.strptime("+0000", "%z")

Json = dict[str, object]

_SITE = "https://www.facebook.com"
LARGEST_COUNT = 2**31 - 1  # of PostgreSQL's INTEGER
_FALSE = frozenset({"", "0", "f", "false", "n", "no", "off", "none", "null"})
_NOT_PICTURES = (".mp4", ".mpd", ".m3u8")


def at(node: object, *path: str) -> object:
    """Return what stands at the end of *path*."""
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def items(node: object, *path: str) -> list[Json]:
    """Return the objects of an edge, ``{"data": [...]}`` or the bare list."""
    edge = at(node, *path)
    data = at(edge, "data") if isinstance(edge, dict) else edge
    return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []


def text(node: object, *path: str) -> str | None:
    """Return text; None when it is blank."""
    value = at(node, *path)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    # PostgreSQL refuses NUL, and both refuse half a surrogate pair, which Facebook does send.
    whole = value.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole if whole.strip() else None


def name(node: object, *path: str) -> str | None:
    """Return an id or another short name, without the blanks around it."""
    # An id that was read as a float has lost digits and would name another object.
    value = None if isinstance(at(node, *path), float) else text(node, *path)
    return value and value.strip()


def flag(node: object, *path: str) -> bool | None:
    """Return true or false; nothing else counts as either."""
    value = at(node, *path)
    return value if isinstance(value, bool) else None


def truth(value: object) -> bool:
    """Return a stored flag, which an older program's table may hold as a text."""
    return value.strip().lower() not in _FALSE if isinstance(value, str) else bool(value)


def seconds(value: object) -> float | None:
    """Return a stored length, which an older program's table may hold as a text or an interval.

    Infinity and what is no number are None: JSON has no word for them.
    """
    if isinstance(value, timedelta):
        return value.total_seconds()
    try:
        length = float(str(value))
    except ValueError:
        return None
    return length if math.isfinite(length) else None


def number(node: object, *path: str) -> float | None:
    """Return a finite number from 0 up."""
    try:
        value = float(text(node, *path) or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def count(node: object, *path: str) -> int | None:
    """Return a whole number that fits a column."""
    value = number(node, *path)
    return int(value) if value is not None and value <= LARGEST_COUNT else None


def moment(node: object, *path: str) -> datetime | None:
    """Return the moment in UTC, from Facebook's form of ISO 8601 or from unix seconds."""
    value = name(node, *path)
    if value is None:
        return None
    try:
        if re.fullmatch(r"-?\d+", value):
            return datetime.fromtimestamp(int(value), UTC)
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S%z").astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def link(node: object, *path: str) -> str | None:
    """Return a web link as it was signed; before v3 some stood in ``{"data": {"url": ...}}``."""
    value = at(node, *path)
    found = name(value, "data", "url") if isinstance(value, dict) else name(value)
    # A link that carries a token would carry it into the database.
    if found is None or "access_token" in found or not re.match(r"https?://[^/]", found, re.I):
        return None
    return repaired(found)


def picture(node: object, *path: str) -> str | None:
    """Return a link that may lead to a picture: not one to a film or a stream."""
    found = link(node, *path)
    return None if found and found.partition("?")[0].lower().endswith(_NOT_PICTURES) else found


def permalink(node: object, *path: str) -> str | None:
    """Return an absolute link to a page of facebook.com; videos name theirs without the host."""
    found = name(node, *path)
    return link(_SITE + found if found and found.startswith("/") else found)
