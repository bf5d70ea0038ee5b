"""One daemon an archive, whatever happens to the disk that holds the lock."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Timer

import pytest
from peewee import Database
from plant import config_text
from test_brake import becomes
from test_daemon import Running, all_safe, running

from fbsyncd import facts, lock, models
from fbsyncd.errors import AlreadyRunning
from fbsyncd.lock import Lock
from fbsyncd.simulator import Simulator
from fbsyncd.sole import FRESH, Sole

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def swapped(root: Path) -> None:
    """Let another folder be in the place of *root*, as when a disk comes back."""
    root.rename(root.with_name(f"{root.name} before"))
    root.mkdir()


def test_a_second_lock_is_refused_with_the_pid(tmp_path: Path) -> None:
    """It is free again once it is let go of."""
    with lock.held(tmp_path):
        with pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}"), lock.held(tmp_path):
            pass
        assert lock.holder(tmp_path) == str(os.getpid())
    with lock.held(tmp_path):
        pass


def test_a_disk_that_is_back_is_locked_again(tmp_path: Path) -> None:
    """The file is another one; whoever comes now is refused all the same."""
    root = tmp_path / "media"
    with lock.held(root) as held:
        assert held.keep()
        swapped(root)
        assert not held.keep()
        (root / ".lock").touch()
        assert held.keep()
        with pytest.raises(AlreadyRunning), lock.held(root):
            pass


def test_a_second_one_that_was_first_on_the_disk_is_noticed(tmp_path: Path) -> None:
    """Two daemons do not go on side by side; who only asks for the holder is no second one."""
    root = tmp_path / "media"
    with lock.held(root) as held:
        swapped(root)
        with lock.held(root):
            assert held.keep()
            with pytest.raises(AlreadyRunning, match="pid"):
                held.keep()


@pytest.fixture
def killed(tmp_path: Path) -> int:
    """The pid of a process that was killed while it had the lock, and is still in its file."""
    code = "import sys; from pathlib import Path; from fbsyncd import lock\n"
    code += "with lock.held(Path(sys.argv[1])): print(flush=True); input()"
    line = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    assert (tmp_path / ".lock").read_text() == f"{process.pid}\n"
    return process.pid


def test_who_was_killed_holds_nothing(tmp_path: Path, killed: int) -> None:
    """Its pid is left in the file; the lock is free all the same."""
    assert killed
    assert lock.holder(tmp_path) is None
    with lock.held(tmp_path):
        assert lock.holder(tmp_path) == str(os.getpid())
    assert (tmp_path / ".lock").read_text() == ""


def test_who_only_asks_keeps_no_daemon_from_starting(tmp_path: Path, killed: int) -> None:
    """Asking shares the lock for an instant, and the pid in the file is nobody's."""
    assert killed
    with (tmp_path / ".lock").open(encoding="ascii") as asks:
        fcntl.flock(asks, fcntl.LOCK_SH)
        done = Timer(0.2, fcntl.flock, [asks, fcntl.LOCK_UN])
        done.start()
        with lock.held(tmp_path):
            assert lock.holder(tmp_path) == str(os.getpid())
        done.join()


def test_a_holder_is_not_called_by_the_pid_of_who_was_killed(tmp_path: Path, killed: int) -> None:
    """One that starts has the lock a moment before it writes its own."""
    assert killed
    with (tmp_path / ".lock").open(encoding="ascii") as starts:
        fcntl.flock(starts, fcntl.LOCK_EX)
        assert lock.holder(tmp_path) == "unknown"
        with pytest.raises(AlreadyRunning, match="pid unknown"), lock.held(tmp_path):
            pass
        assert lock.holder(tmp_path) == "unknown"


@pytest.fixture
def away(tmp_path: Path) -> Lock:
    """A lock whose folder is not there."""
    return Lock(tmp_path / "away")


def test_a_daemon_without_its_disk_is_known_by_the_database(db: Database, away: Lock) -> None:
    """Another process, wherever it runs, is refused as long as the first one says so."""
    first = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    sole = Sole(away, db, lambda: NOW)
    sole.require()
    sole.keep()
    sole.require()
    told = str(facts.get(db, "daemon without its disk"))
    other = told.replace(f'"{os.getpid()}-', f'"{first.pid}-')
    facts.put(db, "daemon without its disk", other)
    with pytest.raises(AlreadyRunning, match=f"pid {first.pid}"):
        sole.require()
    Sole(away, db, lambda: NOW + FRESH + timedelta(seconds=1)).require()
    first.communicate()
    sole.require()


def test_a_daemon_with_its_disk_writes_nothing(db: Database, tmp_path: Path) -> None:
    """The lock is enough."""
    with lock.held(tmp_path) as held:
        Sole(held, db, lambda: NOW).keep()
    assert facts.get(db, "daemon without its disk") is None


def second(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fbsyncd", "run"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_second_daemon_is_refused_while_the_disk_is_away_and_after(
    tmp_path: Path, database_url: str
) -> None:
    """With the first one's pid, before it is mounted again and afterwards; the first goes on."""
    with Simulator(posts=6, seed=3, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
        with running(tmp_path) as first:
            first.until(all_safe)
            root = tmp_path / "media" / "facebook"
            away = root.rename(tmp_path / "away")
            root.mkdir()
            becomes(first, "not ready")
            wait_for_word(database_url)
            refuse(first, tmp_path)
            for path in root.iterdir():
                path.unlink()
            root.rmdir()
            # Another file in its place, as after a disk was unplugged and is back.
            (away / ".lock").rename(away / ".lock before")
            (away / ".lock").write_text("stale\n")
            away.rename(root)
            becomes(first, "ready")
            while (root / ".lock").read_text() == "stale\n":
                Event().wait(0.1)
            refuse(first, tmp_path)
            first.until(all_safe)
            first.stop()


def test_a_daemon_gives_way_to_one_that_was_on_the_disk_first(tmp_path: Path) -> None:
    """It says so and ends cleanly, within two looks."""
    with Simulator(posts=2, seed=3, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook))
        with running(tmp_path) as daemon:
            root = tmp_path / "media" / "facebook"
            (root / ".lock").rename(root / ".lock before")
            with lock.held(root):
                log = daemon.process.communicate(timeout=60)[1]
            assert f"pid {os.getpid()}); stop it first: stopping, it was there first" in log
            assert "archive closed" in log
            assert "Traceback" not in log
            assert daemon.process.returncode == 0


def refuse(first: Running, folder: Path) -> None:
    """Try to run a second daemon: it ends with a line that names the first one."""
    done = second(folder)
    assert done.returncode == 1, done.stderr
    assert f"(pid {first.process.pid}" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def wait_for_word(database_url: str) -> None:
    db = models.connect(database_url)
    try:
        while facts.get(db, "daemon without its disk") is None:
            Event().wait(0.1)
    finally:
        models.close(db)
