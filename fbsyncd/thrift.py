"""What a regular turn reads of a Page when many Pages live on one budget of calls. Decides only.

What is new comes first: looks for new posts may use up nearly all of the budget, whole readings
leave the last third to them. A whole reading is made in slices, and between two slices of one Page
the others have their turn. Where even the looks are too many for the budget, all Pages are looked
at more rarely, by the same measure. Facebook's percentages are all that has to be known for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from fbsyncd import walks
from fbsyncd.walks import OVERLAP, Progress, Walk, Window

#: Listings of one stream in one turn, when other Pages wait.
SLICE: Final = 5
#: From so many percent on whole readings wait, and from so many those of the last weeks.
WHOLE: Final = 70.0
RECENT: Final = 85.0
#: Between these percentages the looks become rarer, up to so many times. Below the first, whole
#: readings go on as fast as they can; above it a slice at each look has to do.
EASY: Final = 50.0
TIGHT: Final = 75.0
RAREST: Final = 16.0
#: Links live for a day and a third at least (measured on real feeds): no look is put off longer.
LONGEST: Final = timedelta(hours=4)
#: A walk that takes longer than this lets new posts pass.
PATIENCE: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Means:
    """What there is to spend: *percent* of the fuller budget is used, *pages* share it.

    *interval* is how often a Page is looked at when nothing is scarce. The default spares nothing.
    """

    percent: float = 0.0
    pages: int = 1
    interval: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Step:
    """One walk of a turn, *most* listings of it; one *beside* a cut walk leaves that as it is."""

    walk: Walk
    most: int | None = None
    beside: bool = False


def steps(
    progress: Progress,
    window: Window,
    means: Means,
    now: datetime,
    looked: datetime | None = None,
) -> tuple[Step, ...]:
    """Return the walks of a regular turn, in order; none when it is too early for one.

    *looked* is when this stream was last asked for what is new, if that was not a whole walk.
    """
    times = [at for at in (progress.synced_at, looked) if at is not None]
    is_time = _is_time(max(times, default=None), means, now)
    cut = progress.walk
    if cut is None:
        walk = walks.due(progress, window, now, _put_off(progress, means))
        return (Step(walk, _most(walk, progress, means)),) if is_time else ()
    if not is_time and means.percent >= EASY:
        return ()
    going_on = () if _waits(cut, progress, means) else (Step(cut, _most(cut, progress, means)),)
    return (*_look(cut, means, looked, now), *going_on)


def _look(cut: Walk, means: Means, looked: datetime | None, now: datetime) -> tuple[Step, ...]:
    """Return a look for what is new beside a walk that takes long, when it is time for one."""
    last = max(cut.started_at, looked or cut.started_at)
    if cut.kind != "full" or cut.newest is None or now - last < PATIENCE:
        return ()
    return (Step(Walk("latest", cut.newest - OVERLAP, now), beside=True),)


def is_enough(step: Step, made: int, means: Means) -> bool:
    """Tell whether a walk is to be cut after *made* listings, to be gone on with later."""
    if step.most is not None and made >= step.most:
        return True
    return step.walk.kind == "full" and means.percent >= WHOLE


def stretched(means: Means) -> timedelta:
    """Return how often a Page is looked at with these means."""
    share = min(max((means.percent - EASY) / (TIGHT - EASY), 0.0), 1.0)
    rarer = means.interval * (1 + (RAREST - 1) * share)
    return min(rarer, max(LONGEST, means.interval))


def _is_time(looked: datetime | None, means: Means, now: datetime) -> bool:
    if looked is None or now < looked or means.percent < EASY:
        return True
    # A turn comes a little early or late; one that is nearly due is not put off for a whole turn.
    return now - looked >= stretched(means) - means.interval / 2


def _waits(walk: Walk, progress: Progress, means: Means) -> bool:
    """Tell whether a cut walk has to wait for better times."""
    return walk.kind in _put_off(progress, means) or (
        walk.kind == "full" and walk.newest is not None and means.percent >= WHOLE
    )


def _put_off(progress: Progress, means: Means) -> frozenset[str]:
    """Return the kinds of walks that have to wait."""
    late = {"full": WHOLE, "recent": RECENT}
    waiting = {kind for kind, limit in late.items() if means.percent >= limit}
    # One that was never read is begun with its newest posts, however little there is.
    return frozenset(waiting if progress.full_at else waiting - {"full"})


def _most(walk: Walk, progress: Progress, means: Means) -> int | None:
    if means.pages == 1 and means.percent < WHOLE:
        return None
    # Of Pages that were never read, each is begun before one of them is gone on with.
    is_begun = progress.full_at is not None or (walk.reached is not None and means.percent < WHOLE)
    if walk.kind == "full" and not is_begun:
        return 1
    return SLICE if walk.kind != "latest" else None
