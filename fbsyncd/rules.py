"""What a database says of a row that breaks a rule which is not ours.

Such a rule is a check, a trigger that raises, a key of somebody's own, or an index that has no room
for so long a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import peewee

from fbsyncd.errors import DatabaseTrouble, RowRefused, scrub

#: PostgreSQL's class of what functions raise, and a value too long for an index.
_RAISED: Final = "P0"
_TOO_LONG: Final = "54000"
#: What follows the database's words: the row itself, and where in a function it was refused.
_BESIDE: Final = ("\nCONTEXT:", "\nDETAIL:  Failing row", "\nDETAIL:  Index row")
_WRITTEN: Final = re.compile(r"\s*(?:UPDATE|INSERT INTO|DELETE FROM)\s+(\w+)")


def is_of_a_row(error: BaseException) -> bool:
    """Tell whether *error*, of the database, is about the values of a row."""
    if isinstance(error, peewee.IntegrityError | peewee.DataError):
        return True
    state = _state(error)
    return state == _TOO_LONG or state.startswith(_RAISED)


def is_of_a_server(error: BaseException) -> bool:
    """Tell whether a server said *error*, and not its driver, which a fault of ours makes do so."""
    return bool(_state(error))


def words(error: BaseException) -> str:
    """Return what the database said, in one line and without the row itself."""
    said = str(error)
    for beside in _BESIDE:
        said = said.partition(beside)[0]
    return scrub(" ".join(said.split()))


def refusal(error: BaseException) -> RowRefused:
    """Return *error*, which is of a row, as one of ours; it names the table where that is known."""
    diagnosis = getattr(error.__context__, "diag", None)
    named = getattr(diagnosis, "table_name", None) or next(iter(_noted(error)), "")
    return RowRefused(words(error), named)


def refused(error: DatabaseTrouble) -> str:
    """Return what the database said of the row or the statement that it refused.

    Raises *error* where it refused neither, but was away, busy or full.
    """
    if isinstance(error, RowRefused):
        return f"{error.why} (a row of {error.table})" if error.table else error.why
    if not isinstance(error.__cause__, peewee.ProgrammingError):
        raise error
    return words(error.__cause__)


@contextmanager
def telling(sql: str) -> Iterator[None]:
    """Let an error tell which table *sql* was to write to: few of the database's do."""
    try:
        yield
    except peewee.DatabaseError as error:
        if found := _WRITTEN.match(sql):
            error.add_note(found[1])
        raise


def _state(error: BaseException) -> str:
    return getattr(error.__context__, "sqlstate", None) or ""


def _noted(error: BaseException) -> Any:
    return getattr(error, "__notes__", ())
