"""Servers that are set otherwise, schemas of one's own, and databases that are there to be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import postgres
import psycopg
import pytest
from dump import Dump
from plant import config_text
from test_database_trouble import fbsyncd, refusal
from torture import NOT_SAFE, Ordeal

from fbsyncd import models
from fbsyncd.simulator import Simulator

pytestmark = pytest.mark.postgresql


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=6, seed=5, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def url(postgres_server: postgres.PostgresServer) -> Iterator[str]:
    with postgres_server.fresh_database() as url:
        yield url


def run(url: str, statement: str) -> list[tuple[object, ...]]:
    """Execute one statement as somebody else; return its rows."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def alter(url: str, setting: str) -> None:
    run(url, f"ALTER DATABASE {url.rpartition('/')[2]} SET {setting}")


def told(folder: Path, *arguments: str) -> str:
    """Return what a command that succeeds prints."""
    with fbsyncd(folder, *arguments) as process:
        out, log = process.communicate(timeout=120)
    assert process.returncode == 0, log
    return out


@pytest.mark.parametrize(
    "setting",
    [
        "datestyle = 'German, DMY'",
        "intervalstyle = 'iso_8601'",
        "timezone = 'Asia/Bangkok'",
        "client_encoding = 'LATIN1'",
        "default_transaction_isolation = 'serializable'",
        "idle_in_transaction_session_timeout = '1ms'",
    ],
)
def test_a_database_that_is_set_otherwise_is_used_all_the_same(
    facebook: Simulator, url: str, tmp_path: Path, setting: str
) -> None:
    """Whatever it is set to for others, every picture is archived and every time is read."""
    alter(url, setting)
    (tmp_path / "config.toml").write_text(config_text(facebook, url))
    told(tmp_path, "sync")
    archive = Ordeal(facebook, tmp_path, url)
    archive.check()
    assert archive.rows(NOT_SAFE) == []
    assert len(told(tmp_path, "posts").splitlines()) >= 6


def test_numbers_come_back_as_they_were_written(url: str) -> None:
    """However few digits the database is set to tell."""
    alter(url, "extra_float_digits = 0")
    db = models.connect(url)
    with models.session(db):
        assert models.rows(db, "SELECT CAST(? AS double precision)", [0.1 + 0.2]) == [(0.1 + 0.2,)]
    models.close(db)


def test_who_waits_for_a_commit_goes_on_with_what_it_wrote(url: str) -> None:
    """No setting makes of two writers who meet one who fails."""
    alter(url, "default_transaction_isolation = 'serializable'")
    db = models.connect(url)
    with models.session(db):
        found = models.rows(db, "SELECT current_setting('transaction_isolation')")
    models.close(db)
    assert found == [("read committed",)]


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
@pytest.mark.parametrize("command", ["setup", "sync", "stats", "doctor"])
def test_a_database_that_does_not_take_every_text_is_refused(
    facebook: Simulator,
    postgres_server: postgres.PostgresServer,
    tmp_path: Path,
    encoding: str,
    command: str,
) -> None:
    """At once and in one line with the remedy, and not at the first emoji."""
    name = f"narrow_{encoding.lower()}"
    server = postgres_server.url("postgres")
    run(server, f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    try:
        (tmp_path / "config.toml").write_text(config_text(facebook, postgres_server.url(name)))
        with fbsyncd(tmp_path, command) as process:
            out, log = process.communicate(timeout=60)
        assert process.returncode == 78, log
        said = out + log
        assert f"the database's encoding is {encoding}" in said
        assert "ENCODING 'UTF8'" in said
        assert "Traceback" not in said
        assert not run(
            postgres_server.url(name), "SELECT 1 FROM pg_tables WHERE tablename ~ '^fac'"
        )
    finally:
        run(server, f"DROP DATABASE {name} WITH (FORCE)")


def test_the_urls_own_options_count(facebook: Simulator, url: str, tmp_path: Path) -> None:
    """An archive lies in the schema that the URL's search_path names."""
    run(url, "CREATE SCHEMA social")
    options = quote("-c search_path=social")
    (tmp_path / "config.toml").write_text(config_text(facebook, f"{url}?options={options}"))
    told(tmp_path, "sync")
    where = "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename = 'facebook_posts'"
    assert run(url, where) == [("social",)]


@pytest.mark.parametrize(
    ("own", "schema"), [("", "social"), (f"?options={quote('-c search_path=public')}", "public")]
)
def test_the_environments_options_count(
    url: str, monkeypatch: pytest.MonkeyPatch, own: str, schema: str
) -> None:
    """As for every client of PostgreSQL, unless the URL has some; those we need come last."""
    run(url, "CREATE SCHEMA social")
    monkeypatch.setenv("PGOPTIONS", "-c search_path=social -c timezone=Asia/Bangkok")
    db = models.connect(f"{url}{own}")
    with models.session(db):
        found = models.rows(db, "SELECT current_schema(), current_setting('timezone')")
    models.close(db)
    assert found == [(schema, "UTC")]


SEARCH_PATHS = {
    "a schema with the role's name": ("CREATE SCHEMA fbsyncd", '"$user", public'),
    "another one first": ("CREATE SCHEMA own", "own, public"),
    "none that holds them": ("CREATE SCHEMA own", "own"),
}


@pytest.mark.parametrize("case", SEARCH_PATHS)
def test_tables_in_another_schema_are_not_overlooked(
    facebook: Simulator, url: str, tmp_path: Path, case: str
) -> None:
    """No second, empty archive is made beside them; the URL can say which schema is meant."""
    schema, path = SEARCH_PATHS[case]
    Dump(url).make()
    run(url, schema)
    alter(url, f"search_path = {path}")
    (tmp_path / "config.toml").write_text(config_text(facebook, url))
    for arguments in (["setup"], ["setup", "--dry-run"], ["sync"]):
        said = refusal(tmp_path, *arguments)
        assert "public.facebook_posts" in said
        assert "?options=-csearch_path%3D" in said
    assert not run(url, "SELECT 1 FROM pg_tables WHERE tablename = 'media_storage'")
    named = f"{url}?options=-csearch_path%3Dpublic"
    (tmp_path / "config.toml").write_text(config_text(facebook, named))
    told(tmp_path, "setup")
    assert run(url, "SELECT schemaname FROM pg_tables WHERE tablename = 'media_storage'") == [
        ("public",)
    ]


def test_names_in_capitals_are_not_overlooked(
    facebook: Simulator, url: str, tmp_path: Path
) -> None:
    """What was made as "Facebook_Posts" is told of, and no empty table made beside it."""
    Dump(url).make()
    run(url, 'ALTER TABLE facebook_posts RENAME TO "Facebook_Posts"')
    (tmp_path / "config.toml").write_text(config_text(facebook, url))
    assert 'public."Facebook_Posts"' in refusal(tmp_path, "setup")
    run(url, 'ALTER TABLE "Facebook_Posts" RENAME TO facebook_posts')
    told(tmp_path, "setup")
