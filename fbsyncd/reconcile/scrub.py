"""Scrubbing: every file's SHA-256 against its row, a little at a time.

The place reached is kept in the database after each slice, so that a scrub of weeks survives
restarts and kills. A file that is not there or of another size is left to the scan. A few damaged
files are queued again; where more than a fifth of the last ones are damaged, it is the disk.
"""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from peewee import Database

from fbsyncd import facts
from fbsyncd.backlog import Backlog
from fbsyncd.brake import Brake, most
from fbsyncd.errors import MediaTrouble, Unavailable
from fbsyncd.media import CATEGORIES, Media
from fbsyncd.models import from_text, to_text
from fbsyncd.plural import counted
from fbsyncd.reconcile.claims import START, Claimed, archived, count
from fbsyncd.reconcile.findings import Findings
from fbsyncd.reconcile.reading import Digest, Digests, ahead, one_by_one

log = logging.getLogger(__name__)

#: Files between two looks at the brake.
CHUNK: Final = 64
#: Handfuls of so many files between two queries for rows and two notes of the place reached, where
#: several readers read: a kill costs them a second. What the rest of the machine does comes first
#: for a single one, whose handful may take minutes.
_HANDFULS: Final = 8
#: So many files back damaged ones are counted to tell a bad disk from some bad files.
RECENT: Final = 64
_RECENT: Final = (1 << RECENT) - 1


@dataclass(frozen=True, slots=True)
class Place:
    """How far a scrub is: the last row checked; *finished_at* once there are no more."""

    began_at: str
    category: str = CATEGORIES[0]
    filename: str = START[0]
    id: str = START[1]
    checked: int = 0
    damaged: int = 0
    finished_at: str | None = None
    #: The last files checked, a bit for each, the last one lowest: 1 for a damaged one.
    recent: int = 0

    def after(self, files: Sequence[Claimed], recent: int) -> Place:
        """Return the place after more files; *recent* has a bit for each, as the place has."""
        if not files:
            return self
        return replace(
            self,
            category=files[-1].category,
            filename=files[-1].filename,
            id=str(files[-1].row),
            checked=self.checked + len(files),
            damaged=self.damaged + recent.bit_count(),
            recent=(self.recent << len(files) | recent) & _RECENT,
        )


@dataclass(frozen=True, slots=True)
class Pace:
    """When to pause (*enough*), whom to tell how far it is, and whether to change anything.

    *accept_loss*: believe whatever is found, however much is damaged. *readers* files are read and
    hashed at once; a single one is read by the thread that scrubs, however nice that is.
    """

    enough: Callable[[], bool] = lambda: False
    heard: Callable[[Findings], None] = lambda _: None
    dry_run: bool = False
    accept_loss: bool = False
    readers: int = 1


