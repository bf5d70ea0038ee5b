"""What is archived, folder by folder: the one place where files and their bytes are counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from peewee import Database

from fbsyncd.media import CATEGORIES
from fbsyncd.models import marks, rows

#: Whether a row is one more of a picture that another row shows: older programs made a row for each
#: link. It is neither fetched nor counted.
IS_AGAIN: Final = "coalesce(asset_key, '') LIKE '%@' || CAST(id AS TEXT)"
_AGAIN: Final = (
    "SELECT count(*) FROM media_storage WHERE download_status = 'failed'"
    f" AND next_attempt_at IS NULL AND derived_from IS NULL AND {IS_AGAIN}"
)

# From one to the next by the index: to look for them row by row takes as long as all the counting.
_FOLDERS: Final = """
WITH RECURSIVE folders (name) AS (
    SELECT min(category) FROM media_storage
    UNION ALL
    SELECT (SELECT min(category) FROM media_storage WHERE category > folders.name)
    FROM folders WHERE name IS NOT NULL)
SELECT name FROM folders WHERE name IS NOT NULL"""
# Assets with the same bytes share a file; where rows are damaged and tell of two sizes, it is still
# one. One folder at a time: SQLite would sort the files of all before it adds them up.
_FILES: Final = """
SELECT count(*), coalesce(sum(size), 0), coalesce(sum(named), 0), coalesce(sum(derived), 0) FROM (
    SELECT max(file_size) AS size, count(*) AS named, count(derived_from) AS derived
    FROM media_storage WHERE download_status = 'success' AND category = ? GROUP BY local_filename
) AS files"""


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder's *files* and their *bytes*, and the *rows* of these, *derived* ones among them.

    These are what the rows say: whether the files are there is the reconciler's business.
    """

    files: int = 0
    bytes: int = 0
    rows: int = 0
    derived: int = 0


def by_folder(db: Database) -> dict[str, Folder]:
    """Count what is archived; it goes through all of it. Must be called inside a session."""
    names = [str(name) for (name,) in rows(db, _FOLDERS)]
    return dict.fromkeys(CATEGORIES, Folder()) | {
        name: Folder(*map(int, rows(db, _FILES, [name])[0])) for name in names
    }


def again(db: Database) -> int:
    """Count the rows of pictures that other rows show, for which nothing is to be done."""
    return int(rows(db, _AGAIN)[0][0])


def sharing(db: Database, reasons: Mapping[UUID, str]) -> list[tuple[UUID, str]]:
    """Return with each row those archived under the same file, in the order writers keep."""
    ids = sorted(map(str, reasons))
    if not ids:
        return []
    found = rows(
        db,
        "SELECT other.id, own.id FROM media_storage own JOIN media_storage other"
        " ON other.category = own.category AND other.local_filename = own.local_filename"
        f" WHERE own.id IN ({marks(len(ids))})",
        ids,
    )
    shared = {UUID(str(other)): reasons[UUID(str(own))] for other, own in found}
    return sorted((shared | dict(reasons)).items(), key=lambda one: str(one[0]))
