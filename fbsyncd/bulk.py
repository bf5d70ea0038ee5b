"""Many rows into one table by one call of the driver, in few statements.

A statement that may change several rows lets SQLite copy each page of the file before it is
altered, to be able to undo that statement alone; a trigger on the table is enough for it. A row a
statement, thousands of rows were ten times as many copied pages as written ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from peewee import Database

from fbsyncd import models
from fbsyncd.models import change, change_many, marks, rows

#: Rows a statement where rows are parameters: of our widest table 1,800 of the 32,766 that SQLite
#: takes. One number for all, since a statement that is kept prepared takes 100 KB and more.
_GROUP: Final = 100
#: Up to so many rows are cheaper one by one than in a group that is filled up.
_FEW: Final = 8
#: A fraction that an older program's table holds as a whole number is rounded as a parameter only.
_FRACTIONS: Final = frozenset({"length"})

Rows = Sequence[Sequence[object]]


def insert(db: Database, table: str, columns: Sequence[str], many: Rows, on_conflict: str) -> int:
    """Insert *many* rows in their order, and return how many rows were inserted or changed.

    *on_conflict* is the end of the statement. No two rows may have one key where it updates:
    PostgreSQL refuses to change a row twice. The first column must not be NULL in any row.
    """
    if not many:
        return 0
    names = ", ".join(columns)
    beginning = f"INSERT INTO {table} ({names})"
    rows_of = models.engine(db).rows_of
    if rows_of and _FRACTIONS.isdisjoint(columns):
        objects = [dict(zip(columns, row, strict=True)) for row in many]
        told = json.dumps(objects, ensure_ascii=False)
        # Asked for each time: somebody may alter a column while the daemon runs.
        types: dict[str, str] = dict(rows(db, models.engine(db).types_of, [table]))
        typed = ", ".join(f"{name} {types[name]}" for name in columns)
        source = f"SELECT {names} FROM {rows_of.format(typed)}"
        return change(db, f"{beginning} {source} {on_conflict}", [told])
    size = 1 if rows_of or len(many) <= _FEW else _GROUP
    return change_many(
        db, f"{beginning} {_source(len(columns), size)} {on_conflict}", _groups(many, size)
    )


def _source(width: int, size: int) -> str:
    row = f"({marks(width)})"
    if size == 1:
        return f"VALUES {row}"
    # What fills up the last group is no row at all: no trigger sees it, no number is used up.
    return f"SELECT * FROM (VALUES {', '.join([row] * size)}) WHERE column1 IS NOT NULL"


def _groups(many: Rows, size: int) -> Iterator[list[object]]:
    for at in range(0, len(many), size):
        group = many[at : at + size]
        values = [value for row in group for value in row]
        yield values + [None] * (len(many[0]) * (size - len(group)))
