"""One more try a day for pictures whose attempts are used up while the source still names them.

The attempts are for a picture that is broken. Hosts that are ill for two days, or a hotel's network
that answers for them, use them up too, of everything that waits; that must not cost a picture for
good. A link that is still alive tells that a post named the picture in the last days.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from peewee import Database

from fbsyncd import facts
from fbsyncd.models import change, from_text, rows, session, to_text, transaction

INTERVAL: Final = timedelta(days=1)
#: How long it is believed that there is none: looking means reading the whole queue.
BELIEF: Final = timedelta(minutes=10)

_FACT: Final = "tried_again_at"
_EXHAUSTED: Final = (
    "download_status = 'failed' AND next_attempt_at IS NULL AND derived_from IS NULL"
    " AND NOT needs_link AND attempts >= ? AND link_expires_at > ?"
)


class Again:
    """Lets exhausted rows of one archive be tried once more; *attempts* are what they had."""

    def __init__(self, db: Database, attempts: int) -> None:
        self._db = db
        self._attempts = attempts
        self._looked_at: datetime | None = None
        self._is_due = False

    def is_due(self, now: datetime) -> bool:
        """Tell whether there is any such row and it is time."""
        looked_at = self._looked_at
        if looked_at is None or not looked_at <= now < looked_at + BELIEF:
            self._looked_at = now
            self._is_due = self._is_time(now) and self._is_any(now)
        return self._is_due

    def turn(self, now: datetime) -> int:
        """Give every such row one more attempt if it is time; return how many there are."""
        count = self._grant(now) if self.is_due(now) else 0
        # Only now: in between nobody may think that there is nothing left to do.
        self._is_due = False
        return count

    def _grant(self, now: datetime) -> int:
        with transaction(self._db):
            if not self._is_time(now):
                return 0
            facts.put(self._db, _FACT, to_text(now))
            return change(
                self._db,
                "UPDATE media_storage SET attempts = attempts - 1, next_attempt_at = ?"
                f" WHERE {_EXHAUSTED}",
                [to_text(now), self._attempts, to_text(now)],
            )

    def _is_time(self, now: datetime) -> bool:
        last = from_text(facts.get(self._db, _FACT))
        # One that lies ahead was written by a wrong clock.
        return last is None or not last <= now < last + INTERVAL

    def _is_any(self, now: datetime) -> bool:
        sql = f"SELECT 1 FROM media_storage WHERE {_EXHAUSTED} LIMIT 1"
        with session(self._db):
            return bool(rows(self._db, sql, [self._attempts, to_text(now)]))
