"""Where wishes from outside are taken to the daemon's schedule: a sync now, a picture once more.

A Page is read by one at a time. A wish that comes while it is being read is fulfilled after it,
once, however many came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from threading import Event, Lock
from typing import Any, Final
from uuid import UUID

from fbsyncd.archive import Archive
from fbsyncd.config import Page
from fbsyncd.errors import UsageError
from fbsyncd.outside import FACEBOOK, PICTURES
from fbsyncd.view import moment
from fbsyncd.walks import BEGINNING, Walk

Wanted = Callable[[datetime], Walk]

#: A part of the daemon that nobody heard of for so many seconds hangs.
PATIENCE: Final = 120.0
_PARTS: Final = ("scheduler", "download", "reconcile")


class Desk:
    """The desk of one archive; nothing is begun before :meth:`open`."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._lock = Lock()
        #: Set when files and rows are to be compared; whoever does that clears it.
        self.files_changed = Event()
        self._wishes: dict[str, bool] = {}
        self._reading: set[str] = set()
        self._is_open = self._is_expected = False
        self._wake: Callable[[str], None] = lambda _: None
        self._next: Callable[[], Mapping[str, datetime | None]] = dict

    def expect(self) -> None:
        """Let every part of the daemon be called unfit until :meth:`open`."""
        self._is_expected = True

    def open(
        self,
        wake: Callable[[str], None],
        next_syncs: Callable[[], Mapping[str, datetime | None]],
    ) -> None:
        """Name who reads a Page when it is woken, and who knows when each is read next."""
        self._wake, self._next = wake, next_syncs
        self._is_open = True

    def sync(self, page_id: str | None = None, *, full: bool = False) -> list[dict[str, Any]]:
        """Have one Page read soon, or all; *full*: its whole window, not only what is new.

        Returns what was begun and what has to wait for its turn, at once. Raises UsageError for a
        Page that is not in the configuration.
        """
        pages = self._archive.config.facebook.pages
        ids = [page.id for page in pages if page_id in {None, page.id}]
        if not ids:
            raise UsageError(f"no Page with the id {page_id!r} is configured")
        with self._lock:
            busy = self._reading & set(ids)
            for one in ids:
                self._wishes[one] = full or self._wishes.get(one, False)
        for one in ids:
            if one not in busy:
                self._wake(one)
        return [
            {"id": one, "full": full, "state": "queued" if one in busy else "started"}
            for one in ids
        ]

    def retry(self, id_: UUID) -> bool:
        """Queue a failed picture again; return whether it was one that had failed."""
        return self._archive.backlog.retry([id_]) > 0

    def doubt(self) -> None:
        """Have files compared with their rows soon: one is not as its row says."""
        self.files_changed.set()

    def pages(self) -> dict[str, dict[str, Any]]:
        """Return of each Page whether it is being read, and when it is read next."""
        following = self._next()
        with self._lock:
            return {
                page.id: {
                    "next_sync": moment(following.get(page.id)),
                    "is_syncing": page.id in self._reading,
                }
                for page in self._archive.config.facebook.pages
            }

    def unreached(self) -> dict[str, str | None]:
        """Return since when Facebook, and the hosts of its pictures, have not been reached.

        None for one that was reached last time, or has not been asked yet.
        """
        outside = self._archive.graph.outside
        return {way: moment(outside.since(way)) for way in (FACEBOOK, PICTURES)}

    def parts(self) -> dict[str, str]:
        """Return each part of the daemon, with ``ok`` or for how long nobody has heard of it.

        Nothing where no daemon is expected to open the desk.
        """
        if not self._is_open:
            return dict.fromkeys(_PARTS, "not begun yet") if self._is_expected else {}
        late = set(self._archive.pulse.late(PATIENCE))
        silent = f"not heard of for {PATIENCE:.0f} seconds"
        return {part: silent if part in late else "ok" for part in _PARTS}

    def read(self, page: Page, sync: Callable[[Page, Wanted | None], None]) -> None:
        """Read *page* by *sync*, and once more for as long as there are wishes."""
        with self._lock:
            self._reading.add(page.id)
            full = self._wishes.pop(page.id, False)
        try:
            while True:
                sync(page, self._whole if full else None)
                with self._lock:
                    if page.id not in self._wishes or self._archive.stop.is_set():
                        # Under the lock: a wish that comes now finds nobody reading, and wakes.
                        self._reading.discard(page.id)
                        return
                    full = self._wishes.pop(page.id)
        finally:
            with self._lock:
                self._reading.discard(page.id)

    def _whole(self, now: datetime) -> Walk:
        days = self._archive.config.sync.backfill_days
        return Walk("full", now - timedelta(days=days) if days else BEGINNING, now)
