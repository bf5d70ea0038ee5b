"""What a target is made ready for: numbers that go on, and attachments of no post."""

from __future__ import annotations

import peewee
from peewee import Database

from fbsyncd import adopted, migrate
from fbsyncd.datafiles import schema_dir
from fbsyncd.migrate import Migration
from fbsyncd.models import engine, rows, session, transaction

_ORPHANS = (
    "SELECT 1 FROM facebook_post_attachments a WHERE a.post_id IS NULL OR NOT EXISTS"
    " (SELECT 1 FROM facebook_posts p WHERE p.id = a.post_id) LIMIT 1"
)


def make_room(db: Database, highest: int) -> None:
    """Let the target give numbers above *highest* from now on, to whoever writes there."""
    with transaction(db):
        rows(db, engine(db).raise_numbers, [highest])


def takes_numbers(db: Database) -> bool:
    """Tell whether attachments have numbers there; an older program may have named them."""
    try:
        with session(db):
            rows(db, "SELECT id + 1 FROM facebook_post_attachments WHERE FALSE")
    except peewee.ProgrammingError:
        return False
    return True


def has_orphans(db: Database) -> bool:
    """Tell whether some attachments are of no post that is there, as older programs write them."""
    return bool(rows(db, _ORPHANS))


def take_orphans(db: Database) -> None:
    """Let the target hold attachments of no post; a table of another program keeps its rules."""
    if adopted.is_adopted(db):
        return
    name = engine(db).name
    sql = (schema_dir(name) / "loosen.sql").read_text(encoding="utf-8")
    try:
        with transaction(db):
            migrate.execute(db, migrate.statements([Migration(0, "loosen", sql)]))
    except peewee.OperationalError:
        # There are builds of SQLite that let nobody do so: such rows stay behind, and are told.
        return
