"""Many Pages on one budget: what is new comes first, everybody gets a share, nobody is refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from plant import config_text
from sharing import INTERVAL, Hour, Month, World
from test_daemon import PROMPT, running

from fbsyncd.simulator import Simulator
from fbsyncd.thrift import (
    EASY,
    LONGEST,
    RECENT,
    SLICE,
    TIGHT,
    WHOLE,
    Means,
    Step,
    is_enough,
    steps,
    stretched,
)
from fbsyncd.walks import BEGINNING, Progress, Walk, Window, share

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WINDOW = Window(None, 7 * DAY)
READ = Progress(
    high_water=NOW - DAY,
    covered_since=BEGINNING,
    synced_at=NOW - INTERVAL,
    recent_at=NOW - DAY / 2,
    full_at=NOW - 3 * DAY,
)


def means(percent: float = 0.0, pages: int = 100) -> Means:
    return Means(percent, pages, INTERVAL)


def kinds(progress: Progress, what: Means) -> list[str]:
    return [step.walk.kind for step in steps(progress, WINDOW, what, NOW)]


def test_one_page_alone_is_read_as_ever() -> None:
    """Nothing is sliced or put off while there is enough."""
    (step,) = steps(Progress(), WINDOW, means(pages=1), NOW)
    assert (step.walk.kind, step.most) == ("full", None)
    assert not is_enough(step, 10_000, means(pages=1))


def test_every_page_is_begun_before_one_is_gone_on_with() -> None:
    """The first turn of a Page brings its newest posts, the following ones a slice each."""
    (first,) = steps(Progress(), WINDOW, means(), NOW)
    assert (first.walk.kind, first.most) == ("full", 1)
    assert is_enough(first, 1, means())
    begun = Progress(walk=first.walk.step([NOW, NOW - DAY]))
    (second,) = steps(begun, WINDOW, means(), NOW)
    assert second == Step(begun.walk or first.walk, SLICE)
    assert not is_enough(second, SLICE - 1, means())
    assert is_enough(second, SLICE, means())


@pytest.mark.parametrize(
    ("progress", "percent", "kind"),
    [
        (replace(READ, full_at=NOW - 8 * DAY), WHOLE - 1, "full"),
        (replace(READ, full_at=NOW - 8 * DAY), WHOLE, "latest"),
        (replace(READ, recent_at=NOW - 2 * DAY), RECENT - 1, "recent"),
        (replace(READ, recent_at=NOW - 2 * DAY), RECENT, "latest"),
        (READ, 94, "latest"),
    ],
)
def test_what_is_new_comes_first(progress: Progress, percent: float, kind: str) -> None:
    """Whole readings leave the last third of the budget to the looks for new posts."""
    idle = replace(progress, synced_at=NOW - DAY)
    assert kinds(idle, means(percent)) == [kind]


def test_a_whole_reading_stops_where_the_looks_need_the_rest() -> None:
    """It is gone on with when there is more again; meanwhile new posts are looked for."""
    walk = Walk("full", BEGINNING, NOW - DAY).step([NOW - DAY, NOW - 9 * DAY])
    cut = replace(READ, synced_at=NOW - DAY, walk=walk)
    assert is_enough(Step(walk, SLICE), 1, means(WHOLE))
    assert [step.beside for step in steps(cut, WINDOW, means(WHOLE), NOW)] == [True]
    look, going_on = steps(cut, WINDOW, means(WHOLE - 1), NOW)
    assert (look.walk.kind, look.beside) == ("latest", True)
    assert look.walk.since < NOW - DAY
    assert going_on.walk == walk


def test_looks_become_rarer_by_the_same_measure_for_all() -> None:
    """Never so rare that a link could die unseen, and never rarer than a person asked for."""
    assert stretched(means(EASY)) == INTERVAL
    assert INTERVAL < stretched(means((EASY + TIGHT) / 2)) < LONGEST
    assert stretched(means(TIGHT)) == stretched(means(99)) == LONGEST
    assert stretched(Means(99, 100, 2 * LONGEST)) == 2 * LONGEST
    assert kinds(READ, means(EASY - 1)) == ["latest"]
    assert kinds(READ, means(TIGHT)) == []
    assert kinds(replace(READ, synced_at=NOW - LONGEST), means(TIGHT)) == ["latest"]


def test_whole_readings_are_spread_over_the_week() -> None:
    """Pages that were all read today are read again on seven days, none later than configured."""
    days: Counter[int] = Counter()
    for nth in range(700):
        window = Window(None, 7 * DAY, share(str(nth)))
        at = NOW
        while steps(replace(READ, full_at=NOW), window, means(), at)[0].walk.kind != "full":
            at += timedelta(hours=1)
        assert at - NOW <= 7 * DAY
        days[int((at - NOW) / DAY)] += 1
        later = replace(READ, full_at=at)
        assert steps(later, window, means(), at + 6 * DAY)[0].walk.kind != "full"
        assert steps(later, window, means(), at + 7 * DAY)[0].walk.kind == "full"
    assert all(70 <= days[day] <= 130 for day in range(7)), days


@pytest.mark.parametrize("app_calls", [4800, 200])
def test_a_hundred_pages_stay_under_every_limit(app_calls: int) -> None:
    """With ample calls and with scarce ones: none is refused, all are read, no link dies."""
    outcome = Month(World(posts=400, days=4, app_calls=app_calls)).run()
    assert outcome.refused == 0
    assert outcome.app_percent < 100
    assert outcome.page_percent < 100
    assert outcome.app_hour <= app_calls
    assert outcome.page_hour <= 200
    assert outcome.full_readings >= 200
    assert max(outcome.delays) < 12
    assert outcome.pictures > 100 * 400 * 2.8
    assert outcome.late == 0
    assert outcome.slack > 24


def test_what_the_month_is_to_show_would_be_noticed_if_it_failed() -> None:
    """The model refuses calls beyond a budget, and counts links that die in too slow a queue."""
    hour = Hour(2)
    assert [hour.count(NOW) for _ in range(3)] == [True, True, False]
    assert hour.percent(NOW) == 150
    assert hour.count(NOW + timedelta(hours=1))
    slow = Month(World(pages=5, posts=300, days=2, per_second=0.02)).run()
    assert slow.slack < 0
    assert slow.late > 100


def test_twenty_pages_share_a_real_daemon(tmp_path: Path) -> None:
    """All are read and archived within a small budget, and Facebook refuses not one call."""
    with Simulator(posts=12, pages=20, pictures="plain") as facebook:
        facebook.faults.budget(40)
        text = config_text(facebook).replace(
            "backfill_days = 0", 'backfill_days = 0\ninterval = "1s"'
        )
        (tmp_path / "config.toml").write_text(text)
        with running(tmp_path) as daemon:
            daemon.until(
                lambda stats: (
                    stats["posts"] == 240
                    and len(stats["pages"]) == 20
                    and all(page["last_sync"] for page in stats["pages"])
                )
            )
            daemon.until(lambda stats: sum(one["percent"] > 0 for one in stats["budgets"]) >= 20)
            assert daemon.stop() < PROMPT
    assert "80001" not in "".join(daemon.log)
