"""Leases that the database confirmed when nobody could hear it any more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import psycopg
import pytest
from cable import Cable
from plant import archive_of, config_text, query, read, sync
from shelf import NOW, Shelf, picture, url
from test_daemon import all_safe, running
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

CLAIMED = [b"SET lease_owner = $", b"COMMIT"]
SETTLED = [b"SET heal_attempts = $"]
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
    way.cable.lose_answers(CLAIMED)
    with pytest.raises(DatabaseTrouble):
        shelf.backlog.claim(10, NOW)
    assert way.leased() == 2
    assert len(shelf.backlog.claim(10, NOW)) == 2


def test_one_row_whose_claim_was_not_answered_is_claimed_again(shelf: Shelf, way: Way) -> None:
    """So it is with the row that somebody asked for by hand."""
    asset = Asset(url(1), "posts")
    shelf.backlog.put([asset], NOW)
    way.cable.lose_answers(CLAIMED)
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
        way.cable.lose_answers(CLAIMED)
        with pytest.raises(DatabaseTrouble):
            room.drain(lambda: NOW, Event())
        assert way.leased() == 1
        assert room.drain(lambda: NOW, Event()) == 1


@pytest.mark.parametrize("lost", [(CLAIMED, True), (SETTLED, False)])
def test_links_that_were_asked_for_in_vain_are_asked_for_at_the_next_turn(
    facebook: Simulator, way: Way, tmp_path: Path, lost: tuple[list[bytes], bool]
) -> None:
    """Healing's leases are given back, at once where it knows of them, or at the next turn."""
    with archive_of(facebook, tmp_path, way.url) as archive:
        read(archive)
        facebook.clock.move(timedelta(days=7))
        question, is_confirmed = lost
        way.cable.lose_answers(question)
        with pytest.raises(DatabaseTrouble):
            archive.heal()
        assert (way.leased() > 0) == is_confirmed
        heal(archive)
        assert way.leased() == 0
        assert not way.cable.left_to_lose
        assert sync(archive).failed == 0
        assert query(archive, NOT_SAFE) == []


def test_a_daemon_that_hears_no_answer_now_and_then_archives_all(
    facebook: Simulator, way: Way, tmp_path: Path
) -> None:
    """Whatever was confirmed or not, all is safe soon, and rows and files tell the truth."""
    (tmp_path / "config.toml").write_text(config_text(facebook, way.url))
    facebook.faults.cdn_delay(0.1)
    with running(tmp_path) as daemon:
        archive = Ordeal(facebook, tmp_path, way.straight)
        way.cable.lose_answers(*[CLAIMED] * 6)
        daemon.until(
            lambda stats: (
                all_safe(stats) and archive.rows(NOT_SAFE) == [] and not way.cable.left_to_lose
            ),
            bears=503,
        )
        daemon.stop()
    assert "Traceback" not in "".join(daemon.log)
    archive.check()
