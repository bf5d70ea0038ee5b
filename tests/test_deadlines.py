"""Whether the queue is fast enough, and that it takes first what dies first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peewee import Database

from fbsyncd import deadlines, models
from fbsyncd.assets import Retry
from fbsyncd.backlog import Backlog
from fbsyncd.deadlines import LEAST, MOST, Deadlines, per_hour, will_die
from fbsyncd.metrics import measures
from fbsyncd.stats import stats
from fbsyncd.terminal import storage

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROW = (
    "INSERT INTO media_storage (id, asset_key, category, original_url, link_expires_at,"
    " download_status, next_attempt_at, local_filename, file_size, sha256, downloaded_at)"
    " VALUES (?, ?, 'posts', 'https://x.example/', ?, ?, ?, ?, ?, ?, ?)"
)


def waiting(hours: float | None, status: str = "pending") -> tuple[object, ...]:
    """A row whose link dies so many hours after NOW."""
    id_ = str(uuid4())
    dies = None if hours is None else models.to_text(NOW + hours * HOUR)
    return (id_, id_, dies, status, None, None, None, None, None)


def retried(hours: float) -> tuple[object, ...]:
    """The same of one that failed and is tried again."""
    row = waiting(hours, "failed")
    return (*row[:4], models.to_text(NOW), *row[5:])


def fetched(minutes: float) -> tuple[object, ...]:
    """A row archived so many minutes before NOW."""
    id_, at = str(uuid4()), models.to_text(NOW - timedelta(minutes=minutes))
    return (id_, id_, models.to_text(NOW), "success", None, f"{id_}.jpg", 1, "ab", at)


def insert(db: Database, rows: Sequence[tuple[object, ...]]) -> None:
    with models.transaction(db):
        models.change_many(db, ROW, rows)


@given(st.lists(st.integers(1, 100), max_size=40), st.integers(0, 20))
def test_the_forecast_is_what_happens(hours: list[int], pace: int) -> None:
    """A queue that takes what dies first, so many an hour, loses just as many as foretold."""
    groups = [(NOW + hour * HOUR, hours.count(hour)) for hour in sorted(set(hours))]
    served = lost = 0
    for hour in sorted(hours):
        if served + 1 <= pace * hour:
            served += 1
        else:
            lost += 1
    assert will_die(groups, pace, NOW) == lost


def test_a_queue_that_began_a_minute_ago_is_not_called_slow() -> None:
    """The pace is that of the time since the first download, an hour at most."""
    assert per_hour(0, None, NOW) == 0
    assert per_hour(120, NOW - timedelta(minutes=2), NOW) == 3600
    assert per_hour(120, NOW - timedelta(hours=1), NOW) == 120


def test_the_horizon_grows_with_the_queue_within_bounds() -> None:
    """Two hours for a short queue, a day at most: a fresh preview lives little longer."""
    assert Deadlines(0, 0, 0, 0, None).horizon == LEAST
    assert Deadlines(10, 600, 0, 0, None).horizon == LEAST
    assert Deadlines(5000, 1000, 0, 0, None).horizon == 5 * HOUR
    assert Deadlines(5000, 0, 0, 0, None).horizon == MOST
    assert Deadlines(10**6, 0.1, 0, 0, None).horizon == MOST


def test_statistics_foretell_what_will_die(db: Database) -> None:
    """Of rows that wait: those beyond the pace are named, given-up and archived ones are not."""
    insert(
        db,
        [
            *(fetched(minutes) for minutes in (59, 40, 20, 5)),
            *(fetched(minutes) for minutes in (61, 600)),
            *(waiting(2.5) for _ in range(15)),
            waiting(None),
            waiting(-1),
            waiting(50, "failed"),
        ],
    )
    told = stats(db, NOW)["deadlines"]
    assert told == {"pending": 17, "pace_per_hour": 4.1, "will_die": 5, "dead": 1}
    told = "4   pictures an hour: too slow for 5 links, dead before then; 1 picture waiting for"
    assert told in storage(stats(db, NOW))
    assert stats(db, NOW)["expires_next"] == "2026-03-01T14:30:00Z"


def test_a_quiet_archive_foretells_nothing(db: Database) -> None:
    """Nothing waits, so nothing dies, whatever the pace."""
    assert stats(db, NOW)["deadlines"] == {
        "pending": 0,
        "pace_per_hour": 0.0,
        "will_die": 0,
        "dead": 0,
    }
    assert "an hour" not in storage(stats(db, NOW))


def test_a_queue_that_is_fast_enough_is_said_to_be(db: Database) -> None:
    """A newcomer reads that all is well, and not that nothing "will die"."""
    insert(db, [*(fetched(minutes) for minutes in (59, 40, 20, 5)), waiting(50)])
    assert stats(db, NOW)["deadlines"]["will_die"] == 0
    assert "pictures an hour: every picture is fetched before its link dies" in storage(
        stats(db, NOW)
    )


def test_before_anything_was_tried_the_pace_is_not_known(db: Database) -> None:
    """Straight after setup nobody is alarmed by a pace of nothing; after a failed try they are."""
    insert(db, [waiting(50), waiting(-1)])
    told = storage(stats(db, NOW))
    assert "not known yet" in told
    assert "too slow" not in told
    assert "1 picture waiting for a fresh link" in told
    insert(db, [retried(50)])
    assert "0   pictures an hour: too slow for 2 links" in storage(stats(db, NOW))


def test_what_waits_for_a_link_is_no_picture_that_is_fetched_in_time(db: Database) -> None:
    """One sentence does not promise every picture and take it back."""
    insert(db, [*(fetched(minutes) for minutes in (59, 40, 20, 5)), waiting(50), waiting(-1)])
    told = storage(stats(db, NOW))
    assert "what has a link is fetched before it dies; 1 picture waiting for a fresh link" in told
    assert "every picture" not in told


def test_statistics_and_metrics_tell_the_same_of_dead_links(db: Database) -> None:
    """A link that ended and one that was refused are both dead, wherever it is told."""
    insert(db, [waiting(-1), waiting(-30), waiting(9), waiting(None), retried(-2)])
    with models.transaction(db):
        models.change(
            db, "UPDATE media_storage SET needs_link = TRUE WHERE link_expires_at IS NULL"
        )
    told, queue = stats(db, NOW), measures.queue(db, NOW)
    assert told["deadlines"]["dead"] == queue.deadlines.dead == queue.pictures["unlinked"] == 4
    assert told["media"]["unlinked"] == 3
    assert told["media"]["pending"] - told["media"]["unlinked"] == queue.pictures["pending"] == 1


LONG = 100_000


def steps(db: Database, now: datetime) -> str:
    """How the engine means to find the rows of a claim."""
    sql = (
        "SELECT id FROM media_storage WHERE download_status <> 'success' AND link_expires_at > ?"
        " AND derived_from IS NULL AND NOT needs_link"
        " AND (download_status = 'pending' OR next_attempt_at <= ?)"
        " AND (lease_until IS NULL OR lease_until <= ?) ORDER BY link_expires_at, id LIMIT 32"
    )
    explain = "EXPLAIN QUERY PLAN" if models.engine(db).name == "sqlite" else "EXPLAIN"
    with models.session(db):
        return str(models.rows(db, f"{explain} {sql}", [models.to_text(now)] * 3))


@pytest.fixture
def long_queue(db: Database) -> list[UUID]:
    """A queue of 100,000 photos of two Pages with three previews put in last; their ids."""
    phases = [104 + (nth % 240) / 60 for nth in range(LONG)]
    previews = [waiting(hours) for hours in (35, 33, 34)]
    insert(db, [*map(waiting, phases), *previews])
    if models.engine(db).name == "postgresql":
        with models.session(db):
            models.change(db, "ANALYZE media_storage")
    return [UUID(str(row[0])) for row in sorted(previews, key=lambda row: str(row[2]))]


def test_previews_come_first_behind_a_long_queue(db: Database, long_queue: list[UUID]) -> None:
    """A claim takes what dies first from an index: nothing is sorted and no table read through."""
    backlog = Backlog(db, retry=Retry(HOUR, HOUR, 3), owner="here/1")
    assert [job.id for job in backlog.claim(32, NOW)][:3] == long_queue
    plan = steps(db, NOW)
    assert "media_storage_queue" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan
    told = deadlines.measure
    with models.session(db):
        waits = told(db, NOW)
    assert (waits.pending, waits.will_die) == (LONG + 3, LONG + 3)
