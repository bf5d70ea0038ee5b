"""That one daemon works on an archive, also while its disk is not there to be locked.

As long as the folder with the lock is away, the daemon says in the database every few seconds
that it is still there. Otherwise nothing is written.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from peewee import Database

from fbsyncd import facts, process
from fbsyncd.errors import AlreadyRunning
from fbsyncd.lock import Lock
from fbsyncd.models import from_text, to_text

#: What was said longer ago is said by nobody any more.
FRESH: Final = timedelta(seconds=20)

_FACT: Final = "daemon without its disk"


class Sole:
    """One daemon's claim on one archive: *lock* on the disk, and a word in the database."""

    def __init__(self, lock: Lock, db: Database, now: Callable[[], datetime]) -> None:
        self._lock = lock
        self._db = db
        self._now = now
        self._host = socket.gethostname()

    def require(self) -> None:
        """Raise AlreadyRunning when another daemon waits for this archive's disk."""
        told = json.loads(facts.get(self._db, _FACT) or "{}")
        at = from_text(told.get("at"))
        if at is None or abs(self._now() - at) > FRESH or told["name"] == process.name():
            return
        if told["host"] == self._host and process.is_gone(told["name"]):
            return
        pid = told["name"].partition("-")[0]
        raise AlreadyRunning(
            f"another fbsyncd runs on this archive and waits for its disk (pid {pid} on"
            f" {told['host']}); stop it first"
        )

    def keep(self) -> None:
        """Keep the claim; to be called every few seconds.

        Raises AlreadyRunning when another daemon was on the disk first when it came back.
        """
        if not self._lock.keep():
            told = {"name": process.name(), "host": self._host, "at": to_text(self._now())}
            facts.put(self._db, _FACT, json.dumps(told))
