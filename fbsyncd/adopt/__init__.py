"""Taking over a database that older programs filled, without changing anything of theirs.

All of it is one transaction: what the schema lacks is added (:mod:`fbsyncd.adopt.plan`), earlier
pictures are taken in (:mod:`fbsyncd.adopt.earlier`), each stored link gets its asset and its place
in the queue (:mod:`fbsyncd.adopt.rows`), and every value that was there is compared with what it
was. What the older programs add later is picked up by :func:`turn`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

import peewee
from peewee import Database

from fbsyncd import backend, borne, facts, migrate, models, rules, tablelocks
from fbsyncd.adopt import (
    again,
    catalogue,
    digest,
    earlier,
    inventory,
    later,
    oddities,
    rewritten,
    rows,
    suits,
)
from fbsyncd.adopt.catalogue import Catalogue
from fbsyncd.adopt.earlier import Places
from fbsyncd.adopt.inventory import Inventory
from fbsyncd.adopt.plan import Step, plan
from fbsyncd.adopt.report import COUNTED, Report, report
from fbsyncd.adopt.rows import Tally
from fbsyncd.brake import Brake
from fbsyncd.config import Config
from fbsyncd.errors import DatabaseTrouble, RowRefused, SchemaError
from fbsyncd.media import Media
from fbsyncd.migrate import ADOPTABLE, Migration
from fbsyncd.models import session, snapshot, transaction
from fbsyncd.plural import counted

__all__ = [
    "Places",
    "Preview",
    "Report",
    "Tally",
    "adopt",
    "again",
    "finish",
    "is_needed",
    "later",
    "places",
    "preview",
    "rehearse",
    "turn",
]

log = logging.getLogger(__name__)

_UNFINISHED: Final = "adopting"


@dataclass(frozen=True, slots=True)
class Preview:
    """What adopting would do: its SQL, how many rows there are of each kind, and the odd ones."""

    sql: Sequence[str]
    rows: dict[str, int]
    notes: Sequence[str]


def preview(db: Database) -> Preview:
    """Return what :func:`adopt` would execute, changing nothing.

    Raises SchemaError with the reasons when it would be refused.
    """
    with snapshot(db):
        tablelocks.wait(db, ADOPTABLE, tablelocks.A_LOOK)
        there, book, notes = _look(db)
        steps = _steps(migrate.known(models.engine(db).name), there, book)
        enforced = _enforced(db, there, book)
        counts = {
            name: int(models.rows(db, f"SELECT count(*) FROM {name}")[0][0])
            for name in COUNTED
            if name in there.tables
        }
    sql = [*(step.sql for step in steps), *(sql.strip() for sql in enforced)]
    return Preview(sql, counts, notes)


def rehearse(url: str, media: Media | None = None) -> str:
    """Return the SQL that setting up the database at *url* would execute; changes nothing.

    Raises SchemaError as :func:`adopt` does, of its *media* folder and of what the role may do too.
    """
    with models.looking_at(url) as db:
        if migrate.pending(db):
            _require_rights(db)
        if migrate.foreign_tables(db):
            if media is not None:
                _require_no_marker(media)
            told = preview(db)
            counts = [f"--   {counted(n, 'row')} of {name}" for name, n in told.rows.items()]
            notes = [f"-- note: {note}" for note in told.notes]
            adopting = ["-- and then adopted, every value staying as it is:", *counts, *notes]
            sql = [*told.sql, "\n".join(adopting)]
        else:
            sql = [statement.strip() for statement in migrate.fitting(db, migrate.lacking(db))]
    return "\n\n".join(sql) or "-- the schema is up to date"


def is_needed(url: str) -> bool:
    """Tell whether the database at *url* holds tables to adopt, only looking at it.

    Raises SchemaError with the reasons when it does and they cannot be.
    """
    with models.looking_at(url) as db:
        if not migrate.foreign_tables(db):
            return False
        _require_rights(db)
        return bool(preview(db).sql)


def places(config: Config, media: Media) -> Places:
    """Return where files of earlier pictures are looked for and put."""
    limits = config.media
    return Places(media, config.base, limits.max_file_size, limits.max_pixels)


def adopt(db: Database, places: Places, now: datetime) -> Report | None:
    """Adopt the tables in *db*; afterwards :func:`finish` must be called.

    Returns None when another process has adopted them while this one waited for its turn.

    Raises SchemaError, with nothing changed, when a table only shares its name, holds what cannot
    be kept as it is, or the media folder is another archive's; MediaTrouble when earlier pictures
    cannot be copied; DatabaseBusy when a table stays in use. Nobody else can use the tables while
    it runs.
    """

    def take(is_again: bool) -> Report | None:
        missing = migrate.begin(db)
        if not missing or missing[0].version != 1:
            return None
        _require_no_marker(places.media)
        tablelocks.wait(db, ADOPTABLE)
        # Once more, to find the row that was refused: to look for it costs all that are borne.
        return _adopt(db, missing, places, now, rows.refuse if is_again else None)

    with session(db):
        migrate.execute(db, catalogue.of(models.engine(db)).alone)
    try:
        told = borne.store(db, take)
    except DatabaseTrouble as error:
        said = rules.refused(error)
        raise SchemaError(f"nothing was changed, the database said: {said}") from error
    backend.of(db).claim()
    return told


def _require_no_marker(media: Media) -> None:
    if media.marker() is not None:
        raise SchemaError(
            f"the media folder {media.root} belongs to another archive: name an empty one in"
            " media.root"
        )


def _require_rights(db: Database) -> None:
    """Raise SchemaError where the schema cannot be changed here; only asks what is allowed."""
    book = catalogue.of(models.engine(db))
    with session(db):
        barred = [str(why) for (why,) in models.rows(db, book.barred)]
    if not barred and not backend.of(db).is_writable():
        barred = ["the database can only be read: name one that takes writes in database.url"]
    if barred:
        raise SchemaError("nothing was changed: " + "; ".join(barred))


def _adopt(
    db: Database,
    missing: Sequence[Migration],
    places: Places,
    now: datetime,
    leave: rows.Leave | None,
) -> Report:
    there, book, notes = _look(db)
    # Read before the plan, which adds to the tables that are listed here.
    theirs = digest.columns(there)
    enforced = _enforced(db, there, book)
    steps = _steps(missing, there, book)
    with migrate.kept(db, missing):
        before = digest.take(db, theirs)
        _execute(db, steps)
        again.keep(db, there)
        with _asleep(db, book):
            taken = earlier.adopt(db, places, leave and partial(leave, "pictures"))
            tally = rows.adopt(db, now, leave)
            after = digest.take(db, theirs)
        changed = [name for name in theirs if before[name] != after[name]]
        if changed:
            raise SchemaError(f"nothing was changed: rows of {', '.join(changed)} would have been")
        migrate.execute(db, enforced)
        migrate.record(db, missing)
        facts.put(db, _UNFINISHED, "yes")
        notes += oddities.not_taken(taken.left)
        return replace(report(db, tally, taken.archived, now), notes=notes)


def finish(db: Database, brake: Brake, media: Media) -> None:
    """Mark the media folder as the adopted archive's; does nothing when that is done.

    An adoption that was killed after its transaction is finished by whoever comes next. A folder
    that has become another archive's meanwhile is left to the brake.
    """
    later.watch(db)
    if facts.get(db, _UNFINISHED) is None:
        return
    if media.marker() in {None, facts.get(db, "id")}:
        brake.accept()
        brake.release()
    facts.drop(db, _UNFINISHED)


def turn(db: Database, now: datetime) -> Tally:
    """Adopt the rows that other programs have added since; cheap when there are none."""
    with session(db):
        if not rows.is_any(db):
            return Tally()
    try:
        with transaction(db):
            tally = rows.adopt(db, now, partial(borne.warn, db))
    except RowRefused as error:
        # Another writer wrote the same at the same moment.
        log.info("adopting waits for the next turn: %s", error)
        return Tally()
    if tally:
        log.info(
            "adopted what another program wrote: %s, %s, %s",
            counted(tally.posts, "post"),
            counted(tally.attachments, "attachment"),
            counted(tally.videos, "video"),
        )
    return tally


def _look(db: Database) -> tuple[Inventory, Catalogue, list[str]]:
    """Return what is there, and what is told of its rows. Raises SchemaError, see :func:`adopt`."""
    book = catalogue.of(models.engine(db))
    there = inventory.take(db, book)
    refused = suits.refusals(there)
    odd = [] if refused else oddities.look(db, there, book)
    refused += [str(one) for one in odd if one.is_refused]
    if refused:
        raise SchemaError("nothing was changed: " + "; ".join(refused))
    return there, book, [str(one) for one in odd]


def _steps(missing: Sequence[Migration], there: Inventory, book: Catalogue) -> list[Step]:
    return plan(migrate.statements(missing), there, book)


def _enforced(db: Database, there: Inventory, book: Catalogue) -> list[str]:
    """Return what keeps scripts from spoiling what is archived, from the end of an adoption on."""
    return [*(book.enforce if "media_storage" in there.tables else ()), *rewritten.triggers(db)]


def _execute(db: Database, steps: Sequence[Step]) -> None:
    for step in steps:
        if not step.may_fail:
            migrate.execute(db, [step.sql])
            continue
        try:
            with db.savepoint():
                migrate.execute(db, [step.sql])
        except peewee.DatabaseError as error:
            log.warning("done without: %s (%s)", " ".join(step.sql.split()), str(error).strip())


@contextmanager
def _asleep(db: Database, book: Catalogue) -> Iterator[None]:
    """Let no trigger change a row: theirs and ours stamp times on rows that are written to."""
    found = models.rows(db, book.triggers)
    triggers = [(sleep, wake) for table, sleep, wake in found if table in ADOPTABLE]
    migrate.execute(db, [sleep for sleep, _ in triggers])
    yield
    migrate.execute(db, [book.settle, *(wake for _, wake in triggers)])
