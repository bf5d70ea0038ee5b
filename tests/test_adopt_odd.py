"""Odd rows among good ones: coped with and told of, or refused before anything is written."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import dump
import pytest
from dump import Dump, Years
from plant import query
from test_adoption import archive_on, check_links, theirs, whole
from test_cli import fbsyncd
from test_copy import copy, other_url, written

from fbsyncd import adopt, export, models, verify
from fbsyncd.archive import Archive

__all__ = ["other_url"]

LINK = "https://scontent.xx.fbcdn.net/v/t39.30808-6/5_5_5_n.jpg?stp=dst-jpg_s720x720&oh=1&oe=1"
UPPER = "0AD5A3F6-9F4C-4D3B-8D59-0C9F0E6D2AAA"
STORAGE = "CREATE TABLE media_storage (id {}, original_url TEXT, local_path TEXT)"


def keyless(tables: dict[str, str]) -> dict[str, str]:
    """Return the tables without primary keys: their ids may be empty, and attachments have none."""
    loose = {name: sql.replace(" PRIMARY KEY", " UNIQUE") for name, sql in tables.items()}
    name = "facebook_post_attachments"
    return loose | {name: loose[name].replace("id {serial}", "id INTEGER")}


def respelt(tables: dict[str, str]) -> dict[str, str]:
    """Return the tables as somebody wrote them who likes capitals."""
    return {
        name: re.sub(r"\b(facebook_\w+|\w+_url|media_\w+)\b", lambda found: found[0].title(), sql)
        for name, sql in tables.items()
    }


def stringy(tables: dict[str, str]) -> dict[str, str]:
    """Return the tables with a type that is a text to people, and a number to SQLite."""
    texts = r"(message|story|type|title|description) (TEXT|VARCHAR\(50\))"
    return {name: re.sub(texts, r"\1 STRING", sql) for name, sql in tables.items()}


def without_rowid(table: str) -> str:
    """Return a table of SQLite's that finds its rows by their key alone."""
    keyed = table.replace("id {serial}", "id INTEGER").replace(") UNIQUE", ") PRIMARY KEY")
    return f"{keyed} WITHOUT ROWID"


@dataclass
class Case:
    """Odd rows; *run* is what the scripts did, *notes* what is told of it."""

    run: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    engines: tuple[str, ...] = ("sqlite", "postgresql")
    tables: Callable[[dict[str, str]], dict[str, str]] = dict
    #: How many of the 30 posts are listed.
    listed: int = 30


