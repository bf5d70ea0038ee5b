"""Connections to a SQLite file that is taken away, and to another one in its place."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event

import pytest
from peewee import Database
from test_cli import fbsyncd

from fbsyncd import models
from fbsyncd.errors import DatabaseTrouble


def test_nothing_is_written_to_a_file_that_was_removed(tmp_path: Path) -> None:
    """Connections that were open do not go on with the removed file, and make no empty one."""
    path = tmp_path / "rows.db"
    database = models.connect(f"sqlite:///{path}")
    with models.transaction(database):
        models.change(database, "CREATE TABLE one (n INTEGER)")
    path.rename(tmp_path / "elsewhere.db")
    with pytest.raises(DatabaseTrouble, match="not there any more"), models.transaction(database):
        models.change(database, "INSERT INTO one VALUES (1)")
    assert not path.exists()
    (tmp_path / "elsewhere.db").rename(path)
    with models.transaction(database):
        models.change(database, "INSERT INTO one VALUES (2)")
        assert models.rows(database, "SELECT n FROM one") == [(2,)]
    models.close(database)


def test_a_log_of_the_old_file_is_not_replayed_into_the_new_one(tmp_path: Path) -> None:
    """While the old file is still in use the one in its place is left alone."""
    path, backup = tmp_path / "rows.db", tmp_path / "backup.db"
    database = models.connect(f"sqlite:///{path}")
    with models.transaction(database):
        models.change(database, "CREATE TABLE one (n INTEGER)")
    shutil.copyfile(path, backup)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with closing(sqlite3.connect(backup)) as connection:
        connection.execute("PRAGMA journal_mode = delete")
        connection.execute("CREATE TABLE IF NOT EXISTS one (n INTEGER)")
        connection.execute("INSERT INTO one VALUES (100)")
        connection.commit()
    with models.session(database):
        with database.atomic():
            models.change(database, "INSERT INTO one VALUES (1)")
        backup.rename(path)
        with pytest.raises(DatabaseTrouble, match="another file is in its place"):
            in_a_thread(lambda: read_one(database))
    # Now the old one is let go, and its log with it.
    assert in_a_thread(lambda: read_one(database)) == [(100,)]
    models.close(database)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_reader_of_a_file_in_another_mode_keeps_no_numbers_back(tmp_path: Path) -> None:
    """They are told while it reads; the mode is changed back once the reader is done."""
    (tmp_path / "config.toml").write_text('[database]\nurl = "sqlite:///rows.db"\n')
    assert fbsyncd(tmp_path, "setup").returncode == 0
    with reading(tmp_path / "rows.db") as mode:
        done = fbsyncd(tmp_path, "stats")
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("write-ahead log") == 1
        for command in ("posts", "verify"):
            done = fbsyncd(tmp_path, command)
            assert done.returncode == 0, done.stderr
    assert mode() == "delete"
    assert "write-ahead log" not in fbsyncd(tmp_path, "posts").stderr
    assert mode() == "wal"


def test_each_new_connection_asks_for_the_mode_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once, however many are refused, and what was opened before goes on."""
    database = models.connect(f"sqlite:///{tmp_path / 'rows.db'}")
    with models.transaction(database):
        models.change(database, "CREATE TABLE one (n INTEGER)")
        models.change(database, "CREATE TABLE archive (n INTEGER)")
        models.change(database, "INSERT INTO one VALUES (1)")
    models.close(database)
    with reading(tmp_path / "rows.db") as mode, models.session(database):
        assert models.rows(database, "SELECT n FROM one") == [(1,)]
        assert in_a_thread(lambda: read_one(database)) == [(1,)]
    assert mode() == "delete"
    assert [record.getMessage().count("write-ahead log") for record in caplog.records] == [1]
    models.close(database)
    assert read_one(database) == [(1,)]
    assert mode() == "wal"
    with models.transaction(database):
        models.change(database, "INSERT INTO one VALUES (2)")
    assert read_one(database) == [(1,), (2,)]
    models.close(database)


def test_much_is_written_beside_such_a_reader_and_only_its_end_waits(tmp_path: Path) -> None:
    """Two megabytes, four times what a connection keeps in memory, are there once it is done."""
    database = models.connect(f"sqlite:///{tmp_path / 'rows.db'}")
    with models.transaction(database):
        models.change(database, "CREATE TABLE archive (n INTEGER, text TEXT)")
    models.close(database)
    written = Event()

    def write() -> list[models.Row]:
        with models.transaction(database):
            for n in range(250):
                models.change(database, "INSERT INTO archive VALUES (?, ?)", [n, "x" * 8000])
            written.set()
        with models.session(database):
            return models.rows(database, "SELECT count(*) FROM archive")

    with ThreadPoolExecutor(1) as pool:
        with reading(tmp_path / "rows.db"):
            writing = pool.submit(write)
            assert written.wait(25), "it waited for the reader before its end"
        assert writing.result() == [(250,)]
    models.close(database)


@contextmanager
def reading(path: Path) -> Iterator[Callable[[], str]]:
    """A script that reads a file in a mode of its own; yields what tells the mode."""

    def mode() -> str:
        with closing(sqlite3.connect(path)) as other:
            return str(other.execute("PRAGMA journal_mode").fetchone()[0])

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode = delete").fetchone() == ("delete",)
        cursor = connection.execute("SELECT name FROM sqlite_master UNION ALL SELECT 'more'")
        assert cursor.fetchone()
        yield mode


def read_one(database: Database) -> list[models.Row]:
    with models.session(database):
        return models.rows(database, "SELECT n FROM one")


def in_a_thread(work: Callable[[], list[models.Row]]) -> list[models.Row]:
    """Do *work* on another connection: each thread has its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()
