"""Bring a database to the schema this program knows, one numbered SQL file at a time.

Each file of ``schema/<engine>/NNNN_name.sql`` is applied once, in order, all of them in one
transaction under a lock, so that two programs starting at once, or one killed half-way, leave
either the old schema or the new one. A SQLite file is copied before it is upgraded.
"""

from __future__ import annotations

import hashlib
import logging
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import peewee
from peewee import Database

from fbsyncd import adopted, backend, beside, models, rules, tablelocks
from fbsyncd.datafiles import schema_dir
from fbsyncd.errors import DatabaseTrouble, FbsyncdError, SchemaError
from fbsyncd.writers import Upgrade

log = logging.getLogger(__name__)

#: Where it is written down what was applied; other programs have a table of that name too.
_USUAL: Final = "schema_migrations"
_OTHERWISE: Final = "fbsyncd_migrations"
_LEDGER: Final = """
CREATE TABLE IF NOT EXISTS {} (
    version INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
)"""

_EXECUTES: Final = re.compile(r"EXECUTE FUNCTION \w+\(\);\s*\Z")
#: Tables that older programs fill too, and that are adopted on a person's word only.
ADOPTABLE: Final = (
    "media_storage",
    "facebook_pages",
    "facebook_posts",
    "facebook_post_attachments",
    "facebook_video_posts",
)


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


def apply(db: Database, admit: Callable[[Upgrade], None] | None = None) -> list[str]:
    """Apply what *db* lacks and return the names of what was applied.

    *admit* is called in the same transaction, once the archive is there and before it is upgraded,
    with what is about to be upgraded; whatever it raises, the schema stays as it was.

    Raises SchemaError when the database is newer than the program, was made by a changed
    migration, holds tables of these names that fbsyncd did not make, or does not take a migration;
    DatabaseTrouble when a SQLite file cannot be copied before its upgrade.
    """
    try:
        with models.transaction(db):
            missing = _apply(db, admit)
    except DatabaseTrouble as error:
        said = rules.refused(error)
        raise SchemaError(f"the schema stays as it was, the database said: {said}") from error
    return [migration.name for migration in missing]


def _apply(db: Database, admit: Callable[[Upgrade], None] | None) -> list[Migration]:
    missing = begin(db)
    is_new = bool(missing) and missing[0].version == 1
    if is_new:
        _refuse_foreign_tables(db)
    elif admit:
        admit((missing[0].version - 1, missing[-1].version) if missing else None)
    if missing and not is_new:
        tablelocks.wait(db, ADOPTABLE)
        keep(db, missing)
    execute(db, fitting(db, missing))
    record(db, missing)
    if is_new and admit:
        admit(None)
    return missing


def begin(db: Database) -> list[Migration]:
    """Return what *db* lacks; nobody else migrates it until this transaction ends.

    Must be called inside a transaction. Raises SchemaError as :func:`apply` does.
    """
    engine = models.engine(db)
    backend.of(db).require()
    models.rows(db, engine.lock_migrations)
    models.change(db, _LEDGER.format(_ledger(db)))
    return _missing(known(engine.name), _applied(db))


def keep(db: Database, missing: Sequence[Migration]) -> None:
    """Copy *db* before *missing* is applied, or say who else has to.

    Must be called inside the transaction of :func:`begin`, which keeps writers away.
    """
    first, last = missing[0].version, missing[-1].version
    log.warning("schema %d: %s", last, backend.of(db).keep(first))


@contextmanager
def kept(db: Database, missing: Sequence[Migration]) -> Iterator[None]:
    """Do what :func:`keep` does; where the change is refused, let nothing be left of it."""
    behind, first, last = backend.of(db), missing[0].version, missing[-1].version
    said = behind.keep(first)
    try:
        yield
    except (FbsyncdError, peewee.PeeweeException):
        behind.discard(first)
        raise
    log.warning("schema %d: %s", last, said)


def statements(migrations: Iterable[Migration]) -> Iterator[str]:
    """Yield the single statements of *migrations*, in order."""
    for migration in migrations:
        yield from _statements(migration.sql)


def fitting(db: Database, migrations: Sequence[Migration]) -> list[str]:
    """Return the statements of *migrations* as *db* takes them, whoever made its tables.

    What adopting makes of them is :mod:`fbsyncd.adopt.plan`'s business. Changes nothing.
    """
    told = statements(migrations)
    if not migrations or migrations[0].version == 1 or not adopted.is_adopted(db):
        return list(told)
    with models.session(db):
        taken = models.rows(db, beside.NAMES[models.engine(db).name])
        unrighted = models.rows(db, beside.UNRIGHTED[models.engine(db).name])
    names = beside.Beside(str(name) for (name,) in taken)
    fitted = [sql for statement in told for sql in names.fit(statement)]
    return [*map(beside.rights, (str(name) for (name,) in unrighted)), *fitted]


