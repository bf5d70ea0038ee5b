"""A copy of a SQLite database beside it, made before its schema is changed.

The copy is made by SQLite itself, so it is whole whoever reads or has written meanwhile; the
caller holds the write lock, so nobody writes. Pictures are not part of it.
"""

from __future__ import annotations

import logging
import re
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from fbsyncd import sqlitefile
from fbsyncd.errors import DatabaseTrouble

log = logging.getLogger(__name__)

#: So many copies are kept of one database, those made before its latest upgrades...
KEPT: Final = 3
#: ... and for ever the one before this version: it is the user's own database, not adopted yet.
_ADOPTION: Final = 1
#: Bytes left free beside a copy, for the upgrade itself to write into.
_ROOM: Final = 16 * 2**20
_SIZE: Final = ("page_count", "page_size")


def before(path: Path, version: int) -> Path:
    """Copy the database at *path* to ``<name>.before-NNNN`` and return that path.

    It is for the same eyes as the database. A copy of that name is replaced: it was made before an
    upgrade that did not come to its end. Copies before earlier upgrades are removed, all but the
    last few; never one before an adoption. Raises DatabaseTrouble, with
    nothing left behind, when the disk has no room for it or refuses it.
    """
    copy = _copy(path, version)
    part = copy.with_name(f"{copy.name}.part")
    try:
        # Whoever left this one was killed: to be here takes the database's write lock.
        part.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as source:
            _require_room(source, path)
            sqlitefile.create(part, path)
            with closing(sqlite3.connect(part)) as target:
                source.backup(target)
                # What is kept is one file, whoever copies it elsewhere.
                target.execute("PRAGMA journal_mode = DELETE")
        part.replace(copy)
    except (sqlite3.Error, OSError) as error:
        raise DatabaseTrouble(f"cannot copy {path} before its upgrade: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    _thin(path)
    return copy


def discard(path: Path, version: int) -> None:
    """Remove the copy that :func:`before` made of this name, where nothing was changed after it."""
    with suppress(OSError):
        _copy(path, version).unlink()


def copies(path: Path) -> list[Path]:
    """Return the copies kept of the database at *path*, the oldest schema first."""
    name = re.compile(rf"{re.escape(path.name)}\.before-\d{{4}}", re.ASCII)
    return sorted(other for other in path.parent.iterdir() if name.fullmatch(other.name))


def _copy(path: Path, version: int) -> Path:
    return path.with_name(f"{path.name}.before-{version:04}")


def _require_room(source: sqlite3.Connection, path: Path) -> None:
    pages, size = (source.execute(f"PRAGMA {what}").fetchone()[0] for what in _SIZE)
    need, free = pages * size + _ROOM, shutil.disk_usage(path.parent).free
    if free < need:
        raise DatabaseTrouble(
            f"the upgrade of {path} first copies it and needs {need:,} bytes, the disk has"
            f" {free:,}: free some space"
        )


def _thin(path: Path) -> None:
    own = f"{path.name}.before-{_ADOPTION:04}"
    for old in [copy for copy in copies(path) if copy.name != own][:-KEPT]:
        old.unlink(missing_ok=True)
        log.info("removed %s: the last %d copies are kept", old.name, KEPT)
