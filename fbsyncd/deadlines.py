"""Whether the queue is fast enough: how many links die before their turn comes.

The decisions are pure; two queries feed them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from peewee import Database

from fbsyncd.models import from_text, rows, to_text

#: A link this near to its end is not worth a fetch that may take several tries.
LEAST: Final = timedelta(hours=2)
#: The shortest life of a fresh link is a day and a third (previews of other sites, measured on
#: real feeds); whoever asks earlier than this asks again and again.
MOST: Final = timedelta(hours=24)

_PACE_OF: Final = timedelta(hours=1)
_WAITING: Final = (
    "derived_from IS NULL AND download_status <> 'success'"
    " AND (download_status = 'pending' OR next_attempt_at IS NOT NULL)"
)
# By the hour, so that a queue of a million is a handful of rows. Both engines write times so.
_BY_HOUR: Final = f"""
SELECT min(link_expires_at), count(*) FROM media_storage WHERE {_WAITING}
GROUP BY link_expires_at <= ?, substr(CAST(link_expires_at AS TEXT), 1, 13) ORDER BY 1"""

# Two halves, each on an index of its own; those that are as good as dead are few.
_DEAD: Final = f"""
SELECT download_status, count(*) FROM media_storage WHERE {_WAITING} AND link_expires_at <= ?
GROUP BY download_status
UNION ALL
SELECT download_status, count(*) FROM media_storage WHERE needs_link AND {_WAITING}
    AND NOT coalesce(link_expires_at <= ?, FALSE) GROUP BY download_status"""

_DIED: Final = f"""
SELECT count(CASE WHEN {_WAITING} THEN 1 END), count(CASE WHEN NOT ({_WAITING}) THEN 1 END)
FROM media_storage WHERE download_status <> 'success' AND derived_from IS NULL
AND link_expires_at > ? AND link_expires_at <= ?"""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """*pending* pictures wait, *per_hour* are fetched; *will_die* links die before their turn.

    *dead* are dead already or were refused, and wait for a fresh link; *unlinked* of them were not
    tried before. *next_death* is when the next one dies.
    """

    pending: int
    per_hour: float
    will_die: int
    dead: int
    next_death: datetime | None
    unlinked: int = 0

    @property
    def horizon(self) -> timedelta:
        """How near to its end a link is too near, given how long the queue is."""
        if self.per_hour <= 0:
            return MOST if self.pending else LEAST
        return min(max(timedelta(hours=min(self.pending / self.per_hour, 24)), LEAST), MOST)


def measure(db: Database, now: datetime) -> Deadlines:
    """Return how the queue stands; must be called inside a session."""
    ((count, first),) = rows(
        db,
        "SELECT count(*), min(downloaded_at) FROM media_storage"
        " WHERE downloaded_at > ? AND downloaded_at <= ?",
        [to_text(now - _PACE_OF), to_text(now)],
    )
    groups = [
        (from_text(dies), int(waiting)) for dies, waiting in rows(db, _BY_HOUR, [to_text(now)])
    ]
    dead = [(status, int(count)) for status, count in rows(db, _DEAD, [to_text(now)] * 2)]
    pace = per_hour(int(count), from_text(first), now)
    return Deadlines(
        pending=sum(waiting for _, waiting in groups),
        per_hour=pace,
        will_die=will_die(groups, pace, now),
        dead=sum(waiting for _, waiting in dead),
        next_death=min((dies for dies, _ in groups if dies and dies > now), default=None),
        unlinked=sum(waiting for status, waiting in dead if status == "pending"),
    )


def died(db: Database, start: datetime, end: datetime) -> tuple[int, int]:
    """Count links that died after *start* and by *end*: of pictures that wait, and of given up.

    A picture that is archived is not counted, nor one that has a fresh link. Must be called inside
    a session.
    """
    ((waiting, given_up),) = rows(db, _DIED, [to_text(start), to_text(end)])
    return int(waiting), int(given_up)


def per_hour(count: int, first: datetime | None, now: datetime) -> float:
    """Return the pace of *count* downloads of the last hour, the *first* of which was then.

    A queue that began to move a minute ago is not called slow for the time before.
    """
    if first is None:
        return 0.0
    span = min(max(now - first, timedelta(minutes=1)), _PACE_OF)
    return round(count * (_PACE_OF / span), 1)


def will_die(groups: Iterable[tuple[datetime | None, int]], pace: float, now: datetime) -> int:
    """Return how many links die before the queue, at *pace* an hour, has come to them.

    *groups* are times of death, earliest first, and how many links die then (None: unknown).
    The queue takes what dies first; links that are dead already are not counted.
    """
    served = dying = 0
    for dies, waiting in groups:
        if dies is None or dies <= now:
            continue
        reached = int(pace * ((dies - now) / timedelta(hours=1))) - served
        saved = max(0, min(waiting, reached))
        served += saved
        dying += waiting - saved
    return dying
