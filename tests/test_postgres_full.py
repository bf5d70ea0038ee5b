"""PostgreSQL without room for rows, and without room for its log: nothing committed is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import postgres
import psycopg
import pytest
from plant import config_text
from test_brake import hear
from test_daemon import Running, all_safe, running
from test_database_file import fill
from test_database_trouble import fbsyncd, own_server
from test_disk import Disk
from torture import NOT_SAFE, Ordeal

from fbsyncd.simulator import Simulator

__all__ = ["own_server"]

PICTURES = "SELECT id FROM media_storage"

pytestmark = pytest.mark.postgresql


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=12, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def disk(own_server: postgres.PostgresServer) -> Iterator[Disk]:
    """A small file system that the server may write to."""
    disk = Disk(own_server.folder / "small")
    try:
        disk.remount("size=24m")
        os.chown(disk.place, own_server.options["user"], own_server.options["group"])
        yield disk
    finally:
        disk.unmount()


@pytest.fixture
def cramped(own_server: postgres.PostgresServer, disk: Disk) -> Iterator[str]:
    """A database whose rows, and nothing else, lie on the small disk."""
    with psycopg.connect(own_server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE small LOCATION '{disk.place}'")
        connection.execute("CREATE DATABASE cramped TEMPLATE template0 TABLESPACE small")
    yield own_server.url("cramped")
    with psycopg.connect(own_server.url("postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE cramped WITH (FORCE)")
        connection.execute("DROP TABLESPACE small")


@contextmanager
def running_on(facebook: Simulator, url: str, folder: Path) -> Iterator[Running]:
    (folder / "config.toml").write_text(config_text(facebook, url))
    with running(folder) as daemon:
        yield daemon


def synced(folder: Path) -> None:
    with fbsyncd(folder, "sync") as process:
        _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told


def test_a_full_disk_under_the_rows_is_waited_for(
    facebook: Simulator, disk: Disk, cramped: str, tmp_path: Path
) -> None:
    """Sync ends in one line, the daemon waits; with room everything is fetched, once."""
    archive = Ordeal(facebook, tmp_path, cramped)
    with running_on(facebook, cramped, tmp_path) as daemon:
        daemon.until(lambda stats: all_safe(stats) and archive.rows(NOT_SAFE) == [])
        ballast = disk.place / "ballast"
        fill(ballast)
        for _ in range(40):
            facebook.add_post("album", photos=10)
        with fbsyncd(tmp_path, "sync") as process:
            _, told = process.communicate(timeout=90)
        assert process.returncode == 1, told
        assert "No space left on device" in told
        assert "Traceback" not in told
        ballast.unlink()
        disk.remount("size=256m")
        synced(tmp_path)
        daemon.until(lambda stats: stats["posts"] == 52 and archive.rows(NOT_SAFE) == [])
        daemon.stop()
    assert "Traceback" not in "".join(daemon.log)
    archive.check()


@pytest.fixture
def cramped_log(own_server: postgres.PostgresServer, disk: Disk) -> postgres.PostgresServer:
    """The server with its write-ahead log, and nothing else, on the small disk."""
    own_server.stop()
    log = own_server.folder / "data" / "pg_wal"
    subprocess.run(["cp", "-a", f"{log}/.", str(disk.place)], check=True)
    shutil.rmtree(log)
    log.symlink_to(disk.place)
    own_server.start()
    return own_server


def write_on_and_on(server: postgres.PostgresServer) -> None:
    """Write until the server can take no more."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE TABLE filler (text TEXT)")
        while True:
            connection.execute(
                "INSERT INTO filler SELECT repeat('x', 500) FROM generate_series(1, 2000)"
            )


def test_a_full_disk_under_the_log_is_outlived(
    facebook: Simulator, cramped_log: postgres.PostgresServer, disk: Disk, tmp_path: Path
) -> None:
    """The server itself gives up when it cannot commit; once it runs again work goes on."""
    with cramped_log.fresh_database() as url, running_on(facebook, url, tmp_path) as daemon:
        archive = Ordeal(facebook, tmp_path, url)
        daemon.until(lambda stats: all_safe(stats) and archive.rows(NOT_SAFE) == [])
        before = set(archive.rows(PICTURES))
        fill(disk.place / "ballast")
        with cramped_log.crashing(), pytest.raises(psycopg.OperationalError):
            write_on_and_on(cramped_log)
        hear(daemon, "the database said: ")
        (disk.place / "ballast").unlink()
        disk.remount("size=256m")
        cramped_log.revive()
        facebook.add_post("photo")
        synced(tmp_path)
        daemon.until(lambda stats: stats["posts"] == 13 and archive.rows(NOT_SAFE) == [], bears=503)
        daemon.stop()
        assert "Traceback" not in "".join(daemon.log)
        assert "the connection is closed" not in "".join(daemon.log)
        assert before <= set(archive.rows(PICTURES))
        archive.check()
