"""Databases of every earlier schema, with rows in them, brought to the newest one."""

from __future__ import annotations

import sqlite3
import uuid
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from dump import Dump, Years
from peewee import Database
from postgres import PostgresServer
from shelf import NOW, url
from torture import Death, Gallows

from fbsyncd import adopt, adopted, backup, migrate, models
from fbsyncd.adopt import catalogue, inventory
from fbsyncd.adopt.plan import plan
from fbsyncd.brake import Brake
from fbsyncd.errors import DatabaseTrouble
from fbsyncd.feed import Feed
from fbsyncd.media import Media

VERSIONS = [migration.version for migration in migrate.known("sqlite")]
NEWEST = VERSIONS[-1]
AT = "2026-01-02 03:04:05.000000+00:00"
PICTURE = "11111111-1111-5111-8111-111111111111"
# What the first schema can hold, one row of each kind, with texts that break easily.
ROWS: dict[str, dict[str, Any]] = {
    "media_storage": {
        "id": PICTURE,
        "asset_key": "1_2_3#s720x720",
        "category": "posts",
        "original_url": url(1),
        "local_filename": "a" * 64 + ".jpg",
        "public_url": f"/media/facebook/posts/{'a' * 64}.jpg",
        "file_size": 3,
        "sha256": "a" * 64,
        "download_status": "success",
    },
    "facebook_pages": {"id": "7", "name": "Bürgerhaus ไทย 🎈"},
    "facebook_posts": {
        "id": "7_1",
        "page_id": "7",
        "message": "'; DROP TABLE facebook_posts; -- 100 % ไทย 🎈\n?",
        "created_time": AT,
        "full_picture_url": url(1),
        "local_full_picture_id": PICTURE,
    },
    "facebook_post_attachments": {
        "post_id": "7_1",
        "attachment_key": "1_2_3",
        "type": "photo",
        "media_url": url(1),
        "local_media_id": PICTURE,
    },
    "facebook_video_posts": {"video_id": "9", "page_id": "7", "length": 12.891},
    "sync_state": {"page_id": "7", "stream": "posts", "state": "idle", "high_water": AT},
}

DEATHS = [Death("executed", number) for number in (3, 6, 12, 25)] + [Death("commit", 1)]


def made_by(database_url: str, version: int) -> Database:
    """Return a database as a program made it that knew schemas up to *version*."""
    db = models.connect(database_url)
    with models.transaction(db):
        known = [one for one in migrate.begin(db) if one.version <= version]
        migrate.execute(db, migrate.statements(known))
        migrate.record(db, known)
        for table, row in ROWS.items():
            models.change(
                db,
                f"INSERT INTO {table} ({', '.join(row)}) VALUES ({models.marks(len(row))})",
                list(row.values()),
            )
    return db


