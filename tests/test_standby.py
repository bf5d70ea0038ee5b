"""A cluster of PostgreSQL servers: standbys are read, and writing goes on where one is promoted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import postgres
import psycopg
import pytest
from plant import config_text
from test_brake import hear
from test_daemon import all_safe, running
from test_database_trouble import ARCHIVED, fbsyncd, own_server, refusal
from test_only_read import READING
from test_postgres_settings import told
from torture import NOT_SAFE, Ordeal

from fbsyncd import DashboardDataProvider, models
from fbsyncd.simulator import Simulator

__all__ = ["own_server"]

WRITABLE = "name one that takes writes in database.url"

pytestmark = pytest.mark.postgresql


@pytest.fixture(scope="module")
def folder(
    postgres_server: postgres.PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """An archive whose rows are read from a standby of the server that they were written to."""
    folder = tmp_path_factory.mktemp("archive")
    config = folder / "config.toml"
    with (
        Simulator(posts=6, seed=5, pictures="plain") as facebook,
        postgres_server.fresh_database() as url,
    ):
        config.write_text(config_text(facebook, url))
        told(folder, "sync")
        with postgres.running_standby(postgres_server) as standby:
            name = url.rpartition("/")[2]
            config.write_text(config_text(facebook, standby.url(name)))
            yield folder


def test_what_reads_reads_from_a_standby(folder: Path) -> None:
    """Statistics, posts, a verification, an export, the classes for scripts."""
    for arguments in READING:
        assert told(folder, *arguments)
    provider = DashboardDataProvider(folder / "config.toml")
    try:
        assert len(provider.get_posts_with_media()) == 6
    finally:
        provider.close()


def test_an_archive_is_copied_out_of_a_standby(folder: Path, tmp_path: Path) -> None:
    """The copy has everything, and is written as any other."""
    told(folder, "copy", "--to", f"sqlite:///{tmp_path / 'copy.db'}")
    db = models.connect(f"sqlite:///{tmp_path / 'copy.db'}")
    with models.session(db):
        assert models.rows(db, "SELECT count(*) FROM facebook_posts") == [(6,)]
    models.close(db)


@pytest.mark.parametrize("command", ["sync", "run", "setup", "reconcile"])
def test_what_writes_is_refused_by_a_standby(folder: Path, command: str) -> None:
    """In one line, which says what to do; nothing is asked of Facebook before."""
    said = refusal(folder, command)
    assert "read-only" in said
    assert said.endswith(WRITABLE)


def test_doctor_tells_of_a_standby(folder: Path) -> None:
    """Its other checks go on."""
    with fbsyncd(folder, "doctor") as process:
        out, log = process.communicate(timeout=120)
    assert "Traceback" not in log
    assert "schema" in out


@contextmanager
def followed(primary: postgres.PostgresServer) -> Iterator[postgres.PostgresServer]:
    """A standby of *primary*, which has a database for an archive; they commit together."""
    with psycopg.connect(primary.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE archive TEMPLATE template0")
        with postgres.running_standby(primary) as standby:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
            connection.close()
            yield standby


def either(one: postgres.PostgresServer, other: postgres.PostgresServer) -> str:
    """Return the URL of the archive on whichever of the two takes writes."""
    more = f",127.0.0.1:{other.port}/archive?target_session_attrs=read-write"
    return one.url("archive").replace("/archive", more)


def test_a_daemon_goes_on_with_the_standby_that_was_promoted(
    facebook: Simulator, own_server: postgres.PostgresServer, tmp_path: Path
) -> None:
    """Its URL names both servers; what was archived stays so, and the rest comes to the new one."""
    with followed(own_server) as standby:
        (tmp_path / "config.toml").write_text(config_text(facebook, either(own_server, standby)))
        facebook.faults.cdn_delay(0.3)
        with running(tmp_path) as daemon:
            daemon.until(lambda stats: stats["media"]["success"] > 3)
            before = set(Ordeal(facebook, tmp_path, own_server.url("archive")).rows(ARCHIVED))
            own_server.stop("immediate")
            hear(daemon, "the database said: ")
            standby.promote()
            hear(daemon, "no longer: ")
            facebook.faults.clear()
            archive = Ordeal(facebook, tmp_path, standby.url("archive"))
            daemon.until(lambda stats: all_safe(stats) and archive.rows(NOT_SAFE) == [], bears=503)
            facebook.add_post("photo")
            told(tmp_path, "sync")
            daemon.until(lambda stats: stats["posts"] == 13, bears=503)
            daemon.stop()
        assert "Traceback" not in "".join(daemon.log)
        assert before
        assert before <= set(archive.rows(ARCHIVED))
        archive.check()


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=12, seed=3, pictures="plain") as simulator:
        yield simulator
