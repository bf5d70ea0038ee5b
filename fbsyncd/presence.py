"""Whether the database holds an archive at all: asked before anything is opened to be written.

An empty database in the place of a lost one would lie where the backup belongs, and tell of an
archive without posts instead of a loss.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from fbsyncd import backend, migrate, models
from fbsyncd.errors import ArchiveError, DatabaseTrouble, MediaTrouble
from fbsyncd.media import Media

_MAKE: Final = "'fbsyncd setup' makes one ('--dry-run' shows what it adds), or put the backup back"


def require(url: str) -> None:
    """Raise ArchiveError when there is no archive at *url* to be read; changes nothing.

    Tables of older programs, and a database that cannot be read, are left to whoever opens it.
    """
    if lack := _lack(url):
        raise ArchiveError(f"{lack}: {_MAKE}")


def require_not_lost(url: str, media: Media) -> None:
    """Raise ArchiveError when *media* belongs to an archive and *url* holds none; changes nothing.

    A new database would only find that the folder is another archive's.
    """
    if _is_marked(media) and (lack := _lack(url)):
        raise ArchiveError(
            f"{lack}, but the media folder {media.root} belongs to an archive: its database is"
            " missing; put it back, or a backup of it, or name another folder in media.root"
            " (only where it is lost for good: 'fbsyncd reconcile --accept-loss' begins a new"
            " archive in this folder)"
        )


def require_folder(url: str, media: Media) -> None:
    """Raise MediaTrouble when there is no archive at *url* and *media* can be no folder of one.

    Changes nothing; the folder of an archive that is there is the brake's to judge.
    """
    with suppress(DatabaseTrouble), models.looking_at(url) as db:
        if migrate.is_ours(db):
            return
    try:
        for place in (media.root, *media.root.parents):
            if os.path.lexists(place):
                _require_open(place)
                return
    except OSError as error:
        raise MediaTrouble.of(error, f"cannot make the media folder {media.root}") from error


def _require_open(folder: Path) -> None:
    """Raise OSError unless folders can be made in *folder*, as far as that can be told."""
    # Of a link that leads nowhere this says that it does not exist.
    if not stat.S_ISDIR(folder.stat().st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def _lack(url: str) -> str | None:
    """Return what there is instead of an archive, None when there is one or nobody can tell."""
    missing = [path for path in backend.files(url) if not path.exists()]
    if missing:
        return f"there is no database at {missing[0]}"
    return None if _holds_archive(url) else f"there is no archive in the {backend.called(url)}"


def _holds_archive(url: str) -> bool:
    with suppress(DatabaseTrouble), models.looking_at(url) as db:
        return migrate.is_ours(db) or bool(migrate.foreign_tables(db))
    return True


def _is_marked(media: Media) -> bool:
    # A disk that cannot be read is told of by the brake.
    with suppress(MediaTrouble):
        return media.marker() is not None
    return False
