"""Start in order, wait, stop in reverse. Knows when things run, not what they do.

Jobs that raise one of our errors end with one line in the log and run again at their next turn;
anything else is a bug, and APScheduler logs it with its traceback and keeps the schedule.
"""

from __future__ import annotations

import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from threading import Event, Thread
from typing import Any, Final

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from fbsyncd import lock
from fbsyncd.archive import Archive, utcnow
from fbsyncd.config import Config, Page
from fbsyncd.errors import Unavailable
from fbsyncd.heartbeat import Heartbeat
from fbsyncd.media import CATEGORIES
from fbsyncd.plural import counted
from fbsyncd.reconcile import Pace
from fbsyncd.server import make_app
from fbsyncd.server.listen import Server
from fbsyncd.server.timed import timed
from fbsyncd.turns import Lull, Turn
from fbsyncd.watch import Watch, watching

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


def run(config: Config, *, started: Callable[[Archive, Server], None] | None = None) -> None:
    """Run the daemon until SIGTERM or SIGINT; *started* is called once everything stands.

    Raises ArchiveError when it cannot start.
    """
    config.require_pages()
    stop = Event()
    with ExitStack() as stack:
        signals = stack.enter_context(_signals())
        archive = Archive(config, stop=stop)
        stack.enter_context(lock.held(config.media.root))
        stack.callback(_closing, "archive", archive.close)
        for name in archive.setup():
            log.info("schema: applied %s", name)
        archive.tidy()
        server = _serve(stack, archive)
        files_changed = Event()
        files_changed.set()
        watch = None
        if config.reconcile.watch:
            folders = [config.media.root, *(config.media.root / name for name in CATEGORIES)]
            watch = stack.enter_context(watching(folders, files_changed))
        _start_jobs(stack, archive, _schedule(archive, files_changed, watch))
        log.info("ready: http://%s:%d/", config.server.host, server.port)
        if started:
            started(archive, server)
        signals.recv(1)
        log.info("stopping")


def _serve(stack: ExitStack, archive: Archive) -> Server:
    settings = archive.config.server
    app = make_app(
        archive.feed,
        archive.media,
        auth_token=settings.auth_token.get_secret_value() or None,
        public_url=settings.public_url,
        metrics=archive.metrics.scrape,
    )
    server = Server(timed(app, archive.tallies.took), host=settings.host, port=settings.port)
    stack.callback(_closing, "server", server.stop)
    server.start()
    return server


def _schedule(archive: Archive, files_changed: Event, watch: Watch | None) -> BackgroundScheduler:
    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={
            "default": ThreadPoolExecutor(6),
            "sync": ThreadPoolExecutor(SYNCS_AT_ONCE),
        },
        # None: a job that became due while the machine slept runs once, however late.
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )

    def every(
        seconds: float,
        job: Callable[..., Any],
        *args: Any,
        executor: str = "default",
        jitter: float = 0,
    ) -> None:
        scheduler.add_job(
            Turn(job),
            "interval",
            args=args,
            seconds=seconds,
            jitter=jitter,
            executor=executor,
            next_run_time=utcnow(),
        )

    for page in archive.config.facebook.pages:
        every(_seconds(archive.config.sync.interval), _sync_page(archive), page, executor="sync")
    every(TICK, archive.download)
    every(HEAL, archive.heal)
    every(TICK, archive.develop)
    every(TICK, archive.index)
    _schedule_checks(archive, files_changed, watch, every)
    return scheduler


def _start_jobs(stack: ExitStack, archive: Archive, scheduler: BackgroundScheduler) -> None:
    # Before the first job: what there was before it is what an absence is counted from.
    heartbeat = Heartbeat(archive, lambda: _run_all(scheduler)).start()
    stack.callback(heartbeat.join, STOP_SECONDS)
    stack.callback(archive.stop.set)
    scheduler.start()
    stack.callback(_stop_jobs, scheduler, archive.stop)


def _run_all(scheduler: BackgroundScheduler) -> None:
    """Let every job run now, however far off its time seems since the clock was set."""
    for job in scheduler.get_jobs():
        job.modify(next_run_time=utcnow())


def _schedule_checks(
    archive: Archive, files_changed: Event, watch: Watch | None, every: Callable[..., None]
) -> None:
    lull, owed = Lull(files_changed), Event()

    def scan() -> None:
        if lull.has_come():
            owed.set()
        if owed.is_set():
            # What fails is owed; but while the archive is unavailable, a look says when to go on.
            with suppress(Unavailable):
                archive.reconcile()
            owed.clear()

    def look() -> None:
        if archive.brake.look():
            files_changed.set()
        if watch:
            watch.check()

    def scrub() -> None:
        end = time.monotonic() + SCRUB_SECONDS
        archive.scrub_if_due(Pace(lambda: archive.stop.is_set() or time.monotonic() >= end))

    settings = archive.config.reconcile
    interval = _seconds(settings.scan_interval)
    every(TICK, scan)
    every(LOOK, look)
    every(WELCOME, archive.welcome)
    # Between three and five quarters of the interval: many archives on one disk drift apart.
    every(0.75 * interval, files_changed.set, jitter=0.5 * interval)
    every(min(SCRUB_TURN, _seconds(settings.scrub_interval)), scrub)


def _sync_page(archive: Archive) -> Callable[[Page], None]:
    def sync_page(page: Page) -> None:
        report = archive.sync(page)
        log.info(
            "page %s: read %s and %s, %s changed, %s",
            page.id,
            counted(report.posts, "post"),
            counted(report.videos, "video"),
            counted(report.rows_written, "row"),
            counted(report.pictures_new, "new picture"),
        )

    return sync_page


def _stop_jobs(scheduler: BackgroundScheduler, stop: Event) -> None:
    stop.set()
    # In a thread, because a job may hang in a name look-up that nobody can interrupt.
    waiting = Thread(target=scheduler.shutdown, name="stop jobs", daemon=True)
    waiting.start()
    waiting.join(STOP_SECONDS)
    log.info("jobs stopped" if not waiting.is_alive() else "jobs left behind")


def _closing(what: str, close: Callable[[], None]) -> None:
    close()
    log.info("%s closed", what)


def _seconds(interval: timedelta) -> float:
    return max(interval.total_seconds(), 1.0)


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """Yield a socket that becomes readable when SIGTERM or SIGINT arrives.

    The interpreter itself writes to it, so that no code of ours runs inside a signal handler.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    before = signal.set_wakeup_fd(writer.fileno())
    old = {number: signal.signal(number, _ignore) for number in (signal.SIGTERM, signal.SIGINT)}
    with reader, writer:
        try:
            yield reader
        finally:
            signal.set_wakeup_fd(before)
            for number, was in old.items():
                signal.signal(number, was)


def _ignore(number: int, frame: object) -> None:
    """The wake-up socket tells the main thread; there is nothing to do here."""
