"""The daemon's jobs and when each of them runs. Knows when things run, not what they do.

Jobs that raise one of our errors end with one line in the log and run again at their next turn;
anything else is a bug, and APScheduler logs it with its traceback and keeps the schedule.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Any, Final

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from fbsyncd import facts, process
from fbsyncd.alerts import Alerts
from fbsyncd.archive import Archive, utcnow
from fbsyncd.config import Page
from fbsyncd.desk import Desk, Wanted
from fbsyncd.errors import ArchiveError, Unavailable
from fbsyncd.plural import counted
from fbsyncd.reconcile import Pace
from fbsyncd.turns import Lull, Outage, Turn
from fbsyncd.vigil import Vigil
from fbsyncd.watch import Watch

log = logging.getLogger(__name__)

#: Seconds between looks at the queue; it is one indexed query when there is nothing to do.
TICK: Final = 1
#: Seconds between looks whether the disk is still there, or there again.
LOOK: Final = 5
#: Seconds between looks for lost files that were put back; the watch hears only of losses.
WELCOME: Final = 30
#: Every so many seconds files are hashed for so long: a twentieth of one core and of the disk.
SCRUB_TURN: Final = 10
SCRUB_SECONDS: Final = 0.5
#: Seconds between looks for links that need to be fresh; one indexed query when none does.
HEAL: Final = 5
#: Jobs get this long to hand back what they hold when the daemon stops (seconds).
STOP_SECONDS: Final = 6.0
SYNCS_AT_ONCE: Final = 4
#: Seconds between looks at what is known of tokens, and at the budgets of calls.
TOKENS: Final = 60
BUDGETS: Final = 15
#: Seconds between looks for what people have to know.
ALERTS: Final = 10
#: Between two slices of a Page; the Pages that wait have their turn in between.
BREATH: Final = timedelta(seconds=1)
#: The first rest of a Page whose reading the archive's own trouble ended: longer than any rest of a
#: :class:`Turn`. It doubles up to the interval: on a full disk each try costs Facebook's calls.
AGAIN: Final = timedelta(seconds=15)

_WORK: Final = "default"
_SYNC: Final = "sync"
#: Apart too: whoever is told may take long to answer.
_HOOKS: Final = "hooks"
#: A thread of its own, since niceness cannot be taken back.
_SCRUB: Final = "scrub"
#: Apart from the work: signs of life must not queue behind what takes its time.
SIGNS: Final = "signs"


class Schedule:
    """The jobs of one *archive*; some of them give signs of life to its pulse.

    At the *desk* Pages are asked to be read out of turn.
    """

    def __init__(self, archive: Archive, desk: Desk | None = None) -> None:
        self._archive = archive
        self._desk = desk or Desk(archive)
        self._rests: dict[str, timedelta] = {}
        self._outage = Outage()
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={
                _WORK: ThreadPoolExecutor(6),
                _SYNC: ThreadPoolExecutor(SYNCS_AT_ONCE),
                SIGNS: ThreadPoolExecutor(3),
                _HOOKS: ThreadPoolExecutor(1),
                _SCRUB: ThreadPoolExecutor(1, {"initializer": process.be_nice_in_thread}),
            },
            # None: a job that became due while the machine slept runs once, however late.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )

    def every(
        self,
        seconds: float,
        job: Callable[..., Any],
        *args: Any,
        executor: str = _WORK,
        jitter: float = 0,
    ) -> None:
        """Let *job* run now and then again every so many *seconds*."""
        self._scheduler.add_job(
            Turn(job, outage=self._outage),
            "interval",
            args=args,
            seconds=seconds,
            jitter=jitter,
            executor=executor,
            next_run_time=utcnow(),
        )

    def work(self) -> None:
        """Add what reads Pages, fetches and develops."""
        archive, pulse = self._archive, self._archive.pulse
        self._desk.open(self.wake, self.next_syncs)
        for page in archive.config.facebook.pages:
            self.every(_seconds(archive.config.sync.interval), self._sync, page, executor=_SYNC)
        self.every(TICK, pulse.around("download", archive.download))
        self.every(HEAL, archive.take_in)
        self.every(HEAL, archive.heal)
        self.every(TICK, archive.develop)
        self.every(TICK, archive.index)
        self.every(TICK, pulse.beater("scheduler"), executor=SIGNS)
        self.every(TICK, pulse.around("database", self._ask_database), executor=SIGNS)

    def watch_over(self, vigil: Vigil, alerts: Alerts) -> None:
        """Add what looks after tokens and budgets, and tells people of faults."""

        def look() -> None:
            for page in vigil.to_read():
                self.wake(page.id)

        self.every(LOOK, look)
        self.every(TOKENS, vigil.ask_for_tokens)
        self.every(BUDGETS, vigil.note_budgets)
        if alerts.is_heard:
            self.every(ALERTS, alerts.turn, executor=_HOOKS)

    def check(self, files_changed: Event, watch: Watch | None) -> None:
        """Add what compares files with rows, and looks whether the disk is there."""
        archive = self._archive
        lull, owed = Lull(files_changed), Event()

        def scan() -> None:
            if lull.has_come():
                owed.set()
            if owed.is_set():
                # What fails is owed; but while the archive is unavailable, a look says when to go
                # on.
                with suppress(Unavailable):
                    _compare(archive, watch)
                owed.clear()

        def look() -> None:
            if archive.brake.look():
                files_changed.set()
            if watch:
                watch.check()

        settings = archive.config.reconcile
        interval = _seconds(settings.scan_interval)
        self.every(TICK, archive.pulse.around("reconcile", scan))
        self.every(LOOK, look)
        self.every(WELCOME, archive.welcome)
        # Between three and five quarters of the interval: many archives on one disk drift apart.
        self.every(0.75 * interval, _scan_anyway, files_changed, watch, jitter=0.5 * interval)
        turn = min(SCRUB_TURN, _seconds(settings.scrub_interval))
        self.every(turn, self._scrub, executor=_SCRUB)

    def start(self) -> None:
        """Begin with the jobs that are there."""
        self._scheduler.start()

    def stop(self) -> None:
        """Let no job begin, and wait a while for those that run."""
        self._archive.stop.set()
        # In a thread, because a job may hang in a name look-up that nobody can interrupt.
        waiting = Thread(target=self._scheduler.shutdown, name="stop jobs", daemon=True)
        waiting.start()
        waiting.join(STOP_SECONDS)
        log.info("jobs stopped" if not waiting.is_alive() else "jobs left behind")

    def run_all(self) -> None:
        """Let every job run now, however far off its time seems since the clock was set."""
        for job in self._scheduler.get_jobs():
            job.modify(next_run_time=utcnow())

    def next_sync(self) -> datetime | None:
        """Return when the next Page is read."""
        return min((at for at in self.next_syncs().values() if at), default=None)

    def next_syncs(self) -> dict[str, datetime | None]:
        """Return when each Page is read next."""
        jobs = (job for job in self._scheduler.get_jobs() if job.executor == _SYNC)
        return {job.args[0].id: job.next_run_time for job in jobs}

    def wake(self, page_id: str, after: timedelta = timedelta()) -> None:
        """Let a Page be read now, or soon *after*."""
        for job in self._scheduler.get_jobs():
            if job.executor == _SYNC and job.args[0].id == page_id:
                job.modify(next_run_time=utcnow() + after)

    def _sync(self, page: Page) -> None:
        try:
            self._desk.read(page, self._read)
        except ArchiveError:
            rest = min(self._rests.get(page.id, AGAIN), self._archive.config.sync.interval)
            self._rests[page.id] = 2 * rest
            self.wake(page.id, rest)
            raise
        self._rests.pop(page.id, None)

    def _read(self, page: Page, wanted: Wanted | None) -> None:
        report = self._archive.sync(page, wanted=wanted, thrifty=True)
        if report.is_offline or report.is_stopped:
            return
        log.log(
            logging.INFO if report.rows_written else logging.DEBUG,
            "page %s: read %s and %s, %s changed, %s",
            page.id,
            counted(report.posts, "post"),
            counted(report.videos, "video"),
            counted(report.rows_written, "row"),
            counted(report.pictures_new, "new picture"),
        )
        if report.is_cut:
            # Not at once: a job that still runs is not begun a second time.
            self.wake(page.id, BREATH)

    def _scrub(self) -> None:
        end = time.monotonic() + SCRUB_SECONDS
        stop = self._archive.stop
        self._archive.scrub_if_due(Pace(lambda: stop.is_set() or time.monotonic() >= end))

    def _ask_database(self) -> None:
        # One that refuses has answered: whoever needs it says what is wrong.
        with suppress(ArchiveError):
            facts.get(self._archive.db, "id")


def _compare(archive: Archive, watch: Watch | None) -> None:
    archive.reconcile()
    if watch:
        # A scan looks at sizes only; what was written to is hashed too.
        with watch.altered() as paths:
            archive.check(paths)


def _scan_anyway(files_changed: Event, watch: Watch | None) -> None:
    if watch:
        watch.retry()
    files_changed.set()


def _seconds(interval: timedelta) -> float:
    return max(interval.total_seconds(), 1.0)
