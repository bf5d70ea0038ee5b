"""Who works on which rows: a lease is taken, given back, or over after a while.

A database that goes away takes nothing back, and may have confirmed what nobody heard of. Both are
made up for with the next lease, or rows would wait for ten minutes that nobody works on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from peewee import Database

from fbsyncd import borne
from fbsyncd.errors import DatabaseTrouble
from fbsyncd.models import change, marks, rows, session, to_text, transaction

# Longer than a worker needs for its share of a claim, each fetch taking all the time it may; the
# rows of a killed worker on another machine come free after it.
LEASE: Final = timedelta(minutes=10)

_FREE: Final = "UPDATE media_storage SET lease_owner = NULL, lease_until = NULL"


class Leases:
    """The leases of one process, which *owner* names."""

    def __init__(self, db: Database, owner: str) -> None:
        self._db = db
        self._owner = owner
        # Rows that could not be given back, and ends of leases that may have been taken or not.
        self._owed: set[str] = set()
        self._doubtful: set[str] = set()

    @contextmanager
    def take(self, now: datetime) -> Iterator[list[str]]:
        """A transaction that takes leases: yields the values of lease_owner and lease_until."""
        self.give_back(())
        until = to_text(now + LEASE)
        try:
            with transaction(self._db):
                yield [self._owner, until]
        except DatabaseTrouble:
            self._doubtful.add(until)
            raise

    def give_back(self, ids: Collection[UUID]) -> None:
        """Return rows, and those that an earlier call, or the one that took them, did not."""
        self._owed.update(map(str, ids))
        owed, doubtful = sorted(self._owed), sorted(self._doubtful)
        if owed:
            sql = f"{_FREE} WHERE id = ? AND lease_owner = ?"
            for (id_, _), why in borne.write(self._db, sql, [(id_, self._owner) for id_ in owed]):
                borne.warn_left(self._db, "pictures", id_, why)
        if doubtful:
            with transaction(self._db):
                which = f"lease_owner = ? AND lease_until IN ({marks(len(doubtful))})"
                change(self._db, f"{_FREE} WHERE {which}", [self._owner, *doubtful])
        self._owed.difference_update(owed)
        self._doubtful.difference_update(doubtful)

    def release(self, owners: Collection[str]) -> int:
        """Take back what processes that are gone had leased; return how many rows."""
        if not owners:
            return 0
        with transaction(self._db):
            which = f"lease_owner IN ({marks(len(owners))})"
            return change(self._db, f"{_FREE} WHERE {which}", sorted(owners))

    def owners(self) -> list[str]:
        """Return who holds leases."""
        with session(self._db):
            found = rows(
                self._db,
                "SELECT DISTINCT lease_owner FROM media_storage WHERE lease_owner IS NOT NULL",
            )
        return sorted(str(owner) for (owner,) in found)
