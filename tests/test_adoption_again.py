"""A database that an earlier version adopted becomes what adopting it today would make of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dump
import pytest
from dump import Dump, Years, read_page
from peewee import Database
from plant import config_text, query
from postgres import PostgresServer
from test_adoption import archive_on
from test_adoption_media import MEDIA
from test_cli import fbsyncd
from test_upgrade import ADOPTED

from fbsyncd import adopted, facts, migrate, models
from fbsyncd.adopt import again, catalogue, inventory
from fbsyncd.adopt.plan import plan
from fbsyncd.simulator import Simulator

DERIVED = re.compile(r"(derived_from \w+ REFERENCES media_storage \(id\)) ON DELETE CASCADE")
#: An earlier ``media_storage`` whose links are unique where they wait.
IN_PART = (
    MEDIA.replace("original_url TEXT NOT NULL UNIQUE", "original_url TEXT"),
    "CREATE UNIQUE INDEX one_link ON media_storage (original_url)"
    " WHERE download_status <> 'success'",
)
KINDS = {
    "pictures of ours": ((), dump.TABLES),
    "pictures of theirs": ((MEDIA,), dump.TABLES),
    "links unique in part": (IN_PART, dump.TABLES),
    "ids that are no key": (
        (),
        {name: sql.replace(" UNIQUE,", ",") for name, sql in dump.TABLES.items()},
    ),
    "short columns": (
        (),
        {
            name: sql.replace("title TEXT", "title VARCHAR(20) NOT NULL")
            .replace("description TEXT", "description VARCHAR(30)")
            .replace("length FLOAT", "length SMALLINT")
            for name, sql in dump.TABLES.items()
        },
    ),
}


@pytest.fixture
def twin_url(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[str]:
    """Another database of the same engine."""
    (tmp_path / "twin").mkdir()
    if database_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'twin' / 'fbsyncd.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.fresh_database() as url:
        yield url


def adopted_by(version: int, scripts: Dump) -> Database:
    """Return the scripts' database as a program of schema *version* adopted it, doing no more.

    It knew neither rules that hold in part nor lengths, made no key unique, and let nothing go
    with a picture.
    """
    db = models.connect(scripts.url)
    with models.transaction(db):
        known = [one for one in migrate.begin(db) if one.version <= version]
        book = catalogue.of(models.engine(db))
        there = inventory.take(db, book)
        enforced = book.enforce if "media_storage" in there.tables else ()
        steps = [step.sql for step in plan(migrate.statements(known), there, book)]
        kept = [DERIVED.sub(r"\1", sql) for sql in steps if "posts_video_id_key" not in sql]
        migrate.execute(db, [*kept, *(sql for sql in enforced if "replacing" not in sql)])
        migrate.record(db, known)
        adopted.keep_limits(db, {})
        facts.put(db, "adopting", "yes")
    return db


def made_of(scripts: Dump) -> list[tuple[Any, ...]]:
    """Return all that a database is made of, and the facts that an adoption notes."""
    if scripts.is_file:
        # On SQLite no rule is taken off a column: there a trigger lets things go with a picture.
        told = [
            (type_, name, table, sql and DERIVED.sub(r"\1", sql))
            for type_, name, table, sql in scripts.ask(
                "SELECT type, name, tbl_name, sql FROM sqlite_master"
            )
        ]
    else:
        told = scripts.ask(
            "SELECT 'column', table_name::text, column_name::text, concat_ws(' ', data_type,"
            " character_maximum_length, is_nullable, column_default)"
            " FROM information_schema.columns WHERE table_schema = 'public'"
            " UNION ALL SELECT 'index', tablename::text, indexname::text, indexdef FROM pg_indexes"
            " WHERE schemaname = 'public'"
            " UNION ALL SELECT 'constraint', conrelid::regclass::text, conname::text,"
            " pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace"
            " UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname::text,"
            " pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
            " UNION ALL SELECT 'function', proname::text, '', pg_get_functiondef(oid) FROM pg_proc"
            " WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'"
            " UNION ALL SELECT 'operator', oprname::text, oprleft::regtype::text,"
            " oprright::regtype::text FROM pg_operator"
            " WHERE oprnamespace = 'public'::regnamespace"
        )
    noted = scripts.ask(
        "SELECT name, value FROM archive WHERE name LIKE 'links_%' OR name LIKE 'limits'"
    )
    return sorted([*told, *noted], key=repr)


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        *((version, kind) for version in ADOPTED for kind in list(KINDS)[:2]),
        *((version, kind) for version in (8, ADOPTED[-1]) for kind in list(KINDS)[2:]),
    ],
)
def test_upgraded_it_is_as_if_it_were_adopted_today(
    database_url: str, twin_url: str, tmp_path: Path, version: int, kind: str
) -> None:
    """Columns, indexes, constraints, triggers and what is noted of them; again nothing changes."""
    strangers, tables = KINDS[kind]
    old, new = Dump(database_url), Dump(twin_url)
    for scripts in (old, new):
        scripts.make(*strangers, tables=tables)
    with archive_on(twin_url, tmp_path / "twin") as archive:
        assert archive.take_over()
        archive.setup()
    models.close(adopted_by(version, old))
    assert made_of(old) != made_of(new)
    with archive_on(database_url, tmp_path) as archive:
        assert archive.setup()
        assert made_of(old) == made_of(new)
        assert again.look(archive.db) == again.look(archive.db) == []
        assert made_of(old) == made_of(new)


def test_what_is_made_of_a_picture_goes_with_it_after_an_upgrade(
    database_url: str, tmp_path: Path
) -> None:
    """A script that takes pictures away knows of neither, and of no foreign key."""
    scripts = Dump(database_url)
    scripts.make(MEDIA)
    models.close(adopted_by(8, scripts))
    ids = [f"00000000-0000-0000-0000-00000000000{number}" for number in (1, 2)]
    with archive_on(database_url, tmp_path) as archive:
        archive.setup()
        with models.transaction(archive.db):
            for id_, parent in ((ids[0], None), (ids[1], ids[0])):
                models.change(
                    archive.db,
                    "INSERT INTO media_storage (id, asset_key, original_url, derived_from,"
                    " download_status) VALUES (?, ?, ?, ?, 'pending')",
                    [id_, id_, f"https://x/{id_}", parent],
                )
        scripts.run(f"DELETE FROM media_storage WHERE id = '{ids[0]}'")
        assert query(archive, "SELECT id FROM media_storage") == []


def test_rows_that_share_an_id_are_told_and_stop_nothing(database_url: str, tmp_path: Path) -> None:
    """An earlier version made no key unique: with the rows put right the next setup does."""
    scripts = Dump(database_url)
    scripts.make(*KINDS["ids that are no key"][0], tables=KINDS["ids that are no key"][1])
    models.close(adopted_by(8, scripts))
    scripts.run(
        "INSERT INTO facebook_video_posts (video_id, page_id) VALUES ('1', '7'), ('1', '8')"
    )
    (tmp_path / "config.toml").write_text(f'[database]\nurl = "{database_url}"\n')
    done = fbsyncd(tmp_path, "setup")
    assert done.returncode == 0, done.stderr
    note = "note: facebook_video_posts has the same video_id more than once: keep one row of each"
    assert done.stdout.splitlines()[1:] == [note]
    scripts.run("DELETE FROM facebook_video_posts WHERE page_id = '8'")
    assert fbsyncd(tmp_path, "setup").stdout == "the schema is up to date\n"
    with pytest.raises(Exception, match=r"(?i)unique"):
        scripts.run("INSERT INTO facebook_video_posts (video_id) VALUES ('1')")


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=4, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.mark.postgresql
def test_rules_that_came_later_are_told_by_setup_and_doctor(
    facebook: Simulator, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """Each with the statement that puts it right, after which nothing more is said."""
    with postgres_server.fresh_database() as url:
        scripts = Dump(url)
        scripts.make(MEDIA)
        (tmp_path / "config.toml").write_text(config_text(facebook, url))
        assert fbsyncd(tmp_path, "setup").stdout.count("note:") == 0
        assert told(tmp_path) == []
        scripts.run(
            "ALTER TABLE facebook_posts ADD CONSTRAINT once UNIQUE (permalink_url)"
            " DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE media_storage ALTER COLUMN mime_type TYPE VARCHAR(9)",
            "ALTER TABLE facebook_posts ADD COLUMN kind TEXT NOT NULL DEFAULT 'a'",
            "ALTER TABLE facebook_posts ALTER COLUMN kind DROP DEFAULT",
        )
        done = fbsyncd(tmp_path, "setup")
        assert done.returncode == 0, done.stderr
        notes = [line for line in done.stdout.splitlines() if line.startswith("note: ")]
        assert [one["check"] for one in told(tmp_path)] == ["rules"] * 3
        assert [f"note: {one['says']}: {one['remedy']}" for one in told(tmp_path)] == notes
        assert "once of facebook_posts is DEFERRABLE" in done.stdout
        scripts.run(*(f"ALTER{line.partition(': ALTER')[2]}" for line in notes))
        assert told(tmp_path) == []
        assert fbsyncd(tmp_path, "setup").stdout == "the schema is up to date\n"
        assert fbsyncd(tmp_path, "sync").returncode == 0


def told(folder: Path) -> list[dict[str, Any]]:
    """Return what the doctor says of the tables' rules."""
    done = fbsyncd(folder, "doctor", "--json")
    return [one for one in json.loads(done.stdout)["checks"] if one["check"] == "rules"]


