"""An adopted database, looked at as if it were adopted today.

Columns, indexes and triggers come to every database with the numbered files. What comes with none
of them is what an adoption does beside: it notes what the tables take and what their rules are,
makes keys unique, and lets what is made of a picture go with it. An earlier version may have done
less of that, and whoever owns the tables may have altered them since.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final

import peewee
from peewee import Database

from fbsyncd import adopted, facts, migrate, models, tablelocks
from fbsyncd.adopt import catalogue, inventory, suits
from fbsyncd.adopt.inventory import Inventory
from fbsyncd.beside import Beside
from fbsyncd.models import rows, session, transaction

log = logging.getLogger(__name__)

_FACT: Final = "looked_again"
#: To be raised with what :func:`look` does: then each database is looked at once more.
_LOOK: Final = "1"


def keep(db: Database, there: Inventory) -> None:
    """Write down what the tables take, and whether links of pictures must be there or differ."""
    adopted.keep_limits(db, suits.limits(there))
    for fact, is_so in (
        (facts.LINKS_REQUIRED, suits.needs_links(there)),
        (facts.LINKS_UNIQUE, suits.has_unique_links(there)),
    ):
        if is_so:
            facts.put(db, fact, "yes")
        else:
            facts.drop(db, fact)


def watch(db: Database) -> None:
    """Look at a database that was adopted by a version which did less; once, and not at ours."""
    if adopted.is_adopted(db) and facts.get(db, _FACT) != _LOOK:
        for note in look(db):
            log.warning("%s", note)


def look(db: Database) -> list[str]:
    """Do what is missing; return what stands in the way of rows, with the remedies.

    Nothing of a database that was not adopted is looked at. Raises DatabaseBusy when a table that
    is to be altered stays in use.
    """
    if not adopted.is_adopted(db):
        return []
    book = catalogue.of(models.engine(db))
    with transaction(db):
        # Two that start at once look one after the other.
        rows(db, models.engine(db).lock_migrations)
        there = inventory.take(db, book)
        keep(db, there)
        twice = list(_make_unique(db, there))
        bound = [str(sql) for (sql,) in rows(db, book.bound)]
        if bound:
            tablelocks.wait(db, ["media_storage"])
            migrate.execute(db, bound)
        facts.put(db, _FACT, _LOOK)
    return [*suits.standing(there), *twice]


def standing(db: Database) -> list[str]:
    """Return what stands in the way of rows, with the remedies; changes nothing."""
    if not adopted.is_adopted(db):
        return []
    with session(db):
        return suits.standing(inventory.take(db, catalogue.of(models.engine(db))))


def _make_unique(db: Database, there: Inventory) -> Iterator[str]:
    """Make unique what rows are told apart by; yield where rows do not let that be."""
    names = Beside(there.names)
    for name, key in suits.UNIQUE:
        table = there.tables.get(name)
        if table is None or key in table.keys:
            continue
        index = names.free(f"{name}_{'_'.join(key)}_key")
        try:
            with db.savepoint():
                migrate.execute(db, [f"CREATE UNIQUE INDEX {index} ON {name} ({', '.join(key)})"])
        except peewee.IntegrityError:
            what = " and ".join(key)
            yield f"{name} has the same {what} more than once: keep one row of each"
