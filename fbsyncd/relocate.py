"""The media folder under another path: ``local_path`` of every row is made true again.

Rows tell the path relative to the config's folder where it lies inside, so an archive that is
moved as one folder needs nothing. Otherwise all rows are looked through once, when a program first
opens the archive in its new place; a record of the place they were made true for comes last, so
that one which is killed is gone on with.
"""

from __future__ import annotations

from typing import Final

from peewee import Database

from fbsyncd import borne, facts
from fbsyncd.media import Media
from fbsyncd.models import rows, session

#: The fact that names the folder which the rows' paths are true for.
FACT: Final = "media_folder"
_CHUNK: Final = 1000
_FIRST: Final = "00000000-0000-0000-0000-000000000000"


def follow(db: Database, media: Media) -> int:
    """Make the paths in the rows those of *media*; return how many rows changed.

    Looks at no file, and must be called only while the folder is known to be the archive's.
    """
    place = media.local_path("", "")
    if facts.get(db, FACT) == place:
        return 0
    changed, last = 0, _FIRST
    while last:
        more, last = _follow_some(db, media, last)
        changed += more
    facts.put(db, FACT, place)
    return changed


def _follow_some(db: Database, media: Media, after: str) -> tuple[int, str]:
    """Look at the next rows by id; return how many changed, and the last id, empty at the end."""
    with session(db):
        found = rows(
            db,
            "SELECT id, category, local_filename, local_path FROM media_storage"
            # Other names are an older program's, and so are the paths to its own files.
            " WHERE id > ? AND local_filename LIKE sha256 || '.%' ORDER BY id LIMIT ?",
            [after, _CHUNK],
        )
    stale = [
        (path, str(id_), name)
        for id_, category, name, told in found
        if (path := media.local_path(category, name)) != told
    ]
    # A picture may be archived anew meanwhile, with its path.
    sql = "UPDATE media_storage SET local_path = ? WHERE id = ? AND local_filename = ?"
    refused = borne.write(db, sql, stale)
    for (_, id_, _), why in refused:
        borne.warn_left(db, "pictures", id_, why)
    return len(stale) - len(refused), str(found[-1][0]) if found else ""
