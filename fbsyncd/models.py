"""The database behind the archive; which of the two kinds it is, only :mod:`fbsyncd.backend` asks.

Every station is handed a database (:func:`connect`) and executes its queries on it, so that two
archives can be open in one process. Hot paths speak SQL that both engines understand, with ``?``
for parameters; what differs is data: see :mod:`fbsyncd.engines`.

Values go in as text both engines read alike (UTC times with microseconds, dashed UUIDs), so a
row written by one engine can be compared with the same row on the other.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import peewee
from peewee import Database

from fbsyncd import rules
from fbsyncd.engines import POSTGRESQL, SQLITE, Engine, is_busy
from fbsyncd.errors import ConfigError, DatabaseBusy, DatabaseTrouble, SchemaError
from fbsyncd.postgresql import pool as server_pool
from fbsyncd.postgresql import trouble_of
from fbsyncd.sqlitefile import (
    FileDatabase,
    SealedFile,
    create,
    first_fault,
    read_anything,
    remedy,
)
from fbsyncd.sqlitefile import pool as file_pool

Row = tuple[Any, ...]

# A name of the user's, or a text, in which "?" is no mark; a quote in one counts as two of them.
_QUOTED: Final = re.compile(r"""("[^"]*"|'[^']*')""")
_NOT_ALLOWED: Final = "42501"  # PostgreSQL's insufficient_privilege
_REMEDIES: Final = {
    "must be owner": "name the tables' owner in database.url",
    "for sequence": "its owner can: GRANT USAGE, UPDATE ON that SEQUENCE TO the role",
    "": "its owner can: GRANT CREATE, USAGE ON SCHEMA public TO the role",
}


def engine(db: Database) -> Engine:
    """Return what is special about the engine behind *db*."""
    return SQLITE if isinstance(db, peewee.SqliteDatabase) else POSTGRESQL


def to_text(moment: datetime) -> str:
    """Return *moment* as the text both engines store and compare: UTC with microseconds."""
    if moment.tzinfo is None:
        raise ValueError("a time without zone cannot be stored")
    return moment.astimezone(UTC).isoformat(" ", "microseconds")


def from_text(value: object) -> datetime | None:
    """Return a stored time as an aware UTC datetime."""
    if value is None or isinstance(value, datetime):
        moment = value
    else:
        # Other programs write no time into SQLite as an empty text.
        text = str(value).strip()
        moment = datetime.fromisoformat(text) if text else None
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def readable(value: object) -> datetime | None:
    """Return a stored time, or None where what another program wrote cannot be read as one."""
    try:
        return from_text(value)
    except (ValueError, OverflowError):
        return None


def connect(url: str) -> Database:
    """Return the database behind *url* (``sqlite:///path`` or ``postgresql://...``), not yet open.

    Raises ConfigError when the engine or its driver is not there.
    """
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        return file_pool(Path(unquote(url.removeprefix("sqlite:///"))))
    if scheme not in {"postgresql", "postgres"}:
        raise ConfigError("database.url", [f"{scheme!r} is not sqlite or postgresql"])
    if find_spec("psycopg") is None:
        raise ConfigError(
            "database.url", ["PostgreSQL needs a driver: pip install 'fbsyncd[postgres]'"]
        )
    return server_pool(url.replace("postgres://", "postgresql://", 1))


@contextmanager
def looking_at(url: str) -> Iterator[Database]:
    """The database behind *url* to look at only: a file is opened so that nothing can be written.

    A file that is not there stays so, and is looked at as an empty database.
    """
    if urlsplit(url).scheme == "sqlite":
        path = Path(unquote(url.removeprefix("sqlite:///")))
        db: Database = (
            SealedFile(path) if path.exists() else FileDatabase(":memory:", autoconnect=False)
        )
    else:
        db = connect(url)
    try:
        yield db
    finally:
        close(db)


def close(db: Database) -> None:
    """Close every connection of *db*, whichever thread opened it."""
    db.close_all()  # type: ignore[attr-defined]  # the pool's, which has no types


@contextmanager
def session(db: Database) -> Iterator[None]:
    """One unit of work on a connection of its own; inside another one, a part of that.

    Raises DatabaseTrouble for what the server or the file refuses, RowRefused where that is a row,
    and SchemaError for a role that may not do this; nothing is retried here.
    """
    try:
        if db.is_closed():
            with db.connection_context():
                yield
        else:
            yield
    except (peewee.OperationalError, peewee.InterfaceError, peewee.DatabaseError) as error:
        if getattr(error.__context__, "sqlstate", None) == _NOT_ALLOWED:
            advice = next(_REMEDIES[said] for said in _REMEDIES if said in str(error))
            told = f"the database refuses this role: {error}".strip()
            raise SchemaError(f"{told} ({advice})") from error
        if rules.is_of_a_row(error):
            raise rules.refusal(error) from error
        if isinstance(error, peewee.ProgrammingError) and not rules.is_of_a_server(error):
            raise
        trouble = _trouble(db, error)
        raise (DatabaseBusy(str(trouble)) if is_busy(error) else trouble) from error


