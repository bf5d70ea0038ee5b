"""A month of many Pages on one app, in minutes: the decisions are the product's, the rest a model.

Facebook is modelled by its budgets: calls of a rolling hour, for each Page and for the app, told in
whole percent with each answer; a call beyond them is refused, and counted. Reading threads take
turns as the daemon's do. Every picture of every listing is queued when it is first named, fetched
in the order in which links die, and late when its link is dead by then. The table of it is made by
``python -m bench.month``.
"""

from __future__ import annotations

import heapq
import json
import random
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from fbsyncd import thrift, walks
from fbsyncd.graph import usage
from fbsyncd.graph.pace import APP, Pace
from fbsyncd.thrift import Means, Step
from fbsyncd.walks import Progress, Walk, Window

START = datetime(2026, 3, 1, tzinfo=UTC)
HISTORY = timedelta(days=16 * 30)
INTERVAL = timedelta(minutes=15)
PER_CALL = 50
#: One thread's call, and how many threads read.
CALL = timedelta(seconds=1)
THREADS = 4
#: Links of a post (measured on real feeds: 674,327 of 242,488 posts), how many are fetched in a
#: second, and how long the shortest link lives (measured on real feeds too).
PICTURES = 2.8
PER_SECOND = 20.0
LINK_LIFE = timedelta(hours=32)


@dataclass(frozen=True, slots=True)
class World:
    """How large the world is, how many calls an hour Facebook gives, and how fast pictures come."""

    pages: int = 100
    days: int = 30
    posts: int = 3111
    app_calls: int = 4800
    page_calls: int = 200
    per_second: float = PER_SECOND


@dataclass(slots=True)
class Outcome:
    """What came of it. Times are hours; *delays* are those of new posts until they are seen."""

    calls: int = 0
    refused: int = 0
    app_percent: int = 0
    page_percent: int = 0
    app_hour: int = 0
    page_hour: int = 0
    pictures: int = 0
    late: int = 0
    delays: list[float] = field(default_factory=list)
    first_look: float = 0.0
    backfill: float = 0.0
    full_gap: float = 0.0
    full_readings: int = 0
    slack: float = float("inf")