def stored(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Return what the rows hold in the columns they were made with, and their stamps."""
    with models.session(db):
        return {
            table: models.rows(
                db,
                f"SELECT {', '.join(row)}, created_at, updated_at FROM {table}",
            )
            for table, row in ROWS.items()
        }


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_an_earlier_database_is_upgraded_with_its_rows(
    database_url: str, version: int, tmp_path: Path
) -> None:
    """Every value stays as it was, and the program of today reads it."""
    db = made_by(database_url, version)
    before = stored(db)
    migrate.apply(db)
    assert stored(db) == before
    assert migrate.pending(db) == []
    media = Media(tmp_path / "media", tmp_path)
    brake = Brake(db, media)
    brake.accept()
    brake.release()
    (media.root / "posts" / f"{'a' * 64}.jpg").write_bytes(b"abc")
    feed = Feed(db, media, now=lambda: NOW)
    (post,) = feed.posts()["posts"]
    assert post["message"] == ROWS["facebook_posts"]["message"]
    assert [one["has_local_image"] for one in post["attachments"]] == [True]
    models.close(db)


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_a_file_is_copied_before_it_is_upgraded(tmp_path: Path, version: int) -> None:
    """Beside the database lies what it was, whole and of the earlier schema."""
    path = tmp_path / "fbsyncd.db"
    db = made_by(f"sqlite:///{path}", version)
    before = stored(db)
    migrate.apply(db)
    models.close(db)
    following = VERSIONS[VERSIONS.index(version) + 1]
    copy = tmp_path / f"fbsyncd.db.before-{following:04}"
    assert backup.copies(path) == [copy]
    assert [name.name for name in tmp_path.glob("*.part*")] == []
    with closing(sqlite3.connect(copy)) as old:
        assert old.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert old.execute("SELECT max(version) FROM schema_migrations").fetchone() == (version,)
    again = models.connect(f"sqlite:///{copy}")
    assert stored(again) == before
    models.close(again)


def test_an_up_to_date_or_new_file_is_not_copied(tmp_path: Path) -> None:
    """There is nothing to keep of a database that is made or left as it is."""
    path = tmp_path / "fbsyncd.db"
    db = models.connect(f"sqlite:///{path}")
    migrate.apply(db)
    migrate.apply(db)
    models.close(db)
    assert backup.copies(path) == []


def test_the_last_few_copies_are_kept_and_nothing_else_is_touched(tmp_path: Path) -> None:
    """Copies before long-gone schemas go; files of other names stay."""
    path = tmp_path / "fbsyncd.db"
    sqlite3.connect(path).close()
    others = [
        tmp_path / name for name in ("fbsyncd.db.before-1", "x.db.before-0001", "before-0001")
    ]
    for other in others:
        other.write_text("mine")
    for version in (2, 3, 4, 5, 5, 6):
        backup.before(path, version)
    assert [copy.name[-4:] for copy in backup.copies(path)] == ["0004", "0005", "0006"]
    assert [other.read_text() for other in others] == ["mine"] * 3


def test_without_room_for_the_copy_nothing_is_upgraded(tmp_path: Path) -> None:
    """The upgrade is refused and the database stays on its schema, with no half copy beside."""
    folder = tmp_path / "data"
    folder.mkdir()
    db = made_by(f"sqlite:///{folder / 'fbsyncd.db'}", 1)
    before = stored(db)
    # A folder where the copy should be: no file can take its name, whoever runs the tests.
    (folder / f"fbsyncd.db.before-{VERSIONS[1]:04}").mkdir()
    with pytest.raises(DatabaseTrouble, match=r"cannot copy .*fbsyncd\.db before its upgrade"):
        migrate.apply(db)
    assert stored(db) == before
    assert len(migrate.pending(db)) == len(VERSIONS) - 1
    assert list(folder.glob("*.part*")) == []
    models.close(db)


def test_a_full_disk_is_told_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has to free space is told how much, before anything is copied."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10, 9, 1))
    path = tmp_path / "fbsyncd.db"
    sqlite3.connect(path).close()
    with pytest.raises(DatabaseTrouble, match=r"needs [\d,]+ bytes, the disk has 1: free"):
        backup.before(path, 5)
    assert backup.copies(path) == []


def test_who_upgrades_postgresql_is_told_that_no_copy_is_made(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the copy of a file, or says that a server's database has none."""
    db = made_by(database_url, 1)
    migrate.apply(db)
    models.close(db)
    said = "pg_dump makes one" if database_url.startswith("postgresql") else "fbsyncd.db.before-"
    assert [record.levelname for record in caplog.records if said in record.message] == ["WARNING"]


def test_programs_that_start_at_once_upgrade_once(database_url: str, tmp_path: Path) -> None:
    """One of several does the upgrade, and its copy is of what was before."""
    models.close(made_by(database_url, 1))

    def upgrade(_: int) -> list[str]:
        db = models.connect(database_url)
        try:
            return migrate.apply(db)
        finally:
            models.close(db)

    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(upgrade, range(4)))
    assert sorted(map(len, applied)) == [0, 0, 0, len(VERSIONS) - 1]
    for copy in tmp_path.glob("*.before-*"):
        with closing(sqlite3.connect(copy)) as old:
            assert old.execute("SELECT max(version) FROM schema_migrations").fetchone() == (1,)


def test_a_killed_upgrade_leaves_the_old_database(database_url: str, tmp_path: Path) -> None:
    """Killed before any of its statements, in the copy or at the commit, it begins anew."""
    (tmp_path / "config.toml").write_text(f'[database]\nurl = "{database_url}"\n')
    gallows = Gallows(tmp_path / "log")
    try:
        db = made_by(database_url, 1)
        before = stored(db)
        models.close(db)
        for death in DEATHS:
            _, status = gallows.run(tmp_path, ["setup"], death)
            assert status == -9, death
            db = models.connect(database_url)
            assert stored(db) == before
            assert len(migrate.pending(db)) == len(VERSIONS) - 1, death
            models.close(db)
    finally:
        gallows.close()
    db = models.connect(database_url)
    assert len(migrate.apply(db)) == len(VERSIONS) - 1
    assert stored(db) == before
    assert list(tmp_path.glob("*.part*")) == []
    models.close(db)


