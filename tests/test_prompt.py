"""The commands that must not keep one waiting load only what they need."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from fbsyncd import models

if TYPE_CHECKING:
    from pathlib import Path

#: What stats has no use for, and what takes longer to load than the command should.
HEAVY = {"PIL", "apscheduler", "multiprocessing", "prometheus_client", "requests", "waitress"}
PROGRAM = """
import sys
from fbsyncd.__main__ import main
status = main(["stats", "--json"])
print("\\n" + " ".join(sys.modules))
sys.exit(status)
"""


def counted(folder: Path) -> tuple[dict[str, Any], set[str]]:
    """Run ``fbsyncd stats``; return what it tells, and the names of the modules it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=folder, capture_output=True, text=True, check=True
    )
    told, _, loaded = done.stdout.strip().rpartition("\n")
    return json.loads(told), set(loaded.split())


@pytest.fixture
def folder(tmp_path: Path, database_url: str) -> Path:
    """A configuration, and a database that nobody has set up."""
    (tmp_path / "config.toml").write_text(f'[database]\nurl = "{database_url}"\n')
    return tmp_path


def test_stats_loads_nothing_it_has_no_use_for(folder: Path, database_url: str) -> None:
    """There is an archive to be read, but no image library and no server."""
    subprocess.run([sys.executable, "-m", "fbsyncd", "setup"], cwd=folder, check=True)
    told, _ = counted(folder)
    assert told["posts"] == 0
    again, loaded = counted(folder)
    assert again == told | {"free_bytes": again["free_bytes"]}
    assert HEAVY & loaded == set()
    # The driver of a server is loaded when there is a server, although peewee would do so anyway.
    assert ("psycopg" in loaded) == database_url.startswith("postgresql")


def test_the_first_answer_waits_for_nothing_that_works_beside_the_server() -> None:
    """What reads Pages, fetches, decodes and keeps time is loaded once the server answers."""
    program = (
        "from fbsyncd import drivers; drivers.leave_out()\n"
        "import sys, fbsyncd.daemon\n"
        "print(*sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert {"bottle", "waitress", "fbsyncd.archive"} <= loaded
    beside = {"PIL", "apscheduler", "prometheus_client", "requests", "watchdog", "psycopg"}
    assert beside & loaded == set()


def test_whoever_uses_the_package_finds_peewee_whole() -> None:
    """Only the program leaves drivers out: a script that shares peewee with fbsyncd keeps them."""
    program = (
        "import fbsyncd, sys; fbsyncd.FacebookMediaManager; import peewee; print(peewee.psycopg)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "psycopg" in done.stdout


def test_a_pool_made_without_the_driver_serves_all_the_same(database_url: str) -> None:
    """Connections are given back clean, and errors are peewee's, as with peewee's own adapter."""
    program = (
        "from fbsyncd import drivers; drivers.leave_out()\n"
        "import sys, peewee\n"
        "from fbsyncd import errors, models\n"
        "assert peewee.psycopg is None\n"
        "db = models.connect(sys.argv[1])\n"
        "try:\n"
        "    with models.transaction(db): models.rows(db, 'SELECT * FROM nowhere')\n"
        "except (peewee.ProgrammingError, errors.DatabaseTrouble): pass\n"
        "with models.transaction(db): models.change(db, 'CREATE TABLE one (a INTEGER)')\n"
        "with models.snapshot(db): print(list(models.stream(db, 'SELECT count(*) FROM one')))\n"
        "models.close(db)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, database_url], capture_output=True, text=True, check=False
    )
    assert done.stdout == "[[(0,)]]\n", done.stderr
    db = models.connect(database_url)
    try:
        with models.session(db):
            assert models.rows(db, "SELECT count(*) FROM one") == [(0,)]
    finally:
        models.close(db)