SQLITE, POSTGRESQL = ("sqlite",), ("postgresql",)
COPED = {
    "an empty time": Case(
        (
            "UPDATE facebook_posts SET created_time = '' WHERE id IN ('1045_2', '1045_3')",
            "UPDATE facebook_posts SET updated_time = ' ', created_at = '' WHERE id = '1045_5'",
            "UPDATE facebook_video_posts SET created_time = ''",
        ),
        (r"facebook_posts\.created_time is empty in 2 rows \(id 1045_2, 1045_3\): .*Facebook",),
        SQLITE,
        listed=28,
    ),
    "no time": Case(
        ("UPDATE facebook_posts SET created_time = NULL WHERE id = '1045_2'",),
        (r"facebook_posts\.created_time is empty in 1 row \(id 1045_2\): listed once",),
        listed=29,
    ),
    "posts without an id": Case(
        (
            "INSERT INTO facebook_posts (id, message, picture_url, created_time)"
            f" VALUES (NULL, 'a', '{LINK}', '2026-01-01'), (NULL, 'b', '{LINK}', '2026-01-01')",
            "INSERT INTO facebook_video_posts (video_id, picture) VALUES (NULL, 'x')",
        ),
        (
            r"facebook_posts\.id is empty in 2 rows: .*left alone",
            r"facebook_video_posts\.video_id is empty in 1 row: .*left alone",
        ),
        tables=keyless,
    ),
    "attachments of no post": Case(
        (
            "INSERT INTO facebook_post_attachments (post_id, type, media_url, title)"
            f" VALUES (NULL, 'photo', '{LINK}', 't'), ('1_2', 'photo', '{LINK}', 't')",
        ),
        (r"facebook_post_attachments\.post_id names no post that is here in 2 rows",),
    ),
    "attachments without an id, or with one twice": Case(
        ("UPDATE facebook_post_attachments SET id = 7 WHERE post_id >= '1045_2'",),
        (),
        tables=keyless,
    ),
    "UUIDs in other words": Case(
        (
            STORAGE.format("TEXT"),
            f"INSERT INTO media_storage VALUES ('{UPPER}', '{LINK}', NULL)",
            f"INSERT INTO media_storage VALUES ('{'5' * 32}', 'https://x/1', NULL)",
            "INSERT INTO media_storage VALUES (NULL, 'https://x/2', NULL)",
        ),
        (
            r"media_storage\.id is a UUID in other words in 2 rows",
            r"media_storage\.id is empty in 1 row",
        ),
    ),
    "bytes where texts are": Case(
        (
            "UPDATE facebook_posts SET message = CAST(message AS BLOB), type = x'ff',"
            " picture_url = CAST(picture_url AS BLOB), permalink_url = CAST('x' AS BLOB)"
            " WHERE id = '1045_2'",
            "UPDATE facebook_post_attachments SET title = CAST(title AS BLOB),"
            " media_url = CAST(media_url AS BLOB) WHERE post_id = '1045_3'",
            "UPDATE facebook_video_posts SET picture = CAST(picture AS BLOB), title = x'ff'",
            "INSERT INTO facebook_posts (id, picture_url) VALUES (x'31', 'https://x/1')",
        ),
        (r"facebook_posts\.message is bytes in 1 row \(id 1045_2\): .*text",),
        SQLITE,
    ),
    "text that is no UTF-8": Case(
        (
            "UPDATE facebook_posts SET message = CAST(x'636166e9' AS TEXT) WHERE id = '1045_2'",
            "UPDATE facebook_post_attachments SET title = CAST(x'636166e9' AS TEXT)",
            "UPDATE facebook_video_posts SET description = CAST(x'ff41' AS TEXT)",
            "INSERT INTO facebook_posts (id, picture_url) VALUES (CAST(x'31e9' AS TEXT), 'x')",
        ),
        (r"facebook_posts\.message is no UTF-8 in 1 row \(id 1045_2\)",),
        SQLITE,
    ),
    "numbers where texts are": Case(
        (
            "UPDATE facebook_posts SET message = 2024, story = 1.5, type = 7 WHERE id = '1045_2'",
            "UPDATE facebook_post_attachments SET title = 5, description = 2",
            "UPDATE facebook_video_posts SET title = 5",
        ),
        (),
        SQLITE,
        lambda tables: {
            name: re.sub(
                r"(message|story|type|title|description) (TEXT|VARCHAR\(50\))", r"\1 STRING", sql
            )
            for name, sql in tables.items()
        },
    ),
    "times without end in columns of their own": Case(
        (
            "ALTER TABLE facebook_posts ADD COLUMN ends TIMESTAMP DEFAULT 'infinity'",
            "ALTER TABLE facebook_posts ADD COLUMN born DATE DEFAULT '0044-03-15 BC'",
        ),
        (),
        POSTGRESQL,
    ),
    "names in other letters": Case((), (), SQLITE, respelt),
}


def made(url: str, case: Case, years: Years) -> Dump:
    """Let the scripts make and fill a database, odd rows and all."""
    if not url.startswith(case.engines):
        pytest.skip("the other engine takes no such row")
    scripts = Dump(url)
    scripts.make(tables=case.tables(dump.TABLES))
    years.fill(scripts)
    scripts.run(*case.run)
    return scripts


