"""Rows that stay behind: the target refuses them, or nothing tells which rows they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from fbsyncd.errors import scrub
from fbsyncd.plural import counted
from fbsyncd.transfer.shapes import Shape
from fbsyncd.transfer.union import Entry

#: So many rows are told by what they go by; the others are counted.
_SHOWN: Final = 3
_NAMELESS: Final = "without an id they are none of fbsyncd's"
_PICTURELESS: Final = "its picture stays behind"
_FORGOTTEN: Final = "forgotten on purpose, in the target or here"


@dataclass(slots=True)
class Left:
    """Rows of one table that stay behind for one reason; *is_refused*: the target's, or ours."""

    table: str
    reason: str
    is_refused: bool
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        more = self.count - len(self.examples)
        told = f"{', '.join(self.examples)}{f' and {more:,} more' if more else ''}"
        which = f" ({told})" if self.examples else ""
        return f"not copied: {counted(self.count, 'row')} of {self.table}{which}: {self.reason}"


class Leftovers:
    """What has stayed behind so far in one copy.

    *forgotten* names by table the rows that do for good, by their first columns.
    """

    def __init__(self, forgotten: Mapping[str, Collection[str]] | None = None) -> None:
        self._forgotten = forgotten or {}
        self._marks: set[tuple[object, ...]] = set()
        self._told: dict[tuple[str, str], Left] = {}
        #: By the ids of pictures that stayed behind: the id of what the target has of each.
        self.pictures: dict[str, str | None] = {}

    def sift(self, shape: Shape, batch: Sequence[Entry]) -> list[Entry]:
        """Return *batch* without rows that have no id or were forgotten, and count those."""
        for entry in batch:
            if shape.is_nameless(entry.row):
                self._of(shape, _NAMELESS, is_refused=False).count += 1
            elif self._is_forgotten(shape, entry):
                self._add(self._of(shape, _FORGOTTEN, is_refused=False), entry.row[:1])
            elif self._is_of_none(shape, entry):
                self.refuse(shape, entry, _PICTURELESS)
        return self.without(shape, batch)

    def without(self, shape: Shape, batch: Sequence[Entry]) -> list[Entry]:
        """Return *batch* without what has stayed behind."""
        return [
            entry
            for entry in batch
            if not shape.is_nameless(entry.row)
            and _mark(shape, entry) not in self._marks
            and not self._is_forgotten(shape, entry)
        ]

    def refuse(self, shape: Shape, entry: Entry, reason: str) -> None:
        """Leave a row behind that the target does not take."""
        if shape.parent:
            self.pictures[entry.row[0]] = None
        self._marks.add(_mark(shape, entry))
        self._add(self._of(shape, reason, is_refused=True), entry.row[: len(shape.key)])

    def unreadable(self, shape: Shape, key: Sequence[object], reason: str) -> None:
        """Leave a row behind in which nobody can read a value; the same one counts once."""
        mark = (shape.name, *key)
        if mark not in self._marks:
            self._marks.add(mark)
            self._add(self._of(shape, reason, is_refused=True), key)

    def all(self) -> list[Left]:
        """Return what stayed behind, by table and reason."""
        return list(self._told.values())

    def _is_forgotten(self, shape: Shape, entry: Entry) -> bool:
        return entry.row[0] in self._forgotten.get(shape.name, ())

    def _is_of_none(self, shape: Shape, entry: Entry) -> bool:
        """Tell whether a row goes by a picture of which the target has nothing."""
        named = (entry.row[place] for place in shape.references if place < len(shape.key))
        return bool(self.pictures) and any(self.pictures.get(id_, id_) is None for id_ in named)

    def _of(self, shape: Shape, reason: str, *, is_refused: bool) -> Left:
        return self._told.setdefault((shape.name, reason), Left(shape.name, reason, is_refused))

    def _add(self, left: Left, key: Sequence[object]) -> None:
        left.count += 1
        if len(left.examples) < _SHOWN:
            left.examples.append(scrub("/".join(str(part) for part in key)))


def _mark(shape: Shape, entry: Entry) -> tuple[object, ...]:
    return (shape.name, *entry.row[: len(shape.key)], entry.number)
