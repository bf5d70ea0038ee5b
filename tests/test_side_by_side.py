"""Several processes on one SQLite archive: nobody is told that the database is locked."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread

from plant import config_text
from test_daemon import all_safe, running

from fbsyncd import migrate, models
from fbsyncd.simulator import Simulator

#: What the log may keep of the disk when nobody reads an old state any more (bytes).
MOST = 17_000_000
COMMANDS = (["sync"], ["sync", "--full"], ["stats"], ["posts"], ["reconcile"], ["verify"])


@contextmanager
def reading(path: Path) -> Iterator[list[int]]:
    """Read the archive all the time, as somebody's dashboard would, without patience."""
    counts: list[int] = []
    stop = Event()

    def read() -> None:
        with closing(sqlite3.connect(path, timeout=0)) as connection:
            while not stop.is_set():
                sql = "SELECT id, message FROM facebook_posts ORDER BY message"
                counts.append(len(connection.execute(sql).fetchall()))

    thread = Thread(target=read)
    thread.start()
    try:
        yield counts
    finally:
        stop.set()
        thread.join()


def test_daemon_commands_and_a_reader_at_once(tmp_path: Path) -> None:
    """Six commands at a time beside a daemon that downloads: each does its work."""
    with Simulator(posts=12, seed=3, pictures="plain") as facebook:
        text = config_text(facebook).replace("[sync]", '[sync]\ninterval = "1s"')
        (tmp_path / "config.toml").write_text(text)
        with running(tmp_path) as daemon, reading(tmp_path / "fbsyncd.db") as counts:
            for _ in range(2):
                facebook.add_post("album")
                started = [
                    subprocess.Popen(
                        [sys.executable, "-m", "fbsyncd", *command],
                        cwd=tmp_path,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE,
                        text=True,
                    )
                    for command in COMMANDS
                ]
                for process in started:
                    _, told = process.communicate(timeout=120)
                    said = f"{process.args!r}: {told}"
                    # What is still on its way is no reason to fail, but verify may say so.
                    assert process.returncode == 0 or "verify" in said, said
                    assert "locked" not in told, said
                    assert "Traceback" not in told, said
            daemon.until(lambda stats: stats["posts"] == 14 and all_safe(stats))
            daemon.stop()
        log = "".join(daemon.log)
        assert "locked" not in log
        assert "Traceback" not in log
        assert counts[-1] == 14


def test_commands_that_open_and_close_at_once(tmp_path: Path) -> None:
    """The last one out puts the log away just when the next one comes in."""
    (tmp_path / "config.toml").write_text("")
    command = [sys.executable, "-m", "fbsyncd", "setup"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    program = (
        "import sys\n"
        "from fbsyncd import facts, models\n"
        "for turn in range(150):\n"
        "    db = models.connect(sys.argv[1])\n"
        "    facts.put(db, sys.argv[2], str(turn))\n"
        "    models.close(db)\n"
    )
    url = f"sqlite:///{tmp_path / 'fbsyncd.db'}"
    started = [
        subprocess.Popen([sys.executable, "-c", program, url, name], stderr=subprocess.PIPE)
        for name in ("a", "b", "c", "d")
    ]
    for process in started:
        _, told = process.communicate(timeout=120)
        assert process.returncode == 0, told.decode()
    with closing(sqlite3.connect(tmp_path / "fbsyncd.db")) as connection:
        found = connection.execute("SELECT value FROM archive WHERE length(name) = 1").fetchall()
    assert found == [("149",)] * 4


def test_the_log_shrinks_after_a_long_reader(tmp_path: Path) -> None:
    """It grows while somebody holds an old state, and gives the disk back when nobody does."""
    path, log = tmp_path / "fbsyncd.db", tmp_path / "fbsyncd.db-wal"
    db = models.connect(f"sqlite:///{path}")
    migrate.apply(db)
    text = "x" * 2000
    wrote: list[int] = []

    def write() -> None:
        for _ in range(40):
            wrote.append(len(wrote))
            with models.transaction(db):
                models.change_many(
                    db,
                    "INSERT INTO facebook_pages (id, about) VALUES (?, ?)"
                    " ON CONFLICT (id) DO UPDATE SET about = excluded.about",
                    [(str(number), f"{len(wrote)}{text}") for number in range(500)],
                )

    write()
    assert log.stat().st_size < MOST
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM facebook_pages").fetchone()
        write()
        grown = log.stat().st_size
        reader.execute("COMMIT")
    write()
    assert grown > MOST
    assert log.stat().st_size < MOST
    models.close(db)
    assert not log.exists()
