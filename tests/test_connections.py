"""Connections to PostgreSQL: few, used again, given back, and none without the driver."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import postgres
import psycopg
import pytest
from peewee import Database

from fbsyncd import models

BACKENDS = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE application_name = 'fbsyncd' AND datname = current_database()"
)


@pytest.fixture
def url(postgres_server: postgres.PostgresServer) -> Iterator[str]:
    with postgres_server.fresh_database() as url:
        yield url


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    db = models.connect(url)
    yield db
    models.close(db)


def backends(url: str, most: int) -> int:
    """Return how many connections the server has of ours; it may take a moment to see one end."""
    with psycopg.connect(url, autocommit=True) as watcher:
        for _ in range(100):
            ((count,),) = watcher.execute(BACKENDS).fetchall()
            if count <= most:
                break
            watcher.execute("SELECT pg_sleep(0.05)")
        return int(count)


@pytest.mark.postgresql
def test_connections_are_used_again_and_closed(url: str, database: Database) -> None:
    """Eight threads need eight connections, however long they work; afterwards there is none."""
    together = Barrier(8)

    def work(_: int) -> set[int]:
        together.wait()
        found = set()
        for _ in range(25):
            with models.session(database):
                found.add(int(models.rows(database, "SELECT pg_backend_pid()")[0][0]))
        return found

    with ThreadPoolExecutor(8) as pool:
        pids = set().union(*pool.map(work, range(8)))
    assert 1 <= len(pids) <= 8
    assert backends(url, 8) <= 8
    models.close(database)
    assert backends(url, 0) == 0


@pytest.mark.postgresql
def test_connections_that_were_cut_are_made_anew(url: str, database: Database) -> None:
    """Whatever ended them while they were idle, the next work does not notice."""

    def ask() -> int:
        with models.session(database):
            return int(models.rows(database, "SELECT pg_backend_pid()")[0][0])

    first = ask()
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [first])
    assert ask() != first


@pytest.mark.postgresql
def test_the_short_scheme_is_understood(url: str) -> None:
    """Hosting companies hand out postgres:// links."""
    db = models.connect(url.replace("postgresql://", "postgres://"))
    with models.session(db):
        assert models.rows(db, "SELECT 1") == [(1,)]
    models.close(db)


@pytest.fixture(scope="module")
def without_driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that is installed here but PostgreSQL's drivers."""
    folder = tmp_path_factory.mktemp("packages")
    for path in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not path.name.startswith(("psycopg", "__editable__", "_psycopg")):
            (folder / path.name).symlink_to(path)
    return folder


def run_without_driver(
    packages: Path, folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parent.parent
    return subprocess.run(
        [sys.executable, "-S", "-m", "fbsyncd", *arguments],
        cwd=folder,
        env={"PYTHONPATH": f"{root}:{packages}", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_the_driver_one_line_says_what_to_install(
    without_driver: Path, tmp_path: Path
) -> None:
    """A postgresql:// URL in config.toml needs the extra, and nothing else does."""
    config = tmp_path / "config.toml"
    config.write_text('[database]\nurl = "postgresql://me:hunter2@127.0.0.1/archive"\n')
    told = run_without_driver(without_driver, tmp_path, "stats")
    line = "PostgreSQL needs a driver: pip install 'fbsyncd[postgres]'"
    assert told.returncode == 78
    assert told.stderr == f"fbsyncd: database.url: {line}\n"
    config.write_text("")
    assert run_without_driver(without_driver, tmp_path, "setup").returncode == 0
    assert run_without_driver(without_driver, tmp_path, "stats").returncode == 0
    told = run_without_driver(
        without_driver, tmp_path, "copy", "--to", "postgresql://me:hunter2@127.0.0.1/archive"
    )
    assert told.returncode == 1
    assert told.stderr == f"fbsyncd: --to: {line}\n"
