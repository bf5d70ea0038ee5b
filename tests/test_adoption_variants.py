"""Older scripts' tables differ: in types, columns, keys and triggers; each kind is adopted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import dump
import pytest
from dump import Dump, read_page
from plant import config_text, everything, one, query, sync
from postgres import PostgresServer
from test_adoption import archive_on, whole

from fbsyncd import config, export, models, transfer, verify
from fbsyncd.adopt.inventory import Column, Inventory, Table
from fbsyncd.adopt.suits import refusals
from fbsyncd.archive import Archive
from fbsyncd.errors import SchemaError
from fbsyncd.simulator import Simulator

UNSAFE = "SELECT asset_key, error_message FROM media_storage WHERE download_status <> 'success'"
Variant = Callable[[dict[str, str]], dict[str, str]]


def rewritten(*changes: tuple[str, str]) -> Variant:
    """Return a variant of the tables in which patterns are replaced."""

    def apply(tables: dict[str, str]) -> dict[str, str]:
        for pattern, by in changes:
            tables = {name: re.sub(pattern, by, sql) for name, sql in tables.items()}
        return tables

    return apply


VARIANTS: dict[str, Variant] = {
    "times with a zone": rewritten((r"(?<!_)TIMESTAMP\b", "TIMESTAMPTZ")),
    "some times with a zone": rewritten((r"created_at TIMESTAMP\b", "created_at TIMESTAMPTZ")),
    "ids as numbers": rewritten(
        (r"(page_id|video_id) VARCHAR\(255\)", r"\1 BIGINT"), ("{serial}", "{bigserial}")
    ),
    "short texts": rewritten(
        (r"(title|description|permalink_url) TEXT", r"\1 VARCHAR(20)"),
        (r"type VARCHAR\(50\)", "type VARCHAR(30) NOT NULL"),
        (r"message TEXT", "message VARCHAR(20) NOT NULL DEFAULT ''"),
        (r"(is_\w+) BOOLEAN", r"\1 BOOLEAN NOT NULL DEFAULT FALSE"),
    ),
    "flags as numbers": rewritten((r"(is_\w+) BOOLEAN", r"\1 SMALLINT")),
    "columns of their own": rewritten(
        (r"(source TEXT,)", r"\1 raw JSON, likes INTEGER NOT NULL DEFAULT 0,")
    ),
    "no stamps": rewritten((r",\s+created_at TIMESTAMP[^,]*CURRENT_TIMESTAMP", "")),
    "tables that refer to each other": rewritten(
        (r"(\bpost_id VARCHAR\(255\))", r"\1 REFERENCES facebook_posts (id)")
    ),
}
#: Fewer columns than the scripts' statements name: rows are written here.
FEW = (
    "CREATE TABLE facebook_posts (id VARCHAR(100) PRIMARY KEY, message TEXT,"
    " full_picture_url TEXT, created_time TIMESTAMP)",
    "CREATE TABLE facebook_post_attachments (id {serial}, post_id VARCHAR(100), media_url TEXT)",
)


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=12, seed=3, pictures="plain") as simulator:
        yield simulator


@contextmanager
def taken_over(facebook: Simulator, folder: Path, url: str) -> Iterator[Archive]:
    text = config_text(facebook, url)
    archive = Archive(config.parse(text, base=folder, environ={}), now=facebook.clock.now)
    try:
        assert archive.take_over()
        archive.setup()
        yield archive
    finally:
        archive.close()


def check(archive: Archive, folder: Path) -> None:
    """Sync and use the archive in every way; all is archived and a second sync changes nothing."""
    assert sync(archive).problems == []
    assert query(archive, UNSAFE) == []
    before = everything(archive)
    assert sync(archive).problems == []
    assert everything(archive) == before
    verdict = verify.verify(archive.db, archive.media)
    assert verdict.is_whole, verdict.reasons
    assert export.export(archive.db, archive.media, folder / "out", archive.now()).posts == 12
    posts = list(archive.feed.newest(100))
    assert len(posts) == 12
    assert {post["page_id"] for post in posts} == {archive.config.facebook.pages[0].id}
    video = archive.feed.videos(limit=1)["videos"][0]
    assert video in archive.feed.videos(q=f'"{video["title"] or video["description"]}"')["videos"]
    assert archive.feed.pages(limit=2)["pages"]
    assert archive.feed.stats()["posts"] == 12


@contextmanager
def going_on(scripts: Dump, facebook: Simulator, folder: Path) -> Iterator[Archive]:
    """Adopt what the scripts read, and archive all that they read again a week later."""
    read_page(scripts, facebook.url, facebook.page_id, facebook.token)
    facebook.clock.move(timedelta(days=7))
    with taken_over(facebook, folder, scripts.url) as archive:
        check(archive, folder)
        read_page(scripts, facebook.url, facebook.page_id, facebook.token)
        archive.take_in()
        sync(archive)
        assert query(archive, UNSAFE) == []
        yield archive


@dataclass
class Worded(Dump):
    """A script that writes flags as words, and on a server lengths as intervals."""

    def _plain(self, value: Any) -> Any:
        if isinstance(value, bool):
            return str(value)
        is_span = isinstance(value, float) and not self.is_file
        return f"{value} seconds" if is_span else super()._plain(value)


WORDED = rewritten(
    (r"(is_\w+) BOOLEAN", r"\1 VARCHAR(5)"),
    ("length FLOAT", "length INTERVAL"),
    (r"(page_id|video_id) VARCHAR\(255\)", r"\1 NUMERIC(20)"),
    (r"page_id NUMERIC\(20\),\s+message", "page_id INTEGER8, message"),
)
DOMAINS = rewritten(
    ("message TEXT", "message longtext"),
    (r"title TEXT", "title short_text"),
    (r"created_time TIMESTAMP", "created_time moment"),
)


def kinds_of(scripts: Dump) -> dict[str, str]:
    """Return tables of types that are no usual ones, on SQLite of names that it takes for any."""
    if not scripts.is_file:
        scripts.run(
            "CREATE DOMAIN longtext AS TEXT",
            "CREATE DOMAIN shorter AS VARCHAR(20)",
            "CREATE DOMAIN short_text AS shorter DEFAULT ''",
            "CREATE DOMAIN moment AS TIMESTAMP CHECK (VALUE > '2000-01-01')",
        )
    tables = DOMAINS(WORDED(dump.TABLES))
    whole = "INTEGER" if scripts.is_file else "BIGINT"
    return {name: sql.replace("INTEGER8", whole) for name, sql in tables.items()}


def test_types_that_only_mean_the_same_are_adopted(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """Domains, ids as NUMERIC, flags as words and lengths as intervals; the scripts go on."""
    scripts = Worded(database_url, cut=20)
    scripts.make(tables=kinds_of(scripts))
    with going_on(scripts, facebook, tmp_path) as archive:
        lengths = {video["length"] for video in archive.feed.videos(limit=100)["videos"]}
        assert lengths
        assert all(isinstance(length, float) for length in lengths)
        videos = json.loads((tmp_path / "out" / "videos.json").read_text())
        assert {video["length"] for video in videos} == lengths
        assert copied(archive, tmp_path / "copy.db") == [(0,)]


@pytest.mark.postgresql
def test_a_column_of_their_own_that_takes_no_null_has_its_default(
    facebook: Simulator, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """Posts come in beside it, though the rule is of its type and not of the table."""
    with postgres_server.fresh_database() as url:
        scripts = Dump(url)
        scripts.run("CREATE DOMAIN counter AS INTEGER NOT NULL DEFAULT 7")
        scripts.make(tables=rewritten((r"(source TEXT,)", r"\1 likes counter,"))(dump.TABLES))
        with taken_over(facebook, tmp_path, url) as archive:
            assert sync(archive).problems == []
        assert scripts.ask("SELECT likes, count(*) FROM facebook_posts GROUP BY 1") == [(7, 12)]


def copied(archive: Archive, path: Path) -> list[Any]:
    """Copy the archive, with nothing different, and return the copy's flags."""
    target = models.connect(f"sqlite:///{path}")
    try:
        assert transfer.copy(archive.db, target, lambda *_: None).differing == []
        with models.session(target):
            return models.rows(target, "SELECT DISTINCT is_hidden FROM facebook_posts")
    finally:
        models.close(target)


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("created_time TIMESTAMP", "created_time TEXT"),
        ("created_time TIMESTAMP", "created_time BIGINT"),
        ("created_time TIMESTAMP", "created_time DATE"),
        ("page_id VARCHAR(255)", "page_id NUMERIC(20, 2)"),
        ("type VARCHAR(50)", "type kind"),
        ("message TEXT", "message JSONB"),
        ("is_hidden BOOLEAN", "is_hidden REAL"),
    ],
)
def test_a_type_that_cannot_hold_what_belongs_there_comes_with_its_remedy(
    facebook: Simulator, postgres_server: PostgresServer, tmp_path: Path, was: str, becomes: str
) -> None:
    """The statement that is told makes the column one that is adopted."""
    with postgres_server.fresh_database() as url:
        scripts = Dump(url)
        scripts.run("CREATE TYPE kind AS ENUM ('photo')")
        scripts.make(tables={k: v.replace(was, becomes) for k, v in dump.TABLES.items()})
        with archive_on(url, tmp_path) as archive:
            with pytest.raises(SchemaError, match=r"is needed: ALTER TABLE") as refused:
                archive.take_over()
            remedies = re.findall(r"ALTER TABLE [^;]+", str(refused.value))
            assert remedies
            scripts.run(*remedies)
            assert archive.take_over()