def execute(db: Database, sql: Iterable[str]) -> None:
    """Execute statements as they are written."""
    for statement in sql:
        models.literally(db, statement)


def record(db: Database, migrations: Iterable[Migration]) -> None:
    """Write down that *db* has these migrations."""
    models.change_many(
        db,
        f"INSERT INTO {_ledger(db)} (version, name, sha256) VALUES (?, ?, ?)",
        [(one.version, one.name, one.sha256) for one in migrations],
    )


def is_ours(db: Database) -> bool:
    """Tell whether *db* holds an archive, of whatever schema; changes nothing."""
    with models.session(db):
        return bool(_applied(db))


def foreign_tables(db: Database) -> list[str]:
    """Return the tables of ours that another program made: *db* has none of our migrations."""
    with models.session(db):
        return [] if _applied(db) else _adoptable(db)


def require_ours(db: Database) -> None:
    """Raise SchemaError when *db* holds tables that wait to be adopted; changes nothing."""
    if foreign_tables(db):
        with models.session(db):
            _refuse_foreign_tables(db)


def pending(db: Database) -> list[str]:
    """Return the names of the migrations *db* lacks, changing nothing."""
    return [migration.name for migration in lacking(db)]


def lacking(db: Database) -> list[Migration]:
    """Return the migrations *db* lacks, changing nothing."""
    with models.session(db):
        return _missing(known(models.engine(db).name), _applied(db))


def require_none_lacking(db: Database) -> None:
    """Raise SchemaError when *db*, which cannot be written, lacks a migration."""
    if names := pending(db):
        raise SchemaError(
            f"the database can only be read, and its schema lacks {', '.join(names)}: run"
            " 'fbsyncd setup' once where it can be written"
        )


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
    ledger = _ledger(db)
    if not db.table_exists(ledger):
        return {}
    return dict(models.rows(db, f"SELECT version, sha256 FROM {ledger}"))


def _ledger(db: Database) -> str:
    if not db.table_exists(_USUAL):
        return _USUAL
    # Not get_columns(): that joins the catalogue of a server, which takes it several times as long.
    columns = db.execute_sql(f"SELECT * FROM {_USUAL} LIMIT 0").description
    return _USUAL if "sha256" in {name for name, *_ in columns} else _OTHERWISE


def _adoptable(db: Database) -> list[str]:
    elsewhere = beside.ELSEWHERE[models.engine(db).name].format(models.marks(len(ADOPTABLE)))
    if found := [str(name) for (name,) in models.rows(db, elsewhere, ADOPTABLE)]:
        raise SchemaError(
            f"the database holds {', '.join(found)}, where a new archive would not find them: name"
            " their schema in database.url (or another one, to begin an archive apart from them),"
            " as ?options=-csearch_path%3Dname does, and rename what has capitals in its name"
        )
    names = [*db.get_tables(), *(view.name for view in db.get_views())]
    return sorted({*map(models.engine(db).as_name, names)} & set(ADOPTABLE))


def _refuse_foreign_tables(db: Database) -> None:
    there = _adoptable(db)
    if there:
        raise SchemaError(
            f"the database already holds {', '.join(there)}, made by another program:"
            " 'fbsyncd setup --dry-run' shows what adopting them would add, and 'fbsyncd setup'"
            " adopts them"
        )


def _read(path: Path) -> Migration:
    number, _, name = path.stem.partition("_")
    return Migration(int(number), name, path.read_text(encoding="utf-8"))


def _statements(sql: str) -> Iterator[str]:
    """Split *sql* at the semicolons that end a statement.

    Lines are gathered until SQLite calls them complete, which keeps trigger bodies whole; a
    dollar-quoted PostgreSQL function counts as open until its quote is closed, and a PostgreSQL
    trigger, which has no body, ends where its function is named. (The driver's own script call
    would commit first, and a kill in between would leave half a schema.)
    """
    gathered = ""
    for line in sql.splitlines(keepends=True):
        gathered += line
        is_open = gathered.count("$$") % 2
        if not is_open and (sqlite3.complete_statement(gathered) or _EXECUTES.search(gathered)):
            yield gathered
            gathered = ""
    if gathered.strip():
        yield gathered
