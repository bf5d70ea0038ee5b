"""Start in order, wait, stop in reverse. Knows when things run, not what they do.

Jobs that raise one of our errors end with one line in the log and run again at their next turn;
anything else is a bug, and APScheduler logs it with its traceback and keeps the schedule.
"""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import Any, Final

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from fbsyncd import lock
from fbsyncd.archive import Archive, utcnow
from fbsyncd.config import Config, Page
from fbsyncd.errors import FbsyncdError
from fbsyncd.media import CATEGORIES
from fbsyncd.server import make_app
from fbsyncd.server.listen import Server
from fbsyncd.watch import watching

log = logging.getLogger(__name__)

#: Seconds between looks at the queue; it is one indexed query when there is nothing to do.
TICK: Final = 1
#: The scheduler sleeps on a clock that stands still while the machine is suspended; a job this
#: often (seconds) lets it notice soon after waking up what has become due.
HEARTBEAT: Final = 15
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
        archive.media.prepare()
        stack.enter_context(lock.held(config.media.root))
        stack.callback(_closing, "archive", archive.close)
        for name in archive.setup():
            log.info("schema: applied %s", name)
        archive.tidy()
        server = _serve(stack, archive)
        files_changed = Event()
        files_changed.set()
        if config.reconcile.watch:
            folders = [config.media.root / name for name in CATEGORIES]
            stack.enter_context(watching(folders, files_changed))
        stack.callback(_stop_jobs, _schedule(archive, files_changed), stop)
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
    )
    server = Server(app, host=settings.host, port=settings.port)
    stack.callback(_closing, "server", server.stop)
    server.start()
    return server


def _schedule(archive: Archive, files_changed: Event) -> BackgroundScheduler:
    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={
            "default": ThreadPoolExecutor(6),
            "sync": ThreadPoolExecutor(SYNCS_AT_ONCE),
        },
        # None: a job that became due while the machine slept runs once, however late.
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )

    def reconcile_if(due: Event) -> None:
        if due.is_set():
            # Cleared first: what happens during the scan asks for another one.
            due.clear()
            archive.reconcile()

    def every(seconds: float, job: Callable[..., Any], *args: Any, executor: str) -> None:
        scheduler.add_job(
            _guarded(job),
            "interval",
            args=args,
            seconds=seconds,
            executor=executor,
            next_run_time=utcnow(),
        )

    for page in archive.config.facebook.pages:
        every(_seconds(archive.config.sync.interval), _sync_page(archive), page, executor="sync")
    every(TICK, archive.download, executor="default")
    every(TICK, archive.develop, executor="default")
    every(TICK, reconcile_if, files_changed, executor="default")
    every(_seconds(archive.config.reconcile.scan_interval), files_changed.set, executor="default")
    every(HEARTBEAT, lambda: None, executor="default")
    scheduler.start()
    return scheduler


def _sync_page(archive: Archive) -> Callable[[Page], None]:
    def sync_page(page: Page) -> None:
        report = archive.sync(page)
        log.info(
            "page %s: read %d posts and %d videos, %d rows changed, %d new pictures",
            page.id,
            report.posts,
            report.videos,
            report.rows_written,
            report.pictures_new,
        )

    return sync_page


def _guarded(job: Callable[..., Any]) -> Callable[..., None]:
    def guarded(*args: Any) -> None:
        try:
            job(*args)
        except FbsyncdError as error:
            # Without a traceback: our own errors say what happened and what to do.
            log.error("%s", error)  # noqa: TRY400

    return guarded


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
