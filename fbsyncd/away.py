"""Time that passed without this program: suspended, stopped, offline, or the clock was set.

Decides only; times are arguments. The machine's monotonic clock stands still while it is
suspended and is not moved by anyone, so where the two clocks disagree, something happened; and
where both went on but no beat came, the process itself was stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from fbsyncd.plural import counted

#: A gap shorter than this is a busy machine or a clock being set right.
LEAST: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Counts:
    """What there is to count at one moment: *posts* known, and links that died in a gap.

    *dead* are those of pictures that still wait, *given_up* those of pictures that do not.
    """

    posts: int
    dead: int = 0
    given_up: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """Time without this program, *away* long (below zero: the clock was set back), until *end*."""

    away: timedelta
    end: datetime

    @property
    def start(self) -> datetime:
        """When it began."""
        return self.end - self.away

    @property
    def is_backward(self) -> bool:
        """Tell whether the clock was set back, so that what is due seems far off."""
        return self.away < timedelta()

    def joined(self, later: Gap) -> Gap:
        """Return both gaps as one: the second came before the first was caught up with."""
        return Gap(self.away + later.away, later.end)


class Beats:
    """Notices gaps between beats; *last* is when the program before this one last did its work."""

    def __init__(self, last: datetime | None = None) -> None:
        self._wall = last
        self._monotonic: float | None = None

    def beat(self, wall: datetime, monotonic: float) -> Gap | None:
        """Return the gap since the last beat, or None when there was none worth telling."""
        before, ticks = self._wall, self._monotonic
        self._wall, self._monotonic = wall, monotonic
        if before is None:
            return None
        passed = wall - before
        if passed >= LEAST:
            return Gap(passed, wall)
        # Backwards by more than the beat itself takes.
        expected = timedelta(seconds=monotonic - ticks) if ticks is not None else timedelta()
        return Gap(passed - expected, wall) if passed - expected <= -LEAST else None


def told(gap: Gap, before: Counts, now: Counts) -> str:
    """Return the sentence for the log once all is caught up with.

    *before* is what there was at the end of the gap: the posts known before it, and the links
    that had died in it.
    """
    posts = max(0, now.posts - before.posts)
    given_up = max(0, now.given_up - before.given_up)
    healed = max(0, before.dead - now.dead - given_up)
    return (
        f"away {span(gap.away)}, until {gap.end:%Y-%m-%d %H:%M} UTC: {counted(posts, 'new post')},"
        f" {counted(before.dead, 'link')} died, {healed:,} healed"
        + (f", {given_up:,} given up" if given_up else "")
    )


def span(time: timedelta) -> str:
    """Return a length of time as a person says it: ``9 days``, ``3 hours``, ``20 minutes``."""
    minutes = round(time.total_seconds() / 60)
    if minutes < 90:
        return counted(minutes, "minute")
    if minutes < 36 * 60:
        return counted(round(minutes / 60), "hour")
    return counted(round(minutes / 1440), "day")
