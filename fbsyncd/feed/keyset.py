"""Cursors: where a page of answers ended, so that the next one goes on behind it.

A cursor is a place in time and an id, and no state is kept for it: it stays good while rows come
and go, however old it is, and whatever other filters it is used with. Its form is nobody's business
but ours; every text of that form is a place, so there is nothing to guess or to break.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, unquote

from fbsyncd.models import Row, readable, to_text

#: What a cursor looks like: microseconds since the year 1000, in hexadecimal, and a quoted id.
FORM: Final = r"^[0-9a-f]{14}-[0-9A-Za-z_.~-]{1,400}$"
# Earlier years have fewer digits, and are no years to PostgreSQL.
_BEGINNING: Final = datetime(1000, 1, 1, tzinfo=UTC)
_STEP: Final = timedelta(microseconds=1)
# Later ones have more digits than the form.
_END: Final = _BEGINNING + (16**14 - 1) * _STEP
# How older programs write times into SQLite, which compares them as text: a place behind a row is
# one only in the words of that row. The letter of its style is the end of such a cursor.
_STYLES: Final = {
    "a": "%Y-%m-%d %H:%M:%S",
    "b": "%Y-%m-%d %H:%M:%S.%f",
    "c": "%Y-%m-%d %H:%M:%S+00:00",
    "d": "%Y-%m-%dT%H:%M:%S",
    "e": "%Y-%m-%dT%H:%M:%S.%f",
    "f": "%Y-%m-%dT%H:%M:%S+00:00",
    "g": "%Y-%m-%dT%H:%M:%S+0000",
    "h": "%Y-%m-%dT%H:%M:%SZ",
    # No time at all, by an empty text.
    "i": "",
}
# Before any other text, which then is in the cursor itself: what no clock of ours would write.
_VERBATIM: Final = "z"
# Of rows that are paged by their ids alone, behind all that have a place in time.
_APART: Final = "j"
# A longer one would not fit; its beginning is place enough.
_LONGEST: Final = 40
#: The same where ids are UUIDs, which PostgreSQL compares with nothing else.
UUID_FORM: Final = (
    r"^[0-9a-f]{14}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    rf"(~~([{''.join(_STYLES)}{_APART}]|{_VERBATIM}[0-9A-Za-z_.~-]{{1,360}}))?$"
)


class BadCursor(ValueError):
    """A cursor that no answer here ever held."""


def encoded(at: datetime, id_: str) -> str:
    """Return the cursor of a row."""
    return f"{(min(max(at, _BEGINNING), _END) - _BEGINNING) // _STEP:014x}-{_quoted(id_)}"


def apart(id_: str) -> str:
    """Return the cursor of a row that has no place in time."""
    return f"{encoded(_BEGINNING, id_)}~~{_APART}"


def is_apart(cursor: str) -> bool:
    """Tell whether a cursor is one that :func:`apart` made."""
    return cursor.endswith(f"~~{_APART}")


def _style(stored: object, at: datetime) -> str:
    """Return the end of the cursor of a row whose time is *stored* in other words than ours."""
    # The first spares what most rows would cost: strftime takes longer than reading the row.
    is_in_reach = _BEGINNING <= at <= _END
    if not isinstance(stored, str) or (is_in_reach and stored == to_text(at)):
        return ""
    known = _STYLES.items() if is_in_reach else ()
    styles = (f"~~{letter}" for letter, style in known if at.strftime(style) == stored)
    return next(styles, f"~~{_VERBATIM}{_quoted(stored[:_LONGEST])}")


def _quoted(id_: str) -> str:
    # quote() leaves the tilde alone, which stands for the percent sign here.
    return quote(id_, safe="").replace("~", "%7E").replace("%", "~")


def decoded(
    cursor: str, form: str = FORM, *, worded: Callable[[str], str] = lambda _: ""
) -> tuple[str, str]:
    """Return the time, as databases compare it, and the id of a cursor. Raises BadCursor.

    *worded* is what an engine makes of the words in which the row has its time.
    """
    if not re.fullmatch(form, cursor, re.ASCII):
        raise BadCursor("not a cursor of this archive")
    at = _BEGINNING + int(cursor[:14], 16) * _STEP
    id_, _, words = cursor[15:].partition("~~")
    return _worded(at, worded(words)), _unquoted(id_)


def _worded(at: datetime, words: str) -> str:
    if words.startswith(_VERBATIM):
        return _unquoted(words[1:])
    style = _STYLES.get(words)
    return to_text(at) if style is None else at.strftime(style)


def _unquoted(text: str) -> str:
    # PostgreSQL takes no NUL, and no id has one.
    return unquote(text.replace("~", "%")).replace("\0", "")


def cut(
    found: Sequence[Row], limit: int, at: int | None, id_: int = 0
) -> tuple[Sequence[Row], str | None]:
    """Return the rows of one page, and the cursor of the next if *found* holds more than *limit*.

    *at* and *id_* are the columns of their place, in time too; with no time the id alone is.
    """
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    time = (readable(last[at]) if at is not None else None) or _BEGINNING
    style = _style(last[at], time) if at is not None else ""
    return found[:limit], encoded(time, str(last[id_])) + style
