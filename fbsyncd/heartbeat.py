"""A beat every few seconds that notices when time passed without this program, and tells of it.

It runs on a clock that nobody sets (``Event.wait``): the scheduler goes by the time of day, and
when that is set back by a week, it would wait a week.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Thread
from typing import Final

from fbsyncd import away, deadlines, outstanding
from fbsyncd.archive import Archive
from fbsyncd.away import Beats, Counts, Gap
from fbsyncd.models import from_text, rows, session
from fbsyncd.recall import recall
from fbsyncd.turns import Turn

log = logging.getLogger(__name__)

#: Seconds between beats.
HEARTBEAT: Final = 15
#: A Page that cannot be read does not hold the account of an absence up for longer.
PATIENCE: Final = timedelta(minutes=30)


class Heartbeat:
    """Watches over the clock of one archive; *run_all* lets every job run now."""

    def __init__(self, archive: Archive, run_all: Callable[[], None]) -> None:
        self._archive = archive
        self._run_all = run_all
        self._beats = Beats(self._last_work(archive.now()))
        self._before = Counts(self._count_posts())
        self._gap: Gap | None = None

    def beat(self, wall: datetime, monotonic: float) -> None:
        """Notice a gap, or tell of the last one when all is caught up with."""
        gap = self._beats.beat(wall, monotonic)
        if gap is not None:
            self._came_back(gap)
        elif self._gap is not None and self._has_caught_up(self._gap.end, wall):
            log.info("%s", away.told(self._gap, self._before, self._count(self._gap)))
            self._gap = None
        if self._gap is None:
            self._before = Counts(self._count_posts())

    def _came_back(self, gap: Gap) -> None:
        if gap.is_backward:
            log.warning("the clock was set back by %s: every job runs now", away.span(-gap.away))
            recall(self._archive.db, self._archive.config.media.retry_max, gap.end)
        elif self._gap is None:
            self._gap = gap
            self._before = replace(self._count(gap), posts=self._before.posts)
        else:
            self._gap = self._gap.joined(gap)
        self._run_all()

    def start(self) -> Thread:
        """Beat until the archive's stop is set, the first time at once."""
        turn = Turn(lambda: self.beat(self._archive.now(), time.monotonic()))
        turn()

        def run() -> None:
            while not self._archive.stop.wait(HEARTBEAT):
                turn()

        thread = Thread(target=run, name="heartbeat")
        thread.start()
        return thread

    def _has_caught_up(self, end: datetime, now: datetime) -> bool:
        archive = self._archive
        if now - end >= PATIENCE:
            return True
        with session(archive.db):
            read_at = {
                str(page_id): from_text(at)
                for page_id, at in rows(
                    archive.db, "SELECT page_id, synced_at FROM sync_state WHERE stream = 'posts'"
                )
            }
        for page in archive.config.facebook.pages:
            if (at := read_at.get(page.id)) is None or at < end:
                return False
        return not outstanding.is_any(archive.db, now) and not archive.healer.is_due(now)

    def _last_work(self, now: datetime) -> datetime | None:
        """Return when the program before this one was last there; None when there was none.

        After its last reading it would have read again an interval later.
        """
        with session(self._archive.db):
            ((last,),) = rows(self._archive.db, "SELECT max(synced_at) FROM sync_state")
        read_at = from_text(last)
        if read_at is None or read_at > now:
            return read_at
        return min(read_at + self._archive.config.sync.interval, now)

    def _count(self, gap: Gap) -> Counts:
        with session(self._archive.db):
            died = deadlines.died(self._archive.db, gap.start, gap.end)
        return Counts(self._count_posts(), *died)

    def _count_posts(self) -> int:
        with session(self._archive.db):
            ((count,),) = rows(self._archive.db, "SELECT count(*) FROM facebook_posts")
        return int(count)
