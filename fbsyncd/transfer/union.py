"""Two archives into one, row by row. Decides only; reads and writes nothing.

A row the target lacks is added. Of a row both have, the newer one is kept, and the incoming one
when they are equally old; but a picture that is archived is never replaced by one that is not.
Applied twice the rule changes nothing, and what was there before is never removed; what is kept of
a row that gives way is decided in :mod:`fbsyncd.transfer.past`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from fbsyncd.adopted import Custom
from fbsyncd.models import Row
from fbsyncd.transfer.shapes import Shape, standing

#: Columns of our own, which take all there is.
OURS: Final = Custom()


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of one database, and the number that database gave it."""

    row: Row
    number: int | None = None


class Verdict(Enum):
    """What becomes of an incoming row."""

    NEW = "new"
    NEWER = "newer"
    SAME = "same"
    KEPT = "kept"  # the target's own is


@dataclass(frozen=True, slots=True)
class Judged:
    """An incoming entry, as the target is to have it, beside the one it has."""

    verdict: Verdict
    entry: Entry
    held: Entry | None


def judge(
    shape: Shape, incoming: Sequence[Entry], held: Sequence[Entry], source: Custom = OURS
) -> list[Judged]:
    """Return what becomes of each of *incoming*; *held* are the target's that may be the same.

    *source* says what the columns take out of which the incoming ones were read.
    """
    pairs = _pair(shape, incoming, held)
    return [_judge(shape, entry, pairs.get(place), source) for place, entry in enumerate(incoming)]


def _judge(shape: Shape, entry: Entry, held: Entry | None, source: Custom) -> Judged:
    if held is None:
        return Judged(Verdict.NEW, entry, None)
    row = _uncut(shape, _adapted(shape, entry.row, held.row), held.row, source)
    wanted = Entry(row, entry.number)
    if held.row in (wanted.row, _plain(shape, wanted.row)):
        verdict = Verdict.SAME
    elif standing(shape, held.row) > standing(shape, wanted.row):
        verdict = Verdict.KEPT
    else:
        verdict = Verdict.NEWER
    return Judged(verdict, wanted, held)


def _adapted(shape: Shape, row: Row, held: Row) -> Row:
    """Return *row* with the ids and keys it goes by in the target."""
    if not shape.own or shape.key_of(row) == shape.key_of(held):
        return row
    adapted = list(row)
    for name in shape.own:
        place = shape.at.get(name)
        # A key that the target lacks yet may come from here; an id it has always.
        if place is not None and not (place < len(shape.key) and held[place] is None):
            adapted[place] = held[place]
    return tuple(adapted)


def _uncut(shape: Shape, row: Row, held: Row, source: Custom) -> Row:
    """Return *row* with *held*'s values where the source's columns could say no more of them."""
    limited = source.narrow(shape.name)
    if not limited or row == held:
        return row
    told = source.tell(shape.name, dict(zip(shape.columns, held, strict=True))) or {}
    there, come = _plain(shape, tuple(told.values())), _plain(shape, row)
    places = {place for name, place in shape.at.items() if name in limited}
    return tuple(
        held[place] if place in places and there[place] == come[place] else value
        for place, value in enumerate(row)
    )


def _plain(shape: Shape, row: Row) -> Row:
    """Return *row*, which may be told as columns of other types take it, in plain values."""
    try:
        return shape.read([row])[0]
    except (ValueError, OverflowError):
        return row


def _pair(shape: Shape, incoming: Sequence[Entry], held: Sequence[Entry]) -> dict[int, Entry]:
    """Return for each place in *incoming* the entry of *held* that is the same thing.

    First by their key, then what is left in the other way, each one once.
    """
    found: dict[int, Entry] = {}
    free = dict(enumerate(held))
    for mark in (shape.key_of, shape.other_of):
        waiting = _marked(free, mark)
        for place, entry in enumerate(incoming):
            queue = None if place in found else waiting.get(mark(entry.row))
            if queue:
                found[place] = free.pop(queue.pop(0))
    return found


def _marked(
    free: dict[int, Entry], mark: Callable[[Row], Row | None]
) -> dict[Row | None, list[int]]:
    waiting: dict[Row | None, list[int]] = defaultdict(list)
    for place, entry in free.items():
        waiting[mark(entry.row)].append(place)
    waiting.pop(None, None)
    return waiting