def adopted_at(version: int, scripts: Dump) -> Database:
    """Return the scripts' database, adopted by a program that knew schemas up to *version*."""
    db = models.connect(scripts.url)
    with models.transaction(db):
        known = [one for one in migrate.begin(db) if one.version <= version]
        book = catalogue.of(models.engine(db))
        steps = plan(migrate.statements(known), inventory.take(db, book), book)
        migrate.execute(db, [step.sql for step in steps])
        migrate.record(db, known)
        adopted.keep_limits(db, {})
    return db


ADOPTED = [version for version in VERSIONS[:-1] if version >= 5]


@pytest.mark.postgresql
@pytest.mark.parametrize("version", ADOPTED)
def test_scripts_with_a_role_of_their_own_go_on_after_an_upgrade(
    postgres_server: PostgresServer, version: int
) -> None:
    """What an upgrade adds runs with the rights of who made it, as what adopting added."""
    with postgres_server.fresh_database() as url:
        scripts, role = Dump(url), f"writer_{uuid.uuid4().hex}"
        scripts.make()
        scripts.run(
            f"CREATE ROLE {role} LOGIN PASSWORD 'secret'",
            f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
        )
        db = adopted_at(version, scripts)
        server = urlsplit(url)
        writer = Dump(f"postgresql://{role}:secret@{server.hostname}:{server.port}{server.path}")
        Years(posts=5, attachments=8, again=2, videos=3).fill(writer)
        migrate.apply(db)
        models.close(db)
        Years(posts=6, attachments=9, again=2, videos=5, seed=9).fill(writer)
        assert scripts.one("SELECT count(*) FROM facebook_video_posts") == 5
        scripts.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


@pytest.mark.postgresql
def test_triggers_that_an_earlier_upgrade_made_get_their_rights(
    postgres_server: PostgresServer,
) -> None:
    """An older program left them with those of whoever writes, and scripts could not any more."""
    with postgres_server.fresh_database() as url:
        scripts, role = Dump(url), f"writer_{uuid.uuid4().hex}"
        scripts.make()
        scripts.run(
            f"CREATE ROLE {role} LOGIN PASSWORD 'secret'",
            f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
        )
        db = adopted_at(5, scripts)
        with models.transaction(db):
            then = [one for one in migrate.begin(db) if one.version < NEWEST]
            migrate.execute(db, migrate.statements(then))
            migrate.record(db, then)
        server = urlsplit(url)
        writer = Dump(f"postgresql://{role}:secret@{server.hostname}:{server.port}{server.path}")
        with pytest.raises(Exception, match="permission denied"):
            Years(posts=5, attachments=8, again=2, videos=3).fill(writer)
        migrate.apply(db)
        models.close(db)
        Years(posts=5, attachments=8, again=2, videos=3).fill(writer)
        assert scripts.one("SELECT count(*) FROM facebook_video_posts") == 3
        scripts.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


@pytest.mark.parametrize("version", [*ADOPTED, NEWEST])
def test_an_index_of_theirs_outlives_adoption_and_upgrade(database_url: str, version: int) -> None:
    """Ours of the same name is called otherwise, and it is ours that is replaced."""
    scripts = Dump(database_url)
    scripts.make(
        "CREATE INDEX media_storage_file ON facebook_posts (page_id)",
        "CREATE INDEX facebook_posts_pictures ON facebook_posts (picture_url)",
    )
    db = adopted_at(version, scripts)
    migrate.apply(db)
    names = {"media_storage_file": "page_id", "facebook_posts_pictures": "picture_url"}
    told = {
        name: scripts.one(
            f"SELECT sql FROM sqlite_master WHERE name = '{name}'"
            if scripts.is_file
            else f"SELECT indexdef FROM pg_indexes WHERE indexname = '{name}'"
        )
        for plain in names
        for name in (plain, f"{plain}_fbsyncd")
    }
    for name, column in names.items():
        assert told[name].endswith(f" ({column})")
    assert "sha256" in told["media_storage_file_fbsyncd"]
    assert "local_full_picture_id" in told["facebook_posts_pictures_fbsyncd"]
    assert migrate.pending(db) == []
    models.close(db)


def test_what_an_upgrade_will_do_is_shown_as_it_is_done(database_url: str) -> None:
    """A rehearsal names what is replaced by the name it has there."""
    scripts = Dump(database_url)
    scripts.make("CREATE INDEX media_storage_file ON facebook_posts (page_id)")
    models.close(adopted_at(8, scripts))
    assert "DROP INDEX media_storage_file_fbsyncd;" in adopt.rehearse(database_url)
