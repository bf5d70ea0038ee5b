"""The mark of the database: another after each commit of anybody, the same while nobody writes."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from fbsyncd import facts, models
from fbsyncd.changes import Changes
from fbsyncd.models import change, rows, transaction

if TYPE_CHECKING:
    import postgres
    from peewee import Database

_ELSEWHERE = "import sys; from fbsyncd import facts, models; db = models.connect(sys.argv[1]);"


def _write_elsewhere(url: str, value: str) -> None:
    """Write a fact in another process."""
    code = f"{_ELSEWHERE} facts.put(db, 'told', sys.argv[2]); models.close(db)"
    subprocess.run([sys.executable, "-c", code, url, value], check=True, timeout=60)


def test_nothing_written_nothing_changed(db: Database) -> None:
    """Reading, and a write that touches no row, leave the mark as it was."""
    changes = Changes(db)
    before = changes.mark()
    with transaction(db):
        change(db, "DELETE FROM archive WHERE name = 'not there'")
        rows(db, "SELECT * FROM archive")
    assert changes.mark() == before


def test_a_write_of_this_process_is_noticed(db: Database) -> None:
    """Each commit, from whichever thread, makes another mark."""
    changes = Changes(db)
    marks = [changes.mark()]
    facts.put(db, "told", "1")
    marks.append(changes.mark())
    thread = threading.Thread(target=facts.put, args=(db, "told", "2"))
    thread.start()
    thread.join()
    marks.append(changes.mark())
    assert len(set(marks)) == 3


def test_a_write_of_another_process_is_noticed(db: Database, database_url: str) -> None:
    """What another process commits counts the same, as soon as it has ended."""
    changes = Changes(db)
    before = changes.mark()
    _write_elsewhere(database_url, "1")
    between = changes.mark()
    _write_elsewhere(database_url, "2")
    assert len({before, between, changes.mark()}) == 3


def test_what_is_not_committed_yet_is_noticed_when_it_is(db: Database) -> None:
    """A mark taken while a transaction is open is no longer valid after its commit."""
    changes = Changes(db)
    with transaction(db):
        change(db, "INSERT INTO archive (name, value) VALUES ('told', '1')")
        during = [changes.mark() for _ in range(2)]
    assert during[0] == during[1]
    assert changes.mark() != during[0]


def test_a_commit_between_others_is_noticed(db: Database) -> None:
    """With two transactions open at once, each one's commit makes another mark, in any order."""
    if models.engine(db).name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    changes, opened, go = Changes(db), threading.Event(), threading.Event()

    def first() -> None:
        with transaction(db):
            change(db, "INSERT INTO archive (name, value) VALUES ('first', '1')")
            opened.set()
            assert go.wait(20)

    thread = threading.Thread(target=first)
    thread.start()
    assert opened.wait(20)
    before = changes.mark()
    facts.put(db, "second", "1")
    between = changes.mark()
    go.set()
    thread.join()
    assert len({before, between, changes.mark()}) == 3


def test_equal_marks_round_a_reading_mean_that_it_is_still_true(db: Database) -> None:
    """While another thread writes, what was read after a mark is what is there at an equal one."""
    changes, stop = Changes(db), threading.Event()

    def write() -> None:
        number = 0
        while not stop.wait(0.001):
            number += 1
            facts.put(db, "told", str(number))

    thread = threading.Thread(target=write)
    thread.start()
    equal = different = 0
    try:
        while equal < 30 or different < 30:
            before, read = changes.mark(), facts.get(db, "told")
            if changes.mark() != before:
                different += 1
                continue
            again = facts.get(db, "told")
            if changes.mark() == before:
                equal += 1
                assert read == again
    finally:
        stop.set()
        thread.join()


@pytest.mark.postgresql
def test_a_server_that_went_away_leaves_no_mark_valid(
    postgres_server: postgres.PostgresServer,
) -> None:
    """While PostgreSQL is down no mark equals another, and afterwards they work again."""
    with postgres_server.fresh_database() as url:
        db = models.connect(url)
        changes = Changes(db)
        before = changes.mark()
        postgres_server.stop()
        down = changes.mark(), changes.mark()
        postgres_server.start()
        assert len({before, *down, changes.mark()}) == 4
        assert changes.mark() == changes.mark()
        models.close(db)


def test_a_connection_that_was_taken_away_is_replaced(db: Database) -> None:
    """When the connection is closed under it, the next marks are of a new one and none is equal."""
    changes = Changes(db)
    before = changes.mark()
    models.close(db)
    assert len({before, changes.mark(), changes.mark()}) == 3
    assert changes.mark() == changes.mark()
