"""Rows that a rule keeps out which is not ours: a check, a trigger or a key of somebody's own.

Such a row costs itself alone. It is found by halves, under savepoints, and only once the whole was
refused: to keep the way back open would cost every page of rows that is borne.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Final, TypeVar

import peewee
from peewee import Database

from fbsyncd.errors import DatabaseTrouble, scrub
from fbsyncd.models import transaction

log = logging.getLogger(__name__)

One = TypeVar("One")
Done = TypeVar("Done")

#: PostgreSQL's class of what functions raise, and a value too long for an index.
_RAISED: Final = "P0"
_TOO_LONG: Final = "54000"
#: So many rows are told of once; a row is met again at every turn.
_TOLD: Final = 500


def store(
    db: Database, write: Callable[[bool], Done], prepare: Callable[[], None] = lambda: None
) -> Done:
    """Let *write* do its work in one transaction, told whether it must leave out what is refused.

    It is told so the second time, after *prepare*, when a row was refused at first.
    """
    try:
        with transaction(db):
            return write(False)
    except (peewee.DatabaseError, DatabaseTrouble) as error:
        if not is_of_a_row(error):
            raise
    prepare()
    with transaction(db):
        return write(True)


def by_halves(
    db: Database,
    many: Sequence[One],
    write: Callable[[Sequence[One]], Done],
    leave: Callable[[One, str], None],
) -> Iterator[Done]:
    """Yield what *write* gives for *many*, in as few parts as the database takes them.

    *leave* is given each one that it does not take, and why. Must be called inside a transaction.
    """
    try:
        with db.savepoint():
            done = write(many)
    except peewee.DatabaseError as error:
        if not is_of_a_row(error):
            raise
        half = len(many) // 2
        if half == 0:
            leave(many[0], words(error))
            return
        yield from by_halves(db, many[:half], write, leave)
        yield from by_halves(db, many[half:], write, leave)
    else:
        yield done


def is_of_a_row(error: BaseException) -> bool:
    """Tell whether the database, or a script's own trigger, refuses the values of a row."""
    told = error.__cause__ if isinstance(error, DatabaseTrouble) else error
    if isinstance(told, peewee.IntegrityError | peewee.DataError):
        return True
    state = getattr(told and told.__context__, "sqlstate", None) or ""
    return state == _TOO_LONG or state.startswith(_RAISED)


def words(error: BaseException) -> str:
    """Return what the database said, in one line and without the row itself."""
    said = str(error).partition("\nCONTEXT:")[0].partition("\nDETAIL:  Failing row")[0]
    return scrub(" ".join(said.split()))


def warn(db: Database, kind: str, id_: str, why: str) -> None:
    """Say once of a row that it is left out."""
    _warn(str(db.database), kind, id_, why)


@lru_cache(_TOLD)
def _warn(_database: str, kind: str, id_: str, why: str) -> None:
    log.warning("one of the %s, %s, cannot be taken in: %s", kind, scrub(id_), why)
