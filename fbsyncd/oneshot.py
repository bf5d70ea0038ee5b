"""One sync now: read the Pages, fetch and develop side by side, and return when all is settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from fbsyncd import outstanding
from fbsyncd.archive import Archive
from fbsyncd.assets import Tally
from fbsyncd.config import Page
from fbsyncd.plural import counted
from fbsyncd.reconcile import READERS, Findings, Pace, Request
from fbsyncd.refusals import FORGOTTEN
from fbsyncd.sync import Report
from fbsyncd.walks import Walk

# Another process may hold leases on what is left; it is looked at again this often (seconds).
POLL = 0.5


@dataclass(slots=True)
class Progress:
    """How far a one-shot sync is; what the terminal shows. *why* the last failure failed."""

    reports: dict[str, Report] = field(default_factory=dict)
    archived: int = 0
    failed: int = 0
    bytes: int = 0
    developed: int = 0
    waiting: int = 0
    why: str = ""
    is_reading: bool = True

    @property
    def posts(self) -> int:
        return sum(report.posts for report in self.reports.values())

    @property
    def pictures_new(self) -> int:
        return sum(report.pictures_new for report in self.reports.values())

    @property
    def problems(self) -> list[str]:
        """What could not be done; pictures that fail while others come are no such thing."""
        told = [
            f"page {report.page_id}: {problem}"
            for report in self.reports.values()
            for problem in report.problems
        ]
        if self.reports and all(report.is_forgotten for report in self.reports.values()):
            told += [f"page {page_id}: it {FORGOTTEN}" for page_id in self.reports]
        if self.failed and not self.archived:
            told.append(
                f"none of the pictures could be fetched: {self.why}; `fbsyncd verify` counts them"
            )
        return list(dict.fromkeys(told))


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asked for: which Pages, which walk instead of what is due, pictures or not."""

    pages: Sequence[Page]
    wanted: Callable[[datetime], Walk] | None
    with_media: bool = True


def sync(archive: Archive, wish: Wish, heard: Callable[[Progress], None]) -> Progress:
    """Read and fetch until every picture found is archived and developed, or failed for now.

    Raises ArchiveError when the archive itself fails, or another folder is filled from its
    database meanwhile. The archive's stations stop with it.
    """
    progress = Progress()
    with ThreadPoolExecutor(3 + min(len(wish.pages), 4), thread_name_prefix="sync") as pool:
        reading = [pool.submit(_read, archive, page, wish, progress) for page in wish.pages]
        stations = [
            pool.submit(_repeat, archive, turn) for turn in _turns(archive, wish, progress, reading)
        ]
        try:
            while (
                progress.is_reading or not _is_settled(archive, wish, reading)
            ) and not _has_failed([*reading, *stations]):
                archive.writers.keep()
                _look(archive, progress, reading)
                progress.waiting = outstanding.count(archive.db, archive.now())
                heard(progress)
                wait([*reading, *stations], timeout=POLL, return_when=FIRST_EXCEPTION)
        finally:
            # An error in one part must not leave the others running until they are through.
            archive.stop.set()
        for one in [*reading, *stations]:
            one.result()
    progress.is_reading, progress.waiting = False, 0
    heard(progress)
    return progress


def _look(archive: Archive, progress: Progress, reading: Sequence[Future[None]]) -> None:
    is_reading = any(not one.done() for one in reading)
    if progress.is_reading and not is_reading:
        # What a script wrote meanwhile is settled with the rest.
        archive.take_in()
    progress.is_reading = is_reading


def _turns(
    archive: Archive, wish: Wish, progress: Progress, reading: Sequence[Future[None]]
) -> list[Callable[[], None]]:
    """Return what is done over and over beside the reading, each in a thread of its own."""
    if not wish.with_media:
        return []

    def heal() -> None:
        # Reading signs links anew as well; only what it left dead is asked for.
        if all(one.done() for one in reading):
            archive.heal()

    return [partial(_download, archive, progress), partial(_develop, archive, progress), heal]


def _repeat(archive: Archive, turn: Callable[[], None]) -> None:
    while not archive.stop.is_set():
        turn()
        archive.stop.wait(POLL)


def _has_failed(tasks: Sequence[Future[None]]) -> bool:
    return any(one.done() and one.exception() for one in tasks)


def reconcile(
    archive: Archive, request: Request, *, scrub: bool, show: Callable[[str], None]
) -> Findings:
    """Compare rows with files, and files with their SHA-256 when *scrub*; tell how far it is.

    A loss of damaged files can be accepted by reading them all only, so that is done too.
    """
    scrub = scrub or (request.accept_loss and archive.brake.doubts_content)
    found = archive.reconcile(request)
    if scrub:

        def heard(so_far: Findings) -> None:
            # Files that came since the scan are hashed too.
            archive.writers.keep()
            total = max(found.files, so_far.scrubbed)
            show(f"hashing: {so_far.scrubbed:,} of {counted(total, 'file')}")

        hashed = archive.scrub(
            Pace(
                heard=heard,
                dry_run=request.dry_run,
                accept_loss=request.accept_loss,
                readers=READERS,
            )
        )
        found.scrubbed, found.wrong_content = hashed.scrubbed, hashed.wrong_content
        found.unreadable = hashed.unreadable
        found.queued += hashed.queued
    return found


def _is_settled(archive: Archive, wish: Wish, reading: Sequence[Future[None]]) -> bool:
    if archive.stop.is_set():
        return True
    if not all(one.done() for one in reading):
        return False
    if not wish.with_media:
        return True
    now = archive.now()
    # In this order: what healing has just done with is outstanding.
    return not archive.healer.is_due(now) and not outstanding.is_any(archive.db, now)


def _read(archive: Archive, page: Page, wish: Wish, progress: Progress) -> None:
    def heard(report: Report) -> None:
        progress.reports[page.id] = report

    heard(archive.sync(page, wanted=wish.wanted, heard=heard))


def _download(archive: Archive, progress: Progress) -> None:
    archived, failed, size = progress.archived, progress.failed, progress.bytes

    def heard(tally: Tally) -> None:
        progress.archived = archived + tally.archived
        progress.failed = failed + tally.failed
        progress.bytes = size + tally.bytes
        progress.why = tally.why or progress.why

    archive.download(heard)


def _develop(archive: Archive, progress: Progress) -> None:
    before = progress.developed

    def heard(settled: int) -> None:
        progress.developed = before + settled

    archive.develop(heard)
