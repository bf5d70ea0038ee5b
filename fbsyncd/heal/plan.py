"""How to ask with the fewest calls, and what an answer means for a row. Decides only.

Facebook counts calls, not exchanges: a listing is one call for all the objects on it, each item
of a batch is one call for itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from fbsyncd.errors import CallRefused, GraphError, ObjectMissing
from fbsyncd.gone import LOOK_AGAIN, patience

#: Objects one call lists where nothing else is known.
PER_CALL: Final = 50
#: What an id that breaks every batch counts for, so that it soon waits long.
POISONED: Final = 5

_UNNAMED: Final = "its link is dead, and the {} that named it names it no longer"
_AWAY: Final = "its link is dead, and its owner is not there just now"
_GONE: Final = "its link is dead, and its owner is gone: missed again and again for over a day"
_ORPHANED: Final = "its link is dead, and nothing names it: there is no owner to ask"


@dataclass(frozen=True, slots=True)
class Owner:
    """A post or a video (*stream* says which) that names a picture."""

    stream: str
    page_id: str
    id: str
    created: datetime | None
    misses: int = 0
    missed_at: datetime | None = None
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Ward:
    """A row that needs a fresh link, and those who name it, the one to ask first."""

    id: UUID
    asked: int
    owners: tuple[Owner, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking for a row: *asked* so often now, *reason* if there is no link,
    None where it stays what it was.

    *is_final*: asking again is no use. It is for rows whose link is still dead; that a fresh one
    came is in the row itself. *pause* is how long to wait at least, if that is known.
    """

    id: UUID
    asked: int
    reason: str | None = None
    is_final: bool = False
    pause: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a feed to list again: the creation times at its ends, and the ids wanted."""

    newest: datetime
    oldest: datetime
    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to ask for owners: the *windows* to list again, and the ids to ask for one by one."""

    windows: tuple[Window, ...]
    singles: tuple[str, ...]

    @property
    def calls(self) -> int:
        """How many calls this takes, if the feed is as we know it."""
        return len(self.windows) + len(self.singles)


def plan(owners: Collection[Owner], feed: Collection[datetime], per_call: int = PER_CALL) -> Plan:
    """Return the cheapest way to ask for *owners* of one stream of one Page.

    *feed* are the creation times of all its objects between them, in any order. One call lists
    *per_call* objects from any place on. Where it would meet one owner only, asking by id costs
    the same call and carries less.
    """
    times = sorted(feed)
    dated = sorted({(one.created, one.id) for one in owners if one.created is not None})
    singles = {one.id for one in owners if one.created is None}
    windows: list[Window] = []
    while dated:
        newest, id_ = dated[-1]
        end = bisect_right(times, newest) - per_call
        # What is as old as the first object that is not listed may be beyond the call as well.
        met = [one for one in dated if end <= 0 or one[0] > times[end - 1]] or dated[-1:]
        del dated[-len(met) :]
        if len(met) == 1:
            singles.add(id_)
        else:
            windows.append(Window(newest, met[0][0], frozenset(name for _, name in met)))
    return Plan(tuple(windows), tuple(sorted(singles)))


def outcome(
    ward: Ward, error: GraphError | None, attempts: int, *, poisoned: bool, is_gone: bool = False
) -> Outcome:
    """Return what the answer of a row's first owner means for it: *error*, or None for none.

    Only an answer can be final, after *attempts* of them: a Facebook that is silent for a week
    has not said no. That the object is not there is final once it counts as gone (*is_gone*),
    which takes several misses over a day, and no others that name the picture are left to ask.
    """
    asked = ward.asked + (POISONED if poisoned else 1)
    if error is None:
        kind = ward.owners[0].stream.removesuffix("s")
        return Outcome(ward.id, asked, _UNNAMED.format(kind), asked >= attempts)
    if isinstance(error, ObjectMissing):
        alone = all(owner.misses for owner in ward.owners[1:])
        reason = _GONE if is_gone else f"{_AWAY}: {error}"
        # Asking for the post is not this row's business any more, see :func:`is_left`.
        pause = LOOK_AGAIN if alone else None
        return Outcome(ward.id, asked, reason, is_gone and alone, pause)
    final = isinstance(error, CallRefused) and asked >= attempts
    return Outcome(ward.id, asked, f"its link is dead: {error}", final)


def is_left(ward: Ward, unknown: Collection[tuple[str, str]]) -> bool:
    """Tell whether nobody is to be asked for a row: all who name it are missed.

    They are looked for as posts, once however many pictures each has. One that only a listing
    missed is asked for by its first picture: lists leave out posts that are there. *unknown* are
    stream and id of those that were asked for lately.
    """
    first = ward.owners[0]
    return first.misses > 0 and (ward.asked > 0 or (first.stream, first.id) in unknown)


def left(ward: Ward, now: datetime) -> Outcome:
    """Return what becomes of a row for which nobody is to be asked, see :func:`is_left`."""
    first = ward.owners[0]
    if first.is_gone:
        return Outcome(ward.id, ward.asked, _GONE, is_final=True)
    since = now - (first.missed_at or now)
    pause = max(patience(first.misses) - since, LOOK_AGAIN / 2)
    # What Facebook said when it was asked stays.
    return Outcome(ward.id, max(ward.asked, 1), None if ward.asked else _AWAY, pause=pause)


def orphaned(ward: Ward, attempts: int) -> Outcome:
    """Return what becomes of a row that no post and no video names; one may name it yet."""
    return Outcome(ward.id, ward.asked + 1, _ORPHANED, ward.asked + 1 >= attempts)
