"""Descriptors that run out in the middle of work: said, waited for, and nothing is blamed."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from plant import config_text
from test_brake import hear
from test_daemon import all_safe, running
from test_database_trouble import fbsyncd
from torture import NOT_SAFE, Ordeal

from fbsyncd.simulator import Simulator

FEW = 8
SAID = "Too many open files; raise the limit of open files"

pytestmark = pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="no limit can be set for another process here"
)


@contextmanager
def starved(pid: int) -> Iterator[None]:
    """Let a running process open nothing more."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (FEW, hard))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


def seconds_worked(pid: int) -> float:
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / 100


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=12, seed=3, pictures="plain") as simulator:
        yield simulator


def test_a_daemon_without_descriptors_waits_for_them(
    facebook: Simulator, tmp_path: Path, database_url: str
) -> None:
    """It says so, blames no picture, does not spin over visitors, and goes on by itself."""
    text = config_text(facebook, database_url).replace("[sync]\n", '[sync]\ninterval = "5s"\n')
    (tmp_path / "config.toml").write_text(text)
    with running(tmp_path) as daemon:
        daemon.until(all_safe)
        pid = daemon.process.pid
        with starved(pid), socket.socket() as visitor:
            facebook.add_post("album", photos=10)
            hear(daemon, SAID)
            # A visitor who cannot be let in stands before the door all the time.
            visitor.connect(("127.0.0.1", int(daemon.url.rpartition(":")[2])))
            worked = seconds_worked(pid)
            visitor.settimeout(6)
            with pytest.raises(TimeoutError):
                visitor.recv(1)
            worked = seconds_worked(pid) - worked
        hear(daemon, "no longer: ")
        archive = Ordeal(facebook, tmp_path, database_url)
        daemon.until(lambda stats: stats["posts"] == 13 and archive.rows(NOT_SAFE) == [])
        daemon.stop()
    assert "Traceback" not in "".join(daemon.log)
    assert worked < 1.5
    archive.check()


def test_a_sync_that_loses_its_descriptors_ends_in_one_line(
    facebook: Simulator, tmp_path: Path, database_url: str
) -> None:
    """Exit status 1 and the remedy; the next sync fetches the rest."""
    (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
    facebook.faults.cdn_delay(0.2)
    with fbsyncd(tmp_path, "sync") as process:
        while process.poll() is None and facebook.calls["cdn"] < 8:
            facebook.clock.now()
        with starved(process.pid):
            _, told = process.communicate(timeout=60)
    assert process.returncode == 1, told
    assert "Traceback" not in told
    assert SAID in told
    assert len([line for line in told.splitlines() if line.startswith("fbsyncd: ")]) == 1, told
    facebook.faults.clear()
    archive = Ordeal(facebook, tmp_path, database_url)
    archive.check()
    assert archive.rows("SELECT 1 FROM media_storage WHERE download_status = 'failed'") == []
    with fbsyncd(tmp_path, "sync") as process:
        _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    archive.check()
    assert archive.rows(NOT_SAFE) == []