class Hour:
    """Calls of a rolling hour, by the minute."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._minutes: dict[int, int] = defaultdict(int)
        self._sum = 0
        self._oldest = 0
        self.most = 0

    def percent(self, at: datetime) -> int:
        minute = int(at.timestamp()) // 60
        self._oldest = self._oldest or minute
        while self._oldest <= minute - 60:
            self._sum -= self._minutes.pop(self._oldest, 0)
            self._oldest += 1
        return 100 * self._sum // self._budget

    def count(self, at: datetime) -> bool:
        """Count a call; False when it is refused."""
        percent = self.percent(at)
        self._minutes[int(at.timestamp()) // 60] += 1
        self._sum += 1
        self.most = max(self.most, self._sum)
        return percent < 100


@dataclass(slots=True)
class _Stream:
    times: list[datetime]
    progress: Progress = field(default_factory=Progress)
    seen: int = 0
    looked: datetime | None = None
    full: list[datetime] = field(default_factory=list)
    named: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.named = bytearray(len(self.times))

    def name(self, first: int, last: int) -> int:
        """Take the posts between two numbers for named; return how many were not before."""
        fresh = self.named.count(0, first, last)
        self.named[first:last] = b"\x01" * (last - first)
        return fresh


class Month:
    """One run of the model."""

    def __init__(self, world: World, seed: int = 1) -> None:
        chance = random.Random(seed)
        self.outcome = Outcome()
        self._world = world
        self._pace = Pace()
        self._end = START + timedelta(days=world.days)
        self._app = Hour(world.app_calls)
        self._hours = {str(nth): Hour(world.page_calls) for nth in range(world.pages)}
        self._streams = {
            page_id: (self._stream(chance, 1.0), self._stream(chance, 0.2))
            for page_id in self._hours
        }
        self._found: list[tuple[datetime, int]] = []

    def run(self) -> Outcome:
        """Let the month pass."""
        free = [START] * THREADS
        # In order of when they became due: the daemon's threads take jobs as they came.
        due = [(START, nth, page_id) for nth, page_id in enumerate(self._hours)]
        heapq.heapify(due)
        while due and due[0][0] < self._end:
            at, nth, page_id = heapq.heappop(due)
            begin = max(at, heapq.heappop(free))
            done, cut = self._turn(page_id, begin)
            heapq.heappush(free, done)
            again = done + timedelta(seconds=1) if cut else max(at + INTERVAL, done)
            heapq.heappush(due, (again, nth, page_id))
        self._judge()
        return self.outcome

    def _stream(self, chance: random.Random, share: float) -> _Stream:
        count = int(self._world.posts * share)
        count = int(count * (HISTORY + self._end - START) / HISTORY)
        span = (HISTORY + self._end - START).total_seconds()
        born = sorted(chance.uniform(0, span) for _ in range(count))
        return _Stream([START - HISTORY + timedelta(seconds=second) for second in born])

    def _turn(self, page_id: str, now: datetime) -> tuple[datetime, bool]:
        """Make one turn of a Page; return when it ends and whether it was cut."""
        window = Window(None, timedelta(days=7), walks.share(page_id))
        cut = False
        for stream in self._streams[page_id]:
            means, looked = self._means(page_id, now), stream.looked
            for step in thrift.steps(stream.progress, window, means, now, looked):
                stream.looked = now if step.walk.reached is None else stream.looked
                now, more = self._walk(page_id, stream, step, now)
                cut |= more
        return now, cut

    def _means(self, page_id: str, now: datetime) -> Means:
        return Means(self._pace.used(page_id, now).percent, self._world.pages, INTERVAL)

    def _walk(
        self, page_id: str, stream: _Stream, step: Step, now: datetime
    ) -> tuple[datetime, bool]:
        walk, made = step.walk, 0
        while True:
            answered = self._call(page_id, now)
            if answered is None:
                return now, False
            now, made = answered, made + 1
            times, is_last = self._listed(stream, walk, now)
            walk = walk.step(times)
            if is_last or walk.is_done(times):
                break
            if not step.beside:
                stream.progress = _going_on(stream.progress, walk)
                means = self._means(page_id, now)
                if thrift.is_enough(step, made, means):
                    return now, means.percent < thrift.WHOLE
        if not step.beside:
            stream.progress = stream.progress.completed(walk, now)
            if walk.kind == "full":
                stream.full.append(now)
        return now, False

    def _call(self, page_id: str, now: datetime) -> datetime | None:
        """Make one call and return when it is answered; None when there is none to be had."""
        if self._pace.closed_until(page_id, now):
            return None
        now += usage.pause(self._pace.used(page_id, now)) + CALL
        own = self._hours[page_id]
        granted = self._app.count(now) & own.count(now)
        self.outcome.calls += 1
        app, page = self._app.percent(now), own.percent(now)
        self.outcome.app_percent = max(self.outcome.app_percent, app)
        self.outcome.page_percent = max(self.outcome.page_percent, page)
        told = {
            "x-app-usage": json.dumps({"call_count": app}),
            "x-business-use-case-usage": json.dumps(
                {page_id: [{"type": "pages", "call_count": page}]}
            ),
        }
        self._pace.hear(page_id, told, now)
        if not granted:
            self.outcome.refused += 1
            self._pace.close(APP, now + timedelta(minutes=15))
        return now if granted else None

    def _listed(self, stream: _Stream, walk: Walk, now: datetime) -> tuple[list[datetime], bool]:
        top = bisect_right(stream.times, min(walk.until or now, now))
        first = max(top - PER_CALL, 0)
        times = stream.times[first:top]
        self._see(stream, top, now)
        if fresh := stream.name(first, top):
            self._found.append((now, fresh))
        return times[::-1], top <= PER_CALL

    def _see(self, stream: _Stream, top: int, now: datetime) -> None:
        """Note what is seen for the first time; only the newest of a feed can be new."""
        fresh = stream.times[max(stream.seen, top - PER_CALL) : top]
        if not stream.seen:
            self.outcome.first_look = max(self.outcome.first_look, _hours(now - START))
        for born in fresh:
            if born >= START:
                self.outcome.delays.append(_hours(now - born))
        stream.seen = max(stream.seen, top)

    def _judge(self) -> None:
        outcome, done = self.outcome, START
        for found, posts in sorted(self._found):
            pictures = posts * PICTURES
            done = max(done, found) + timedelta(seconds=pictures / self._world.per_second)
            slack = _hours(found + LINK_LIFE - done)
            outcome.slack = min(outcome.slack, slack)
            outcome.pictures += round(pictures)
            outcome.late += round(pictures) if slack < 0 else 0
        outcome.app_hour = self._app.most
        outcome.page_hour = max(hour.most for hour in self._hours.values())
        for streams in self._streams.values():
            for stream in streams:
                self._count_readings(stream)

    def _count_readings(self, stream: _Stream) -> None:
        outcome = self.outcome
        first = stream.full[0] if stream.full else self._end
        outcome.backfill = max(outcome.backfill, _hours(first - START))
        times = [*stream.full, self._end]
        gaps = [after - before for before, after in pairwise(times)]
        outcome.full_gap = max([outcome.full_gap, *map(_hours, gaps)])
        outcome.full_readings += len(stream.full)


def _going_on(progress: Progress, walk: Walk) -> Progress:
    kept = {name: getattr(progress, name) for name in _KEPT}
    return Progress(**kept, walk=walk, state="reading")


_KEPT = ("high_water", "covered_since", "synced_at", "recent_at", "full_at")


def _hours(span: timedelta) -> float:
    return span / timedelta(hours=1)
