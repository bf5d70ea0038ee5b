"""Files that no archived row names: put back by hand, left over, or not ours at all.

The folder is listed in its own order, some names at a time, and the database is asked about each
handful, so memory stays flat however many files there are.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final
from uuid import UUID

from peewee import Database

from fbsyncd.backlog import Backlog
from fbsyncd.media import CATEGORIES, Media, is_filename
from fbsyncd.models import marks, rows, session
from fbsyncd.plural import counted
from fbsyncd.reconcile.claims import START
from fbsyncd.reconcile.findings import Findings, Request

log = logging.getLogger(__name__)

#: A file is there before its row says so; one this young (seconds) is no orphan yet.
YOUNG: Final = 600.0


@dataclass(frozen=True, slots=True)
class Named:
    """A row that names a file, in whatever category."""

    id: UUID
    category: str
    sha256: str | None
    is_archived: bool


class Strays:
    """Goes through the files of the folders and settles those without an archived row."""

    def __init__(self, db: Database, media: Media, backlog: Backlog, chunk_size: int) -> None:
        self._db = db
        self._media = media
        self._backlog = backlog
        self._chunk_size = chunk_size

    def settle(
        self,
        now: datetime,
        request: Request,
        findings: Findings,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        """Adopt what a lost row waits for, count the rest, and remove it if that was asked for.

        A name that is not of our form is counted as foreign and never touched.
        """
        for category in CATEGORIES:
            for names in _handfuls(self._media.names(category), self._chunk_size):
                alive()
                ours = [name for name in names if is_filename(name)]
                for name in sorted(set(names).difference(ours)):
                    findings.meet_foreign(f"{category}/{name}")
                stray = self._unclaimed(category, ours)
                named = self._named(stray)
                for name in stray:
                    # Adopting reads the whole file, and there may be many.
                    alive()
                    self._settle(category, name, named[name], (now, request, findings))

    def welcome(self) -> int:
        """Adopt the files of lost rows that are in their own place again; return how many rows.

        Goes by the rows, of which few are lost: cheap enough to be done often.
        """
        adopted, last = 0, START[1]
        while lost := self._lost(last):
            last = str(lost[-1][0].id)
            for one, name, size in lost:
                if self._media.size(one.category, name) == size:
                    adopted += self._adopt(one.category, name, [one], Request())
        if adopted:
            log.info("adopted: %s put back by hand", counted(adopted, "picture"))
        return adopted

    def _lost(self, after: str) -> list[tuple[Named, str, int]]:
        with session(self._db):
            found = rows(
                self._db,
                "SELECT id, category, sha256, local_filename, file_size FROM media_storage"
                " WHERE download_status <> 'success' AND sha256 IS NOT NULL AND id > ?"
                " ORDER BY id LIMIT ?",
                [after, self._chunk_size],
            )
        return [
            (Named(UUID(str(id_)), category, sha256, is_archived=False), name, size)
            for id_, category, sha256, name, size in found
        ]

    def _settle(
        self,
        category: str,
        name: str,
        named: Sequence[Named],
        how: tuple[datetime, Request, Findings],
    ) -> None:
        now, request, findings = how
        lost = [one for one in named if not one.is_archived and one.sha256]
        adopted = self._adopt(category, name, lost, request) if lost else 0
        findings.adopted += adopted
        written_at = self._media.written_at(category, name)
        if adopted or written_at is None:
            return
        if now.timestamp() - written_at < YOUNG:
            findings.young += 1
            return
        if lost:
            # A kill left it there, or it was put back damaged.
            if not request.dry_run:
                self._media.quarantine(category, name)
            return
        if self._media.file(category, name) is None:
            findings.meet_foreign(f"{category}/{name}")
            return
        findings.orphans += 1
        findings.orphan_bytes += self._media.size(category, name) or 0
        if request.delete_orphans and not request.dry_run:
            self._media.remove(category, name)
            findings.orphans_deleted += 1

    def _adopt(self, category: str, name: str, lost: Sequence[Named], request: Request) -> int:
        """Call rows archived whose very bytes are here, in their own folder or another one."""
        digest = self._media.digest(category, name)
        fitting = [one for one in lost if one.sha256 == digest]
        if fitting and not request.dry_run:
            wanted = {one.category for one in fitting}
            self._media.secure(category, name)
            for other in sorted(wanted - {category}):
                self._media.copy(category, name, other)
            if category not in wanted:
                self._media.remove(category, name)
            self._backlog.adopt([one.id for one in fitting])
        return len(fitting)

    def _unclaimed(self, category: str, names: Sequence[str]) -> list[str]:
        """Return those of *names* that no archived row of their own category names."""
        if not names:
            return []
        with session(self._db):
            claimed = rows(
                self._db,
                "SELECT local_filename FROM media_storage"
                " WHERE category = ? AND download_status = 'success'"
                f" AND local_filename IN ({marks(len(names))})",
                [category, *names],
            )
        known = {name for (name,) in claimed}
        return [name for name in names if name not in known]

    def _named(self, names: Sequence[str]) -> dict[str, list[Named]]:
        found: dict[str, list[Named]] = defaultdict(list)
        if names:
            with session(self._db):
                told = rows(
                    self._db,
                    "SELECT local_filename, id, category, sha256, download_status = 'success'"
                    f" FROM media_storage WHERE category IN ({marks(len(CATEGORIES))})"
                    f" AND local_filename IN ({marks(len(names))})",
                    [*CATEGORIES, *names],
                )
            for name, id_, category, sha256, is_archived in told:
                found[name].append(Named(UUID(str(id_)), category, sha256, bool(is_archived)))
        return found


def _handfuls(names: Iterable[str], count: int) -> Iterator[list[str]]:
    rest = iter(names)
    while handful := list(islice(rest, count)):
        yield handful
