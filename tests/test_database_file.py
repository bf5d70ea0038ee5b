"""A SQLite file that goes away, breaks, finds no room or may not be written: said and survived."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from plant import config_text
from test_brake import hear
from test_daemon import Running, all_safe, running
from test_database_trouble import fbsyncd, refusal
from test_disk import Disk
from torture import NOT_SAFE, Ordeal

from fbsyncd.simulator import Simulator

# Each of some sixteen jobs may say two things that are wrong, and that they are over.
MOST_LINES = 80


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=12, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def path(facebook: Simulator, tmp_path: Path) -> Path:
    """The database of an archive in the test's folder; it lies in a folder of its own."""
    path = tmp_path / "rows" / "fbsyncd.db"
    (tmp_path / "config.toml").write_text(config_text(facebook, f"sqlite:///{path}"))
    return path


@pytest.fixture
def small_disk(path: Path) -> Iterator[Disk]:
    """A small file system for the database alone."""
    disk = Disk(path.parent)
    try:
        yield disk
    finally:
        disk.unmount()


def readiness(daemon: Running) -> int:
    try:
        with urllib.request.urlopen(f"{daemon.url}/readyz", timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def everything_is_there(facebook: Simulator, folder: Path, path: Path) -> bool:
    archive = Ordeal(facebook, folder, f"sqlite:///{path}")
    archive.check()
    assert archive.rows("SELECT count(*) FROM facebook_posts") == [(13,)]
    assert archive.rows("PRAGMA quick_check") == [("ok",)]
    return archive.rows(NOT_SAFE) == []


def was_quiet(daemon: Running) -> bool:
    """Tell whether trouble of seconds was a few lines and no traceback."""
    log = "".join(daemon.log)
    return "Traceback" not in log and len(daemon.log) < MOST_LINES


def vanish(path: Path) -> None:
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()


def break_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\xa5" * 4096)


def break_tables(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xa5" * (size - 100))


def empty(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(0)


@dataclass(frozen=True)
class Mishap:
    """What happens to the file, what is said of it, and how a backup gets into its place."""

    spoil: Callable[[Path], None]
    says: str
    put_back: Callable[[Path, Path], object]


@pytest.mark.parametrize(
    "mishap",
    [
        Mishap(vanish, "its file is not there any more, or empty; put it back", shutil.move),
        Mishap(break_header, "file is not a database; put a backup in its place", shutil.move),
        Mishap(break_tables, "malformed; put a backup in its place", shutil.copyfile),
        Mishap(empty, "its file is not there any more, or empty; put it back", shutil.copyfile),
    ],
    ids=["vanished", "header", "tables", "emptied"],
)
def test_a_daemon_outlives_the_loss_of_its_database(
    facebook: Simulator, path: Path, tmp_path: Path, mishap: Mishap
) -> None:
    """It tells the remedy and is not ready; with a backup put in place it goes on by itself."""
    path.parent.mkdir()
    backup = tmp_path / "backup.db"
    with running(tmp_path) as daemon:
        daemon.until(all_safe)
        with closing(sqlite3.connect(path)) as rows, closing(sqlite3.connect(backup)) as copy:
            rows.backup(copy)
            rows.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        mishap.spoil(path)
        hear(daemon, mishap.says)
        assert readiness(daemon) == 503
        facebook.add_post("photo", message="while the rows are away")
        mishap.put_back(backup, path)
        hear(daemon, "no longer: ")
        # The next regular sync is a quarter of an hour away.
        with fbsyncd(tmp_path, "sync") as process:
            _, told = process.communicate(timeout=60)
        assert process.returncode == 0, told
        daemon.until(all_safe)
        assert readiness(daemon) == 200
        daemon.stop()
    assert was_quiet(daemon), daemon.log
    assert everything_is_there(facebook, tmp_path, path)


def test_a_full_disk_under_the_database_is_waited_for(
    facebook: Simulator, small_disk: Disk, path: Path, tmp_path: Path
) -> None:
    """A commit that finds no room is undone and told with its remedy; with room work goes on."""
    small_disk.remount("size=3m")
    with running(tmp_path) as daemon:
        daemon.until(all_safe)
        ballast = small_disk.place / "ballast"
        fill(ballast)
        for _ in range(30):
            facebook.add_post("album", photos=10)
        with fbsyncd(tmp_path, "sync") as process:
            _, told = process.communicate(timeout=60)
        assert process.returncode == 1, told
        assert "disk is full; free some space on its disk" in told
        assert "Traceback" not in told
        ballast.unlink()
        small_disk.remount("size=64m")
        with fbsyncd(tmp_path, "sync") as process:
            _, told = process.communicate(timeout=120)
        assert process.returncode == 0, told
        daemon.until(all_safe)
        daemon.stop()
    assert "Traceback" not in "".join(daemon.log)
    archive = Ordeal(facebook, tmp_path, f"sqlite:///{path}")
    archive.check()
    assert archive.rows("SELECT count(*) FROM facebook_posts") == [(42,)]
    assert archive.rows("PRAGMA integrity_check") == [("ok",)]
    assert archive.rows(NOT_SAFE) == []


def fill(ballast: Path) -> None:
    """Take all the room there is."""
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue


def test_a_database_that_may_grow_no_further_is_one_line(
    facebook: Simulator, path: Path, tmp_path: Path
) -> None:
    """A limit on the size of files ends a sync with a sentence; without it the next brings all."""
    path.parent.mkdir()
    facebook.add_post("photo")
    program = (
        "import resource, sys\n"
        "from fbsyncd.__main__ import main\n"
        "from fbsyncd import commands\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n"
        "sys.exit(main(['sync']))\n"
    )
    limited = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert limited.returncode == 1, limited.stderr
    assert "Traceback" not in limited.stderr
    assert "the database" in limited.stderr
    with fbsyncd(tmp_path, "sync") as process:
        _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert everything_is_there(facebook, tmp_path, path)


def test_a_database_that_may_not_be_written_is_one_line(
    facebook: Simulator, small_disk: Disk, path: Path, tmp_path: Path
) -> None:
    """Sync and run end in one line with the remedy; when it may be written again work goes on."""
    small_disk.remount("size=64m")
    with fbsyncd(tmp_path, "sync") as process:
        process.communicate(timeout=60)
    facebook.add_post("photo")
    small_disk.remount("ro")
    for command in ("sync", "run"):
        assert "let the user that runs fbsyncd write it" in refusal(tmp_path, command)
    small_disk.remount("rw")
    with fbsyncd(tmp_path, "sync") as process:
        _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert everything_is_there(facebook, tmp_path, path)


def test_a_writer_who_never_ends_is_named_and_outlived(
    facebook: Simulator, path: Path, tmp_path: Path
) -> None:
    """A lock held longer than the patience of half a minute is told; nothing is half written."""
    path.parent.mkdir()
    with running(tmp_path) as daemon, closing(sqlite3.connect(path, isolation_level=None)) as other:
        daemon.until(all_safe)
        facebook.add_post("photo")
        other.execute("BEGIN IMMEDIATE")
        told = refusal(tmp_path, "sync")
        assert "database is locked; another program" in told
        assert other.execute("SELECT count(*) FROM facebook_posts").fetchone() == (12,)
        other.execute("ROLLBACK")
        with fbsyncd(tmp_path, "sync") as process:
            _, told = process.communicate(timeout=60)
        assert process.returncode == 0, told
        daemon.until(all_safe)
        daemon.stop()
    assert was_quiet(daemon), daemon.log
    assert everything_is_there(facebook, tmp_path, path)
