"""Whether a copy is the same as the original: counts, and a digest of every table on both sides.

A digest is the SHA-256 of the rows' values, each row a line of JSON, in the order of the keys. It
does not depend on the engine. It covers every row of the source; left out on both sides are rows
of which the target rightly has its own, newer version, and they are counted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from peewee import Database

from fbsyncd.models import Row, session
from fbsyncd.transfer import source as reading
from fbsyncd.transfer.shapes import Shape
from fbsyncd.transfer.target import held
from fbsyncd.transfer.terms import Terms
from fbsyncd.transfer.union import Verdict, judge
from fbsyncd.transfer.whose import at_target


@dataclass(frozen=True, slots=True)
class Tally:
    """One table on both sides; *kept* rows are newer in the target, *left* ones stayed behind.

    *losses* counts the source's values that the target does not take as they are, by what becomes
    of them.
    """

    name: str
    here: int
    there: int
    kept: int
    digest_here: str
    digest_there: str
    written: int = 0
    left: int = 0
    losses: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_compared(self) -> bool:
        """Tell whether any row was, or there was none."""
        return self.kept < self.here - self.left or not self.kept

    @property
    def agrees(self) -> bool:
        return self.digest_here == self.digest_there and self.there >= self.here - self.left


def compare(
    source: Database,
    target: Database,
    shape: Shape,
    terms: Terms,
    heard: Callable[[int], None],
) -> Tally:
    """Read one table on both sides; *heard* is told how many rows each time some are done."""
    here, there = hashlib.sha256(), hashlib.sha256()
    kept = seen = 0
    for every in reading.batches(source, shape, terms):
        batch = terms.left.without(shape, every)
        with at_target(target), session(target):
            found = held(target, shape, batch) if batch else []
        for one in judge(shape, batch, found, terms.source):
            if one.verdict is Verdict.KEPT:
                kept += 1
                continue
            text = canonical(one.entry.row)
            here.update(text)
            if one.held is not None:
                there.update(text if one.verdict is Verdict.SAME else canonical(one.held.row))
        seen += len(batch)
        heard(len(every))
    with at_target(target), session(target):
        total = reading.count(target, shape)
    whole = reading.count(source, shape)
    digests = here.hexdigest(), there.hexdigest()
    return Tally(shape.name, whole, total, kept, *digests, left=whole - seen)


def canonical(row: Row) -> bytes:
    """Return the values of *row* as a line of JSON."""
    return f"{_ENCODE(row)}\n".encode()


_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
