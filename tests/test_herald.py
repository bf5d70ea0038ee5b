"""The daemon under a service manager: ready, status, watchdog, reload and stop."""

from __future__ import annotations

import os
import pty
import signal
import socket
import sqlite3
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import psycopg
import pytest
from manager import Manager, managed
from plant import archive_of, config_text
from ports import free_port

from fbsyncd.errors import ArchiveError
from fbsyncd.herald import Herald, sentence
from fbsyncd.notify import Notifier
from fbsyncd.pulse import Pulse
from fbsyncd.server import make_app
from fbsyncd.server.listen import Server
from fbsyncd.simulator import Simulator


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=6, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def folder(facebook: Simulator, tmp_path: Path, database_url: str) -> Path:
    (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
    return tmp_path


only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)


def is_ready(message: str) -> bool:
    return message == "READY=1"


def answers(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60) as answer:
        return bool(answer.status == 200)


def with_port(folder: Path, port: int) -> None:
    config = folder / "config.toml"
    before = [line for line in config.read_text().splitlines() if not line.startswith("port = ")]
    config.write_text("\n".join([*before, f"port = {port}", ""]))


@pytest.mark.parametrize("abstract", [False, True])
def test_ready_is_said_when_the_server_answers(folder: Path, abstract: bool) -> None:
    """At READY the port answers; a line of status counts pictures; STOPPING comes at SIGTERM."""
    port = free_port()
    with_port(folder, port)
    with managed(folder, abstract=abstract) as manager:
        manager.until(is_ready)
        assert answers(port)
        status = manager.until(lambda message: "next sync" in message)
        assert status.startswith("STATUS=")
        assert "pictures are safe" in status
        manager.process.send_signal(signal.SIGTERM)
        manager.until(lambda message: message == "STOPPING=1")
        log = manager.finish()
        assert manager.process.returncode == 0
        assert "WATCHDOG=1" not in manager.heard
        assert "Traceback" not in log


@only_sqlite
def test_nothing_is_ready_with_a_schema_of_the_future(folder: Path) -> None:
    """A database that a newer program made ends the start, and READY is never said."""
    with managed(folder) as manager:
        manager.until(is_ready)
        manager.finish()
    connection = sqlite3.connect(folder / "fbsyncd.db")
    with connection:
        connection.execute("INSERT INTO schema_migrations VALUES (9999, 'x', 'x', 'now')")
    connection.close()
    with managed(folder) as manager:
        log = manager.finish(0)
        assert manager.process.returncode == 1
        assert "9999" in log
        manager.silent_for("READY=1", 0.1)
        assert "READY=1" not in manager.heard


def test_the_watchdog_hears_signs_of_life(folder: Path) -> None:
    """They come several times in each of the watchdog's turns, and go on."""
    with managed(folder, watchdog=2) as manager:
        for _ in range(6):
            manager.until(lambda message: message == "WATCHDOG=1", patience=20)
        manager.finish()
        assert manager.process.returncode == 0


@only_postgresql
@pytest.mark.parametrize(
    ("table", "part"), [("media_storage", "download"), ("archive", "database")]
)
def test_a_part_that_hangs_silences_the_watchdog(
    folder: Path, database_url: str, table: str, part: str
) -> None:
    """A lock that is never given back holds up a job, or the look at the database itself."""
    with managed(folder, watchdog=3) as manager:
        manager.until(lambda message: message == "WATCHDOG=1")
        with psycopg.connect(database_url) as connection:
            connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            while not manager.silent_for("WATCHDOG=1", 5):
                pass
        # Given back, it goes on: nothing was damaged by the wait.
        manager.until(lambda message: message == "WATCHDOG=1", patience=20)
        log = manager.finish()
        told = next(line for line in log.splitlines() if "not heard of: " in line)
        assert part in told
        assert "heard of again: " in log