def _trouble(db: Database, error: Exception) -> DatabaseTrouble:
    # What is put in order again must not meet connections that remember its disorder.
    db.close_idle()  # type: ignore[attr-defined]  # the pool's, which has no types
    if engine(db) is not SQLITE:
        return trouble_of(error)
    fault = " ".join(str(first_fault(error)).split())
    return DatabaseTrouble(f"the database {file(db)} said: {fault}{remedy(fault)}")


@contextmanager
def transaction(db: Database) -> Iterator[None]:
    """A session whose writes all happen or none."""
    with session(db), db.atomic():
        yield


@contextmanager
def snapshot(db: Database) -> Iterator[None]:
    """A session that sees the database as it is at its first statement, whoever writes meanwhile.

    It holds up no writer; on SQLite the write-ahead log cannot shrink until it ends.
    """
    with session(db), db.atomic(engine(db).snapshot):
        yield


def file(db: Database) -> Path | None:
    """Return the file behind *db*, or None when a server is."""
    return db.path if isinstance(db, FileDatabase) else None


def create_like(db: Database, other: Database) -> None:
    """Let the file of *db*, where one is still to be made, be for the same eyes as *other*'s.

    What a server has is kept by a password: its copy is for its maker alone.
    """
    path = file(db)
    if path is not None:
        # Any other fault is told, in its own words, by whoever opens it next.
        with suppress(OSError):
            create(path, file(other))


def identity(db: Database) -> str:
    """Return a text that is the same for two connections to one database, and for them alone."""
    found = str(rows(db, engine(db).identity)[0][0])
    if engine(db) is SQLITE:
        stat = Path(found).stat()
        return f"{stat.st_dev}/{stat.st_ino}"
    return found


def rows(db: Database, sql: str, params: Sequence[object] = ()) -> list[Row]:
    """Return all rows of *sql*; parameters are ``?`` on both engines."""
    said, values = _dialect(db, sql), tuple(params)
    with rules.telling(sql):
        try:
            return list(db.execute_sql(said, values).fetchall())
        except sqlite3.OperationalError as error:
            _require_misspelt(db, error)
            return list(db.execute_sql(said, values).fetchall())


def _require_misspelt(db: Database, error: sqlite3.OperationalError) -> None:
    """Let texts be read that are no UTF-8; raise *error* when it is about something else."""
    with peewee.__exception_wrapper__:  # type: ignore[attr-defined]
        if "decode to UTF-8" not in str(error):
            raise error
    read_anything(db.connection())


def stream(
    db: Database, sql: str, params: Sequence[object] = (), *, size: int = 500
) -> Iterator[list[Row]]:
    """Yield the rows of *sql*, *size* at a time; inside a :func:`snapshot` or transaction only.

    One stream of a database at a time; no more than *size* rows are held.
    """
    options = engine(db).streaming
    # execute_sql() reads all of PostgreSQL's answer; this is what it wraps the driver's errors in.
    with (
        peewee.__exception_wrapper__,  # type: ignore[attr-defined]
        closing(db.connection().cursor(**options)) as cursor,
    ):
        told, said, values = 0, _dialect(db, sql), tuple(params)
        cursor.execute(said, values)
        while True:
            try:
                batch = cursor.fetchmany(size)
            except sqlite3.OperationalError as error:
                _require_misspelt(db, error)
                # What was read of this batch is lost with it.
                cursor.execute(said, values)
                for _ in range(told):
                    cursor.fetchone()
                continue
            if not batch:
                return
            told += len(batch)
            yield batch


def change(db: Database, sql: str, params: Sequence[object] = ()) -> int:
    """Execute *sql* and return how many rows it touched."""
    with rules.telling(sql):
        return int(db.execute_sql(_dialect(db, sql), tuple(params)).rowcount)


def literally(db: Database, sql: str) -> None:
    """Execute *sql* as it is written: neither ``?`` nor ``%`` is a mark in it."""
    with peewee.__exception_wrapper__:  # type: ignore[attr-defined]
        db.cursor().execute(sql)


def change_many(db: Database, sql: str, many: Iterable[Sequence[object]]) -> int:
    """Execute *sql* once for each of *many* and return how many rows were touched.

    One call of the driver, however many rows: pipelined on PostgreSQL.
    """
    batch = [tuple(params) for params in many]
    if not batch:
        return 0
    # execute_sql() takes one row only; this is what it wraps the driver's errors with.
    with rules.telling(sql), peewee.__exception_wrapper__:  # type: ignore[attr-defined]
        cursor = db.cursor()
        cursor.executemany(_dialect(db, sql), batch)
        return max(int(cursor.rowcount), 0)


def marks(count: int) -> str:
    """Return *count* parameter marks for an ``IN (...)`` list."""
    return ", ".join(["?"] * count)


def _dialect(db: Database, sql: str) -> str:
    if db.param == "?":
        return sql
    parts = _QUOTED.split(sql.replace("%", "%%"))
    parts[::2] = [part.replace("?", db.param) for part in parts[::2]]
    return "".join(parts)
