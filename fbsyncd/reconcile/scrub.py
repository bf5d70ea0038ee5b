"""Scrubbing: every file's SHA-256 against its row, a little at a time.

The place reached is kept in the database after each slice, so that a scrub of weeks survives
restarts and kills. A file that is not there or of another size is left to the scan, which knows
the brake.
"""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

from peewee import Database

from fbsyncd import facts
from fbsyncd.backlog import Backlog
from fbsyncd.errors import MediaTrouble
from fbsyncd.media import CATEGORIES, Media
from fbsyncd.models import from_text, to_text
from fbsyncd.plural import counted
from fbsyncd.reconcile.claims import START, Claimed, archived
from fbsyncd.reconcile.findings import Findings

log = logging.getLogger(__name__)

#: Files between two looks at the brake and two notes of the place reached.
CHUNK: Final = 64


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


@dataclass(frozen=True, slots=True)
class Pace:
    """When to pause (*enough*), whom to tell how far it is, and whether to change anything."""

    enough: Callable[[], bool] = lambda: False
    heard: Callable[[Findings], None] = lambda _: None
    dry_run: bool = False


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
        name: str = "scrub",
        patience: timedelta = timedelta.max,
    ) -> None:
        self._db = db
        self._media = media
        self._backlog = backlog
        self._name = name
        self._patience = patience
        self._last: tuple[str, str | None] = ("", None)

    def is_due(self, now: datetime, interval: timedelta) -> bool:
        """Tell whether one is under way, or the last one began *interval* ago or never."""
        place = self._place()
        if place is None or place.finished_at is None:
            return True
        began = from_text(place.began_at)
        return began is None or now - began >= interval

    def run(self, now: datetime, guard: Callable[[], None], pace: Pace) -> Findings:
        """Check files from the place reached on, until *pace* has enough or all are checked.

        The findings count the whole scrub, also what was checked before a restart.

        *guard* is called before each handful of files and raises when the disk is not ours.
        """
        findings = Findings()
        place = Place(to_text(now)) if pace.dry_run else self._begin(now)
        for chunk in self._ahead(place):
            guard()
            for claimed in chunk:
                place = self._check(claimed, place, findings, now if not pace.dry_run else None)
                if pace.enough():
                    self._keep(place, pace)
                    return findings
            self._keep(place, pace)
            pace.heard(findings)
        self._keep(_replace(place, finished_at=to_text(now)), pace)
        if not pace.dry_run:
            log.info("scrub: %s checked, %d damaged", counted(place.checked, "file"), place.damaged)
        return findings

    def _begin(self, now: datetime) -> Place:
        """Return the place reached, or the start of a new scrub."""
        place = self._place()
        if place is not None and place.finished_at is None:
            began = from_text(place.began_at)
            if began is not None and now - began <= self._patience:
                return place
        return Place(to_text(now))

    def _ahead(self, place: Place) -> Iterator[list[Claimed]]:
        first = CATEGORIES.index(place.category)
        after = (place.filename, place.id)
        for category in CATEGORIES[first:]:
            yield from archived(self._db, category, CHUNK, after)
            after = START

    def _check(
        self, claimed: Claimed, place: Place, findings: Findings, now: datetime | None
    ) -> Place:
        """Check one file; *now* is None when nothing may be changed."""
        what = self._fault(claimed, findings)
        if what:
            log.warning("%s: %s", claimed.path, what)
            if now:
                # First the row: a kill in between must not leave it claiming what has been moved.
                findings.queued += self._backlog.lose([(claimed.id, what)], now)
                self._media.quarantine(claimed.category, claimed.filename)
            else:
                findings.queued += 1
        findings.scrubbed = place.checked + 1
        findings.wrong_content = place.damaged + bool(what)
        return _replace(
            place,
            category=claimed.category,
            filename=claimed.filename,
            id=str(claimed.id),
            checked=findings.scrubbed,
            damaged=findings.wrong_content,
        )

    def _fault(self, claimed: Claimed, findings: Findings) -> str | None:
        try:
            digest = self._digest(claimed)
        except MediaTrouble as trouble:
            if getattr(trouble.__cause__, "errno", None) == errno.EIO:
                return f"the file cannot be read: {trouble}"
            # A right that is missing says nothing of the bytes.
            findings.unreadable += 1
            log.warning("scrub: %s", trouble)
            return None
        if digest in {None, claimed.sha256}:
            return None
        return f"the file's content has changed: SHA-256 {digest} instead of {claimed.sha256}"

    def _digest(self, claimed: Claimed) -> str | None:
        """Rows that share a file come one after the other: it is read once."""
        if self._last[0] != claimed.path:
            self._last = ("", None)
            place = claimed.category, claimed.filename
            is_whole = self._media.size(*place) == claimed.size
            self._last = (claimed.path, self._media.digest(*place) if is_whole else None)
        return self._last[1]

    def _place(self) -> Place | None:
        kept = facts.get(self._db, self._name)
        return None if kept is None else Place(**json.loads(kept))

    def _keep(self, place: Place, pace: Pace) -> None:
        if not pace.dry_run:
            facts.put(self._db, self._name, json.dumps(asdict(place)))


def _replace(place: Place, **changes: object) -> Place:
    return Place(**(asdict(place) | changes))
