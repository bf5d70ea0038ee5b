"""The database that is copied into: what it holds of a batch, and what is written of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from peewee import Database

from fbsyncd.adopted import Custom
from fbsyncd.errors import RowRefused
from fbsyncd.models import Row, change_many, engine, marks, rows
from fbsyncd.transfer import past
from fbsyncd.transfer.kept import Kept
from fbsyncd.transfer.left import Leftovers
from fbsyncd.transfer.shapes import ATTACHMENTS, EPOCH, Shape
from fbsyncd.transfer.union import OURS, Entry, Judged, Verdict, judge

_TAKEN: Final = "the target has another row with what may be there only once"
#: Any stamp but EPOCH.
_LATER: Final = EPOCH.replace("1970", "1971")
#: Raised where a row breaks a rule of the target.
_REFUSALS: Final = (RowRefused, OverflowError)

#: What came in, and what is made of it.
Pair = tuple[Entry, Judged]


def entries(shape: Shape, raw: Sequence[Row]) -> list[Entry]:
    """Return rows as :meth:`Shape.select` reads them in plain values."""
    if not raw:
        return []
    numbers = [_number(row[-1]) for row in raw] if shape.number else [None] * len(raw)
    plain = shape.read([row[:-1] for row in raw] if shape.number else raw)
    return [Entry(row, number) for row, number in zip(plain, numbers, strict=True)]


def _number(value: object) -> int | None:
    # An older program's table may give texts or UUIDs instead, or nothing.
    return value if isinstance(value, int) else None


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
            values = {entry.row[shape.at[name]] for entry in batch}
            known = sorted(values - {None})
            among = f"{name} IN ({marks(len(known))})" if known else "FALSE"
            conditions.append(f"({among} OR {name} IS NULL)" if None in values else among)
            params += known
        alternatives.append(f"({' AND '.join(conditions)})")
    lock = engine(db).lock_rows if locked else ""
    order = shape.order(engine(db).bytewise)
    sql = f"{shape.select()} WHERE {' OR '.join(alternatives)} {order} {lock}"
    return entries(shape, rows(db, sql, params))


@dataclass(frozen=True, slots=True)
class Sides:
    """What stays out of the target, *left* behind, and what is *kept* in it of both pasts.

    *source* says what the columns of the other side take.
    """

    left: Leftovers
    kept: Kept
    source: Custom = OURS


def merge(db: Database, shape: Shape, batch: Sequence[Entry], sides: Sides) -> list[Pair]:
    """Bring *batch* into the target; return what became of each that is there now.

    All of it is one transaction, unless the target has a rule that a row breaks: then that row is
    left, and the others are written, those of one post in one transaction.
    """
    if not batch:
        return []
    pairs: list[Pair] = []
    try:
        with sides.kept.transaction(db):
            pairs = _judged(db, shape, batch, sides)
            return _write(db, shape, pairs, sides)
    except _REFUSALS as error:
        reason = _reason(error)
    cut = _cut(batch)
    if cut:
        return merge(db, shape, batch[:cut], sides) + merge(db, shape, batch[cut:], sides)
    if pairs:
        # Judged once more, since what it was judged beside was let go of.
        with sides.kept.transaction(db):
            return _write_apart(db, shape, _judged(db, shape, batch, sides), sides)
    # The target cannot even be asked for what these go by.
    for entry in batch:
        sides.left.refuse(shape, entry, reason)
    return []


def _judged(db: Database, shape: Shape, batch: Sequence[Entry], sides: Sides) -> list[Pair]:
    found = held(db, shape, batch, locked=True)
    judged: Sequence[Judged] = judge(shape, batch, found, sides.source)
    if shape is ATTACHMENTS and sides.kept.knows_albums:
        album = past.taken_off(batch, judged, found)
        sides.kept.mark(db, album.gone)
        judged = album.judged
    return list(zip(batch, judged, strict=True))


def _cut(batch: Sequence[Entry]) -> int:
    """Return where *batch* falls in two that share no post, near its middle; 0 for nowhere."""
    places = range(1, len(batch))
    cuts = [place for place in places if batch[place - 1].row[0] != batch[place].row[0]]
    return min(cuts, key=lambda place: abs(2 * place - len(batch)), default=0)


def _write_apart(db: Database, shape: Shape, pairs: Sequence[Pair], sides: Sides) -> list[Pair]:
    """Write what can be written of one post, in the transaction in which it was judged.

    It was judged as a whole: beside what was just written of it, a row with the same link would be
    taken for that one.
    """
    try:
        with sides.kept.transaction(db):
            return _write(db, shape, pairs, sides)
    except _REFUSALS as error:
        reason = _reason(error)
    if len(pairs) == 1:
        entry, one = pairs[0]
        sides.left.refuse(shape, entry, reason)
        if shape.parent and one.held:
            sides.left.pictures[entry.row[0]] = one.held.row[0]
        return []
    half = len(pairs) // 2
    parts = (pairs[:half], pairs[half:])
    return [pair for part in parts for pair in _write_apart(db, shape, part, sides)]


def _reason(error: Exception) -> str:
    """Return why a row was refused."""
    lines = str(error.__cause__ or error).strip().splitlines()
    return f"the target said: {lines[0] if lines else 'no'}"


def _write(db: Database, shape: Shape, pairs: Sequence[Pair], sides: Sides) -> list[Pair]:
    new = [one.entry for _, one in pairs if one.verdict is Verdict.NEW]
    kept = list(pairs)
    if _insert(db, shape, new) < len(new):
        lost = [one.entry for one in judge(shape, new, held(db, shape, new)) if one.held is None]
        for entry in lost:
            sides.left.refuse(shape, entry, _TAKEN)
        kept = [(entry, one) for entry, one in kept if one.entry not in lost]
    sides.kept.keep(db, shape, [one for _, one in kept])
    newer = [one for _, one in kept if one.verdict is Verdict.NEWER]
    # A row that changes and keeps its stamp is given a new one by the target itself: not so one
    # whose stamp changes too, and then back.
    _update(db, shape, [_restamped(shape, one) for one in newer if _is_as_old(shape, one)])
    _update(db, shape, newer)
    return kept


def _is_as_old(shape: Shape, one: Judged) -> bool:
    place = shape.at.get("updated_at")
    return bool(place and one.held and one.held.row[place] == one.entry.row[place])


def _restamped(shape: Shape, one: Judged) -> Judged:
    row, place = list(one.entry.row), shape.at["updated_at"]
    row[place] = _LATER if row[place] == EPOCH else EPOCH
    return replace(one, entry=Entry(tuple(row), one.entry.number))


def _insert(db: Database, shape: Shape, new: Sequence[Entry]) -> int:
    taken: set[int | None] = {None, *_taken(db, shape, new)}
    kept: list[Entry] = []
    rest: list[Entry] = []
    for entry in new:
        (rest if entry.number in taken else kept).append(entry)
        # An older program's table may give one number twice.
        taken.add(entry.number)
    named = [*shape.columns, *([shape.number] if shape.number else [])]
    rows_ = [(*shape.params(entry.row), entry.number) for entry in kept]
    own = engine(db).own_number if shape.number else ""
    written = change_many(db, _insertion(shape, named, own), rows_)
    plain = [shape.params(one.row) for one in rest]
    return written + change_many(db, _insertion(shape, shape.columns), plain)


def _insertion(shape: Shape, columns: Sequence[str], own: str = "") -> str:
    # DO NOTHING: whoever writes there at the same time may have been faster; that is found out
    # when both sides are compared.
    return (
        f"INSERT INTO {shape.name} ({', '.join(columns)}) {own} VALUES ({marks(len(columns))})"
        " ON CONFLICT DO NOTHING"
    )


def _taken(db: Database, shape: Shape, new: Sequence[Entry]) -> set[int]:
    numbers = [entry.number for entry in new if entry.number is not None]
    if not numbers:
        return set()
    sql = f"SELECT {shape.number} FROM {shape.name} WHERE {shape.number} IN ({marks(len(numbers))})"
    return {int(number) for (number,) in rows(db, sql, numbers)}


def _update(db: Database, shape: Shape, newer: Sequence[Judged]) -> None:
    size = len(shape.key)
    numbered = [(one, one.held) for one in newer if one.held and one.held.number is not None]
    if shape.number:
        # An older program's table may give one number twice; the key is there before or after.
        differs = engine(db).distinct
        same = [f"(NOT ({name} {differs} ?) OR {name} = ?)" for name in shape.key]
        many = [
            (
                *shape.params(one.entry.row),
                held.number,
                *chain(*zip(held.row[:size], one.entry.row[:size], strict=True)),
            )
            for one, held in numbered
        ]
        change_many(db, _updating(shape, shape.columns, [f"{shape.number} = ?", *same]), many)
    done = {id(one) for one, _ in numbered}
    rest = [shape.params(one.entry.row) for one in newer if id(one) not in done]
    sql = _updating(shape, shape.columns[size:], [f"{name} = ?" for name in shape.key])
    change_many(db, sql, [(*row[size:], *row[:size]) for row in rest])


def _updating(shape: Shape, columns: Sequence[str], conditions: Sequence[str]) -> str:
    return (
        f"UPDATE {shape.name} SET {', '.join(f'{name} = ?' for name in columns)}"
        f" WHERE {' AND '.join(conditions)}"
    )
