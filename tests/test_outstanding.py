"""What is left to do is found by the queue's indexes, however much is done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from peewee import Database

from fbsyncd import models, outstanding
from fbsyncd.assets import Archived, Asset, Retry
from fbsyncd.backlog import Backlog
from fbsyncd.errors import FetchFailed, LinkDead

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DONE = 5000
#: Indexes over what is not archived; any of them will do.
QUEUE = ("queue", "dying", "unsafe")


@pytest.fixture
def backlog(db: Database) -> Backlog:
    retry = Retry(timedelta(seconds=30), timedelta(hours=6), 3)
    return Backlog(db, retry=retry, owner="here/1")


def put(backlog: Backlog, count: int) -> None:
    expiry = int((NOW + timedelta(hours=9)).timestamp())
    path = "https://scontent.xx.fbcdn.net/v/t39.30808-6"
    links = [f"{path}/{name}_2_3_n.jpg?oh=a&oe={expiry:X}" for name in range(count)]
    backlog.put([Asset(link, "posts") for link in links], NOW)


def archived(id_: UUID) -> Archived:
    name = f"{'ab' * 32}.jpg"
    return Archived(id_, name, name, f"/{name}", 10, "ab" * 32, "image/jpeg", 7, 5)


def test_what_can_be_done_now_is_counted(backlog: Backlog, db: Database) -> None:
    """Rows that wait for a time or a link are not outstanding; leased and undeveloped ones are."""
    assert (outstanding.count(db, NOW), outstanding.is_any(db, NOW)) == (0, False)
    put(backlog, 3)
    first, second, third = backlog.claim(3, NOW)
    assert (outstanding.count(db, NOW), outstanding.is_any(db, NOW)) == (3, True)
    backlog.fail([(second, FetchFailed("later")), (third, LinkDead("403"))], NOW)
    backlog.succeed([archived(first.id)], NOW)
    assert (outstanding.count(db, NOW), outstanding.is_any(db, NOW)) == (1, True)
    with models.transaction(db):
        models.change(db, "UPDATE media_storage SET developed_at = ?", [models.to_text(NOW)])
    assert (outstanding.count(db, NOW), outstanding.is_any(db, NOW)) == (0, False)
    assert outstanding.count(db, NOW + timedelta(minutes=2)) == 1


def test_what_is_done_is_not_looked_at(backlog: Backlog, db: Database) -> None:
    """Both questions are answered by indexes that hold no archived and developed picture."""
    put(backlog, 5)
    with models.transaction(db):
        models.change_many(
            db,
            "INSERT INTO media_storage (id, asset_key, category, original_url, local_filename,"
            " file_size, sha256, download_status, developed_at)"
            " VALUES (?, ?, 'posts', 'http://x', 'x', 16, 'x', 'success', ?)",
            [(str(UUID(int=n)), str(n), models.to_text(NOW)) for n in range(DONE)],
        )
    if models.engine(db).name == "postgresql":
        with models.session(db):
            models.change(db, "ANALYZE media_storage")
    asked: list[tuple[str, list[str]]] = []
    db.query_hooks.append(lambda event: asked.append((event.sql, event.params)))
    assert outstanding.count(db, NOW) == 5
    assert outstanding.is_any(db, NOW)
    db.query_hooks.clear()
    questions = [(sql, params) for sql, params in asked if "media_storage" in sql]
    assert len(questions) == 2
    explain = "EXPLAIN QUERY PLAN" if models.engine(db).name == "sqlite" else "EXPLAIN"
    for sql, params in questions:
        with models.session(db):
            plan = str(db.execute_sql(f"{explain} {sql}", params).fetchall())
        assert "media_storage_undeveloped" in plan, plan
        assert any(f"media_storage_{one}" in plan for one in QUEUE), plan
        assert "Seq Scan" not in plan, plan
        assert "SCAN media_storage'" not in plan, plan