@only_sqlite
def test_a_process_that_stands_still_says_nothing(folder: Path) -> None:
    """Stopped as a whole, it is silent; going on, it speaks again."""
    with managed(folder, watchdog=2) as manager:
        manager.until(lambda message: message == "WATCHDOG=1")
        manager.process.send_signal(signal.SIGSTOP)
        manager.silent_for("WATCHDOG=1", 0.5)
        assert manager.silent_for("WATCHDOG=1", 3)
        manager.process.send_signal(signal.SIGCONT)
        manager.until(lambda message: message == "WATCHDOG=1", patience=10)
        manager.finish()


def reload(manager: Manager) -> None:
    """Send SIGHUP and wait until the service has dealt with it."""
    manager.process.send_signal(signal.SIGHUP)
    told = manager.until(lambda message: message.startswith("RELOADING=1"))
    assert told.partition("\n")[2].startswith("MONOTONIC_USEC=")
    manager.until(is_ready)


def test_a_reload_takes_the_new_configuration(folder: Path) -> None:
    """Everything starts again under the same pid, and serves on the new port."""
    old, new = free_port(), free_port()
    with_port(folder, old)
    with managed(folder) as manager:
        manager.until(is_ready)
        assert answers(old)
        with_port(folder, new)
        reload(manager)
        assert answers(new)
        with pytest.raises(OSError, match="refused"):
            answers(old)
        log = manager.finish()
        assert manager.process.returncode == 0
        assert "SIGHUP: starting again with" in log


@only_sqlite
def test_a_wrong_configuration_is_refused_at_a_reload(folder: Path) -> None:
    """Each mistake is a line in the log, and the daemon goes on as it was."""
    port = free_port()
    with_port(folder, port)
    config = folder / "config.toml"
    good = config.read_text()
    with managed(folder) as manager:
        manager.until(is_ready)
        config.write_text(good.replace("workers = 4", "workrs = 4"))
        reload(manager)
        assert answers(port)
        config.write_text("[server]\nport = 1\n")
        reload(manager)
        assert answers(port)
        log = manager.finish()
        assert manager.process.returncode == 0
        assert "SIGHUP: going on as before" in log
        assert "media.workrs" in log
        assert "no Page is named" in log


@only_sqlite
def test_a_configuration_that_does_not_work_makes_room(folder: Path) -> None:
    """A port that is taken: the daemon is back with the configuration before."""
    port = free_port()
    with_port(folder, port)
    with managed(folder) as manager, socket.create_server(("127.0.0.1", 0)) as taken:
        manager.until(is_ready)
        with_port(folder, taken.getsockname()[1])
        reload(manager)
        assert answers(port)
        log = manager.finish()
        assert manager.process.returncode == 0
        assert "starting again with the configuration before" in log


@only_sqlite
def test_a_daemon_that_is_killed_for_hanging_says_where_it_stood(folder: Path) -> None:
    """The watchdog's signal leaves every thread's place in the log."""
    with managed(folder, watchdog=30) as manager:
        manager.until(lambda message: message == "WATCHDOG=1")
        log = manager.finish(signal.SIGABRT)
        assert manager.process.returncode == -signal.SIGABRT
        assert "Fatal Python error: Aborted" in log
        assert "daemon.py" in log
        assert "herald.py" in log


@only_sqlite
def test_a_terminal_that_hangs_up_ends_the_daemon(folder: Path) -> None:
    """Nobody is left to read: it stops in order, as at SIGTERM."""
    main, terminal = pty.openpty()
    with (
        os.fdopen(main, "rb"),
        os.fdopen(terminal, "rb") as stdin,
        managed(folder, stdin) as manager,
    ):
        manager.until(is_ready)
        log = manager.finish(signal.SIGHUP)
        assert manager.process.returncode == 0
        assert "stopping" in log
        assert "RELOADING" not in "".join(manager.heard)


