"""Two archives in two schemas of one PostgreSQL database have nothing to do with each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from peewee import Database
from postgres import PostgresServer

from fbsyncd import migrate, models
from fbsyncd.writers import Writers

pytestmark = pytest.mark.postgresql


@pytest.fixture
def url(postgres_server: PostgresServer) -> Iterator[str]:
    with postgres_server.fresh_database() as fresh:
        yield fresh


@contextmanager
def within(url: str, schema: str) -> Iterator[Database]:
    """An archive in a schema, as a role has it whose search_path begins there."""
    name = url.rpartition("/")[2]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        for setting in (f"search_path = {schema}", "lock_timeout = '3s'"):
            connection.execute(f"ALTER ROLE fbsyncd IN DATABASE {name} SET {setting}")
    db = models.connect(url)
    try:
        with models.session(db):
            models.rows(db, "SELECT 1")
        yield db
    finally:
        models.close(db)


@pytest.mark.parametrize("lock", ["lock_migrations", "lock_joining", "lock_search"])
def test_a_lock_is_of_one_schema(url: str, lock: str) -> None:
    """While one archive holds it, the other one takes its own at once."""
    with within(url, "one") as one:
        migrate.apply(one)
        ask = getattr(models.engine(one), lock)
        with models.transaction(one), within(url, "two") as two:
            models.rows(one, ask)
            with models.transaction(two):
                models.rows(two, ask)
            migrate.apply(two)
            assert migrate.is_ours(two)


def test_each_has_its_own_writers(url: str, tmp_path: Path) -> None:
    """They may fill two folders; a second folder of the same archive is refused as ever."""
    with within(url, "one") as one, within(url, "two") as two:
        migrate.apply(one)
        migrate.apply(two)
        writers = [Writers(db, tmp_path / name) for db, name in ((one, "one"), (two, "two"))]
        for each in writers:
            each.join()
        assert Writers(two, tmp_path / "other").are_elsewhere()
        assert not Writers(two, tmp_path / "two").are_elsewhere()
        with models.session(one), models.session(two):
            assert models.identity(one) != models.identity(two)
        for each in writers:
            each.leave()
