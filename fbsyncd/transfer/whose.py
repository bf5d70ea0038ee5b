"""Which of a copy's two databases failed: what helps the one does not help the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from peewee import Database

from fbsyncd import sqlitefile
from fbsyncd.config import addresses
from fbsyncd.errors import (
    AlreadyRunning,
    ConfigError,
    DatabaseTrouble,
    SchemaError,
    UsageError,
)

#: What is said of config.toml's database, and what helps where the target says it.
_INSTEAD: Final = MappingProxyType(
    {
        "database.url": "--to",
        sqlitefile.RESTORE: "name another file after --to",
        "'fbsyncd setup' adopts them": (
            "'fbsyncd setup' adopts them; for that, set FBSYNCD_DATABASE_URL to the target and"
            " FBSYNCD_MEDIA_ROOT to a media folder of its own"
        ),
    }
)


class Named(DatabaseTrouble):
    """Trouble whose words say already which of the two databases it was."""


@contextmanager
def at_source() -> Iterator[None]:
    """Say of trouble with a database that it was the source, unless it is said already."""
    try:
        yield
    except Named:
        raise
    except DatabaseTrouble as error:
        raise Named(f"the source: {error}") from error


@contextmanager
def unhidden() -> Iterator[None]:
    """Tell the trouble that came first: undoing it fails too where the connection is gone."""
    try:
        yield
    except DatabaseTrouble as error:
        first = _named(error)
        raise (first or error) from None


@contextmanager
def at_target(db: Database) -> Iterator[None]:
    """Name the target, and what helps there, in whatever it refuses; never its password."""
    try:
        yield
    except Named:
        raise
    except DatabaseTrouble as error:
        raise Named(_told(db, str(error))) from error
    except (SchemaError, AlreadyRunning) as error:
        raise type(error)(_told(db, str(error))) from error
    except ConfigError as error:
        raise UsageError(_told(db, error.problems[0])) from error


def _named(error: BaseException | None) -> Named | None:
    while error is not None and not isinstance(error, Named):
        error = error.__context__
    return error


def _told(db: Database, text: str) -> str:
    for ours, theirs in _INSTEAD.items():
        text = text.replace(ours, theirs)
    # A file's path, or a server's URL.
    return f"--to: {addresses.without_password(str(db.database))}: {text}"
