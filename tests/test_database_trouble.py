"""Databases that are locked, gone for a while, or broken: said in one line, and nothing lost."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import urllib.error
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event

import postgres
import pytest
from plant import config_text
from test_brake import hear
from test_daemon import PROMPT, Running, all_safe, running
from torture import NOT_SAFE, Ordeal

from fbsyncd.simulator import Simulator


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=12, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def own_server() -> Iterator[postgres.PostgresServer]:
    """A PostgreSQL server that may be stopped."""
    binaries = postgres.find_binaries()
    if binaries is None:
        pytest.skip(postgres.missing_reason())
    with postgres.running_server(binaries, durable=True) as server:
        yield server


def crash(server: postgres.PostgresServer, how: str) -> None:
    """Let the server end without a last word; after the death of a backend it recovers alone."""
    if how == "immediate":
        server.stop("immediate")
    elif how == "postmaster":
        server.crash()
    else:
        server.kill_backend()


def restart(server: postgres.PostgresServer, how: str) -> None:
    if how == "backend":
        server.await_recovery()
    else:
        server.start()


CRASHES = ["immediate", "postmaster", "backend"]
ARCHIVED = "SELECT id FROM media_storage WHERE download_status = 'success'"


def fbsyncd(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "fbsyncd", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def refusal(folder: Path, *arguments: str) -> str:
    """Return the only line a command ends with that cannot do its work."""
    with fbsyncd(folder, *arguments) as process:
        _, told = process.communicate(timeout=60)
    assert process.returncode == 1, told
    lines = [line for line in told.splitlines() if line.startswith("fbsyncd: ")]
    assert len(lines) == 1, told
    assert "Traceback" not in told
    return lines[0]


@contextmanager
def halted_in_mid_work(process: subprocess.Popen[str], archive: Ordeal) -> Iterator[None]:
    """Hold a sync that has archived a picture; it goes on, knowing nothing, afterwards.

    However slow the machine is, it has not come to its end meanwhile.
    """
    while not (archive.has_schema() and archive.rows(ARCHIVED)):
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def until_refused(daemon: Running) -> None:
    """Ask as a dashboard does, until many requests and every job have met the trouble."""
    refused = 0
    while refused < 20:
        try:
            daemon.get("/api/stats")
        except urllib.error.HTTPError as error:
            refused += error.code == 503
        Event().wait(0.25)


@pytest.mark.parametrize("command", ["stats", "posts", "verify", "sync", "run", "retry --all"])
def test_a_server_that_is_not_there_is_told_in_one_sentence_with_the_remedy(
    command: str, facebook: Simulator, tmp_path: Path
) -> None:
    """What the driver adds to its first line is left out."""
    url = "postgresql://user:unheard-of@127.0.0.1:9/archive"
    (tmp_path / "config.toml").write_text(config_text(facebook, url))
    told = refusal(tmp_path, *command.split())
    assert told.startswith("fbsyncd: the database said: ")
    assert told.endswith("Connection refused; start the server, or mend database.url")
    assert "unheard-of" not in told


@pytest.mark.postgresql
def test_a_daemon_outlives_its_database_server(
    facebook: Simulator, own_server: postgres.PostgresServer, tmp_path: Path
) -> None:
    """PostgreSQL stops in mid-download and comes back; the work goes on by itself."""
    with own_server.fresh_database() as url:
        (tmp_path / "config.toml").write_text(config_text(facebook, url))
        facebook.faults.cdn_delay(0.3)
        with running(tmp_path) as daemon:
            daemon.until(lambda stats: stats["media"]["success"] > 3)
            own_server.stop()
            hear(daemon, "the database said: ")
            until_refused(daemon)
            own_server.start()
            hear(daemon, "no longer: ")
            facebook.faults.clear()
            archive = Ordeal(facebook, tmp_path, url)
            daemon.until(lambda stats: all_safe(stats) and archive.rows(NOT_SAFE) == [])
            assert daemon.stop() < PROMPT
        told = [line for line in daemon.log if "the database said: " in line]
        assert ["no longer: " in line for line in told] == [False, True], told
        assert "Traceback" not in "".join(daemon.log)
        archive.check()


@pytest.mark.postgresql
def test_a_reading_that_the_database_cut_is_made_up_for_soon(
    facebook: Simulator, own_server: postgres.PostgresServer, tmp_path: Path
) -> None:
    """A Page is read every quarter of an hour; what the database's end took from it is not."""
    with own_server.fresh_database() as url:
        (tmp_path / "config.toml").write_text(config_text(facebook, url))
        facebook.faults.hang(4)
        with running(tmp_path) as daemon:
            own_server.stop()
            hear(daemon, "the database said: ")
            own_server.start()
            hear(daemon, "no longer: ")
            daemon.until(all_safe)
            assert "the connection is closed" not in "".join(daemon.log)
            daemon.stop()
        Ordeal(facebook, tmp_path, url).check()


