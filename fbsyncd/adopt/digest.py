"""Every value of older programs' tables in one number, to prove that none of them changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from peewee import Database

from fbsyncd import models
from fbsyncd.adopt import catalogue
from fbsyncd.adopt.inventory import Inventory
from fbsyncd.migrate import ADOPTABLE

#: Columns that are filled where an earlier fbsyncd or the like had made them.
_OURS: Final = {
    "local_picture_id",
    "local_full_picture_id",
    "local_media_id",
    "local_thumbnail_id",
    "attachment_key",
    "duplicate_of",
    "removed_at",
}
#: Hashes are added up, so that the order in which rows are read does not matter.
_ROUND: Final = 2**128


def columns(there: Inventory) -> dict[str, list[str]]:
    """Return the columns of each table that are not ours to fill."""
    return {
        name: [column for column in there.tables[name].columns if column not in _OURS]
        for name in ADOPTABLE
        # What was known of pictures is what is worked on from now on.
        if name in there.tables and name != "media_storage"
    }


def take(db: Database, theirs: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, int]]:
    """Return, for each table, how many rows it has and a number that every value goes into.

    Must be called inside a transaction.
    """
    exact = catalogue.of(models.engine(db)).exact
    return {name: _digest(db, name, listed, exact) for name, listed in theirs.items()}


def _digest(db: Database, table: str, names: Sequence[str], exact: str) -> tuple[int, int]:
    # As the database itself writes them: there are values that Python cannot hold.
    columns = ('"{}"'.format(name.replace('"', '""')) for name in names)
    listed = ", ".join(map(exact.format, columns))
    count = total = 0
    for batch in models.stream(db, f"SELECT {listed} FROM {table}"):
        count += len(batch)
        digests = (hashlib.sha256(repr(row).encode("utf-8", "replace")).digest() for row in batch)
        total += sum(int.from_bytes(digest[:16]) for digest in digests)
    return count, total % _ROUND