class Scrub:
    """The scrub of one archive.

    Two of different *name* do not share their place; one that was begun longer than *patience*
    ago and not finished is begun anew.
    """

    def __init__(
        self,
        db: Database,
        media: Media,
        backlog: Backlog,
        name: str = facts.SCRUB,
        patience: timedelta = timedelta.max,
    ) -> None:
        self._db = db
        self._media = media
        self._backlog = backlog
        self._name = name
        self._patience = patience

    def is_due(self, now: datetime, interval: timedelta) -> bool:
        """Tell whether one is under way, or the last one began *interval* ago or never."""
        place = self._place()
        if place is None or place.finished_at is None:
            return True
        began = from_text(place.began_at)
        # A start that lies ahead was written by a wrong clock.
        return began is None or not timedelta() <= now - began < interval

    def run(self, now: datetime, brake: Brake, pace: Pace) -> Findings:
        """Check files from the place reached on, until *pace* has enough or all are checked.

        The findings count the whole scrub, also what was checked before a restart.

        Raises Unavailable before each handful of files when the disk is not ours, and after it,
        with nothing of it changed, when too many are damaged.
        """
        findings = Findings()
        place = Place(to_text(now)) if pace.dry_run else self._begin(now)
        together = _HANDFULS if pace.readers > 1 else 1
        with closing(self._read(self._ahead(place, together), pace.readers)) as handfuls:
            for number, handful in enumerate(handfuls, 1):
                if pace.accept_loss:
                    brake.require_marker()
                else:
                    brake.require()
                place, faults, has_enough = self._look(handful, place, findings, pace)
                if not pace.accept_loss:
                    _judge(place, [claimed.path for claimed, _ in faults], brake, pace)
                self._settle(faults, findings, now, pace)
                findings.scrubbed, findings.wrong_content = place.checked, place.damaged
                # A damaged file is queued by now: who begins before it does not meet it again.
                if faults or has_enough or number % together == 0:
                    self._keep(place, pace)
                if has_enough:
                    return findings
                pace.heard(findings)
        self._keep(replace(place, finished_at=to_text(now)), pace)
        if not pace.dry_run:
            log.info("%s checked, %d damaged", counted(place.checked, "file"), place.damaged)
        return findings

    def check(self, files: Sequence[Claimed], now: datetime, brake: Brake) -> Findings:
        """Check just these *files*, which somebody is known to have written to.

        All of them may well be damaged, so the brake holds it against the whole archive. Raises
        Unavailable, with nothing changed, when the disk is not ours or too many are damaged.
        """
        findings, pace = Findings(), Pace()
        brake.require()
        handful = files, one_by_one(self._media)
        _, faults, _ = self._look(handful, Place(to_text(now)), findings, pace)
        if len(faults) > most(count(self._db)):
            damaged = [claimed.path for claimed, _ in faults]
            brake.pull_for_damage(damaged, len(damaged), len(files))
        self._settle(faults, findings, now, pace)
        return findings

    def _begin(self, now: datetime) -> Place:
        """Return the place reached, or the start of a new scrub."""
        place = self._place()
        if place is not None and place.finished_at is None:
            began = from_text(place.began_at)
            if began is not None and now - began <= self._patience:
                return place
        return Place(to_text(now))

    def _ahead(self, place: Place, together: int) -> Iterator[list[Claimed]]:
        first = CATEGORIES.index(place.category)
        after = (place.filename, place.id)
        for category in CATEGORIES[first:]:
            for chunk in archived(self._db, category, CHUNK * together, after):
                yield from (chunk[at : at + CHUNK] for at in range(0, len(chunk), CHUNK))
            after = START

    def _read(
        self, chunks: Iterator[list[Claimed]], readers: int
    ) -> Generator[tuple[Sequence[Claimed], Digests]]:
        """Yield handfuls of files with what tells their SHA-256."""
        if readers > 1:
            yield from ahead(self._media, chunks, readers)
            return
        digest = one_by_one(self._media)
        for chunk in chunks:
            yield chunk, digest

    def _look(
        self,
        handful: tuple[Sequence[Claimed], Digests],
        place: Place,
        findings: Findings,
        pace: Pace,
    ) -> tuple[Place, list[tuple[Claimed, str]], bool]:
        """Return the place after a handful of files, what is wrong with which, and if to pause."""
        faults: list[tuple[Claimed, str]] = []
        chunk, digest = handful
        done, recent, has_enough = 0, 0, False
        for claimed in chunk:
            done, recent = done + 1, recent << 1
            if what := _fault(claimed, digest(claimed), findings):
                faults.append((claimed, what))
                recent |= 1
            if has_enough := pace.enough():
                break
        return place.after(chunk[:done], recent), faults, has_enough

    def _settle(
        self, faults: Sequence[tuple[Claimed, str]], findings: Findings, now: datetime, pace: Pace
    ) -> None:
        for claimed, what in faults:
            log.warning("%s: %s", claimed.path, what)
            if pace.dry_run:
                findings.queued += 1
            else:
                # First the row: a kill in between must not leave it claiming what has been moved.
                findings.queued += self._backlog.lose([(claimed.id, what)], now)
                self._media.quarantine(claimed.category, claimed.filename)

    def _place(self) -> Place | None:
        kept = facts.get(self._db, self._name)
        return None if kept is None else Place(**json.loads(kept))

    def _keep(self, place: Place, pace: Pace) -> None:
        if not pace.dry_run:
            facts.put(self._db, self._name, json.dumps(asdict(place)))


def _fault(claimed: Claimed, digest: Digest, findings: Findings) -> str | None:
    """Return what is wrong with a file, None when nothing is or nobody can tell."""
    if isinstance(digest, MediaTrouble):
        if getattr(digest.__cause__, "errno", None) == errno.EIO:
            return f"the file cannot be read: {digest}"
        # A right that is missing says nothing of the bytes.
        findings.unreadable += 1
        log.warning("%s", digest)
        return None
    if digest in {None, claimed.sha256}:
        return None
    return f"the file's content has changed: SHA-256 {digest} instead of {claimed.sha256}"


def _judge(place: Place, damaged: Sequence[str], brake: Brake, pace: Pace) -> None:
    """Raise Unavailable when so many of the last files are damaged that it must be the disk."""
    read, bad = min(place.checked, RECENT), place.recent.bit_count()
    if not damaged or bad <= most(read):
        return
    if pace.dry_run:
        raise Unavailable(
            f"{bad:,} of the last {read:,} files read are damaged: too many to be believed without"
            " --accept-loss"
        )
    brake.pull_for_damage(damaged, bad, read)
