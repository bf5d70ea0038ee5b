"""Files against rows: what a row calls archived and the disk does not have is queued again.

A scan streams both sides in chunks, so memory stays flat however large the archive is. It counts
first and changes after: an unplugged disk is no loss, and neither is a folder that lost more than
a fifth of its files at once (:mod:`fbsyncd.brake`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from peewee import Database

from fbsyncd import facts
from fbsyncd.backlog import Backlog
from fbsyncd.brake import SAMPLE, Brake
from fbsyncd.errors import Unavailable
from fbsyncd.media import CATEGORIES, Media
from fbsyncd.models import to_text
from fbsyncd.plural import counted
from fbsyncd.reconcile.claims import Claimed, archived, fault, named, sizes
from fbsyncd.reconcile.findings import Findings, Request
from fbsyncd.reconcile.reading import READERS
from fbsyncd.reconcile.scrub import Pace, Scrub
from fbsyncd.reconcile.strays import Strays

__all__ = ["READERS", "Findings", "Pace", "Reconciler", "Request"]

log = logging.getLogger(__name__)

CHUNK: Final = 2000
PATIENCE: Final = timedelta(days=1)


class Reconciler:
    """Holds the files of one archive against its rows, *chunk_size* rows at a time.

    *alive* is called with each chunk: a scan of a million files takes its time.
    """

    def __init__(  # noqa: PLR0913 - the four parts it works on, and how
        self,
        db: Database,
        media: Media,
        backlog: Backlog,
        brake: Brake,
        *,
        chunk_size: int = CHUNK,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._db = db
        self._media = media
        self._backlog = backlog
        self._brake = brake
        self._chunk_size = chunk_size
        self._alive = alive
        self._strays = Strays(db, media, backlog, chunk_size)

    def scan(self, now: datetime, request: Request = Request()) -> Findings:  # noqa: B008
        """Compare every archived row with its file, and every file with the rows.

        Queues again what is gone or cut, adopts what was put back. Raises Unavailable, having
        changed nothing, when the folder is not ours or lacks too much.
        """
        if request.accept_loss and not request.dry_run:
            self._brake.accept()
        elif not request.accept_loss:
            self._brake.require_marker()
            self._brake.require_whole(dry_run=request.dry_run)
        findings, gone, cut = self._count()
        if not request.accept_loss:
            self._judge(gone, cut, findings, request)
        if request.dry_run:
            findings.queued = findings.missing + findings.wrong_size
        else:
            self._media.prepare()
            if findings.missing or findings.wrong_size:
                self._queue(findings, now, request)
            if not self._brake.doubts_content:
                self._brake.release()
        self._strays.settle(now, request, findings, self._alive)
        if not request.dry_run:
            facts.put(self._db, facts.LAST_SCAN, to_text(now))
            _tell(findings)
        return findings

    def welcome(self) -> int:
        """Adopt lost rows whose file is back in its place; see :meth:`Strays.welcome`."""
        self._brake.require()
        return self._strays.welcome()

    def scrub(self, now: datetime, pace: Pace) -> Findings:
        """Compare every file with its SHA-256 now; an interrupted one is gone on with for a day.

        Raises Unavailable, having changed nothing, when too many are damaged.
        """
        scrub = Scrub(self._db, self._media, self._backlog, "scrub by hand", PATIENCE)
        findings = scrub.run(now, self._brake, pace)
        if pace.accept_loss and not pace.dry_run:
            self._brake.release()
        return findings

    def scrub_if_due(self, now: datetime, interval: timedelta, pace: Pace) -> Findings:
        """Go on with the periodic scrub, or begin one when the last began *interval* ago."""
        scrub = Scrub(self._db, self._media, self._backlog)
        if scrub.is_due(now, interval):
            return scrub.run(now, self._brake, pace)
        return Findings()

    def check(self, paths: Sequence[Path], now: datetime) -> Findings:
        """Compare just these files with their SHA-256; what no row calls archived is left out.

        Raises Unavailable, having changed nothing, when too many are damaged.
        """
        files = [
            claimed
            for category in CATEGORIES
            if (names := [p.name for p in paths if p.parent == self._media.root / category])
            for claimed in named(self._db, category, names)
        ]
        return Scrub(self._db, self._media, self._backlog).check(files, now, self._brake)

    def _count(self) -> tuple[Findings, list[str], list[str]]:
        """Return what is wrong with how many files, and paths of some that are gone, or cut."""
        findings, gone, cut = Findings(), list[str](), list[str]()
        for category in CATEGORIES:
            for chunk in sizes(self._db, category, self._chunk_size):
                self._alive()
                findings.files += len(chunk)
                found = self._media.sizes(category, [name for name, _, _ in chunk])
                for (name, _, recorded), size in zip(chunk, found, strict=True):
                    if size is None:
                        findings.missing += 1
                        gone.append(f"{category}/{name}")
                    elif size != recorded:
                        findings.wrong_size += 1
                        cut.append(f"{category}/{name}")
                del gone[SAMPLE:], cut[SAMPLE:]
        return findings, gone, cut

    def _judge(self, gone: list[str], cut: list[str], findings: Findings, request: Request) -> None:
        """Raise Unavailable when too much is wrong to be believed."""
        limit = self._brake.most(findings.files)
        if max(findings.missing, findings.wrong_size) <= limit:
            return
        if request.dry_run:
            raise Unavailable(
                f"{findings.missing:,} of {findings.files:,} archived files are gone and"
                f" {findings.wrong_size:,} of another size: too many at once to be believed without"
                " --accept-loss"
            )
        if findings.missing > limit:
            self._brake.pull(gone, findings.missing, findings.files)
        self._brake.pull_for_damage(cut, findings.wrong_size, findings.files)

    def _queue(self, findings: Findings, now: datetime, request: Request) -> None:
        """Queue again what is gone or cut; more may have gone since it was counted."""
        missing, limit = 0, self._brake.most(findings.files)
        for category in CATEGORIES:
            for chunk in archived(self._db, category, self._chunk_size):
                self._alive()
                faults = [(claimed, *self._look(claimed)) for claimed in chunk]
                bad = [(claimed, size, what) for claimed, size, what in faults if what]
                lost = [claimed.path for claimed, size, _ in bad if size is None]
                missing += len(lost)
                if not request.accept_loss:
                    self._brake.require_marker()
                    if missing > limit:
                        self._brake.pull(lost, missing, findings.files)
                findings.queued += self._backlog.lose(
                    [(claimed.id, what) for claimed, _, what in bad], now
                )
                # Only now: a kill in between must not leave rows that claim what has been moved.
                for claimed, size, _ in bad:
                    if size is not None:
                        self._media.quarantine(category, claimed.filename)

    def _look(self, claimed: Claimed) -> tuple[int | None, str | None]:
        size = self._media.size(claimed.category, claimed.filename)
        return size, fault(claimed, size)


def _tell(findings: Findings) -> None:
    if findings.missing or findings.wrong_size:
        log.warning(
            "%s missing and %d of the wrong size, %s queued again",
            counted(findings.missing, "file"),
            findings.wrong_size,
            counted(findings.queued, "picture"),
        )
    if findings.adopted:
        log.info("adopted: %s put back by hand", counted(findings.adopted, "picture"))
    if findings.orphans_deleted:
        log.info(
            "removed: %s that no row knew (%s)",
            counted(findings.orphans_deleted, "file"),
            counted(findings.orphan_bytes, "byte"),
        )
    elif findings.orphans:
        log.info(
            "%s that no row knows (%s); 'fbsyncd reconcile --delete-orphans' removes such files",
            counted(findings.orphans, "file"),
            counted(findings.orphan_bytes, "byte"),
        )
