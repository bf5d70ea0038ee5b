"""What was removed on purpose in one archive and is still in another."""

from __future__ import annotations

from typing import Final

from peewee import Database

from fbsyncd.models import marks, rows, session

_CHUNK: Final = 500
#: Where a table names what was removed. A Page may have videos alone, or nothing but its name.
_HOLDERS: Final = (
    ("post", "facebook_posts", "id"),
    ("page", "facebook_posts", "page_id"),
    ("page", "facebook_video_posts", "page_id"),
    ("page", "facebook_pages", "id"),
    ("page", "sync_state", "page_id"),
    ("video", "facebook_video_posts", "video_id"),
)


def still_held(forgot: Database, holder: Database) -> list[tuple[str, str]]:
    """Return kind and id of what *forgot* has forgotten and *holder* has."""
    with session(forgot):
        found = rows(forgot, "SELECT kind, id FROM forgotten ORDER BY kind, id")
    held: dict[tuple[str, str], None] = {}
    for kind, table, column in _HOLDERS:
        ids = [str(id_) for known, id_ in found if known == kind]
        for at in range(0, len(ids), _CHUNK):
            there = _present(holder, table, column, ids[at : at + _CHUNK])
            held |= dict.fromkeys((kind, id_) for id_ in there)
    return list(held)


def _present(db: Database, table: str, column: str, ids: list[str]) -> list[str]:
    sql = f"SELECT DISTINCT {column} FROM {table} WHERE {column} IN ({marks(len(ids))})"
    with session(db):
        return sorted(str(id_) for (id_,) in rows(db, sql, ids))
