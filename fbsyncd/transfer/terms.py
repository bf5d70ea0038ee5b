"""The target's own terms: ids that pictures have there, and how much its columns take.

A database made here has none. One that was adopted from an older program may have ids that the
program gave out, and columns of its making.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from fbsyncd.adopted import Custom
from fbsyncd.intake import DEAD, MADE_HERE
from fbsyncd.transfer.left import Leftovers
from fbsyncd.transfer.shapes import Shape
from fbsyncd.transfer.union import OURS, Entry, Judged

#: What becomes of a value that a column does not take as it is.
CUT: Final = "cut"
ROUNDED: Final = "rounded"
LEFT_OUT: Final = "left out"


@dataclass(frozen=True, slots=True)
class Terms:
    """What incoming rows become; *aliases* (target's ids by ours) grow while pictures are copied.

    *custom* holds what the target's columns take, *has_numbers* whether its attachments have some,
    *needs_links* whether its pictures must all have a link, those that are made here too.
    *source* holds what the columns take from which the rows come.
    *left* grows too: it holds what the target does not take. So do *losses*: values by table and
    what its columns made of them.
    """

    custom: Custom
    aliases: dict[str, str] = field(default_factory=dict)
    has_numbers: bool = True
    needs_links: bool = False
    source: Custom = OURS
    left: Leftovers = field(default_factory=Leftovers)
    losses: Counter[tuple[str, str]] = field(default_factory=Counter)

    def told(self, shape: Shape, batch: Sequence[Entry]) -> list[Entry]:
        """Return *batch* as the target takes it."""
        if self.aliases or self.left.pictures:
            batch = [self._renamed(shape, entry) for entry in batch]
        if shape.parent:
            batch = [self._linked(shape, entry) for entry in batch]
        if self.custom.narrow(shape.name):
            batch = [self._fitted(shape, entry) for entry in batch]
        if shape.number and not self.has_numbers:
            batch = [Entry(entry.row) for entry in batch]
        return list(batch)

    def learn(self, merged: Iterable[tuple[Entry, Judged]]) -> None:
        """Remember which pictures go by another id in the target."""
        for entry, one in merged:
            if entry.row[0] != one.entry.row[0]:
                self.aliases[entry.row[0]] = one.entry.row[0]

    def lost(self) -> dict[str, dict[str, int]]:
        """Return how many values have lost something so far, by table and by what."""
        found: dict[str, dict[str, int]] = {}
        for (table, how), count in sorted(self.losses.items()):
            found.setdefault(table, {})[how] = count
        return found

    def _renamed(self, shape: Shape, entry: Entry) -> Entry:
        row = list(entry.row)
        for place in shape.references:
            row[place] = self.aliases.get(row[place], row[place])
            # No row may name a picture that is not there; one that is nothing else stays behind.
            if not shape.parent:
                there = self.left.pictures.get(row[place], row[place])
                row[place] = row[place] if there is None and place < len(shape.key) else there
        return Entry(tuple(row), entry.number)

    def _linked(self, shape: Shape, entry: Entry) -> Entry:
        """Give a picture that was made here a link where it must have one, and there only."""
        at, row = shape.at, list(entry.row)
        link, end = at["original_url"], at["link_expires_at"]
        if self.needs_links and row[link] is None:
            row[link], row[end] = f"{MADE_HERE}{row[at['asset_key']] or row[0]}", DEAD
        elif not self.needs_links and (row[link] or "").startswith(MADE_HERE):
            row[link] = row[end] = None
        else:
            return entry
        return Entry(tuple(row), entry.number)

    def _fitted(self, shape: Shape, entry: Entry) -> Entry:
        values = dict(zip(shape.columns, entry.row, strict=True))
        told = self.custom.tell(shape.name, values) or values
        for name, value in values.items():
            if value is not None and told[name] not in (value, str(value)):
                self.losses[shape.name, _loss(value, told[name])] += 1
        return Entry(tuple(told[name] for name in shape.columns), entry.number)


def _loss(value: object, told: object) -> str:
    if isinstance(value, str):
        if not (isinstance(told, str) and told):
            return LEFT_OUT
        # No other text than a time's is made another one.
        return CUT if value.startswith(told) else ROUNDED
    return ROUNDED if told is not None else LEFT_OUT