@pytest.mark.postgresql
def test_a_sync_whose_database_goes_away_ends_in_one_line(
    facebook: Simulator, own_server: postgres.PostgresServer, tmp_path: Path
) -> None:
    """Exit status 1 with the server's own words; the next sync brings the rest."""
    with own_server.fresh_database() as url:
        (tmp_path / "config.toml").write_text(config_text(facebook, url))
        archive = Ordeal(facebook, tmp_path, url)
        facebook.faults.cdn_delay(0.2)
        with fbsyncd(tmp_path, "sync") as process:
            with halted_in_mid_work(process, archive):
                own_server.stop()
            _, told = process.communicate(timeout=60)
        assert process.returncode == 1, told
        assert "Traceback" not in told
        assert len([line for line in told.splitlines() if line.startswith("fbsyncd: ")]) == 1, told
        assert "the database" in refusal(tmp_path, "sync")
        own_server.start()
        facebook.faults.clear()
        with fbsyncd(tmp_path, "sync") as process:
            assert process.communicate(timeout=60)[1] is not None
        assert process.returncode == 0
        archive.check()
        assert archive.rows(NOT_SAFE) == []


@pytest.mark.postgresql
@pytest.mark.parametrize("how", CRASHES)
def test_a_sync_whose_database_crashes_loses_nothing(
    facebook: Simulator, own_server: postgres.PostgresServer, tmp_path: Path, how: str
) -> None:
    """One line, exit status 1; what was archived before stays so, the next sync brings the rest."""
    with own_server.fresh_database() as url:
        (tmp_path / "config.toml").write_text(config_text(facebook, url))
        archive = Ordeal(facebook, tmp_path, url)
        facebook.faults.cdn_delay(0.2)
        with fbsyncd(tmp_path, "sync") as process:
            with halted_in_mid_work(process, archive):
                before = set(archive.rows(ARCHIVED))
                crash(own_server, how)
            _, told = process.communicate(timeout=60)
        assert process.returncode == 1, told
        assert "Traceback" not in told
        assert len([line for line in told.splitlines() if line.startswith("fbsyncd: ")]) == 1, told
        restart(own_server, how)
        facebook.faults.clear()
        with fbsyncd(tmp_path, "sync") as process:
            _, told = process.communicate(timeout=60)
        assert process.returncode == 0, told
        assert before
        assert before <= set(archive.rows(ARCHIVED))
        archive.check()
        assert archive.rows(NOT_SAFE) == []


@pytest.mark.postgresql
@pytest.mark.parametrize("how", CRASHES)
def test_a_daemon_outlives_a_crash_of_its_database(
    facebook: Simulator, own_server: postgres.PostgresServer, tmp_path: Path, how: str
) -> None:
    """It says so, goes on once the server has recovered, and loses nothing of what it had."""
    with own_server.fresh_database() as url:
        (tmp_path / "config.toml").write_text(config_text(facebook, url))
        archive = Ordeal(facebook, tmp_path, url)
        facebook.faults.cdn_delay(0.3)
        with running(tmp_path) as daemon:
            daemon.until(lambda stats: stats["media"]["success"] > 3)
            before = set(archive.rows(ARCHIVED))
            crash(own_server, how)
            # One that recovers alone may be back before anybody has asked it for anything.
            if how != "backend":
                hear(daemon, "the database said: ")
            restart(own_server, how)
            if how != "backend":
                hear(daemon, "no longer: ")
            facebook.faults.clear()
            # The first to ask may be the one who finds that its connection was ended.
            daemon.until(
                lambda stats: all_safe(stats) and archive.rows(NOT_SAFE) == [],
                bears=503 if how == "backend" else None,
            )
            daemon.stop()
        assert "Traceback" not in "".join(daemon.log)
        assert before <= set(archive.rows(ARCHIVED))
        archive.check()


def test_another_writer_is_waited_for(facebook: Simulator, tmp_path: Path) -> None:
    """While somebody else holds the database's lock nothing is written, and then everything is."""
    path = tmp_path / "fbsyncd.db"
    (tmp_path / "config.toml").write_text(config_text(facebook, f"sqlite:///{path}"))
    with fbsyncd(tmp_path, "setup") as process:
        process.communicate(timeout=60)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with fbsyncd(tmp_path, "sync") as process:
            with pytest.raises(subprocess.TimeoutExpired):
                process.communicate(timeout=2)
            assert other.execute("SELECT count(*) FROM facebook_posts").fetchone() == (0,)
            other.execute("ROLLBACK")
            _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    archive = Ordeal(facebook, tmp_path, f"sqlite:///{path}")
    archive.check()
    assert archive.rows(NOT_SAFE) == []


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [(0, 4096, "not a database"), (100, -1, "malformed"), (8192, -1, "malformed")],
    ids=["header", "schema", "tables"],
)
def test_a_broken_database_file_is_said(
    facebook: Simulator, tmp_path: Path, first: int, last: int, says: str
) -> None:
    """One line names the trouble; no command makes it worse or prints a traceback."""
    path = tmp_path / "fbsyncd.db"
    (tmp_path / "config.toml").write_text(config_text(facebook, f"sqlite:///{path}"))
    with fbsyncd(tmp_path, "sync") as process:
        process.communicate(timeout=60)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    end = len(data) if last < 0 else last
    data[first:end] = b"\xa5" * (end - first)
    path.write_bytes(data)
    for command in ("stats", "sync", "run"):
        assert says in refusal(tmp_path, command)
    assert path.read_bytes() == bytes(data)
