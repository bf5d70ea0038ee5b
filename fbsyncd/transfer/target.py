"""The database that is copied into: what it holds of a batch, and what is written of it."""

from __future__ import annotations

from collections.abc import Sequence

import peewee
from peewee import Database

from fbsyncd.errors import DatabaseTrouble
from fbsyncd.models import Row, change_many, engine, marks, rows, transaction
from fbsyncd.transfer.shapes import Shape
from fbsyncd.transfer.union import Entry, Judged, Verdict, judge


def entries(shape: Shape, raw: Sequence[Row]) -> list[Entry]:
    """Return rows as :meth:`Shape.select` reads them in plain values."""
    if not raw:
        return []
    numbers = [int(row[-1]) for row in raw] if shape.number else [None] * len(raw)
    plain = shape.read([row[:-1] for row in raw] if shape.number else raw)
    return [Entry(row, number) for row, number in zip(plain, numbers, strict=True)]


def held(
    db: Database, shape: Shape, batch: Sequence[Entry], *, locked: bool = False
) -> list[Entry]:
    """Return what the target has of *batch*, and perhaps a few rows more.

    *locked* keeps another writer's hands off them until the transaction ends.
    """
    alternatives, params = [], []
    for names in shape.sought:
        conditions = []
        for name in names:
            values = sorted({entry.row[shape.at[name]] for entry in batch})
            conditions.append(f"{name} IN ({marks(len(values))})")
            params += values
        alternatives.append(f"({' AND '.join(conditions)})")
    lock = engine(db).lock_rows if locked else ""
    order = shape.order(engine(db).bytewise)
    sql = f"{shape.select()} WHERE {' OR '.join(alternatives)} {order} {lock}"
    return entries(shape, rows(db, sql, params))


def merge(db: Database, shape: Shape, batch: Sequence[Entry]) -> list[Judged]:
    """Bring *batch* into the target in one transaction; return what became of each.

    Raises DatabaseTrouble when the target has a rule of its own that a row breaks.
    """
    try:
        with transaction(db):
            judged = judge(shape, batch, held(db, shape, batch, locked=True))
            _insert(db, shape, [one.entry for one in judged if one.verdict is Verdict.NEW])
            _update(db, shape, [one for one in judged if one.verdict is Verdict.NEWER])
            return judged
    except peewee.IntegrityError as error:
        raise DatabaseTrouble(f"the target refused rows of {shape.name}: {error}") from error


def make_room(db: Database, highest: int) -> None:
    """Let the target give numbers above *highest* from now on, to whoever writes there."""
    with transaction(db):
        rows(db, engine(db).raise_numbers, [highest])


def _insert(db: Database, shape: Shape, new: Sequence[Entry]) -> None:
    taken = _taken(db, shape, new)
    kept = [entry for entry in new if entry.number is not None and entry.number not in taken]
    rest = [entry for entry in new if entry.number is None or entry.number in taken]
    named = [*shape.columns, *([shape.number] if shape.number else [])]
    change_many(db, _insertion(shape, named), [(*entry.row, entry.number) for entry in kept])
    change_many(db, _insertion(shape, shape.columns), [entry.row for entry in rest])


def _insertion(shape: Shape, columns: Sequence[str]) -> str:
    # DO NOTHING: whoever writes there at the same time may have been faster; that is found out
    # when both sides are compared.
    return (
        f"INSERT INTO {shape.name} ({', '.join(columns)}) VALUES ({marks(len(columns))})"
        " ON CONFLICT DO NOTHING"
    )


def _taken(db: Database, shape: Shape, new: Sequence[Entry]) -> set[int]:
    numbers = [entry.number for entry in new if entry.number is not None]
    if not numbers:
        return set()
    sql = f"SELECT {shape.number} FROM {shape.name} WHERE {shape.number} IN ({marks(len(numbers))})"
    return {int(number) for (number,) in rows(db, sql, numbers)}


def _update(db: Database, shape: Shape, newer: Sequence[Judged]) -> None:
    names = shape.columns if shape.number else shape.columns[len(shape.key) :]
    which = (shape.number,) if shape.number else shape.key
    sql = (
        f"UPDATE {shape.name} SET {', '.join(f'{name} = ?' for name in names)}"
        f" WHERE {' AND '.join(f'{name} = ?' for name in which)}"
    )
    change_many(db, sql, [_parameters(shape, one) for one in newer])


def _parameters(shape: Shape, one: Judged) -> tuple[object, ...]:
    row = one.entry.row
    if shape.number:
        return (*row, one.held.number if one.held else None)
    size = len(shape.key)
    return (*row[size:], *row[:size])
