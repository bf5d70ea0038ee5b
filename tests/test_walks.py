"""Which part of the history is read next, and where reading stops."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from fbsyncd.walks import BEGINNING, OVERLAP, RECENT, Progress, Walk, Window, due

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = Window(timedelta(days=365), timedelta(days=7))
DAY = timedelta(days=1)


def after_full(now: datetime = NOW) -> Progress:
    walk = due(Progress(), WINDOW, now).step([now - DAY, now - 300 * DAY])
    return Progress().completed(walk, now + timedelta(minutes=5))


def test_the_first_walk_reads_the_whole_window() -> None:
    """Nothing read yet means everything the configuration asks for."""
    assert due(Progress(), WINDOW, NOW) == Walk("full", NOW - 365 * DAY, NOW)
    assert due(Progress(), Window(None, 7 * DAY), NOW).since == BEGINNING


def test_then_only_what_is_new_is_read() -> None:
    """After a full walk the next one reaches back to the newest object seen, and a little more."""
    walk = due(after_full(), WINDOW, NOW + timedelta(minutes=15))
    assert (walk.kind, walk.since) == ("latest", NOW - DAY - OVERLAP)


def test_once_a_day_the_last_weeks_are_read_again() -> None:
    """Edits are only seen by reading again."""
    walk = due(after_full(), WINDOW, NOW + DAY)
    assert (walk.kind, walk.since) == ("recent", NOW + DAY - RECENT)
    done = after_full().completed(walk, NOW + DAY)
    assert due(done, WINDOW, NOW + DAY + timedelta(hours=1)).kind == "latest"


def test_a_walk_that_leaves_a_gap_does_not_count_as_everything_new() -> None:
    """A person's "last day" after a long absence must not hide the days before it."""
    later = NOW + 10 * DAY
    walk = Walk("days", later - DAY, later).step([later, later - DAY])
    done = after_full().completed(walk, later)
    assert done.high_water == after_full().high_water
    assert Progress().completed(walk, later).high_water is None


def test_after_a_long_absence_the_last_weeks_reach_back_to_what_is_known() -> None:
    """The daily re-reading leaves no gap before it either."""
    rarely = Window(timedelta(days=365), timedelta(days=300))
    walk = due(after_full(), rarely, NOW + 60 * DAY)
    assert (walk.kind, walk.since) == ("recent", NOW - DAY - OVERLAP)


def test_the_window_is_read_again_after_its_interval_or_when_it_grows() -> None:
    """A full walk is due after the interval, and at once when more history is asked for."""
    assert due(after_full(), WINDOW, NOW + 7 * DAY).kind == "full"
    wider = Window(timedelta(days=700), timedelta(days=7))
    assert due(after_full(), wider, NOW + timedelta(hours=1)).kind == "full"
    everything = Window(None, timedelta(days=7))
    assert due(after_full(), everything, NOW + timedelta(hours=1)).kind == "full"
    narrower = Window(timedelta(days=30), timedelta(days=7))
    assert due(after_full(), narrower, NOW + timedelta(hours=1)).kind == "latest"


def test_a_page_without_posts_is_read_in_full_only_now_and_then() -> None:
    """An empty Page has a complete walk too."""
    empty = Progress().completed(due(Progress(), WINDOW, NOW), NOW)
    assert due(empty, WINDOW, NOW + timedelta(minutes=15)).kind == "latest"


def test_an_unfinished_walk_goes_on_where_it_was() -> None:
    """The oldest object seen says where; its own second is asked for again."""
    walk = Walk("full", NOW - 365 * DAY, NOW)
    assert walk.until is None
    walk = walk.step([NOW - DAY, NOW - 3 * DAY]).step([NOW - 5 * DAY])
    assert walk.until == NOW - 5 * DAY + timedelta(seconds=1)
    assert walk.newest == NOW - DAY
    assert walk.step([]) == walk


def test_one_old_post_out_of_order_ends_nothing() -> None:
    """Only the last post of a page tells how far the listing has come."""
    walk = Walk("latest", NOW - 2 * DAY, NOW)
    page = [NOW, NOW - 300 * DAY, NOW - DAY]
    assert not walk.is_done(page)
    assert walk.step(page).reached == NOW - DAY


def test_an_interrupted_walk_moves_no_mark() -> None:
    """Only a walk that came to its end changes what counts as covered."""
    progress = after_full()
    stopped = replace(progress, walk=due(progress, WINDOW, NOW + DAY)).stopped("incomplete", "why")
    assert stopped.high_water == progress.high_water
    assert stopped.walk is not None
    assert due(stopped, WINDOW, NOW + DAY).kind == "recent"


def test_a_stream_is_held_until_its_time() -> None:
    """A throttled stream is left alone until the time Facebook named."""
    held = after_full().stopped("throttled", "too many calls", NOW + DAY)
    assert held.is_held(NOW)
    assert not held.is_held(NOW + DAY)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=60), st.integers(0, 10_000))
def test_no_object_inside_the_window_is_left_unread(ages: list[int], window: int) -> None:
    """Whatever the times of a newest-first listing, reading stops only beyond the window."""
    times = sorted((NOW - timedelta(hours=age) for age in ages), reverse=True)
    walk = Walk("full", NOW - timedelta(hours=window), NOW)
    read: list[datetime] = []
    for start in range(0, len(times), 7):
        page = times[start : start + 7]
        read += page
        walk = walk.step(page)
        if walk.is_done(page):
            break
    assert [at for at in times if at >= walk.since] == [at for at in read if at >= walk.since]
    assert walk.newest == times[0]
