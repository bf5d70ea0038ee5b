"""Leases that the database confirmed when nobody could hear it any more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import psycopg
import pytest
from cable import Cable
from plant import archive_of, query, read, sync
from shelf import NOW, Shelf, picture, url
from test_heal import heal
from torture import NOT_SAFE, Ordeal

from fbsyncd import migrate, models
from fbsyncd.assets import Asset
from fbsyncd.develop import Darkroom
from fbsyncd.errors import DatabaseTrouble
from fbsyncd.simulator import Simulator

if TYPE_CHECKING:
    import postgres

pytestmark = pytest.mark.postgresql

CLAIMED = (b"SET lease_owner = $", b"COMMIT")
SETTLED = (b"SET heal_attempts = $",)
LEASED = "SELECT count(*) FROM media_storage WHERE lease_owner IS NOT NULL"


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=12, seed=3, pictures="plain") as simulator:
        yield simulator


@dataclass(frozen=True)
class Way:
    """A database: the URL by *cable*, and the URL as its server has it."""

    cable: Cable
    url: str
    straight: str

    def leased(self) -> int:
        """How many rows are leased, as the server says to somebody else."""
        with closing(psycopg.connect(self.straight)) as connection:
            ((count,),) = connection.execute(LEASED)
        return int(count)


@pytest.fixture
def way(postgres_server: postgres.PostgresServer) -> Iterator[Way]:
    port = postgres_server.port
    with postgres_server.fresh_database() as straight, Cable(port) as cable:
        yield Way(cable, straight.replace(f":{port}/", f":{cable.port}/"), straight)


@pytest.fixture
def shelf(way: Way, tmp_path: Path) -> Iterator[Shelf]:
    db = models.connect(way.url)
    migrate.apply(db)
    yield Shelf.make(db, tmp_path)
    models.close(db)


def test_rows_whose_claim_was_not_answered_are_claimed_again_at_once(
    shelf: Shelf, way: Way
) -> None:
    """The rows are leased and nobody knows which; the next claim returns and takes them."""
    shelf.backlog.put([Asset(url(1), "posts"), Asset(url(2), "posts")], NOW)
    way.cable.lose_answer(*CLAIMED)
    with pytest.raises(DatabaseTrouble):
        shelf.backlog.claim(10, NOW)
    assert way.leased() == 2
    assert len(shelf.backlog.claim(10, NOW)) == 2


def test_one_row_whose_claim_was_not_answered_is_claimed_again(shelf: Shelf, way: Way) -> None:
    """So it is with the row that somebody asked for by hand."""
    asset = Asset(url(1), "posts")
    shelf.backlog.put([asset], NOW)
    way.cable.lose_answer(*CLAIMED)
    with pytest.raises(DatabaseTrouble):
        shelf.backlog.claim_one(asset.id, NOW)
    assert way.leased() == 1
    assert shelf.backlog.claim_one(asset.id, NOW) is not None


def test_pictures_whose_developing_was_not_answered_are_developed_at_the_next_turn(
    shelf: Shelf, way: Way
) -> None:
    """They don't wait for the end of a lease that nobody works on."""
    shelf.add(1, picture())
    room = Darkroom(shelf.db, shelf.backlog, shelf.media, shelf.brake, max_pixels=10**7)
    with closing(room):
        way.cable.lose_answer(*CLAIMED)
        with pytest.raises(DatabaseTrouble):
            room.drain(lambda: NOW, Event())
        assert way.leased() == 1
        assert room.drain(lambda: NOW, Event()) == 1


@pytest.mark.parametrize("lost", [(CLAIMED, True), (SETTLED, False)])
def test_links_that_were_asked_for_in_vain_are_asked_for_at_the_next_turn(
    facebook: Simulator, way: Way, tmp_path: Path, lost: tuple[tuple[bytes, ...], bool]
) -> None:
    """Healing's leases are given back, at once where it knows of them, or at the next turn."""
    with archive_of(facebook, tmp_path, way.url) as archive:
        read(archive)
        facebook.clock.move(timedelta(days=7))
        question, is_confirmed = lost
        way.cable.lose_answer(*question)
        with pytest.raises(DatabaseTrouble):
            archive.heal()
        assert (way.leased() > 0) == is_confirmed
        heal(archive)
        assert way.leased() == 0
        assert way.cable.has_lost
        assert sync(archive).failed == 0
        assert query(archive, NOT_SAFE) == []


def test_links_that_could_not_be_asked_for_keep_no_lease(
    facebook: Simulator, way: Way, tmp_path: Path
) -> None:
    """Facebook asks to wait, and the database goes away while that is written down."""
    with archive_of(facebook, tmp_path, way.url) as archive:
        read(archive)
        facebook.clock.move(timedelta(days=7))
        facebook.faults.throttle(minutes=30, times=1)
        way.cable.lose_answer(b"SET heal_after = $")
        with pytest.raises(DatabaseTrouble):
            archive.heal()
        assert way.cable.has_lost
        assert way.leased() == 0


@pytest.mark.parametrize("nth", range(8))
def test_a_sync_that_hears_no_answer_loses_nothing(
    facebook: Simulator, way: Way, tmp_path: Path, nth: int
) -> None:
    """Whatever was confirmed or not, the next one brings the rest, and rows and files are true."""
    with archive_of(facebook, tmp_path, way.url) as archive:
        way.cable.lose_answer(b"COMMIT", after=nth)
        # The last words of one that only asked are missed by nobody.
        with suppress(DatabaseTrouble):
            sync(archive)
        assert way.cable.has_lost
        sync(archive)
        assert query(archive, NOT_SAFE) == []
    Ordeal(facebook, tmp_path, way.straight).check()
