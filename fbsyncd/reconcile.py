"""Files against rows: what a row calls archived and the disk does not have is queued again.

A scan streams both sides in chunks, so memory stays flat however large the archive is. It
changes no file, and no row while the folders are not there: an unplugged disk is no loss.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from peewee import Database

from fbsyncd import models
from fbsyncd.backlog import Backlog
from fbsyncd.errors import MediaTrouble
from fbsyncd.media import CATEGORIES, Media
from fbsyncd.models import session

log = logging.getLogger(__name__)

CHUNK: Final = 2000


@dataclass(frozen=True, slots=True)
class Claimed:
    """What an archived row says of its file."""

    id: UUID
    filename: str
    size: int


@dataclass(slots=True)
class Findings:
    """What a scan found, and how many rows it queued again."""

    files: int = 0
    missing: int = 0
    wrong_size: int = 0
    queued: int = 0


def fault(claimed: Claimed, size: int | None) -> str | None:
    """Return what is wrong with a file of *size* bytes (None: not there), or None when nothing."""
    if size is None:
        return "the file is missing on disk"
    if size != claimed.size:
        return f"the file has {size:,} bytes instead of {claimed.size:,}"
    return None


class Reconciler:
    """Holds the files of one archive against its rows, *chunk_size* rows at a time."""

    def __init__(
        self, db: Database, media: Media, backlog: Backlog, *, chunk_size: int = CHUNK
    ) -> None:
        self._db = db
        self._media = media
        self._backlog = backlog
        self._chunk_size = chunk_size

    def scan(self, now: datetime, *, dry_run: bool = False) -> Findings:
        """Compare every archived row with its file and queue again what is gone or cut.

        Raises MediaTrouble, having changed nothing more, when the media folders are not there.
        """
        findings = Findings()
        for category in CATEGORIES:
            for chunk in self._archived(category):
                self._require_folders()
                faults = list(self._faults(category, chunk, findings))
                if faults and not dry_run:
                    findings.queued += self._backlog.lose(faults, now)
        if findings.missing or findings.wrong_size:
            log.warning(
                "%d files missing and %d of the wrong size, %d pictures queued again",
                findings.missing,
                findings.wrong_size,
                findings.queued,
            )
        return findings

    def _faults(
        self, category: str, chunk: list[Claimed], findings: Findings
    ) -> Iterator[tuple[UUID, str]]:
        for claimed in chunk:
            size = self._media.size(category, claimed.filename)
            what = fault(claimed, size)
            findings.files += 1
            findings.missing += size is None
            findings.wrong_size += what is not None and size is not None
            if what:
                yield claimed.id, what

    def _archived(self, category: str) -> Iterator[list[Claimed]]:
        """Yield the archived rows of a category in the order of their names."""
        last: tuple[str, str] = ("", "00000000-0000-0000-0000-000000000000")
        while True:
            with session(self._db):
                found = models.rows(
                    self._db,
                    "SELECT id, local_filename, file_size FROM media_storage WHERE category = ?"
                    " AND download_status = 'success' AND (local_filename, id) > (?, ?)"
                    " ORDER BY local_filename, id LIMIT ?",
                    [category, *last, self._chunk_size],
                )
            if not found:
                return
            yield [Claimed(UUID(str(id_)), name, size) for id_, name, size in found]
            last = (found[-1][1], str(found[-1][0]))

    def _require_folders(self) -> None:
        if not self._media.is_mounted():
            raise MediaTrouble(
                f"the media folder {self._media.root} is not there: mount its disk again, or"
                " correct media.root; no row was changed"
            )
