"""Hosts of pictures that are ill for days cost no picture that the source still names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from plant import archive_of, one, read, sync

from fbsyncd.archive import Archive
from fbsyncd.simulator import Simulator

QUARTER = timedelta(hours=6)
GIVEN_UP = (
    "SELECT count(*) FROM media_storage WHERE download_status = 'failed'"
    " AND next_attempt_at IS NULL"
)
MISSING = "SELECT count(*) FROM media_storage WHERE download_status <> 'success'"


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=12, seed=3, pictures="plain") as simulator:
        yield simulator


def days(facebook: Simulator, archive: Archive, count: int) -> None:
    """Let some days go by with all their work."""
    for _ in range(4 * count):
        facebook.clock.move(QUARTER)
        read(archive)
        archive.heal()
        archive.download()
        archive.develop()


def test_hosts_that_are_ill_for_days_cost_no_picture(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """What was given up after its attempts is fetched within a day of their recovery."""
    with archive_of(facebook, tmp_path, database_url) as archive:
        facebook.faults.cdn_status(503)
        days(facebook, archive, 5)
        assert one(archive, GIVEN_UP) == one(archive, MISSING) > 0
        facebook.faults.clear()
        days(facebook, archive, 1)
        assert one(archive, MISSING) == 0


def test_a_sync_by_hand_gives_a_second_chance_too(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """Whoever runs ``fbsyncd sync`` from cron and no daemon loses nothing either."""
    with archive_of(facebook, tmp_path, database_url) as archive:
        facebook.faults.cdn_status(503)
        days(facebook, archive, 5)
        assert one(archive, GIVEN_UP) > 0
        facebook.faults.clear()
        facebook.clock.move(timedelta(days=1))
        assert sync(archive).problems == []
        assert one(archive, MISSING) == 0


def test_a_hopeless_picture_is_tried_once_a_day(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """A picture that never comes costs one request a day, and says so all the time."""
    with archive_of(facebook, tmp_path, database_url) as archive:
        read(archive)
        name = facebook.world.posts(facebook.page_id)[0].photos[0].picture.key
        facebook.faults.cdn_status(503, match=name)
        days(facebook, archive, 5)
        hopeless = one(archive, GIVEN_UP)
        assert hopeless == one(archive, MISSING) > 0
        before = facebook.count("cdn", name)
        days(facebook, archive, 6)
        assert 0 < facebook.count("cdn", name) - before <= 6 * hopeless
        assert one(archive, GIVEN_UP) == hopeless
        facebook.remove(facebook.world.posts(facebook.page_id)[0].id)
        days(facebook, archive, 6)
        before = facebook.count("cdn", name)
        days(facebook, archive, 3)
        assert facebook.count("cdn", name) == before
