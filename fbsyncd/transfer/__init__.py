"""One archive's rows into another database, of the same engine or the other one.

The source is read as it is at one moment, whoever writes there meanwhile. The target is brought to
this program's schema and filled in batches, each one transaction, so a copy that is killed leaves
whole rows and the next one goes on: it writes only what is missing or newer. What the target has
beside that stays: two archives that overlap become their union, and what only a row says that gives
way to a newer one is kept as an earlier text or a former picture. Then every table is read once
more on both sides and compared.

Files are not touched. A target that was empty becomes the same archive, and so fits the same
media folder; another archive keeps its own id, and wants the files as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from peewee import Database

from fbsyncd import adopted, backend, facts, migrate, models, relocate
from fbsyncd.adopted import Custom
from fbsyncd.config import addresses
from fbsyncd.errors import ConfigError, DatabaseTrouble, UsageError
from fbsyncd.models import identity, rows, session, snapshot
from fbsyncd.transfer import source as reading
from fbsyncd.transfer.compare import Tally, compare
from fbsyncd.transfer.forgotten import Lingering, left_out, lingering, still_held
from fbsyncd.transfer.grain import grains
from fbsyncd.transfer.kept import Kept
from fbsyncd.transfer.left import Left, Leftovers
from fbsyncd.transfer.room import loosen, looser, make_room, takes_numbers
from fbsyncd.transfer.shapes import SHAPES, Shape
from fbsyncd.transfer.target import Sides, merge
from fbsyncd.transfer.terms import Terms
from fbsyncd.transfer.union import Verdict
from fbsyncd.transfer.whose import Named, at_source, at_target, unhidden
from fbsyncd.writers import Writers

__all__ = ["COMPARING", "COPYING", "Copied", "Heard", "Tally", "copy", "target_at"]

_AGAIN: Final = "they stay, and the same command goes on"

_FORGOTTEN_THERE: Final = "the target has forgotten {} on purpose, and this archive still has it"
#: An earlier copy may have brought the note into an archive that had it.
_FORGOTTEN_HERE: Final = "this archive has forgotten {} on purpose, and still has it"

COPYING: Final = "copying"
COMPARING: Final = "comparing"

#: Told what is being done, how many rows are done, and of how many; at the end of a copy that is
#: stopped, what to make of that.
Heard = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy came to.

    *is_same_archive* tells whether the target belongs to the same media folder; *lingering* is what
    was forgotten in the source on purpose and is still in the target, and *videos* are those of it
    that posts hold there; *left* is what stayed behind.
    """

    tallies: Sequence[Tally]
    is_same_archive: bool
    lingering: Sequence[tuple[str, str]]
    left: Sequence[Left] = ()
    videos: Sequence[Lingering] = ()

    @property
    def differing(self) -> list[str]:
        """Return the tables that are not the same on both sides."""
        return [tally.name for tally in self.tallies if not tally.agrees]

    @property
    def refused(self) -> int:
        """Return how many rows could not be copied."""
        return sum(left.count for left in self.left if left.is_refused)


@contextmanager
def target_at(text: str, base: Path) -> Iterator[tuple[Database, str]]:
    """Yield the database that ``--to`` names, and its URL as it may be shown.

    A relative SQLite file counts from *base*. Raises UsageError for what is no such URL.
    """
    try:
        url = addresses.database_url(text, base)
        db = models.connect(url)
    except ValueError as error:
        raise UsageError(f"--to: {_without_secrets(text)} {error}") from error
    except ConfigError as error:
        raise UsageError(f"--to: {error.problems[0]}") from error
    # Who reads it in a log has another folder in mind.
    climbing = [path for path in backend.files(url) if ".." in path.parts]
    shown = f"sqlite:///{climbing[0].resolve()}" if climbing else addresses.without_password(url)
    try:
        yield db, shown
    finally:
        models.close(db)


def _without_secrets(text: str) -> str:
    """Return what can be shown of what is no such URL: where a password ends in it nobody knows."""
    scheme, mark, rest = text.partition("://")
    if rest.startswith("/") or not (mark or "@" in text):
        return text
    return f"{scheme}://…" if mark else "it"


def copy(source: Database, target: Database, heard: Heard) -> Copied:
    """Copy every row of *source* into *target*, and compare them.

    Raises UsageError, before any row is written, when both are one database and when one of them
    has forgotten something on purpose that would come back; SchemaError when the target is not ours
    to fill; AlreadyRunning when an older program works with the target's schema; DatabaseTrouble
    when one of them ends the work, which another copy goes on with.
    A row that the target does not take stays behind, and is told.
    """
    models.create_like(target, source)
    with at_target(target):
        _refuse_one(source, target)
        # Which folder it belongs to is nothing to us: none is filled.
        migrate.apply(target, Writers(target, Path()).let)
    with unhidden(), snapshot(source):
        _refuse_return(source, target)
        same = _hand_over_id(source, target)
        # Paths come along with the rows: whoever opens the target next makes them true there.
        facts.drop(target, relocate.FACT)
        for what in looser(source):
            loosen(target, what)
        terms = Terms(
            Custom(adopted.limits(target), grains=grains(target)),
            has_numbers=takes_numbers(target),
            needs_links=facts.get(target, facts.LINKS_REQUIRED) is not None,
            source=Custom(adopted.limits(source), grains=grains(source)),
            left=Leftovers(left_out(source, target)),
        )
        tallies = _copy_all(source, target, terms, heard)
        facts.drop(target, relocate.FACT)
        left, videos = terms.left.all(), lingering(source, target)
        return Copied(tallies, same, still_held(source, target), left, videos)


