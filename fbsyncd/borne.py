"""Rows that a rule keeps out which is not ours: a check, a trigger or a key of somebody's own.

Such a row costs itself alone. It is found by halves, under savepoints, and only once the whole was
refused: to keep the way back open would cost every page of rows that is borne.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Final, TypeVar

import peewee
from peewee import Database

from fbsyncd import rules
from fbsyncd.errors import RowRefused, scrub
from fbsyncd.models import change, change_many, engine, rows, transaction

log = logging.getLogger(__name__)

One = TypeVar("One")
Done = TypeVar("Done")
Params = TypeVar("Params", bound=Sequence[object])

#: So many rows are told of once; a row is met again at every turn.
_TOLD: Final = 500
_OUT: Final = "cannot be taken in"
_LEFT: Final = "is left as it was"


def store(
    db: Database, write: Callable[[bool], Done], prepare: Callable[[], None] = lambda: None
) -> Done:
    """Let *write* do its work in one transaction, told whether it must leave out what is refused.

    It is told so the second time, after *prepare*, when a row was refused at first.
    """
    try:
        with transaction(db):
            return write(False)
    except RowRefused:
        prepare()
    with transaction(db):
        return write(True)


def spare(
    db: Database,
    many: Sequence[One],
    write: Callable[[Sequence[One]], Done],
    leave: Callable[[One, str], None],
) -> list[Done]:
    """Let *write* do *many* in one transaction; return what it gives.

    Where one of them is refused, it does the others, as :func:`by_halves` says.
    """

    def either(bears: bool) -> list[Done]:
        return list(by_halves(db, many, write, leave)) if bears else [write(many)]

    return store(db, either)


def write(db: Database, sql: str, many: Sequence[Params]) -> list[tuple[Params, str]]:
    """Execute *sql* for each of *many* in one transaction; return what is refused, and why."""
    if not many:
        return []
    refused: list[tuple[Params, str]] = []

    def leave(params: Params, why: str) -> None:
        refused.append((params, why))

    spare(db, many, lambda some: change_many(db, sql, some), leave)
    return refused


def change_each(
    db: Database,
    sql: str,
    many: Sequence[Params],
    leave: Callable[[str, str], None] | None = None,
) -> None:
    """Execute *sql* for each of *many*, whose last one says which row it is.

    *leave* is given each row that is refused, and why; without it one refuses all. Must be called
    inside a transaction.
    """
    if leave is None:
        change_many(db, sql, many)
        return
    told = leave
    list(
        by_halves(
            db,
            many,
            lambda some: change_many(db, sql, some),
            lambda params, why: told(str(params[-1]), why),
        )
    )


def by_halves(
    db: Database,
    many: Sequence[One],
    write: Callable[[Sequence[One]], Done],
    leave: Callable[[One, str], None],
) -> Iterator[Done]:
    """Yield what *write* gives for *many*, in as few parts as the database takes them.

    *leave* is given each one that it does not take, and why. Must be called inside a transaction.
    """
    if not many:
        return
    try:
        with db.savepoint(), _looked_at(db):
            done = write(many)
    except (peewee.DatabaseError, RowRefused) as error:
        why = _why(error)
        half = len(many) // 2
        if half == 0:
            leave(many[0], why)
            return
        yield from by_halves(db, many[:half], write, leave)
        yield from by_halves(db, many[half:], write, leave)
    else:
        yield done


def warn(db: Database, kind: str, id_: str, why: str) -> None:
    """Say once of a row that it is left out."""
    _warn(str(db.database), kind, id_, _OUT, why)


def warn_left(db: Database, kind: str, id_: str, why: str) -> None:
    """Say once of a row that something is not written to it."""
    _warn(str(db.database), kind, id_, _LEFT, why)


def _why(error: peewee.DatabaseError | RowRefused) -> str:
    """Return why a row was refused; raise *error* when it is about something else."""
    if isinstance(error, RowRefused):
        return error.why
    if not rules.is_of_a_row(error):
        raise error
    return rules.words(error)


@contextmanager
def _looked_at(db: Database) -> Iterator[None]:
    """Let keys and triggers of what is written here be looked at that wait for the end of all.

    They wait for it nevertheless: what breaks one may be put right by what is written later. And
    what is broken already, by whoever has written before, is not blamed on what is written here.
    """
    owed, before = _refusal(db), _broken(db)
    yield
    if owed is None and (error := _refusal(db)):
        raise error
    if new := _broken(db) - before:
        table, parent = min((str(table), str(parent)) for table, _, parent in new)
        raise RowRefused(f"FOREIGN KEY constraint failed: it names no row of {parent}", table)


def _refusal(db: Database) -> peewee.DatabaseError | None:
    """Return what a server would say if all ended here."""
    settle = engine(db).settle
    if not settle:
        return None
    try:
        with db.savepoint() as looking:
            change(db, settle)
            looking.rollback(begin=False)
    except peewee.DatabaseError as error:
        return error
    return None


def _broken(db: Database) -> set[tuple[object, ...]]:
    """Return the rows of a file that name others which are not there, and what they name."""
    sql = engine(db).broken_keys
    return set(rows(db, sql)) if sql else set()


@lru_cache(_TOLD)
def _warn(_database: str, kind: str, id_: str, what: str, why: str) -> None:
    log.warning("one of the %s, %s, %s: %s", kind, scrub(id_), what, why)
