"""Sleep, stops and clocks that are set: noticed, caught up with, and told in one line."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from plant import archive_of, one, query, read, sync

from fbsyncd import deadlines
from fbsyncd.archive import Archive, utcnow
from fbsyncd.away import Beats, Counts, Gap, span, told
from fbsyncd.heartbeat import HEARTBEAT, PATIENCE, Heartbeat
from fbsyncd.models import change, to_text, transaction
from fbsyncd.schedule import Schedule
from fbsyncd.simulator import Simulator
from fbsyncd.walks import BEGINNING, Progress, Walk, Window, due

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TWO_WEEKS = 14 * DAY
NEEDED = (
    "SELECT count(*) FROM media_storage WHERE download_status <> 'success'"
    " OR (derived_from IS NULL AND developed_at IS NULL)"
)


def beats(*seconds: tuple[float, float]) -> list[Gap | None]:
    """What beats at these times of the wall and the monotonic clock notice."""
    watched = Beats()
    return [watched.beat(NOW + timedelta(seconds=wall), ticks) for wall, ticks in seconds]


def test_regular_beats_are_no_gap() -> None:
    """Neither a late beat nor a clock that is set right by some seconds is told of."""
    assert beats((0, 0), (15, 15), (30.2, 30), (95, 95), (85, 110)) == [None] * 5


def test_a_suspended_machine_is_noticed() -> None:
    """The wall clock went on for nine days, the monotonic one stood still."""
    gap = beats((0, 0), (9 * 86_400, 3))[1]
    assert gap == Gap(9 * DAY, NOW + 9 * DAY)


def test_a_stopped_process_is_noticed() -> None:
    """Both clocks went on, and nobody was there."""
    gap = beats((0, 0), (7200, 7200))[1]
    assert gap is not None
    assert gap.away == timedelta(hours=2)


def test_a_clock_that_is_set_back_is_noticed() -> None:
    """By how much is counted without the time between the beats."""
    gap = beats((0, 0), (15 - 7200, 15))[1]
    assert gap is not None
    assert gap.is_backward
    assert gap.away == timedelta(hours=-2)


def test_the_time_before_the_start_counts() -> None:
    """A program started nine days after the last one worked has been away for nine days."""
    assert Beats(NOW - 9 * DAY).beat(NOW, 5) == Gap(9 * DAY, NOW)
    assert Beats(None).beat(NOW, 5) is None
    assert Beats(NOW + timedelta(minutes=15)).beat(NOW, 5) is not None


def test_an_absence_is_told_in_one_sentence() -> None:
    """How long and until when, what is new, what died, and how much of that was healed."""
    gap, away = Gap(9 * DAY, NOW), f"away 9 days, until {NOW:%Y-%m-%d %H:%M} UTC"
    assert told(gap, Counts(100, 31), Counts(114, 0)) == (
        f"{away}: 14 new posts, 31 links died, 31 healed"
    )
    assert told(gap, Counts(100, 1), Counts(101, 1)) == (
        f"{away}: 1 new post, 1 link died, 0 healed"
    )
    assert told(gap, Counts(5, 0), Counts(3, 7)) == f"{away}: 0 new posts, 0 links died, 0 healed"
    assert told(gap, Counts(5, 33, 2), Counts(5, 0, 14)) == (
        f"{away}: 0 new posts, 33 links died, 21 healed, 12 given up"
    )


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(5, "5 minutes"), (89, "89 minutes"), (90, "2 hours"), (2000, "33 hours"), (12_960, "9 days")],
)
def test_lengths_of_time_are_told_as_people_do(minutes: int, words: str) -> None:
    """In the unit that says enough."""
    assert span(timedelta(minutes=minutes)) == words


def test_a_hold_from_a_wrong_clock_holds_nothing() -> None:
    """No hold is longer than a day, so one of nine days is not believed; nor is a future walk."""
    assert Progress(hold_until=NOW + timedelta(minutes=15)).is_held(NOW)
    assert not Progress(hold_until=NOW + 9 * DAY).is_held(NOW)
    ahead = Progress(full_at=NOW + 9 * DAY, covered_since=BEGINNING, high_water=NOW)
    assert due(ahead, Window(None, 7 * DAY), NOW).kind == "full"


def test_every_job_runs_at_once_after_the_clock_was_set_back(
    facebook: Simulator, tmp_path: Path
) -> None:
    """A job whose next time seems nine days off does not wait for it."""
    with archive_of(facebook, tmp_path) as archive:
        schedule = Schedule(archive)
        ran = Event()
        schedule.every(60, ran.set)
        (job,) = schedule._scheduler.get_jobs()
        job.modify(next_run_time=utcnow() + 9 * DAY)
        schedule.start()
        try:
            assert not ran.wait(0.3)
            schedule.run_all()
            assert ran.wait(30)
        finally:
            schedule.stop()


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=60, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def archive(facebook: Simulator, tmp_path: Path, database_url: str) -> Iterator[Archive]:
    with archive_of(facebook, tmp_path, database_url) as opened:
        yield opened


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "fbsyncd.heartbeat"]


def dead(archive: Archive) -> int:
    sql = "SELECT count(*) FROM media_storage WHERE link_expires_at <= ?"
    return int(one(archive, sql, [to_text(archive.now())]))


def test_after_two_weeks_nothing_is_lost_and_no_dead_link_is_tried(
    facebook: Simulator, archive: Archive
) -> None:
    """Links are renewed first and fetched then: one request for each picture and not one 403."""
    read(archive)
    named = one(archive, "SELECT count(*) FROM media_storage")
    facebook.clock.move(TWO_WEEKS)
    post_id = facebook.add_post("album", photos=3)
    # Files of an old kind are signed for a month.
    alive = named - dead(archive)
    archive.download()
    assert facebook.calls["cdn"] == alive < 5
    sync(archive)
    assert one(archive, NEEDED) == 0
    fetched = one(archive, "SELECT count(*) FROM media_storage WHERE derived_from IS NULL")
    assert fetched > named
    assert facebook.calls["cdn"] == fetched
    assert archive.feed.post(post_id) is not None


def test_links_that_died_in_a_gap_are_counted_by_what_became_of_them(
    facebook: Simulator, archive: Archive
) -> None:
    """Pictures that wait for a fresh link are told apart from those that were given up."""
    read(archive)
    before = archive.now()
    facebook.clock.move(9 * DAY)
    died = dead(archive)
    with transaction(archive.db):
        change(
            archive.db,
            "UPDATE media_storage SET download_status = 'failed', next_attempt_at = NULL"
            " WHERE id IN (SELECT id FROM media_storage WHERE link_expires_at <= ? LIMIT 5)",
            [to_text(archive.now())],
        )
        assert deadlines.died(archive.db, before, archive.now()) == (died - 5, 5)
        assert deadlines.died(archive.db, archive.now(), archive.now() + DAY) == (0, 0)


def test_an_absence_is_told_once_it_is_caught_up_with(
    facebook: Simulator, archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    """Not before the Page is read and the pictures are there, and not twice."""
    caplog.set_level(logging.INFO)
    read(archive)
    ran: list[bool] = []
    heart = Heartbeat(archive, lambda: ran.append(True))
    heart.beat(archive.now(), 0)
    facebook.clock.move(9 * DAY)
    died = dead(archive)
    for _ in range(2):
        facebook.add_post("photo")
    came_back = archive.now()
    heart.beat(came_back, HEARTBEAT)
    assert ran == [True]
    heart.beat(archive.now(), 2 * HEARTBEAT)
    assert lines(caplog) == []
    sync(archive)
    heart.beat(archive.now(), 3 * HEARTBEAT)
    heart.beat(archive.now(), 4 * HEARTBEAT)
    assert died > 60
    (line,) = lines(caplog)
    assert line == told(Gap(9 * DAY, came_back), Counts(0, died), Counts(2, 0))
    assert f": 2 new posts, {died} links died, {died} healed" in line


def test_a_page_that_cannot_be_read_does_not_keep_it_secret(
    facebook: Simulator, archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    """After half an hour the account is given as it stands."""
    caplog.set_level(logging.INFO)
    read(archive)
    heart = Heartbeat(archive, lambda: None)
    heart.beat(archive.now(), 0)
    facebook.clock.move(9 * DAY)
    facebook.faults.token_dead()
    heart.beat(archive.now(), HEARTBEAT)
    for minute in range(1, 9):
        facebook.clock.move(timedelta(minutes=4))
        heart.beat(archive.now(), HEARTBEAT + 240 * minute)
    assert timedelta(minutes=4 * 8) > PATIENCE
    (line,) = lines(caplog)
    assert line.startswith("away 9 days, until ")
    assert " UTC: 0 new posts, " in line
    assert line.endswith(" died, 0 healed")


def test_a_clock_set_back_lets_waiting_rows_go_on(
    facebook: Simulator, archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    """What was put off by a clock that was days ahead is tried at once."""
    read(archive)
    facebook.clock.move(3 * DAY)
    facebook.faults.cdn_status(500)
    archive.download()
    waiting = "SELECT 1 FROM media_storage WHERE next_attempt_at IS NOT NULL"
    assert query(archive, waiting)
    heart = Heartbeat(archive, lambda: None)
    heart.beat(archive.now(), 0)
    facebook.faults.clear()
    facebook.clock.move(-3 * DAY)
    archive.download()
    assert query(archive, waiting)
    heart.beat(archive.now(), HEARTBEAT)
    archive.download()
    assert query(archive, waiting) == []
    assert lines(caplog) == ["the clock was set back by 3 days: every job runs now"]
    archive.sync(archive.config.facebook.pages[0], wanted=lambda now: Walk("full", BEGINNING, now))
