"""What archived rows say of their files, read in the order of the names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from peewee import Database

from fbsyncd import models
from fbsyncd.models import session

#: Before every row of a category.
START: Final = ("", "00000000-0000-0000-0000-000000000000")


@dataclass(frozen=True, slots=True)
class Claimed:
    """What an archived row says of its file."""

    #: The row's id as the database tells it: a value of it is made for few of many rows.
    row: UUID | str
    category: str
    filename: str
    size: int
    sha256: str

    @property
    def id(self) -> UUID:
        return UUID(str(self.row))

    @property
    def path(self) -> str:
        return f"{self.category}/{self.filename}"

    @property
    def key(self) -> tuple[str, str]:
        return self.filename, str(self.row)


def fault(claimed: Claimed, size: int | None) -> str | None:
    """Return what is wrong with a file of *size* bytes (None: not there), or None when nothing."""
    if size is None:
        return "the file is missing on disk"
    if size != claimed.size:
        return f"the file has {size:,} bytes instead of {claimed.size:,}"
    return None


def archived(
    db: Database, category: str, chunk: int, after: tuple[str, str] = START
) -> Iterator[list[Claimed]]:
    """Yield the archived rows of a category, *chunk* at a time, from the one *after* on.

    Each chunk is asked for when it is wanted, so that rows queued meanwhile drop out.
    """
    while True:
        with session(db):
            found = models.rows(
                db,
                "SELECT id, category, local_filename, file_size, sha256 FROM media_storage"
                " WHERE category = ? AND download_status = 'success'"
                " AND (local_filename, id) > (?, ?) ORDER BY local_filename, id LIMIT ?",
                [category, *after, chunk],
            )
        if not found:
            return
        claims = [Claimed(*row) for row in found]
        yield claims
        after = claims[-1].key


def sizes(db: Database, category: str, chunk: int) -> Iterator[list[tuple[str, str, int]]]:
    """Yield name, row and recorded size of the archived files of a category, *chunk* at a time.

    In the order of :func:`archived`, and as they come from the database: of a million rows, making
    values of them would take longer than looking at their files.
    """
    after = START
    while True:
        with session(db):
            found: list[tuple[str, str, int]] = models.rows(
                db,
                "SELECT local_filename, id, file_size FROM media_storage"
                " WHERE category = ? AND download_status = 'success'"
                " AND (local_filename, id) > (?, ?) ORDER BY local_filename, id LIMIT ?",
                [category, *after, chunk],
            )
        if not found:
            return
        yield found
        after = found[-1][0], str(found[-1][1])


def named(db: Database, category: str, filenames: Sequence[str]) -> list[Claimed]:
    """Return the archived rows of these files, in the order of the names."""
    with session(db):
        found = models.rows(
            db,
            "SELECT id, category, local_filename, file_size, sha256 FROM media_storage"
            " WHERE category = ? AND download_status = 'success'"
            f" AND local_filename IN ({models.marks(len(filenames))}) ORDER BY local_filename, id",
            [category, *filenames],
        )
    return [Claimed(*row) for row in found]


def count(db: Database) -> int:
    """Return how many rows are archived."""
    with session(db):
        sql = "SELECT count(*) FROM media_storage WHERE download_status = 'success'"
        ((number,),) = models.rows(db, sql)
    return int(number)
