"""What a target is made ready for: numbers that go on, and rows as only older programs have."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final

import peewee
from peewee import Database

from fbsyncd import adopted, migrate
from fbsyncd.datafiles import schema_dir
from fbsyncd.migrate import Migration
from fbsyncd.models import engine, rows, session, transaction

#: By the file of ``schema/<engine>`` that lets a target hold them: the rows it is about.
_LOOSE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "orphans": (
            "SELECT 1 FROM facebook_post_attachments a WHERE a.post_id IS NULL OR NOT EXISTS"
            " (SELECT 1 FROM facebook_posts p WHERE p.id = a.post_id) LIMIT 1"
        ),
        "undated": (
            "SELECT 1 FROM facebook_posts WHERE created_time IS NULL OR NOT ({placed}) LIMIT 1"
        ),
        "pageless": (
            "SELECT 1 FROM facebook_posts WHERE page_id IS NULL UNION ALL"
            " SELECT 1 FROM facebook_video_posts WHERE page_id IS NULL LIMIT 1"
        ),
    }
)


def make_room(db: Database, highest: int) -> None:
    """Let the target give numbers above *highest* from now on, to whoever writes there."""
    with transaction(db):
        rows(db, engine(db).raise_numbers, [highest])


def takes_numbers(db: Database) -> bool:
    """Tell whether attachments have numbers there; an older program may have named them."""
    with session(db):
        try:
            rows(db, "SELECT id + 1 FROM facebook_post_attachments WHERE FALSE")
        except peewee.ProgrammingError:
            return False
    return True


def looser(db: Database) -> list[str]:
    """Return what *db* holds as older programs write it, and no archive by itself."""
    placed = engine(db).placed.format("created_time")
    return [what for what, sql in _LOOSE.items() if rows(db, sql.format(placed=placed))]


def loosen(db: Database, what: str) -> None:
    """Let the target hold *what* :func:`looser` names; a table of another program keeps its rules.

    There are builds of SQLite that let nobody do so: such rows stay behind, and are told.
    """
    if adopted.is_adopted(db):
        return
    sql = (schema_dir(engine(db).name) / f"{what}.sql").read_text(encoding="utf-8")
    with suppress(peewee.OperationalError), transaction(db):
        migrate.execute(db, migrate.statements([Migration(0, what, sql)]))