def test_a_server_that_does_not_answer_silences_the_watchdog(
    facebook: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Jobs may go on as they like: without its server the archive is not alive."""
    with (
        archive_of(facebook, tmp_path) as archive,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line,
    ):
        line.bind(str(tmp_path / "n"))
        line.settimeout(20)
        server = Server(make_app(archive.feed, archive.media), host="127.0.0.1", port=0)
        server.start()
        environ = {"NOTIFY_SOCKET": str(tmp_path / "n"), "WATCHDOG_USEC": "8000000"}
        herald = Herald(Notifier(environ), archive, server)
        try:
            assert herald.start()
            assert [line.recv(99) for _ in range(2)] == [b"READY=1", b"WATCHDOG=1"]
            server.stop()
            line.settimeout(5)
            with pytest.raises(TimeoutError):
                line.recv(99)
        finally:
            herald.stop()
            server.stop()
    assert "not heard of: server" in caplog.text


def test_an_archive_without_a_server_is_not_ready(facebook: Simulator, tmp_path: Path) -> None:
    """READY is not said before the server has answered."""
    with archive_of(facebook, tmp_path) as archive:
        server = Server(make_app(archive.feed, archive.media), host="127.0.0.1", port=0)
        server.stop()
        herald = Herald(Notifier({"NOTIFY_SOCKET": str(tmp_path / "n")}), archive, server)
        with pytest.raises(ArchiveError, match="does not answer"):
            herald.start()


def test_without_a_manager_nothing_is_said(tmp_path: Path) -> None:
    """No socket, one that is gone, one of another kind: silence and no error."""
    for address in ("", str(tmp_path / "gone"), "vsock:2:1234"):
        notifier = Notifier({"NOTIFY_SOCKET": address} if address else {})
        assert notifier.is_heard == bool(address)
        notifier.ready()
    assert Notifier({"WATCHDOG_USEC": "1000"}).watchdog is None


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "2500000"}, 2.5),
        ({"WATCHDOG_USEC": "2500000", "WATCHDOG_PID": str(os.getpid())}, 2.5),
        ({"WATCHDOG_USEC": "2500000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_ours_or_nobodys(environ: dict[str, str], seconds: float | None) -> None:
    """One that is kept for another process is not ours to feed."""
    assert Notifier({"NOTIFY_SOCKET": "/x", **environ}).watchdog == seconds


def test_who_is_late_is_named() -> None:
    """A part is late when it was not heard of for as long as is waited, never before."""
    now = 100.0
    pulse = Pulse(("download", "reconcile"), lambda: now)
    now += 60
    assert pulse.late(60) == []
    now += 1
    pulse.around("download", lambda: None)()
    assert pulse.late(60) == ["reconcile"]
    pulse.beat("reconcile")
    assert pulse.late(60) == []


def test_a_job_that_hangs_is_late_and_one_that_fails_is_not() -> None:
    """Before and after a job there is a sign of life, however the job ends."""
    now = 0.0
    pulse = Pulse(("download",), lambda: now)
    going_on, over = Event(), []

    def fails() -> None:
        nonlocal now
        now = 50.0
        over.extend(pulse.late(40))
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        pulse.around("download", fails)()
    assert over == ["download"]
    assert pulse.late(40) == []
    assert not going_on.is_set()


def test_the_status_is_a_sentence() -> None:
    """Safe ones, waiting ones, what stops a Page, and when it goes on."""
    stats = {
        "unavailable": None,
        "pictures": {"safe": 157, "all": 159},
        "media": {"files": 258, "bytes": 9_900_000, "pending": 1, "failed": 1},
        "pages": [{"id": "1", "state": "ok"}, {"id": "2", "state": "token"}],
    }
    at = datetime(2026, 3, 1, 12, 15, tzinfo=UTC)
    assert sentence(stats, at) == (
        "157 of 159 pictures are safe (258 files, 9.9 MB), 2 waiting; Page 2 needs a new token;"
        f" next sync {at.astimezone():%H:%M}"
    )
    assert sentence({**stats, "unavailable": "the disk is gone"}, None) == (
        "unavailable: the disk is gone"
    )
