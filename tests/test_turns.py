"""Jobs of the daemon: trouble told once, rests after it, and bursts let pass."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from threading import Event

import pytest

from fbsyncd.errors import (
    DatabaseAway,
    DatabaseTrouble,
    FbsyncdError,
    GraphUnavailable,
    MediaTrouble,
    Unavailable,
)
from fbsyncd.turns import LONGEST_REST, Lull, Outage, Turn

FULL = "cannot write a picture of {} bytes: No space left on device"


class Job:
    """Raises what it is given, turn by turn, and counts its turns."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self._outcomes: Iterator[Exception | None] = iter(outcomes)
        self.turns = 0

    def __call__(self) -> None:
        self.turns += 1
        if error := next(self._outcomes, None):
            raise error


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def run(job: Job, turns: int) -> list[float]:
    """Give *job* so many turns, one a second; return when it took them."""
    second = 0.0
    turn = Turn(job, lambda: second)
    taken = []
    for _ in range(turns):
        before = job.turns
        turn()
        if job.turns > before:
            taken.append(second)
        second += 1
    return taken


def test_the_same_trouble_is_told_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    """Numbers in it may change; another trouble is told anew."""
    caplog.set_level(logging.INFO)
    troubles = [MediaTrouble(FULL.format(size)) for size in ("1,024", "9", "77,123")]
    run(Job(*troubles, MediaTrouble("something else"), None, None), 60)
    assert lines(caplog) == [FULL.format("1,024"), "something else", "no longer: something else"]


def test_an_archive_in_trouble_is_tried_less_often(caplog: pytest.LogCaptureFixture) -> None:
    """The rest after a failure grows to ten seconds and no further, and ends with the trouble."""
    job = Job(*[MediaTrouble("full")] * 6)
    assert run(job, 44) == [0, 1, 3, 7, 15, 25, 35, 36, 37, 38, 39, 40, 41, 42, 43]
    assert LONGEST_REST == 10


def test_trouble_elsewhere_costs_no_turn(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever asks Facebook keeps its own patience."""
    assert run(Job(*[GraphUnavailable("503")] * 3), 4) == [0, 1, 2, 3]


def test_the_brake_speaks_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    """A job that finds the disk gone says nothing and looks again at its next turn."""
    assert run(Job(*[Unavailable("gone")] * 3), 3) == [0, 1, 2]
    assert lines(caplog) == []


def test_a_bug_passes_through() -> None:
    """What is none of our errors reaches the scheduler, which logs it with its traceback."""
    with pytest.raises(ZeroDivisionError):
        Turn(Job(ZeroDivisionError()))()
    assert not issubclass(ZeroDivisionError, FbsyncdError)


def test_a_lull_comes_after_a_burst() -> None:
    """Acting waits for a turn without news, and then happens once."""
    event = Event()
    lull = Lull(event, longest=4)
    assert not lull.has_come()
    event.set()
    assert not lull.has_come()
    event.set()
    assert not lull.has_come()
    assert lull.has_come()
    assert not lull.has_come()


def test_a_burst_without_end_is_acted_on_all_the_same() -> None:
    """After so many turns nobody waits for quiet any more."""
    event = Event()
    lull = Lull(event, longest=4)
    came = []
    for _ in range(8):
        event.set()
        came.append(lull.has_come())
    assert came == [False, False, False, True] * 2


AWAY = "the database said: connection refused"


def test_a_server_that_is_away_is_told_of_once_by_all_jobs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """However many meet it, in whatever words, there is a line at its beginning and one at its end.

    A job whose turn comes much later does not hold up the news.
    """
    second = 0.0

    def clock() -> float:
        return second

    outage = Outage(clock)
    words = (AWAY, "the database said: the connection is closed", AWAY)
    jobs = [Job(*(DatabaseAway(text) for text in words[nth:])) for nth in range(3)]
    rarely = Job(DatabaseAway("the database said: it ends"))
    turns = [Turn(job, clock, outage) for job in jobs]
    Turn(rarely, clock, outage)()
    for _ in range(60):
        for turn in turns:
            turn()
        second += 1
    told = "the database said: it ends"
    assert lines(caplog) == [told, f"no longer: {told}"]


def test_other_trouble_of_a_database_is_told_by_its_kind(caplog: pytest.LogCaptureFixture) -> None:
    """Two jobs that find one disk full say it once; that the file is damaged is another thing."""
    outage = Outage(lambda: 0.0)
    jobs = [Job(DatabaseTrouble("full")), Job(DatabaseTrouble("full")), Job(DatabaseTrouble("bad"))]
    for job in jobs:
        Turn(job, lambda: 0.0, outage)()
    assert lines(caplog) == ["full", "bad"]


def test_what_is_over_is_told_without_what_there_was_to_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A remedy beside it would read as if it were still wrong; a folder's trouble as a server's."""
    for job in (Job(DatabaseAway(f"{AWAY}; start it")), Job(MediaTrouble("full; free some space"))):
        run(job, 3)
    told = [line for line in lines(caplog) if line.startswith("no longer")]
    assert told == [f"no longer: {AWAY}", "no longer: full"]
