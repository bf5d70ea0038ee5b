"""Archived pictures whose rows a script replaces on SQLite, by INSERT OR REPLACE.

That takes a row away without a word to any trigger, and with it all that is known of its file. So
what is archived is written down before any row comes that has its id or its link, and put back
where the row is gone or blank afterwards. PostgreSQL has no such statement.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from peewee import Database

from fbsyncd import borne, facts, links
from fbsyncd.models import (
    Row,
    change,
    change_many,
    engine,
    literally,
    marks,
    rows,
    session,
    transaction,
)

_NAME: Final = "media_storage_replacing"
_FACT: Final = "replaced:"
_COLUMNS: Final = (
    *("id", "asset_key", "key_id", "category", "original_url", "link_expires_at"),
    *("local_filename", "local_path", "public_url", "file_size", "mime_type", "width", "height"),
    *("sha256", "replaced_sha256", "download_status", "downloaded_at", "developed_at"),
    *("created_at", "updated_at"),
)
_SAVED: Final = ", ".join(f"'{name}', {name}" for name in _COLUMNS)
_CHOSEN: Final = (
    "id IN (SELECT id FROM media_storage WHERE id = NEW.id"
    " UNION ALL SELECT id FROM media_storage WHERE original_url = NEW.original_url)"
    " AND download_status = 'success' AND asset_key IS NOT NULL AND derived_from IS NULL"
)
#: What writes it down, where older programs go on writing to the table.
TRIGGER: Final = f"""
CREATE TRIGGER {_NAME} BEFORE INSERT ON media_storage
    WHEN EXISTS (SELECT 1 FROM media_storage WHERE {_CHOSEN})
BEGIN
    DELETE FROM archive WHERE name IN
        (SELECT '{_FACT}' || id FROM media_storage WHERE {_CHOSEN});
    INSERT INTO archive (name, value)
    SELECT '{_FACT}' || id, json_object({_SAVED}) FROM media_storage WHERE {_CHOSEN};
END;"""
#: Holds rows of an older program to the three statuses, where triggers have to.
_BESIDE: Final = "media_storage_status_INSERT"


def watch(db: Database) -> None:
    """Let a database be watched that was adopted by a program which did not know of this."""
    with transaction(db):
        there = {name for (name,) in rows(db, engine(db).triggers)}
        if _BESIDE in there and _NAME not in there:
            literally(db, TRIGGER)


def turn(db: Database) -> int:
    """Put back what a script replaced; return how many pictures. Cheap when there are none."""
    sql = "SELECT name, value FROM archive WHERE name > ? AND name < ? ORDER BY name"
    span = [_FACT, f"{_FACT}~"]
    with session(db):
        if not rows(db, sql, span):
            return 0

    def put_back(saved: Sequence[Row]) -> int:
        back = sum(_put_back(db, json.loads(value)) for _, value in saved)
        change_many(db, "DELETE FROM archive WHERE name = ?", [(name,) for name, _ in saved])
        return back

    def leave(saved: Row, why: str) -> None:
        borne.warn(db, "pictures", str(saved[0]).removeprefix(_FACT), why)

    with transaction(db):
        return sum(borne.by_halves(db, rows(db, sql, span), put_back, leave))


def _put_back(db: Database, saved: dict[str, Any]) -> bool:
    id_ = saved["id"]
    there = rows(db, "SELECT asset_key FROM media_storage WHERE id = ?", [id_])
    if there and there[0][0] is not None:
        return False
    # The picture was fetched anew meanwhile, or put back under another id.
    if rows(db, "SELECT 1 FROM media_storage WHERE asset_key = ?", [saved["asset_key"]]):
        return False
    values = saved | {"original_url": _link(db, saved), "error_message": None}
    names = list(values)
    if there:
        told = ", ".join(f"{name} = ?" for name in names)
        params = [*values.values(), id_]
        return change(db, f"UPDATE media_storage SET {told} WHERE id = ?", params) == 1
    sql = f"INSERT INTO media_storage ({', '.join(names)}) VALUES ({marks(len(names))})"
    return change(db, sql, list(values.values())) == 1


def _link(db: Database, saved: dict[str, Any]) -> str | None:
    link, id_ = saved["original_url"], saved["id"]
    if not link or facts.get(db, facts.LINKS_UNIQUE) is None:
        return link if link is None else str(link)
    sql = "SELECT 1 FROM media_storage WHERE original_url = ? AND id <> ?"
    return links.marked(links.unmarked(link, id_), id_) if rows(db, sql, [link, id_]) else str(link)