@pytest.mark.parametrize("name", VARIANTS)
def test_tables_of_similar_types_are_adopted(
    facebook: Simulator, database_url: str, tmp_path: Path, name: str
) -> None:
    """The scripts' statements work before and after, and everything is archived between."""
    scripts = Dump(database_url, cut=20 if "short" in name else None)
    scripts.has_flags = "flags" not in name
    scripts.make(tables=VARIANTS[name](dump.TABLES))
    with going_on(scripts, facebook, tmp_path):
        pass


def test_a_table_with_a_few_columns_gets_the_others(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """What is missing is added; the next sync fills it, and tables that are missing are made."""
    scripts = Dump(database_url)
    scripts.run(*FEW)
    full = Dump(f"sqlite:///{tmp_path / 'full.db'}")
    full.make()
    read_page(full, facebook.url, facebook.page_id, facebook.token)
    columns = "id, message, full_picture_url, created_time"
    scripts.write(
        f"INSERT INTO facebook_posts ({columns}) VALUES (?, ?, ?, ?)",
        full.ask(f"SELECT {columns} FROM facebook_posts"),
    )
    scripts.write(
        "INSERT INTO facebook_post_attachments (post_id, media_url) VALUES (?, ?)",
        full.ask("SELECT post_id, media_url FROM facebook_post_attachments"),
    )
    facebook.clock.move(timedelta(days=7))
    with taken_over(facebook, tmp_path, database_url) as archive:
        check(archive, tmp_path)
        assert one(archive, "SELECT count(*) FROM facebook_posts WHERE page_id IS NULL") == 0


STAMPS = {
    True: """
CREATE TRIGGER facebook_posts_touch AFTER UPDATE ON facebook_posts
    WHEN NEW.story IS NOT 'stamped'
BEGIN
    UPDATE facebook_posts SET story = 'stamped' WHERE id = NEW.id;
END""",
    False: """
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.story := 'stamped';
    RETURN NEW;
END
$$;
CREATE TRIGGER facebook_posts_touch BEFORE UPDATE ON facebook_posts
    FOR EACH ROW EXECUTE FUNCTION stamp();""",
}


def test_a_trigger_of_theirs_sleeps_while_rows_are_adopted(
    database_url: str, tmp_path: Path
) -> None:
    """Even one of our name: it stamps no row then, and works afterwards, as ours does beside it."""
    scripts = Dump(database_url)
    scripts.make()
    dump.Years(posts=20, attachments=30, again=10, videos=2).fill(scripts)
    scripts.run(STAMPS[scripts.is_file])
    told = "SELECT id, story, updated_at FROM facebook_posts ORDER BY id"
    before = scripts.ask(told)
    with archive_on(database_url, tmp_path) as archive:
        assert archive.take_over()
        archive.setup()
        assert scripts.ask(told) == before
        scripts.run("UPDATE facebook_posts SET message = 'new' WHERE id = '1045_3'")
        now = {id_: (story, at) for id_, story, at in scripts.ask(told)}
        then = {id_: (story, at) for id_, story, at in before}
        assert now["1045_3"][0] == "stamped"
        assert now["1045_3"][1] != then["1045_3"][1]
        assert {id_ for id_ in now if now[id_] != then[id_]} == {"1045_3"}


REFUSED = {
    "without an id": (
        "CREATE TABLE facebook_posts (post VARCHAR(9), picture_url TEXT)",
        r"facebook_posts has no id: it only shares its name",
    ),
    "without links": (
        "CREATE TABLE facebook_posts (id VARCHAR(9) PRIMARY KEY, body TEXT)",
        r"facebook_posts has no picture_url or full_picture_url: it only shares",
    ),
    "a view": (
        "CREATE VIEW facebook_posts AS SELECT 'a' AS id, 'b' AS picture_url",
        r"facebook_posts is not a table but a view",
    ),
    "a column nobody fills": (
        "CREATE TABLE facebook_posts (id VARCHAR(9) PRIMARY KEY, picture_url TEXT,"
        " owner INTEGER NOT NULL)",
        r"facebook_posts\.owner must not be empty and has no default",
    ),
    "a table of ours": (
        "CREATE TABLE facebook_posts (id VARCHAR(9) PRIMARY KEY, picture_url TEXT);"
        "CREATE TABLE archive (id INTEGER)",
        r"has a table archive that fbsyncd did not make",
    ),
    "an id twice": (
        "CREATE TABLE facebook_posts (id VARCHAR(9), picture_url TEXT);"
        "INSERT INTO facebook_posts (id) VALUES ('a'), ('a')",
        r"facebook_posts\.id is there more than once for 1 id \(id a\): keep one",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_table_that_only_shares_a_name_is_refused(
    database_url: str, tmp_path: Path, name: str
) -> None:
    """The reason is told, and the database is as it was."""
    sql, reason = REFUSED[name]
    scripts = Dump(database_url)
    scripts.run(*sql.split(";"))
    before, path = whole(scripts), tmp_path / "fbsyncd.db"
    held = path.read_bytes() if scripts.is_file else b""
    with archive_on(database_url, tmp_path) as archive:
        with pytest.raises(SchemaError, match=reason):
            archive.take_over()
        if scripts.is_file:
            assert path.read_bytes() == held
        assert [row for row in whole(scripts) if "schema_migrations" not in row[0]] == before
        assert archive.media.marker() is None


def test_times_that_are_none_are_refused(tmp_path: Path) -> None:
    """SQLite holds anything in a column of times; what nobody can read is told, with its place."""
    scripts = Dump(f"sqlite:///{tmp_path / 'fbsyncd.db'}")
    scripts.make()
    scripts.run("INSERT INTO facebook_posts (id, created_time) VALUES ('1_2', 'yesterday')")
    refused = pytest.raises(SchemaError, match=r"created_time is no time .*\(id 1_2: 'yesterday'\)")
    with archive_on(scripts.url, tmp_path) as archive, refused:
        archive.take_over()


@pytest.mark.parametrize(
    "form", ["%Y-%m-%dT%H:%M:%S+0000", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]
)
def test_times_in_other_words_are_listed_once_each(tmp_path: Path, form: str) -> None:
    """However the scripts wrote times into SQLite, pages of posts follow each other."""
    scripts = Dump(f"sqlite:///{tmp_path / 'fbsyncd.db'}")
    scripts.make()
    dump.Years(posts=25, attachments=30, again=5, videos=11).fill(scripts)
    for table in ("facebook_posts", "facebook_video_posts"):
        scripts.run(f"UPDATE {table} SET created_time = strftime('{form}', created_time)")
    with archive_on(scripts.url, tmp_path) as archive:
        assert archive.take_over()
        archive.setup()
        for ask, what in ((archive.feed.posts, "posts"), (archive.feed.videos, "videos")):
            seen, cursor = [], None
            while True:
                page = ask(limit=3, cursor=cursor)
                seen += [one["created_time"] for one in page[what]]
                cursor = page["next_cursor"]
                if cursor is None:
                    break
            assert seen == sorted(set(seen), reverse=True)
            assert len(seen) == {"posts": 25, "videos": 11}[what]


def test_numbers_where_posts_have_their_ids_are_refused_with_the_remedy() -> None:
    """No number is the id of a post, which has two parts; what makes the column a text is told."""
    columns = {"id": ("bigint", "whole"), "picture_url": ("text", "text")}
    table = Table("facebook_posts", is_table=True)
    for name, (type_, kind) in columns.items():
        table.columns[name] = Column(name, type_, kind, True, False, None)
    (reason,) = refusals(Inventory({"facebook_posts": table}, set()))
    assert reason.endswith(": ALTER TABLE facebook_posts ALTER COLUMN id TYPE TEXT")