def test_links_that_became_unique_are_coped_with_from_the_next_setup_on(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """An index that somebody adds later keeps no picture out."""
    scripts = Dump(database_url)
    scripts.make(*IN_PART[:1])
    read_page(scripts, facebook.url, facebook.page_id, facebook.token)
    (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
    assert fbsyncd(tmp_path, "setup").returncode == 0
    noted = "SELECT count(*) FROM archive WHERE name = 'links_unique'"
    assert scripts.one(noted) == 0
    scripts.run(*IN_PART[1:])
    assert fbsyncd(tmp_path, "setup").returncode == 0
    assert scripts.one(noted) == 1
    scripts.run("DROP INDEX one_link")
    assert fbsyncd(tmp_path, "setup").returncode == 0
    assert scripts.one(noted) == 0


def test_an_archive_of_our_own_is_not_looked_at(db: Database) -> None:
    """Nothing is noted of it, and nothing of it is odd."""
    before = made_of_rows(db)
    assert again.look(db) == []
    assert again.standing(db) == []
    again.watch(db)
    assert made_of_rows(db) == before


def made_of_rows(db: Database) -> list[tuple[Any, ...]]:
    with models.session(db):
        return models.rows(db, "SELECT name, value FROM archive ORDER BY name")


def test_an_adoption_leaves_nothing_to_be_told(database_url: str, tmp_path: Path) -> None:
    """What was adopted with all its rows stands in nobody's way."""
    scripts = Dump(database_url)
    scripts.make(MEDIA)
    Years(posts=9, attachments=15, again=4, videos=2).fill(scripts)
    with archive_on(database_url, tmp_path) as archive:
        assert archive.take_over()
        archive.setup()
        assert again.standing(archive.db) == again.look(archive.db) == []
