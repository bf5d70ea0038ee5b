"""The fixtures that the other tests stand on."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import postgres
import psycopg
import pytest

_RUN = """
import pathlib, sys, postgres
with postgres.running_server(pathlib.Path(sys.argv[1])) as server:
    print(server.url("postgres"), server.folder, flush=True)
    sys.stdin.read()
"""


def _query(url: str, *statements: str) -> list[tuple[object, ...]]:
    if url.startswith("sqlite:///"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            rows = [connection.execute(statement).fetchall() for statement in statements][-1]
        connection.close()
        return rows
    with psycopg.connect(url) as server:
        for statement in statements:
            cursor = server.execute(statement.encode())
        return cursor.fetchall()


@pytest.mark.parametrize("turn", [1, 2])
def test_database_is_fresh(database_url: str, turn: int) -> None:
    """Each test finds an empty database that it can write to, whatever the one before did."""
    rows = _query(
        database_url,
        "CREATE TABLE only_mine (turn int)",
        f"INSERT INTO only_mine VALUES ({turn})",
        "SELECT turn FROM only_mine",
    )
    assert rows == [(turn,)]


def test_database_url_names_the_engine(database_url: str, request: pytest.FixtureRequest) -> None:
    """A test knows from the URL which engine it runs on, and -k and -m can choose."""
    engine = database_url.partition(":")[0]
    assert f"[{engine}]" in request.node.name
    assert (request.node.get_closest_marker("postgresql") is not None) == (engine == "postgresql")


@pytest.mark.postgresql
def test_server_keeps_to_itself(postgres_server: postgres.PostgresServer) -> None:
    """The server listens on loopback only, and lets nobody in without the password."""
    url = postgres_server.url("postgres")
    assert _query(url, "SHOW listen_addresses") == [("127.0.0.1",)]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(postgres_server.password, "wrong"))


@pytest.mark.postgresql
def test_server_ends_with_a_killed_run() -> None:
    """A test run that is killed leaves no server and no files behind."""
    binaries = postgres.find_binaries()
    if binaries is None:
        pytest.skip(postgres.missing_reason())
    with subprocess.Popen(
        [sys.executable, "-c", _RUN, str(binaries)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as run:
        assert run.stdout is not None
        url, folder = run.stdout.readline().decode().split()
        assert _query(url, "SELECT 1") == [(1,)]
        run.kill()
    _wait_until_gone(Path(folder))
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(url)


def _wait_until_gone(folder: Path) -> None:
    deadline = time.monotonic() + 20
    while folder.exists():
        assert time.monotonic() < deadline, f"{folder} is still there"
        time.sleep(0.05)
