"""The database that is copied from, read from end to end in a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from peewee import Database

from fbsyncd.models import Row, engine, rows, stream
from fbsyncd.read import seconds
from fbsyncd.transfer.shapes import VIDEOS, Shape
from fbsyncd.transfer.target import entries
from fbsyncd.transfer.terms import LEFT_OUT, Terms
from fbsyncd.transfer.union import Entry

#: Rows that are read, compared and written together.
BATCH: Final = 500


def batches(db: Database, shape: Shape, terms: Terms) -> Iterator[list[Entry]]:
    """Yield all rows of a table in the order of their keys, in the target's *terms*.

    One with a value that nobody can read stays behind.

    Inside a snapshot only. The terms are looked up batch by batch, so a picture's own alias is
    there when its small version is read.
    """
    sql = f"{shape.select()} {shape.order(engine(db).bytewise)}"
    read: Iterator[Sequence[Entry]] = (
        _readable(shape, raw, terms) for raw in stream(db, sql, size=BATCH)
    )
    if shape.number:
        read = _whole_groups(read)
    elif shape.parent:
        read = _parents_apart(read, shape.at[shape.parent])
    for batch in read:
        yield terms.told(shape, batch)


def count(db: Database, shape: Shape) -> int:
    """Return how many rows a table has."""
    return int(rows(db, f"SELECT count(*) FROM {shape.name}")[0][0])


def highest(db: Database, shape: Shape) -> int:
    """Return the highest number given to a row, 0 where rows have no numbers."""
    sql = f"SELECT {shape.number} FROM {shape.name} WHERE {shape.number} IS NOT NULL"
    found = rows(db, f"{sql} ORDER BY {shape.number} DESC LIMIT 1")
    return found[0][0] if found and isinstance(found[0][0], int) else 0


def _readable(shape: Shape, raw: Sequence[Row], terms: Terms) -> list[Entry]:
    unsaid = sum(_says_nothing(row[shape.at["length"]]) for row in raw) if shape is VIDEOS else 0
    if unsaid:
        terms.losses[shape.name, LEFT_OUT] += unsaid
    try:
        return entries(shape, raw)
    except (ValueError, OverflowError):
        found: list[Entry] = []
        for row in raw:
            try:
                found += entries(shape, [row])
            except (ValueError, OverflowError) as error:
                terms.left.unreadable(
                    shape, row[: len(shape.key)], f"a value cannot be read: {error}"
                )
        return found


def _says_nothing(length: object) -> bool:
    """Tell whether what stands for a length is none, and not just empty."""
    return length is not None and bool(str(length).strip()) and seconds(length) is None


def _whole_groups(read: Iterator[Sequence[Entry]]) -> Iterator[list[Entry]]:
    """Yield batches that part no two rows with the same first column."""
    held: list[Entry] = []
    for batch in filter(None, read):
        held += batch
        last = held[-1].row[0]
        cut = next(place for place, entry in enumerate(held) if entry.row[0] == last)
        if cut:
            yield held[:cut]
            held = held[cut:]
    if held:
        yield held


def _parents_apart(read: Iterator[Sequence[Entry]], parent: int) -> Iterator[list[Entry]]:
    """Yield batches of rows that all have a parent, or all have none."""
    for batch in read:
        for wanted in (False, True):
            some = [entry for entry in batch if (entry.row[parent] is not None) is wanted]
            if some:
                yield some
