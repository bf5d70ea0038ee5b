"""However many rows there are, the database is asked a constant number of times."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from peewee import Database
from shelf import NOW, RETRY
from test_merge import attachment, link, post

from fbsyncd import migrate, models
from fbsyncd.assets import Archived, Asset, Job
from fbsyncd.backlog import Backlog
from fbsyncd.brake import Brake
from fbsyncd.errors import FetchFailed
from fbsyncd.feed import Feed
from fbsyncd.media import Media
from fbsyncd.records import Post, Video
from fbsyncd.rows import Rows

CALLS: list[str] = []


def counted(call: Callable[..., Any]) -> Callable[..., Any]:
    """Note each statement that goes through a cursor; one for many rows is one."""

    def noted(cursor: Any, sql: Any, *args: Any, **options: Any) -> Any:
        CALLS.append(str(sql))
        return call(cursor, sql, *args, **options)

    return noted


class SqliteCursor(sqlite3.Cursor):
    execute = counted(sqlite3.Cursor.execute)
    executemany = counted(sqlite3.Cursor.executemany)


class SqliteConnection(sqlite3.Connection):
    def cursor(self, factory: Any = SqliteCursor) -> Any:
        return super().cursor(factory)


class PostgresCursor(psycopg.Cursor[Any]):
    execute = counted(psycopg.Cursor.execute)
    executemany = counted(psycopg.Cursor.executemany)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """A database whose driver tells what it is asked."""
    database = models.connect(database_url)
    if database_url.startswith("sqlite"):
        database.connect_params["factory"] = SqliteConnection
    else:
        database.connect_params["cursor_factory"] = PostgresCursor
    migrate.apply(database)
    yield database
    models.close(database)


@pytest.fixture
def feed(db: Database, tmp_path: Path) -> Feed:
    media = Media(tmp_path / "media", tmp_path)
    Brake(db, media).setup()
    return Feed(db, media, now=lambda: NOW)


@pytest.fixture
def backlog(db: Database) -> Backlog:
    return Backlog(db, retry=RETRY, owner="test/1")


def statements(call: Callable[[], Any]) -> int:
    """Return how many statements *call* needs, transactions apart."""
    CALLS.clear()
    call()
    return len([sql for sql in CALLS if not sql.startswith(("BEGIN", "COMMIT", "PRAGMA"))])


def posts(first: int, last: int, size: str = "s720x720", **other: Any) -> list[Post]:
    """Return posts of three pictures each."""
    return [
        post(
            id=f"1_{number}",
            created_time=NOW - timedelta(days=1, minutes=number),
            full_picture_url=link(f"{number}_1_1", size=size),
            attachments=tuple(attachment(f"{number}_{one}_2", one) for one in (1, 2)),
            **other,
        )
        for number in range(first, last)
    ]


def videos(first: int, last: int) -> list[Video]:
    return [
        Video(
            video_id=str(number),
            page_id="1",
            title=None,
            description=None,
            permalink_url=None,
            source=None,
            length=1.5,
            picture=link(f"{number}_3_3"),
            created_time=NOW - timedelta(minutes=number),
            updated_time=None,
            published=True,
        )
        for number in range(first, last)
    ]


def put(db: Database, backlog: Backlog, records: list[Post] | list[Video]) -> None:
    with models.transaction(db):
        Rows(db, backlog).put(records, NOW)


def archive_all(backlog: Backlog) -> list[Archived]:
    jobs = backlog.claim(1000, NOW)
    return [_archived(job.id) for job in jobs]


def _archived(id_: UUID) -> Archived:
    name = f"{id_.hex * 2}.jpg"
    return Archived(id_, name, f"m/{name}", f"/m/{name}", 5, id_.hex * 2, "image/jpeg", 6, 7)


def test_a_page_of_results_is_written_in_as_many_statements_as_one(
    db: Database, backlog: Backlog
) -> None:
    """New ones, unchanged ones and edited ones."""

    def write(records: list[Post] | list[Video]) -> int:
        return statements(lambda: put(db, backlog, records))

    edits: list[dict[str, Any]] = [{}, {}, {"message": "edited"}, {"size": "s9x9"}]
    for edit in edits:
        assert write(posts(0, 1, **edit)) == write(posts(1, 60, **edit)), "\n".join(CALLS)
    assert write(videos(0, 1)) == write(videos(1, 60)), "\n".join(CALLS)


def test_work_is_claimed_and_settled_in_as_many_statements_as_one(
    db: Database, backlog: Backlog
) -> None:
    """Pictures come and go in batches."""
    put(db, backlog, posts(0, 40))

    def turn(size: int, settle: Callable[[list[Job]], Any]) -> tuple[int, int]:
        jobs: list[Job] = []
        claim = statements(lambda: jobs.extend(backlog.claim(size, NOW)))
        assert len(jobs) == size
        return claim, statements(lambda: settle(jobs))

    def succeed(jobs: list[Job]) -> None:
        backlog.succeed([_archived(job.id) for job in jobs], NOW)

    def fail(jobs: list[Job]) -> None:
        backlog.fail([(job, FetchFailed("cut")) for job in jobs], NOW)

    def give_back(jobs: list[Job]) -> None:
        backlog.leases.give_back([job.id for job in jobs])

    for settle in (succeed, fail, give_back):
        assert turn(1, settle) == turn(30, settle)


def test_assets_are_queued_in_as_many_statements_as_one(backlog: Backlog) -> None:
    """New links, and fresh ones for those that are known."""

    def queue(names: range, hours: int) -> int:
        assets = [Asset(link(f"{name}_1_1", hours=hours), "posts") for name in names]
        return statements(lambda: backlog.put(assets, NOW))

    for hours in (100, 200):
        assert queue(range(1), hours) == queue(range(1, 80), hours)


def test_a_page_of_answers_is_read_in_as_many_statements_as_one(
    db: Database, backlog: Backlog, feed: Feed
) -> None:
    """Posts, videos and media rows, the first page and the last, and the statistics."""
    put(db, backlog, posts(0, 2))
    put(db, backlog, videos(0, 2))
    asked = {
        "posts": lambda: feed.posts(limit=100),
        "newest": lambda: list(feed.newest(90)),
        "videos": lambda: feed.videos(limit=100),
        "media": lambda: feed.media(limit=2),
        "all media": lambda: feed.media(limit=1000),
        "pages": lambda: feed.pages(limit=100),
        "timeline": feed.timeline,
        "stats": feed.stats,
    }
    backlog.succeed(archive_all(backlog), NOW)
    before = {name: statements(ask) for name, ask in asked.items()}
    put(db, backlog, posts(2, 80))
    put(db, backlog, videos(2, 80))
    backlog.succeed(archive_all(backlog), NOW)
    assert {name: statements(ask) for name, ask in asked.items()} == before
    assert before["posts"] <= 6
