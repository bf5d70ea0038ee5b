"""Schema files against the models, and the runner that applies them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import postgres
import psycopg
import pytest
from peewee import Database

from fbsyncd import backend, migrate, models
from fbsyncd.errors import DatabaseTrouble, SchemaError
from fbsyncd.tables import TABLES

ALL = [migration.name for migration in migrate.known("sqlite")]
NEWEST = migrate.known("sqlite")[-1].version


def test_models_and_schema_name_the_same_columns(db: Database) -> None:
    """Each table has exactly its model's columns, with the same idea of what may be empty."""
    with models.session(db):
        for table in TABLES:
            meta = table._meta
            columns = {column.name: column for column in db.get_columns(meta.table_name)}
            assert set(columns) == set(meta.columns), meta.table_name
            for name, field in meta.columns.items():
                if not field.primary_key:
                    assert columns[name].null == field.null, f"{meta.table_name}.{name}"


def test_setting_up_again_changes_nothing(db: Database) -> None:
    """The archive keeps its id and no migration runs twice."""
    with models.session(db):
        before = models.rows(db, "SELECT * FROM archive")
    assert migrate.apply(db) == []
    assert migrate.pending(db) == []
    with models.session(db):
        assert models.rows(db, "SELECT * FROM archive") == before


def test_programs_that_start_at_once_apply_each_migration_once(database_url: str) -> None:
    """Of several that set up the same empty database one does the work and none fails."""

    def setup(_: int) -> list[str]:
        db = models.connect(database_url)
        try:
            return migrate.apply(db)
        finally:
            models.close(db)

    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(setup, range(4)))
    assert sorted(applied) == [[], [], [], ALL]


def test_a_killed_set_up_leaves_nothing_half_done(database_url: str) -> None:
    """After SIGKILL in mid-migration the next set-up begins from an empty schema."""
    program = (
        "import sys, os, signal\n"
        "from fbsyncd import migrate, models\n"
        "db = models.connect(sys.argv[1])\n"
        "statements = migrate._statements\n"
        "def deadly(sql):\n"
        "    for number, statement in enumerate(statements(sql)):\n"
        "        if number == 5: os.kill(os.getpid(), signal.SIGKILL)\n"
        "        yield statement\n"
        "migrate._statements = deadly\n"
        "migrate.apply(db)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program, database_url], env=os.environ, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    db = models.connect(database_url)
    assert migrate.pending(db) == ALL
    assert migrate.apply(db) == ALL
    models.close(db)


def test_a_newer_database_is_refused_with_both_numbers(db: Database) -> None:
    """An old program does not touch what a newer one made."""
    with models.transaction(db):
        models.change(
            db, "INSERT INTO schema_migrations (version, name, sha256) VALUES (99, 'x', 'y')"
        )
    with pytest.raises(SchemaError, match=rf"schema 99, this program knows {NEWEST}:"):
        migrate.apply(db)


def test_a_foreign_database_is_refused(database_url: str) -> None:
    """Tables of our names that we did not make are left alone."""
    db = models.connect(database_url)
    with models.transaction(db):
        models.change(db, "CREATE TABLE facebook_posts (id TEXT)")
    with pytest.raises(SchemaError, match=r"facebook_posts, made by another program.*--dry-run"):
        migrate.apply(db)
    with models.session(db):
        assert not db.table_exists("media_storage")
    models.close(db)


def test_what_stands_in_the_way_of_an_upgrade_is_told(db: Database) -> None:
    """Something of the same name is there already: one line says so, and nothing is changed."""
    with models.transaction(db):
        models.change(db, "DELETE FROM schema_migrations WHERE version = ?", [NEWEST])
    with pytest.raises((SchemaError, DatabaseTrouble), match=r"the database.*said: .*exist"):
        migrate.apply(db)
    assert migrate.pending(db) == ALL[-1:]


def test_an_old_sqlite_is_refused_in_words() -> None:
    """What an archive needs is said before anything is made that would not work."""
    backend.require_sqlite((3, 35, 0))
    with pytest.raises(SchemaError, match=r"SQLite 3\.31\.1, and an archive needs 3\.35"):
        backend.require_sqlite((3, 31, 1))


def test_updated_at_moves_only_when_something_changes(db: Database) -> None:
    """The database stamps a real change and leaves a write of the same values alone."""

    def stamp() -> object:
        with models.session(db):
            return models.rows(db, "SELECT updated_at FROM facebook_pages")[0][0]

    def rename(name: str) -> None:
        with models.transaction(db):
            models.change(db, "UPDATE facebook_pages SET name = ?", [name])

    with models.transaction(db):
        models.change(
            db,
            "INSERT INTO facebook_pages (id, name, updated_at) VALUES ('1', 'a', ?)",
            ["2020-01-01 00:00:00.000000+00:00"],
        )
    first = stamp()
    rename("a")
    assert stamp() == first
    rename("b")
    assert str(stamp()) > str(first)


@pytest.mark.postgresql
def test_a_role_that_may_not_create_tables_is_told_what_to_ask_for(
    postgres_server: postgres.PostgresServer,
) -> None:
    """PostgreSQL 15 lets nobody but its owner write into a new database's schema."""
    with postgres_server.fresh_database() as url:
        role = f"reader_{uuid.uuid4().hex}"
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
            owner.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        server = urlsplit(url)
        place = f"{server.hostname}:{server.port}{server.path}"
        db = models.connect(f"postgresql://{role}:secret@{place}")
        with pytest.raises(SchemaError, match="GRANT CREATE, USAGE ON SCHEMA public"):
            migrate.apply(db)
        models.close(db)
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute(f"DROP ROLE {role}")


def test_a_stamp_that_is_written_on_purpose_stays(db: Database) -> None:
    """A row that is brought up to date from a copy keeps the time it was changed there."""
    stamp = "2021-05-06 07:08:09.123456+00:00"
    with models.transaction(db):
        models.change(db, "INSERT INTO facebook_pages (id, name) VALUES ('1', 'a')")
        models.change(db, "UPDATE facebook_pages SET name = 'b', updated_at = ?", [stamp])
        ((found,),) = models.rows(db, "SELECT updated_at FROM facebook_pages")
    at = models.from_text(found)
    assert at is not None
    assert models.to_text(at) == stamp
