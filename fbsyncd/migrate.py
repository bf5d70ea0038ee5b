"""Bring a database to the schema this program knows, one numbered SQL file at a time.

Each file of ``schema/<engine>/NNNN_name.sql`` is applied once, in order, all of them in one
transaction under a lock, so that two programs starting at once, or one killed half-way, leave
either the old schema or the new one.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from peewee import Database

from fbsyncd import models
from fbsyncd.datafiles import schema_dir
from fbsyncd.errors import SchemaError

_LEDGER: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
)"""

# What an older program of the user's may have made; adopting those tables is not this step.
_OURS: Final = ("facebook_posts", "media_storage")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file of the schema."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def known(engine: str) -> list[Migration]:
    """Return the migrations this program carries for *engine*, in order."""
    return [_read(path) for path in sorted(schema_dir(engine).glob("[0-9]*.sql"))]


def apply(db: Database) -> list[str]:
    """Apply what *db* lacks and return the names of what was applied.

    Raises SchemaError when the database is newer than the program, was made by a changed
    migration, or holds tables of these names that fbsyncd did not make.
    """
    engine = models.engine(db)
    with models.transaction(db):
        models.rows(db, engine.lock_migrations)
        models.change(db, _LEDGER)
        missing = _missing(known(engine.name), _applied(db))
        if missing and missing[0].version == 1:
            _refuse_foreign_tables(db)
        for migration in missing:
            for statement in _statements(migration.sql):
                # Through the connection: a literal % of a trigger is no parameter mark.
                db.connection().execute(statement)
            models.change(
                db,
                "INSERT INTO schema_migrations (version, name, sha256) VALUES (?, ?, ?)",
                (migration.version, migration.name, migration.sha256),
            )
    return [migration.name for migration in missing]


def pending(db: Database) -> list[str]:
    """Return the names of the migrations *db* lacks, changing nothing."""
    with models.session(db):
        applied = _applied(db) if db.table_exists("schema_migrations") else {}
        return [m.name for m in _missing(known(models.engine(db).name), applied)]


def _missing(migrations: list[Migration], applied: dict[int, str]) -> list[Migration]:
    newest = migrations[-1].version
    if applied and max(applied) > newest:
        raise SchemaError(
            f"the database has schema {max(applied)}, this program knows {newest}: "
            "install the newer fbsyncd that made it"
        )
    for migration in migrations:
        if applied.get(migration.version, migration.sha256) != migration.sha256:
            raise SchemaError(
                f"schema {migration.version} of this database was made by another "
                f"{migration.name} than this program carries: install the fbsyncd that made it"
            )
    return [migration for migration in migrations if migration.version not in applied]


def _applied(db: Database) -> dict[int, str]:
    return dict(models.rows(db, "SELECT version, sha256 FROM schema_migrations"))


def _refuse_foreign_tables(db: Database) -> None:
    there = sorted(set(db.get_tables()) & set(_OURS))
    if there:
        raise SchemaError(
            f"the database already holds {', '.join(there)}, made by another program; "
            "give fbsyncd a database of its own"
        )


def _read(path: Path) -> Migration:
    number, _, name = path.stem.partition("_")
    return Migration(int(number), name, path.read_text(encoding="utf-8"))


def _statements(sql: str) -> Iterator[str]:
    """Split *sql* at the semicolons that end a statement.

    Lines are gathered until SQLite calls them complete, which keeps trigger bodies whole; a
    dollar-quoted PostgreSQL function counts as open until its quote is closed. (The driver's own
    script call would commit first, and a kill in between would leave half a schema.)
    """
    gathered = ""
    for line in sql.splitlines(keepends=True):
        gathered += line
        if gathered.count("$$") % 2 == 0 and sqlite3.complete_statement(gathered):
            yield gathered
            gathered = ""
    if gathered.strip():
        yield gathered
