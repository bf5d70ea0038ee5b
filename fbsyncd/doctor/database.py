"""The database: there, sound, of a known kind, and with the schema this program knows."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from peewee import Database

from fbsyncd import backend, migrate, models, terminal
from fbsyncd.adopt import again
from fbsyncd.doctor.findings import Finding, failed, ok, skipped, told_by, warning
from fbsyncd.doctor.patience import OutOfTime, within
from fbsyncd.errors import DatabaseTrouble, SchemaError
from fbsyncd.plural import counted
from fbsyncd.postgresql import REMEDY

NAME: Final = "database"
SCHEMA: Final = "schema"
TIMES: Final = "times"
RULES: Final = "rules"
#: The oldest PostgreSQL that is tried; older ones get no more mending from their makers.
OLDEST_POSTGRESQL: Final = 14
#: Seconds a server has to answer, and a file to be read through.
SERVER_SECONDS: Final = 15.0
FILE_SECONDS: Final = 120.0
#: SQLite folds its journal back at about 4 MB; far beyond that something keeps it from doing so.
LARGEST_JOURNAL: Final = 256_000_000
#: Times of posts, not written as this program writes them.
_WRITTEN: Final = "SELECT id, created_time FROM facebook_posts WHERE id IS NOT NULL AND {}"
_OURS: Final = {"facebook_posts", "media_storage"}


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """What was seen of the file; *faults* are SQLite's own words.

    *is_read* tells whether the time was enough to look through all of it.
    """

    path: Path
    size: int
    journal: int
    is_writable: bool
    faults: tuple[str, ...]
    is_read: bool = True


def check(db: Database) -> Iterator[Finding]:
    """Tell how the database is, then which schema it has; changes nothing and makes none."""
    found = backend.of(db).looked_at(file=sqlite, server=_postgresql)
    yield found
    if found.state in {"ok", "warning"}:
        known = schema(db)
        yield known
        if known.state == "ok":
            yield from times(db)
            yield from rules(db)


def sqlite(path: Path) -> Finding:
    """Tell how the file at *path* is, reading all of it."""
    if not path.exists():
        if not path.parent.is_dir():
            says = f"the folder {path.parent} of the database is not there"
            return failed(NAME, says, "make the folder, or change database.url")
        return skipped(NAME, f"{path} is not made yet; the first `fbsyncd sync` makes it")
    journal = path.with_name(f"{path.name}-wal")
    try:
        size, waiting = path.stat().st_size, journal.stat().st_size if journal.exists() else 0
        faults, is_read = _read_through(path)
    except (OSError, sqlite3.Error) as error:
        return judge(SqliteFile(path, 0, 0, True, (str(error),)))
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    return judge(SqliteFile(path, size, waiting, writable, faults, is_read))


def judge(file: SqliteFile) -> Finding:
    """Return the finding about a SQLite file."""
    if file.faults:
        more = f" and {len(file.faults) - 1} more faults" if len(file.faults) > 1 else ""
        remedy = (
            "stop fbsyncd, keep a copy, put the last backup in its place; without a backup try"
            f" `sqlite3 {file.path} .recover`"
        )
        return failed(
            NAME, f"{file.path} is damaged or cannot be read: {file.faults[0]}{more}", remedy
        )
    if not file.is_writable:
        remedy = "run this as the user that runs fbsyncd, or give that user the right to write"
        return failed(NAME, f"{file.path} or its folder cannot be written by this user", remedy)
    if file.journal > LARGEST_JOURNAL:
        says = f"{file.path} is sound, but its journal has grown to {terminal.size(file.journal)}"
        return warning(NAME, says, "end whatever keeps the database open, then start fbsyncd again")
    sound = "sound" if file.is_read else f"sound as far as {FILE_SECONDS:g} s were enough to look"
    return ok(NAME, f"SQLite, {file.path}, {terminal.size(file.size)}, {sound}")


def _read_through(path: Path) -> tuple[tuple[str, ...], bool]:
    """Return what SQLite's quick check finds wrong, and whether it came to its end in time."""
    end = time.monotonic() + FILE_SECONDS
    opened = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=10)
    with closing(opened) as connection:
        connection.set_progress_handler(lambda: time.monotonic() > end, 100_000)
        try:
            found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(20)")]
        except sqlite3.OperationalError as error:
            if "interrupted" in str(error):
                return (), False
            raise
    return tuple(line for line in found if line != "ok"), True


