"""Connections to a SQLite file that notice when it is gone, or when another one is in its place.

A file that is removed lives on while somebody holds it open: what a daemon writes then is lost with
its last connection, and until then nothing seems wrong. And the write-ahead log of the old file
would be replayed into a backup that is put in its place: nothing in a log says whose it is.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
from contextlib import suppress
from operator import methodcaller
from pathlib import Path
from typing import Any

import peewee
from playhouse.pool import PooledSqliteDatabase

log = logging.getLogger(__name__)

#: A connection that is in use longer than this (seconds) is not in the middle of anything.
_HELD = 10
_GONE = "its file is not there any more, or empty; put it back, or a backup of it"
_REPLACED = "another file is in its place; it is opened as soon as the old one is let go"
_NO_LOG = (
    "%s is used without a write-ahead log: another program is reading it, and set it so; writing"
    " waits for readers until that one ends"
)
#: What helps where a file is damaged, or no database.
RESTORE = "put a backup in its place, without the old -wal and -shm beside it"
#: What an attempt to undo says where there is nothing left to undo.
_UNDOING = ("cannot rollback", "the connection is closed")
_REMEDIES = {
    "malformed": RESTORE,
    "not a database": RESTORE,
    "disk is full": "free some space on its disk",
    "disk I/O": "check its disk, its quota and the limit of file sizes",
    "readonly": "let the user that runs fbsyncd write it and its folder",
    "unable to open": "let the user that runs fbsyncd write it and its folder",
    "locked": "another program is using it all the time; end that one",
}
#: Whether the file holds tables, and is no archive.
_ANOTHERS = (
    "SELECT count(*) > 0 AND count(CASE WHEN name = 'archive' THEN 1 END) = 0"
    " FROM sqlite_master WHERE type = 'table'"
)
# A write that waits this long for another writer is a fault worth telling (seconds).
_BUSY_TIMEOUT = 30
# A change of the mode waits so long for those that read the file (seconds).
_MODE_TIMEOUT = 2
_OPTIONS = {
    "max_connections": 24,
    "timeout": _BUSY_TIMEOUT,
    "check_same_thread": False,  # a pooled connection moves between threads, one at a time
    "autoconnect": False,
    # Not sqlite3's 128: one that writes a hundred rows is a quarter of a megabyte once it is
    # prepared, and each connection would keep all it ever had.
    "cached_statements": 16,
}
_PRAGMAS = {
    "busy_timeout": _BUSY_TIMEOUT * 1000,
    "journal_mode": "wal",
    "synchronous": "full",
    # Bytes of the write-ahead log that stay on the disk; a reader that holds an old state for long
    # lets it grow to any size, and without a limit it would stay so.
    "journal_size_limit": 16_000_000,
    # Kibibytes (by the sign). Not 2,000: each connection keeps so much of the file, and the system
    # keeps it as well, once for all.
    "cache_size": -500,
    "foreign_keys": 1,
}
_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
_Identity = tuple[int, int]


class FileDatabase(PooledSqliteDatabase):  # type: ignore[misc]  # the pool has no types
    """A pool of connections to one file, all to the same one."""

    def __init__(self, database: str, **options: Any) -> None:
        super().__init__(database, **options)
        self.path = Path(database)
        #: The file all connections are to, and its log; None as long as there has been none.
        self._opened: _Identity | None = None
        self._log: _Identity | None = None
        #: Somebody reads it without a write-ahead log: who writes waits until that one ends.
        self.lacks_log = False

    def claim(self) -> None:
        """Let the file of another program, adopted now, be kept as ours are."""
        # Each connection sets the mode when it is made, as far as the file is ours then.
        self.close_idle()

    def _set_pragmas(self, connection: sqlite3.Connection) -> None:
        # The mode is written into the file, and another program's is left as it is until then.
        is_ours = not connection.execute(_ANOTHERS).fetchone()[0]
        for name, value in self._pragmas:
            if name != "journal_mode":
                connection.execute(f"PRAGMA {name} = {value}")
            elif is_ours:
                self._set_mode(connection, value)

    def _set_mode(self, connection: sqlite3.Connection, mode: str) -> None:
        """Change how the file is written, or go on as it is while somebody is reading it.

        A script's reader may stay for hours, and no other connection is made meanwhile.
        """
        # All others wait for this one; and where it was refused before, it may be so for long.
        connection.execute(f"PRAGMA busy_timeout = {0 if self.lacks_log else _MODE_TIMEOUT * 1000}")
        try:
            connection.execute(f"PRAGMA journal_mode = {mode}")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            if not self.lacks_log:
                log.warning(_NO_LOG, self.path)
            self.lacks_log = True
            # Else each page that the cache has no room for waits for the reader, 30 s each.
            connection.execute("PRAGMA cache_spill = off")
        else:
            self.lacks_log = False
        finally:
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT * 1000}")

    def _connect(self) -> Any:
        # Under the pool's lock: connections to two files at once must never be.
        with self._pool_lock:
            if self._opened is not None and self._opened != self._file():
                self._leave()
            connection = super()._connect()
            connection.row_factory = _as_text
            self._opened = self._file()
            self._log = _identity(f"{self.database}-wal")
            return connection

    def _leave(self) -> None:
        """Let go of the old file, or raise while that is not possible or there is no new one."""
        self.close_idle()
        # What is held for good, to be asked now and then, would hold up all others.
        self.close_stale(_HELD)
        if self._file() is None:
            raise peewee.OperationalError(_GONE)
        if self._in_use:
            raise peewee.OperationalError(_REPLACED)
        if self._log is not None and self._log == _identity(f"{self.database}-wal"):
            for end in ("-wal", "-shm"):
                with suppress(FileNotFoundError):
                    os.unlink(f"{self.database}{end}")  # noqa: PTH108  # beside a name, not a path

    def _file(self) -> _Identity | None:
        # An emptied file would be waited for, as one that somebody is about to fill.
        return _identity(self.database, least=1)


class SealedFile(FileDatabase):
    """A pool of connections to one file, which is only read."""

    def __init__(self, path: Path) -> None:
        how = "immutable=1" if lies_still(path) else "mode=ro"
        super().__init__(f"{path.absolute().as_uri()}?{how}", uri=True, **_OPTIONS)
        self.path = path


def pool(path: Path) -> FileDatabase:
    """Return connections to the file at *path*, not yet open; to one that lies still, to read."""
    if lies_still(path):
        return SealedFile(path)
    # Without IMMEDIATE a transaction that reads before it writes dies at once with
    # "database is locked" when another one wrote in between; no time-out helps there.
    return FileDatabase(str(path), lock_type="IMMEDIATE", pragmas=_PRAGMAS, **_OPTIONS)


def lies_still(path: Path) -> bool:
    """Tell whether nobody writes the file at *path*: it is on a disk, or has a mode, to be read.

    Only then may SQLite go without the locks that it keeps beside the file. Whoever just may not
    write it has to ask: others do.
    """
    try:
        is_sealed = os.statvfs(path).f_flag & os.ST_RDONLY or not path.stat().st_mode & _WRITABLE
    except OSError:
        return False
    return bool(is_sealed) and _identity(f"{path}-wal", least=1) is None


def create(path: Path, like: Path | None) -> None:
    """Create an empty file at *path* for the same eyes as the file *like*, or for ours alone.

    Raises FileExistsError when there is one. Whom *like* belongs to can be kept by root only, and
    its group by who is in it; otherwise the group is given nothing, since it is another one.
    """
    number = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        if like is not None:
            # Some file systems have no permissions to give.
            with suppress(PermissionError):
                os.fchmod(number, _take_over(number, like.stat()))
    finally:
        os.close(number)


def _take_over(number: int, of: os.stat_result) -> int:
    """Give an open file to the owner *of* another one, and return the permissions it may have."""
    # It is written, also when the other one only can be read.
    permissions = stat.S_IMODE(of.st_mode) | stat.S_IWUSR
    for owner in (of.st_uid, -1):
        with suppress(PermissionError):
            os.fchown(number, owner, of.st_gid)
            return permissions
    return permissions & ~stat.S_IRWXG


def read_anything(connection: sqlite3.Connection) -> None:
    """Let *connection* read texts of other programs that are no UTF-8, as far as they can be."""
    connection.text_factory = methodcaller("decode", "utf-8", "replace")


def _as_text(_: sqlite3.Cursor, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return *row* with texts only: other programs write bytes, and no column of ours holds any."""
    if bytes not in map(type, row):
        return row
    return tuple(one.decode(errors="replace") if isinstance(one, bytes) else one for one in row)


def remedy(error: str) -> str:
    """Return what to do about what SQLite says, beginning with a semicolon, or nothing."""
    return next((f"; {what}" for word, what in _REMEDIES.items() if word in error), "")


def first_fault(error: BaseException) -> BaseException:
    """Return what went wrong first, on either engine.

    SQLite itself undoes a transaction that finds no room, and a server's connection may be gone;
    undoing it once more fails, and that would be all one is told.
    """
    while str(error).startswith(_UNDOING) and error.__context__ is not None:
        error = error.__context__
    return error


def _identity(name: str, least: int = 0) -> _Identity | None:
    """Return which file it is; None when it is not there or has less than *least* bytes."""
    try:
        found = os.stat(name)  # noqa: PTH116  # for every session
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found.st_size >= least else None
