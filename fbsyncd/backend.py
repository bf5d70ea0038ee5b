"""What is done by other means with a file than with a server, each under a name of its own.

What the two only say differently is data, see :mod:`fbsyncd.engines`. Whoever needs one of these
asks for it, and not which of the two is behind the archive.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

from peewee import Database

from fbsyncd import backup, models, process
from fbsyncd.engines import POSTGRESQL, SQLITE
from fbsyncd.errors import SchemaError
from fbsyncd.hold import FileHold, Hold, ServerHold
from fbsyncd.sqlitefile import lies_still

_OLDEST_SQLITE: Final = (3, 35)
#: What a look at a database finds, whatever that is.
Seen = TypeVar("Seen")


class Backend(Protocol):
    """A database as what it is made of; none of these opens it."""

    def require(self) -> None:
        """Raise SchemaError when what drives it is too old to keep an archive."""

    def claim(self) -> None:
        """Let it be kept as ours are from now on, though another program made it."""

    def is_writable(self) -> bool:
        """Tell whether rows can be written: not on a read-only disk, nor under another's reader."""

    def hold(self) -> Hold:
        """Return what can be held of it; nothing is held yet."""

    def machine(self) -> str:
        """Return which machine's folders its writers can mean; empty when they share one."""

    def keep(self, version: int) -> str:
        """Copy it before its upgrade to schema *version*, and say where that is, or who has to.

        To be called by who keeps all writers away. Raises DatabaseTrouble when that fails.
        """

    def discard(self, version: int) -> None:
        """Remove the copy that :meth:`keep` made, of a database that stays as it is."""

    def looked_at(
        self, *, file: Callable[[Path], Seen], server: Callable[[Database], Seen]
    ) -> Seen:
        """Return what *file* finds of the file, or *server* of the database of a server."""


class _File:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._path: Path = db.path  # type: ignore[attr-defined]  # that of a file's pool

    def require(self) -> None:
        require_sqlite(sqlite3.sqlite_version_info)

    def claim(self) -> None:
        self._db.claim()  # type: ignore[attr-defined]  # a file's, see sqlitefile

    def is_writable(self) -> bool:
        if lies_still(self._path):
            return False
        with models.session(self._db):
            return not self._db.lacks_log  # type: ignore[attr-defined]  # a file's

    def hold(self) -> Hold:
        return FileHold(self._path)

    def machine(self) -> str:
        return ""

    def keep(self, version: int) -> str:
        return f"the database as it was is {backup.before(self._path, version)}"

    def discard(self, version: int) -> None:
        backup.discard(self._path, version)

    def looked_at(
        self, *, file: Callable[[Path], Seen], server: Callable[[Database], Seen]
    ) -> Seen:
        return file(self._path)


class _Server:
    def __init__(self, db: Database) -> None:
        self._db = db

    def require(self) -> None:
        """Which servers are old is the doctor's to tell: the schema itself refuses them."""

    def claim(self) -> None:
        """A server keeps all its databases alike."""

    def is_writable(self) -> bool:
        with models.session(self._db):
            return models.rows(self._db, "SHOW transaction_read_only") == [("off",)]

    def hold(self) -> Hold:
        return ServerHold(self._db)

    def machine(self) -> str:
        return process.machine()

    def keep(self, version: int) -> str:
        return (
            "fbsyncd has not copied this PostgreSQL database before this upgrade, which happens"
            " whole or not at all; pg_dump makes one"
        )

    def discard(self, version: int) -> None:
        """Nothing was copied."""

    def looked_at(
        self, *, file: Callable[[Path], Seen], server: Callable[[Database], Seen]
    ) -> Seen:
        return server(self._db)


_BACKENDS: Final[Mapping[str, Callable[[Database], Backend]]] = MappingProxyType(
    {SQLITE.name: _File, POSTGRESQL.name: _Server}
)


def of(db: Database) -> Backend:
    """Return what is behind *db*."""
    return _BACKENDS[models.engine(db).name](db)


def files(url: str) -> list[Path]:
    """Return the files of this machine that the database at *url* is; a server has none."""
    is_file = urlsplit(url).scheme == SQLITE.name
    return [Path(unquote(url.removeprefix("sqlite:///")))] if is_file else []


def called(url: str) -> str:
    """Return what people call the database at *url*: its file, or its name on its server."""
    name = unquote(urlsplit(url).path).lstrip("/")
    return next((f"database {path}" for path in files(url)), f"PostgreSQL database {name}")


def require_sqlite(version: tuple[int, ...]) -> None:
    """Raise SchemaError when an SQLite of this *version* cannot keep an archive.

    UPDATE ... RETURNING came with 3.35, the tokenizer that search needs with the one before.
    """
    if version < _OLDEST_SQLITE:
        found, needed = (".".join(map(str, one)) for one in (version, _OLDEST_SQLITE))
        raise SchemaError(
            f"this Python brings SQLite {found}, and an archive needs {needed} or newer: "
            "use a newer Python, or PostgreSQL"
        )
