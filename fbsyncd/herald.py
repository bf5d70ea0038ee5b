"""What the service manager hears of a running archive: ready, a line to read, and signs of life.

The watchdog is kept quiet only while everything works: each part of the pulse was heard of in time
(:mod:`fbsyncd.schedule` feeds it), and the server answers over HTTP. A database that is away is
trouble, but has answered, and no restart would mend it; one that lets its callers wait for ever is
not heard of.
"""

from __future__ import annotations

import logging
from datetime import datetime
from threading import Event, Thread
from typing import Any, Final

from fbsyncd import knock, terminal
from fbsyncd.archive import Archive
from fbsyncd.errors import ArchiveError
from fbsyncd.notify import Notifier
from fbsyncd.server.listen import Server

log = logging.getLogger(__name__)

#: Seconds between two lines of status.
STATUS: Final = 15.0
#: Seconds the server has to answer a question that takes it a millisecond.
ANSWER: Final = 10.0
#: Looks in the time that the watchdog waits: one that fails is not the end.
LOOKS: Final = 4

#: Seconds a look under way may take when the archive closes.
LAST: Final = 1.0
_STOPPED: Final = {
    "token": "needs a new token",
    "throttled": "must wait, Facebook says",
    "unavailable": "is refused by Facebook",
}


class Herald:
    """Speaks for one *archive* and its *server*."""

    def __init__(self, notifier: Notifier, archive: Archive, server: Server) -> None:
        self._notifier = notifier
        self._archive = archive
        self._server = server
        self._late: list[str] = []
        self._stop = Event()
        self._thread: Thread | None = None

    def start(self) -> bool:
        """Say that the archive is ready, and give signs of life until :meth:`stop`.

        The schema is right by now, or the archive would not stand. Raises ArchiveError when the
        server does not answer. Returns whether anybody listens; if not, nothing is done.
        """
        if not self._notifier.is_heard:
            return False
        if not self._answers():
            raise ArchiveError(f"the server does not answer on port {self._server.port}")
        self._notifier.ready()
        if watchdog := self._notifier.watchdog:
            self._thread = Thread(
                target=self._watch, args=(watchdog,), name="watchdog", daemon=True
            )
            self._thread.start()
        return True

    def stop(self) -> None:
        """Stop speaking; a thread that hangs is left behind."""
        self._stop.set()
        if self._thread:
            self._thread.join(LAST)

    def tell(self, next_sync: datetime | None) -> None:
        """Send the line of status that people read."""
        try:
            line = sentence(self._archive.feed.stats(), next_sync)
        except ArchiveError as error:
            line = f"trouble: {error}"
        self._notifier.status(line)

    def _watch(self, watchdog: float) -> None:
        while True:
            if self._is_alive(watchdog):
                self._notifier.alive()
            if self._stop.wait(watchdog / LOOKS):
                return

    def _is_alive(self, watchdog: float) -> bool:
        late = self._archive.pulse.late(watchdog)
        if not self._answers():
            late.append("server")
        if late and late != self._late:
            log.error("not heard of: %s", ", ".join(late))
        elif self._late and not late:
            log.warning("heard of again: %s", ", ".join(self._late))
        self._late = late
        return not late

    def _answers(self) -> bool:
        return knock.is_alive(self._server.host, self._server.port, ANSWER)


def sentence(stats: dict[str, Any], next_sync: datetime | None) -> str:
    """Return what a person wants to know first, from what ``/api/stats`` tells."""
    if stats["unavailable"]:
        return f"unavailable: {stats['unavailable']}"
    media = stats["media"]
    parts = [f"{terminal.arrivals(stats)}, {media['pending'] + media['failed']:,} waiting"]
    parts += [
        f"Page {page['id']} {_STOPPED[page['state']]}"
        for page in stats["pages"]
        if page["state"] in _STOPPED
    ]
    if next_sync is not None:
        parts.append(f"next sync {next_sync.astimezone():%H:%M}")
    return "; ".join(parts)
