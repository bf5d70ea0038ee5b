"""Facts about the archive itself, one a row of the table ``archive``: its id, and who waits why.

Every process that opens the archive sees them, which is why they are not kept in memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from peewee import Database

from fbsyncd.models import change, marks, rows, session, transaction

#: Set where a table of pictures that was adopted takes none without a link.
LINKS_REQUIRED = "links_required"
#: Set where such a table takes no link twice, though one picture may have several rows there.
LINKS_UNIQUE = "links_unique"
#: What was last seen of attachments, where another one shows the picture of one that is gone.
ATTACHMENTS_SEEN = "attachments_seen"
#: Set where rows came from a database that older programs filled: those store some of an album.
SOME_OF_ALBUMS = "some_of_albums"
#: When all rows were last compared with all files.
LAST_SCAN = "last_scan"
#: How far the periodic scrub is, as JSON; see :mod:`fbsyncd.reconcile.scrub`.
SCRUB = "scrub"


def get(db: Database, name: str) -> str | None:
    """Return the fact *name*, or None when there is none."""
    with session(db):
        found = rows(db, "SELECT value FROM archive WHERE name = ?", [name])
    return str(found[0][0]) if found else None


def get_all(db: Database, names: Sequence[str]) -> dict[str, str]:
    """Return those of the facts *names* that there are, by one query."""
    with session(db):
        sql = f"SELECT name, value FROM archive WHERE name IN ({marks(len(names))})"
        return {str(name): str(value) for name, value in rows(db, sql, names)}


def put(db: Database, name: str, value: str) -> None:
    """Write the fact *name*, whether it was there or not."""
    with transaction(db):
        change(
            db,
            "INSERT INTO archive (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [name, value],
        )


def drop(db: Database, name: str) -> bool:
    """Remove the fact *name*; return whether it was there."""
    with transaction(db):
        return change(db, "DELETE FROM archive WHERE name = ?", [name]) > 0
