"""What a process that writes to a database holds as long as it lives, and others can ask about.

Beside a SQLite file lies one that is locked by the system; on PostgreSQL it is an advisory lock on
a connection of its own. Both end with their process, however that ends. Several hold it at once;
who takes it must keep others from taking it at the same moment, see :mod:`fbsyncd.writers`. Which
of the two a database has is :mod:`fbsyncd.backend`'s to know.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final, Protocol

import peewee
from peewee import Database

from fbsyncd import sqlitefile
from fbsyncd.engines import server_lock
from fbsyncd.errors import DatabaseTrouble

#: The key of the lock on a server, as SQL.
KEY: Final = server_lock(2)
# A machine that is cut off must not hold a lock for hours, and an idle connection is no mistake.
_PATIENCE: Final = """
SELECT set_config(name, CASE name WHEN 'tcp_keepalives_idle' THEN '30'
    WHEN 'tcp_keepalives_interval' THEN '10' WHEN 'tcp_keepalives_count' THEN '3' ELSE '0' END,
    FALSE)
FROM pg_settings WHERE name IN ('tcp_keepalives_idle', 'tcp_keepalives_interval',
    'tcp_keepalives_count', 'idle_session_timeout')"""


class Hold(Protocol):
    """What is held of one database by one process."""

    def take(self) -> bool:
        """Take hold; tell whether nobody else has. Raises DatabaseTrouble when that fails."""

    def is_kept(self) -> bool:
        """Tell whether it is still held: a server may have been started anew, a file removed."""

    def release(self) -> None:
        """Let go of what is held."""


class FileHold:
    """A lock of the system on a file beside the *database*."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._number: int | None = None

    def take(self) -> bool:
        self.release()
        try:
            number = self._open()
        except OSError as error:
            raise DatabaseTrouble(f"cannot lock {self._path()}: {error.strerror}") from error
        self._number = number
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            is_alone = False
        else:
            is_alone = True
        fcntl.flock(number, fcntl.LOCK_SH)
        return is_alone

    def is_kept(self) -> bool:
        if self._number is None:
            return False
        try:
            there = self._path().stat()
        except OSError:
            return False
        held = os.fstat(self._number)
        return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)

    def release(self) -> None:
        number, self._number = self._number, None
        if number is not None:
            # Its disk may be gone.
            with suppress(OSError):
                os.close(number)

    def _open(self) -> int:
        path = self._path()
        with suppress(FileExistsError):
            sqlitefile.create(path, self._database)
        return os.open(path, os.O_RDONLY)

    def _path(self) -> Path:
        real = self._database.resolve()
        return real.with_name(f"{real.name}-lock")


class ServerHold:
    """An advisory lock in the database *db* of a server."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._connection: Any = None

    def take(self) -> bool:
        self.release()
        try:
            with peewee.__exception_wrapper__:  # type: ignore[attr-defined]
                # Not one of the pool's: those are given to others, and closed when they are old.
                self._connection = self._db.apart()  # type: ignore[attr-defined]  # a server's
            self._ask(_PATIENCE)
            is_alone = bool(self._ask(f"SELECT pg_try_advisory_lock({KEY})"))
            self._ask(f"SELECT pg_advisory_lock_shared({KEY})::text")
            if is_alone:
                self._ask(f"SELECT pg_advisory_unlock({KEY})")
        except (peewee.OperationalError, peewee.InterfaceError) as error:
            self.release()
            raise DatabaseTrouble(f"cannot lock the database: {error}".strip()) from error
        return is_alone

    def is_kept(self) -> bool:
        if self._connection is None:
            return False
        try:
            self._ask("SELECT 1")
        except (peewee.DatabaseError, peewee.InterfaceError):
            return False
        return True

    def release(self) -> None:
        if self._connection is not None:
            with (
                suppress(peewee.DatabaseError, peewee.InterfaceError),
                peewee.__exception_wrapper__,  # type: ignore[attr-defined]
            ):
                # A server sees the end of a connection a moment later: whoever comes next would
                # find one that is gone.
                try:
                    self._ask("SELECT pg_advisory_unlock_all()::text")
                finally:
                    self._connection.close()
        self._connection = None

    def _ask(self, sql: str) -> Any:
        with (
            peewee.__exception_wrapper__,  # type: ignore[attr-defined]
            closing(self._connection.cursor()) as cursor,
        ):
            cursor.execute(sql)
            return cursor.fetchone()[0]