def _postgresql(db: Database) -> Finding:
    def version() -> int:
        with models.session(db):
            ((number,),) = models.rows(db, "SHOW server_version_num")
        return int(number)

    try:
        return judge_postgresql(within(SERVER_SECONDS, version))
    except OutOfTime:
        says = f"PostgreSQL did not answer within {SERVER_SECONDS:g} s"
    except (DatabaseTrouble, SchemaError) as error:
        says = " ".join(str(error).split()).removesuffix(f"; {REMEDY}")
    return failed(NAME, says, REMEDY)


def judge_postgresql(version: int) -> Finding:
    """Return the finding about a server of *version*, as in ``server_version_num``."""
    major = version // 10_000
    if major < OLDEST_POSTGRESQL:
        says = f"PostgreSQL {major} is older than what fbsyncd is tried with"
        return warning(NAME, says, f"bring the server to PostgreSQL {OLDEST_POSTGRESQL} or newer")
    return ok(NAME, f"PostgreSQL {major}.{version % 10_000} answers")


def schema(db: Database) -> Finding:
    """Tell which schema a reachable database has."""
    try:
        with models.session(db):
            tables = set(db.get_tables())
        known = [migration.name for migration in migrate.known(models.engine(db).name)]
        return judge_schema(tables, migrate.pending(db), known)
    except SchemaError as error:
        return told_by(SCHEMA, str(error).replace(": install", "; install", 1))
    except DatabaseTrouble as error:
        return failed(SCHEMA, str(error), "mend the database first")


def times(db: Database) -> Iterator[Finding]:
    """Tell of posts whose time another program wrote in no way that can be read, if any.

    SQLite takes any text, and PostgreSQL more than any calendar holds.
    """
    suspect = models.engine(db).suspect.format("created_time")
    odd: list[str] = []
    try:
        with models.snapshot(db):
            for some in models.stream(db, _WRITTEN.format(suspect)):
                odd += [str(id_) for id_, at in some if models.readable(at) is None]
    except DatabaseTrouble as error:
        yield failed(TIMES, str(error), "mend the database first")
        return
    if odd:
        shown = ", ".join(sorted(odd)[:3]) + (", ..." if len(odd) > 3 else "")
        says = f"created_time is no time that can be read in {counted(len(odd), 'post')} ({shown})"
        remedy = "put it right, as 2026-11-20 10:00:00.000000+00:00"
        says = f"{says}: shown without it, if at all, and exported as undated"
        yield warning(TIMES, says, remedy)


def rules(db: Database) -> Iterator[Finding]:
    """Tell what of adopted tables keeps rows out, if anything: their owners may have altered them.

    Says nothing of a database that was not adopted.
    """
    try:
        found = again.standing(db)
    except DatabaseTrouble as error:
        yield failed(RULES, str(error), "mend the database first")
        return
    for one in found:
        says, _, remedy = one.partition(": ")
        yield warning(RULES, says, remedy or "put it right, then `fbsyncd setup`")


def judge_schema(tables: set[str], pending: list[str], known: list[str]) -> Finding:
    """Return the finding about a database with *tables* that lacks *pending* of *known*."""
    if not pending:
        return ok(SCHEMA, f"version {len(known)}, the newest this program knows")
    if pending != known:
        says = f"older than this program, it lacks: {', '.join(pending)}"
        return warning(SCHEMA, says, "`fbsyncd setup` brings it up to date, as the next start does")
    if foreign := sorted(tables & _OURS):
        says = f"another program made {', '.join(foreign)} in this database"
        return warning(SCHEMA, says, "`fbsyncd setup` tells whether fbsyncd can take them over")
    return skipped(SCHEMA, "there is none yet; the first `fbsyncd sync` makes it")
