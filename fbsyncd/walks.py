"""Which part of a Page's history to read next, and where to stop. Decides only.

A walk reads one stream (posts or videos) from its newest object backwards to ``since``.
``latest`` looks for what is new; ``recent`` reads the last weeks again once a day, since a post in
ten is edited after it appeared (measured on real feeds); ``full`` reads the whole window.

A walk that was cut short goes on from the oldest object it had seen. Facebook's cursors are not
kept for that: they go stale as soon as something is added or deleted.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

RECENT: Final = timedelta(days=28)
RECENT_INTERVAL: Final = timedelta(days=1)
LONGEST_HOLD: Final = timedelta(days=1, minutes=1)
# Posts may appear a little late under an earlier time.
OVERLAP: Final = timedelta(hours=6)
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """What the configuration asks for: *backfill* None means everything.

    *share* is the Page's place among others, from 0 to 1, see :func:`share`; None for one alone.
    """

    backfill: timedelta | None
    full_interval: timedelta
    share: float | None = None

    def since(self, now: datetime) -> datetime:
        return BEGINNING if self.backfill is None else now - self.backfill


@dataclass(frozen=True, slots=True)
class Walk:
    """One reading of a stream down to *since*; *newest* and *reached* bound what was seen."""

    kind: str
    since: datetime
    started_at: datetime
    newest: datetime | None = None
    reached: datetime | None = None

    def step(self, times: list[datetime]) -> Walk:
        """Return the walk after a page whose objects were created at *times*, newest first.

        The last one counts for how far the walk has come: an old one further up is out of order
        and tells nothing about what follows it.
        """
        if not times:
            return self
        return replace(
            self,
            newest=max([*times, self.newest] if self.newest else times),
            reached=min(times[-1], self.reached or times[-1]),
        )

    def is_done(self, times: list[datetime]) -> bool:
        """Tell whether a page with objects of these *times* goes back far enough."""
        return bool(times) and times[-1] < self.since

    def continues_as(self, wanted: Walk) -> bool:
        """Tell whether going on with this cut walk is what *wanted* asks for."""
        return self.kind == wanted.kind and self.since <= wanted.since

    def is_within(self, wanted: Walk) -> bool:
        """Tell whether *wanted* reads all that this cut walk still has to read."""
        return wanted.since <= self.since

    @property
    def until(self) -> datetime | None:
        """Where to go on. The API's ``until`` may leave its own second out, so add one."""
        return None if self.reached is None else self.reached + timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Progress:
    """What complete walks of one stream have covered, and the walk that is unfinished.

    *state* is new, reading, ok, incomplete, throttled, token or unavailable; *message* says why.
    """

    state: str = "new"
    message: str | None = None
    high_water: datetime | None = None
    covered_since: datetime | None = None
    synced_at: datetime | None = None
    recent_at: datetime | None = None
    full_at: datetime | None = None
    hold_until: datetime | None = None
    walk: Walk | None = None

    def is_held(self, now: datetime) -> bool:
        """Tell whether this stream is not to be asked for yet.

        No hold is longer than a day; one that seems so was written while the clock was wrong.
        """
        return self.hold_until is not None and now < self.hold_until <= now + LONGEST_HOLD

    def stopped(self, state: str, message: str, hold_until: datetime | None = None) -> Progress:
        """Return the progress after a walk broke off; the walk stays, to be gone on with."""
        return replace(self, state=state, message=message, hold_until=hold_until)

    def completed(self, walk: Walk, now: datetime) -> Progress:
        """Return the progress after *walk* came to its end."""
        whole = walk.kind == "full"
        fresh = whole or walk.kind == "recent"
        return replace(
            self,
            state="ok",
            message=None,
            high_water=self._risen(walk),
            covered_since=walk.since if whole else self.covered_since,
            synced_at=now,
            recent_at=walk.started_at if fresh else self.recent_at,
            full_at=walk.started_at if whole else self.full_at,
            hold_until=None,
            walk=None,
        )

    def _risen(self, walk: Walk) -> datetime | None:
        """Return the high water after *walk*; one that left a gap below itself raises nothing."""
        joins = self.high_water is not None and walk.since <= self.high_water
        if walk.newest is None or not (joins or walk.kind == "full"):
            return self.high_water
        return max(walk.newest, self.high_water or walk.newest)


def share(page_id: str) -> float:
    """Return the place of a Page among others: from 0 to 1, always the same, evenly spread."""
    return int.from_bytes(sha256(page_id.encode()).digest()[:6]) / 2**48


def due(progress: Progress, window: Window, now: datetime, put_off: Container[str] = ()) -> Walk:
    """Return the walk a regular sync should make now; kinds that are *put_off* are not due."""
    if "full" not in put_off and _is_full_due(progress, window, now):
        return Walk("full", window.since(now), now)
    newest = progress.high_water - OVERLAP if progress.high_water else window.since(now)
    recent_due = _is_over(RECENT_INTERVAL, progress.recent_at, now, window.share)
    if "recent" not in put_off and recent_due:
        # After a long absence the last weeks alone would leave a gap before them.
        return Walk("recent", min(max(now - RECENT, window.since(now)), newest), now)
    return Walk("latest", newest, now)


def _is_full_due(progress: Progress, window: Window, now: datetime) -> bool:
    if progress.full_at is None or progress.covered_since is None:
        return True
    widened = window.since(progress.full_at) < progress.covered_since
    return widened or _is_over(window.full_interval, progress.full_at, now, window.share)


def _is_over(
    interval: timedelta, since: datetime | None, now: datetime, share: float | None = None
) -> bool:
    """Tell whether *interval* is over; a start that lies ahead was written by a wrong clock.

    With a *share* it is over at that point of every interval too, so that Pages which were once
    read together do not stay together.
    """
    if since is None or not timedelta() <= now - since < interval:
        return True
    if share is None:
        return False
    passed = (now - BEGINNING - share * interval) // interval
    return BEGINNING + (passed + share) * interval > since