def use(archive: Archive, folder: Path, case: Case) -> None:
    """Read everything in every way there is."""
    archive.index()
    posts = list(archive.feed.newest(1000))
    assert len(posts) == case.listed
    assert all(isinstance(post["id"], str) for post in posts)
    paged, cursor = [], None
    while True:
        page = archive.feed.posts(limit=7, cursor=cursor)
        paged += page["posts"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [post["id"] for post in paged] == [post["id"] for post in posts]
    assert paged == posts
    assert archive.feed.videos(limit=5)["videos"]
    assert archive.feed.timeline()["posts"]
    archive.feed.posts(limit=5, q="quoted")
    archive.feed.media(limit=100)
    archive.feed.pages(limit=5)
    archive.feed.stats()
    str(verify.verify(archive.db, archive.media).total)
    export.export(archive.db, archive.media, folder, archive.now())


@pytest.mark.parametrize("name", COPED)
def test_an_odd_row_does_not_stop_the_good_ones(
    database_url: str, other_url: str, tmp_path: Path, name: str
) -> None:
    """All is adopted, told, used, written to by the scripts as before, and copied whole."""
    case, years = COPED[name], Years(posts=30, attachments=60, again=20, videos=6)
    scripts = made(database_url, case, years)
    before = theirs(scripts)
    rehearsed = adopt.rehearse(database_url)
    assert theirs(scripts) == before
    with archive_on(database_url, tmp_path) as archive:
        report = archive.take_over()
        assert report is not None
        assert archive.setup() == []
        assert theirs(scripts) == before
        for note in case.notes:
            assert re.search(f"(?m)^note: .*{note}", str(report)), str(report)
            assert re.search(f"(?m)^-- note: .*{note}", rehearsed)
        use(archive, tmp_path / "once", case)
        Years(posts=30, attachments=70, again=20, videos=6, seed=9).fill(scripts)
        scripts.run(*(sql for sql in case.run if sql.startswith("UPDATE")))
        archive.take_in()
        with models.session(archive.db):
            assert not adopt.rows.is_any(archive.db)
        use(archive, tmp_path / "again", case)
        check_whole(archive, other_url)


def check_whole(archive: Archive, other_url: str) -> None:
    target = models.connect(other_url)
    copied = copy(archive.db, target)
    assert written(copied)
    assert written(copy(archive.db, target)) == 0
    models.close(target)


ENUM = (
    "CREATE TYPE kind AS ENUM ('photo', 'album')",
    "CREATE TABLE facebook_post_attachments (id SERIAL PRIMARY KEY, post_id TEXT, type kind,"
    " media_url TEXT)",
)
REFUSED = {
    "a time nobody can read": Case(
        (
            "UPDATE facebook_posts SET created_time = 'yesterday' WHERE id = '1045_2'",
            "UPDATE facebook_posts SET created_time = 1700000000 WHERE id < '1045_2'",
        ),
        (
            r"facebook_posts\.created_time is no time that can be read in 1 row \(id 1045_2:"
            r" 'yesterday'\): .*SET created_time = NULL",
            r"facebook_posts\.created_time is in seconds since 1970 in \d+ rows \(id 1045_\d+:"
            r" '1700000000', .* and \d+ more\): UPDATE facebook_posts SET created_time = datetime",
        ),
        SQLITE,
    ),
    "times without end": Case(
        (
            "UPDATE facebook_posts SET created_time = 'infinity' WHERE id = '1045_2'",
            "UPDATE facebook_posts SET updated_time = '0044-03-15 BC' WHERE id = '1045_3'",
            "UPDATE facebook_post_attachments SET created_at = '-infinity' WHERE id = 5",
        ),
        (
            r"facebook_posts\.created_time is no time .*\(id 1045_2: 'infinity'\)",
            r"facebook_posts\.updated_time is no time .*\(id 1045_3: '0044-03-15 .*BC'\)",
            r"facebook_post_attachments\.created_at is no time .*\(id 5: '-infinity'\)",
        ),
        POSTGRESQL,
    ),
    "an id twice": Case(
        (
            "CREATE TABLE facebook_pages (id VARCHAR(9), name TEXT)",
            "INSERT INTO facebook_pages (id) VALUES ('7'), ('7'), ('7'), ('8'), ('8'), ('9')",
        ),
        (r"facebook_pages\.id is there more than once for 2 ids \(id 7, 8\): keep one",),
    ),
    "a UUID twice": Case(
        (
            STORAGE.format("TEXT"),
            f"INSERT INTO media_storage VALUES ('{UPPER}', 'x', NULL)",
            f"INSERT INTO media_storage VALUES ('{UPPER.lower()}', 'x', NULL)",
        ),
        (r"media_storage\.id is there in other words too for 1 id",),
    ),
    "ids that are no UUIDs": Case(
        (STORAGE.format("TEXT"), "INSERT INTO media_storage VALUES ('seven', 'x', NULL)"),
        (r"media_storage\.id is no UUID in 1 row \(id seven\): rename the table",),
    ),
    "a type of their own": Case(
        ("DROP TABLE facebook_post_attachments", *ENUM),
        (r"attachments\.type is kind, text is needed: ALTER TABLE \S+ ALTER COLUMN type TYPE",),
        POSTGRESQL,
    ),
    "a table without rowids": Case(
        (),
        (r"facebook_video_posts is made WITHOUT ROWID",),
        SQLITE,
        lambda tables: (
            tables | {"facebook_video_posts": without_rowid(tables["facebook_video_posts"])}
        ),
    ),
    "a table in parts": Case(
        (
            "DROP TABLE facebook_posts",
            f"{dump.TABLES['facebook_posts']} PARTITION BY HASH (id)",
        ),
        (r"facebook_posts is made of several tables",),
        POSTGRESQL,
    ),
    "a table that is a part": Case(
        (
            "DROP TABLE facebook_posts",
            f"{dump.TABLES['facebook_posts'].replace('facebook_posts', 'all_posts')}"
            " PARTITION BY HASH (id)",
            "CREATE TABLE facebook_posts PARTITION OF all_posts"
            " FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
        ),
        (r"facebook_posts is made of several tables or is a part of one",),
        POSTGRESQL,
    ),
    "a table with heirs": Case(
        ("CREATE TABLE older_videos () INHERITS (facebook_video_posts)",),
        (r"facebook_video_posts is made of several tables",),
        POSTGRESQL,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_coped_with_is_said_before_anything_is_written(
    database_url: str, tmp_path: Path, name: str
) -> None:
    """``--dry-run`` and ``setup`` end alike, with table, row and column; no copy is made either."""
    case = REFUSED[name]
    scripts = made(database_url, case, Years(posts=30, attachments=60, again=20, videos=6))
    (tmp_path / "config.toml").write_text(f'[database]\nurl = "{database_url}"\n')
    before = whole(scripts), theirs(scripts, "facebook_video_posts")
    told = [fbsyncd(tmp_path, "setup", *how) for how in (["--dry-run"], [], [])]
    for done in told:
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == told[0].stderr
        assert len(done.stderr.splitlines()) == 1
        assert done.stderr.startswith("fbsyncd: nothing was changed: ")
        for note in case.notes:
            assert re.search(note, done.stderr), done.stderr
    assert (whole(scripts), theirs(scripts, "facebook_video_posts")) == before
    assert not list(tmp_path.glob("*.before-*"))


def test_a_rehearsal_looks_at_the_media_folder_too(database_url: str, tmp_path: Path) -> None:
    """Another archive's folder is refused by ``--dry-run`` as it is by ``setup``."""
    scripts = Dump(database_url)
    scripts.make()
    (tmp_path / "config.toml").write_text(f'[database]\nurl = "{database_url}"\n')
    (tmp_path / "media" / "facebook").mkdir(parents=True)
    (tmp_path / "media" / "facebook" / ".fbsyncd-archive").write_text("another\n")
    told = [fbsyncd(tmp_path, "setup", *how) for how in (["--dry-run"], [])]
    assert [done.returncode for done in told] == [1, 1]
    assert told[0].stderr == told[1].stderr
    assert "belongs to another archive" in told[0].stderr


def test_an_attachment_without_an_id_shows_its_picture(database_url: str, tmp_path: Path) -> None:
    """Also where another row of its post has the same picture, and an id."""
    case = Case(tables=keyless)
    scripts = made(database_url, case, Years(posts=2, attachments=0, again=0, videos=0))
    scripts.run(
        "INSERT INTO facebook_post_attachments (id, post_id, type, media_url) VALUES"
        f" (NULL, '1045_0', 'photo', '{LINK}'), (NULL, '1045_0', 'photo', '{LINK}&x'),"
        f" (4, '1045_0', 'photo', '{LINK}&y'), (NULL, '1045_1', 'photo', '{LINK}')"
    )
    with archive_on(database_url, tmp_path) as archive:
        assert archive.take_over()
        archive.setup()
        shown = (
            "SELECT a.post_id, m.asset_key FROM facebook_post_attachments a JOIN media_storage m"
            " ON m.id = a.local_media_id WHERE a.removed_at IS NULL ORDER BY 1"
        )
        key = "5_5_5#s720x720"
        assert query(archive, shown) == [("1045_0", key), ("1045_1", key)]
        assert [len(post["attachments"]) for post in archive.feed.newest(9)] == [1, 1]
        scripts.run(
            "INSERT INTO facebook_post_attachments (post_id, type, media_url) VALUES"
            f" ('1045_0', 'photo', '{LINK}&z')"
        )
        archive.take_in()
        assert query(archive, shown) == [("1045_0", key), ("1045_1", key)]


def test_local_ids_that_lead_nowhere_are_filled(database_url: str, tmp_path: Path) -> None:
    """An earlier program named pictures whose rows are gone: the posts get theirs nevertheless."""
    scripts = made(database_url, Case(), Years(posts=3, attachments=3, again=0, videos=1))
    scripts.run(
        "ALTER TABLE facebook_posts ADD COLUMN local_picture_id {uuid}",
        f"UPDATE facebook_posts SET local_picture_id = '{UPPER.lower()}'",
    )
    with archive_on(database_url, tmp_path) as archive:
        assert archive.take_over()
        archive.setup()
        check_links(archive)


def test_every_post_is_exported_once(database_url: str, tmp_path: Path) -> None:
    """Also from a SQLite file in which the scripts wrote times in other words than ours."""
    years = Years(posts=1200, attachments=0, again=0, videos=0)
    scripts = made(database_url, Case(tables=keyless), years)
    scripts.run(COPED["posts without an id"].run[0])
    with archive_on(database_url, tmp_path) as archive:
        assert archive.take_over()
        archive.setup()
        done = export.export(archive.db, archive.media, tmp_path / "out", archive.now())
    assert done.posts == 1200


def test_a_database_of_the_size_and_oddness_of_years_is_adopted_once(
    database_url: str, tmp_path: Path
) -> None:
    """3,111 posts, 5,600 attachments and odd rows: the second run changes not a value."""
    scripts = made(database_url, Case(tables=keyless), Years())
    scripts.run(
        *COPED["posts without an id"].run,
        *COPED["attachments of no post"].run,
        "UPDATE facebook_posts SET created_time = NULL WHERE id < '1045_1'",
    )
    (tmp_path / "config.toml").write_text(f'[database]\nurl = "{database_url}"\n')
    before = theirs(scripts)
    first = fbsyncd(tmp_path, "setup")
    assert first.stdout.startswith("adopted 3,111 posts, 5,602 attachments (2,100 of them the same")
    every = "media_storage", "search_stale", "post_search", *dump.TABLES
    rows = {name: sorted(scripts.ask(f"SELECT * FROM {name}"), key=repr) for name in every}
    again = fbsyncd(tmp_path, "setup")
    assert (again.returncode, again.stdout) == (0, "the schema is up to date\n")
    for name in every:
        assert sorted(scripts.ask(f"SELECT * FROM {name}"), key=repr) == rows[name]
    assert theirs(scripts) == before
