"""All that works beside the server, begun in order and stopped in reverse.

Apart from :mod:`fbsyncd.daemon` because it takes long to load: the server answers meanwhile.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from threading import Event

from fbsyncd.alerts import Alerts
from fbsyncd.archive import Archive
from fbsyncd.desk import Desk
from fbsyncd.errors import AlreadyRunning
from fbsyncd.heartbeat import Heartbeat
from fbsyncd.herald import STATUS, Herald
from fbsyncd.media import CATEGORIES
from fbsyncd.notify import Notifier
from fbsyncd.schedule import LOOK, SIGNS, STOP_SECONDS, Schedule
from fbsyncd.server.listen import Server
from fbsyncd.sole import Sole
from fbsyncd.vigil import Vigil
from fbsyncd.watch import Watch, watching

log = logging.getLogger(__name__)


def begin(stack: ExitStack, archive: Archive, desk: Desk, sole: Sole) -> Schedule:
    """Begin with every job of *archive*; *stack* stops them again."""
    files_changed = desk.files_changed
    files_changed.set()
    watch = _watch(stack, archive, files_changed)
    schedule = Schedule(archive, desk)
    schedule.work()
    schedule.watch_over(Vigil(archive), Alerts(archive))
    schedule.check(files_changed, watch)
    schedule.every(LOOK, _stay_alone, sole.keep)
    schedule.every(LOOK, _stay_alone, archive.writers.keep)
    # Before the first job: what there was before it is what an absence is counted from.
    heartbeat = Heartbeat(archive, schedule.run_all).start()
    stack.callback(heartbeat.join, STOP_SECONDS)
    stack.callback(archive.stop.set)
    schedule.start()
    stack.callback(schedule.stop)
    return schedule


def announce(
    stack: ExitStack, notifier: Notifier, archive: Archive, server: Server, schedule: Schedule
) -> None:
    """Tell whoever watches over this process that everything stands, and how it goes on."""
    herald = Herald(notifier, archive, server)
    stack.callback(herald.stop)
    if herald.start():
        schedule.every(STATUS, lambda: herald.tell(schedule.next_sync()), executor=SIGNS)


def _watch(stack: ExitStack, archive: Archive, files_changed: Event) -> Watch | None:
    if not archive.config.reconcile.watch:
        return None
    root = archive.config.media.root
    folders = [root, *(root / name for name in CATEGORIES)]
    return stack.enter_context(watching(folders, files_changed))


def _stay_alone(keep: Callable[[], None]) -> None:
    try:
        keep()
    except AlreadyRunning as error:
        log.error("%s: stopping, it was there first", error)  # noqa: TRY400 - one line says it all
        os.kill(os.getpid(), signal.SIGTERM)