def _copy_all(source: Database, target: Database, terms: Terms, heard: Heard) -> list[Tally]:
    total = sum(reading.count(source, shape) for shape in SHAPES)
    meter = _Meter(COPYING, total, heard)
    knows = _knows_albums(source, target)
    into = _Into(target, terms, Kept(source, knows_albums=knows))
    written = Counter({shape.name: _merge(source, shape, into, meter) for shape in SHAPES})
    written += into.kept.counts
    # Comparing tells every value once more.
    losses = terms.lost()
    meter = _Meter(COMPARING, total, heard)
    return [
        replace(
            _compare(source, target, shape, terms, meter),
            written=written[shape.name],
            losses=losses.get(shape.name, {}),
        )
        for shape in SHAPES
    ]


def _knows_albums(source: Database, target: Database) -> bool:
    """Tell whether both have read all attachments of a post at once; note what the target gets."""
    has_some = [
        adopted.is_adopted(db) or facts.get(db, facts.SOME_OF_ALBUMS) is not None
        for db in (source, target)
    ]
    if has_some == [True, False]:
        facts.put(target, facts.SOME_OF_ALBUMS, "yes")
    return not any(has_some)


@dataclass(frozen=True, slots=True)
class _Into:
    """The target, its terms, and what is kept in it of both archives' pasts."""

    db: Database
    terms: Terms
    kept: Kept


def _compare(
    source: Database, target: Database, shape: Shape, terms: Terms, meter: _Meter
) -> Tally:
    with meter.at(shape.name), at_source(), session(source):
        return compare(source, target, shape, terms, meter.tick)


def _merge(source: Database, shape: Shape, into: _Into, meter: _Meter) -> int:
    terms, sides = into.terms, Sides(into.terms.left, into.kept, into.terms.source)
    written = 0
    with meter.at(shape.name), at_source(), session(source):
        if shape.number and terms.has_numbers:
            number = reading.highest(source, shape)
            with at_target(into.db):
                make_room(into.db, number)
        for batch in reading.batches(source, shape, terms):
            with at_target(into.db):
                merged = merge(into.db, shape, terms.left.sift(shape, batch), sides)
            written += sum(one.verdict in {Verdict.NEW, Verdict.NEWER} for _, one in merged)
            if shape.parent:
                terms.learn(merged)
            meter.tick(len(batch))
    return written


class _Meter:
    """Counts rows for whoever watches."""

    def __init__(self, what: str, total: int, heard: Heard) -> None:
        self._what, self._total, self._heard = what, total, heard
        self._done = 0
        self.tick(0)

    def tick(self, more: int) -> None:
        self._done += more
        self._heard(self._what, self._done, self._total)

    @contextmanager
    def at(self, table: str) -> Iterator[None]:
        """While *table* is worked on: whatever ends it early, say how far the copy has come."""
        try:
            yield
        except DatabaseTrouble as error:
            told = str(error)
            told = f"{self._stopped(table)}; {_AGAIN}. {told[:1].upper()}{told[1:]}"
            raise Named(told) from error
        except KeyboardInterrupt:
            self._heard(f"{self._stopped(table)}; {_AGAIN}", self._done, self._total)
            raise

    def _stopped(self, table: str) -> str:
        done = f"{self._done:,} of {self._total:,} rows are"
        if self._what == COMPARING:
            return f"the copy stopped in {table} when {done} compared, all rows are copied"
        return f"the copy stopped in {table}, {done} copied"


def _refuse_one(source: Database, target: Database) -> None:
    with at_source(), session(source):
        ours = identity(source)
    with session(target):
        if ours == identity(target):
            raise UsageError("--to is this archive's own database; name another one")


def _refuse_return(source: Database, target: Database) -> None:
    """Raise UsageError for what would come back, whichever side has forgotten it on purpose."""
    for forgot, says in ((target, _FORGOTTEN_THERE), (source, _FORGOTTEN_HERE)):
        held = still_held(forgot, source)
        if held:
            kind, id_ = held[0]
            more = f" and {len(held) - 1:,} more" if len(held) > 1 else ""
            why = says.format(f"{kind} {id_}{more}")
            raise UsageError(f"{why}: run `fbsyncd forget {kind} {id_}` here first")


def _hand_over_id(source: Database, target: Database) -> bool:
    """Make an empty target the same archive; tell whether it is."""
    ours = facts.get(source, "id")
    if ours is not None and not any(_has_rows(target, shape) for shape in SHAPES):
        facts.put(target, "id", ours)
    return facts.get(target, "id") == ours


def _has_rows(db: Database, shape: Shape) -> bool:
    with session(db):
        return bool(rows(db, f"SELECT 1 FROM {shape.name} LIMIT 1"))
