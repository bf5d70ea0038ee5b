"""Rules that people gave their tables: a row that breaks one keeps no other row out."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dump
import pytest
from dump import Dump
from plant import config_text
from postgres import PostgresServer
from test_adoption_media import MEDIA, ROW
from test_cli import fbsyncd

from fbsyncd.simulator import Simulator

POSTS = "facebook_posts"
#: What people hold a table to, and what the database says when a row breaks it.
RAISES = {
    True: (
        "CREATE TRIGGER no_tests BEFORE INSERT ON facebook_posts WHEN NEW.id = '{id}'"
        " BEGIN SELECT RAISE(ABORT, 'not this one'); END"
    ),
    False: (
        "CREATE FUNCTION no_tests() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.id = '{id}' THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$;"
        " CREATE TRIGGER no_tests BEFORE INSERT ON facebook_posts"
        " FOR EACH ROW EXECUTE FUNCTION no_tests()"
    ),
}


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=8, seed=3, pictures="plain") as simulator:
        yield simulator


def newest(facebook: Simulator) -> str:
    """Return the id of a post with a picture."""
    post = facebook.add_post("photo")
    return str(post)


@contextmanager
def taken_over(
    facebook: Simulator, folder: Path, scripts: Dump, *more: str, **tables: str
) -> Iterator[None]:
    scripts.make(*more, tables=dump.TABLES | tables)
    (folder / "config.toml").write_text(config_text(facebook, scripts.url))
    done = fbsyncd(folder, "setup")
    assert done.returncode == 0, done.stderr
    yield


def synced(folder: Path) -> str:
    """Sync, and return what that told."""
    done = fbsyncd(folder, "sync")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def left_out(told: str) -> list[str]:
    return re.findall(r"one of the \w+, [^,]+, cannot be taken in: .*", told)


@pytest.mark.parametrize("how", ["check", "trigger"])
def test_a_post_that_breaks_a_rule_costs_itself_alone(
    facebook: Simulator, database_url: str, tmp_path: Path, how: str
) -> None:
    """The others of its page are stored, and one line names it with the database's words."""
    scripts, bad = Dump(database_url), newest(facebook)
    table, more = dump.TABLES[POSTS], []
    if how == "check":
        table = table.replace("page_id VARCHAR(255)", f"page_id VARCHAR(255) CHECK (id <> '{bad}')")
    else:
        more = [RAISES[scripts.is_file].replace("{id}", bad)]
    with taken_over(facebook, tmp_path, scripts, *more, **{POSTS: table}):
        told = synced(tmp_path)
    (line,) = left_out(told)
    assert f"one of the posts, {bad}, " in line
    assert ("constraint" if how == "check" else "not this one") in line
    assert "Failing row" not in told
    assert scripts.one(f"SELECT count(*) FROM {POSTS}") == 8
    assert scripts.one(f"SELECT count(*) FROM {POSTS} WHERE id = '{bad}'") == 0
    assert "cannot be taken in" in synced(tmp_path)


def test_an_attachment_that_breaks_a_rule_costs_itself_alone(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """Its post is stored, and so is every other attachment."""
    scripts, bad = Dump(database_url), newest(facebook)
    name = "facebook_post_attachments"
    table = dump.TABLES[name].replace(
        "post_id VARCHAR(255)", f"post_id VARCHAR(255) CHECK (post_id <> '{bad}')"
    )
    with taken_over(facebook, tmp_path, scripts, **{name: table}):
        (line,) = left_out(synced(tmp_path))
    assert "one of the attachments, " in line
    assert f" of {bad}, " in line
    assert scripts.one(f"SELECT count(*) FROM {POSTS}") == 9
    assert scripts.one(f"SELECT count(*) FROM {name} WHERE post_id = '{bad}'") == 0
    assert scripts.one(f"SELECT count(*) FROM {name}") > 0


@pytest.mark.parametrize("late", ["", " DEFERRABLE INITIALLY DEFERRED"])
def test_a_page_comes_before_the_posts_that_name_it(
    facebook: Simulator, database_url: str, tmp_path: Path, late: str
) -> None:
    """A key from posts to Pages keeps nothing out."""
    scripts = Dump(database_url)
    pages = "CREATE TABLE facebook_pages (id VARCHAR(255) PRIMARY KEY, name VARCHAR(5))"
    table = dump.TABLES[POSTS].replace(
        "page_id VARCHAR(255)", f"page_id VARCHAR(255) REFERENCES facebook_pages (id){late}"
    )
    tables = {"facebook_pages": pages} | dump.TABLES | {POSTS: table}
    scripts.make(tables=tables)
    (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
    assert fbsyncd(tmp_path, "setup").returncode == 0
    assert left_out(synced(tmp_path)) == []
    assert scripts.one(f"SELECT count(*) FROM {POSTS}") == 8
    assert scripts.is_file or scripts.one("SELECT length(name) FROM facebook_pages") == 5


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def left_alone(facebook: Simulator, scripts: Dump, folder: Path, *made: str) -> str:
    """Return why ``setup`` refuses, and how it was told: in one line.

    A file is left as it was, byte for byte, and nothing beside it.
    """
    scripts.run(*made)
    (folder / "config.toml").write_text(config_text(facebook, scripts.url))
    before = files(folder)
    done = fbsyncd(folder, "setup")
    assert files(folder) == before, done.stderr
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    "case",
    [
        (
            "error_message TEXT",
            "error_message TEXT NOT NULL DEFAULT ''",
            "media_storage.error_message must not be empty",
            "ALTER COLUMN error_message DROP NOT NULL",
        ),
        (
            "public_url TEXT",
            "public_url TEXT NOT NULL DEFAULT ''",
            "media_storage.public_url must not be empty",
            "ALTER COLUMN public_url DROP NOT NULL",
        ),
        (
            "local_path TEXT",
            "local_path TEXT, attempts INTEGER",
            "media_storage.attempts may be empty",
            "RENAME COLUMN attempts TO own_attempts",
        ),
        (
            "local_path TEXT",
            "local_path TEXT, lease_until TEXT NOT NULL DEFAULT ''",
            "media_storage.lease_until",
            "RENAME COLUMN lease_until TO own_lease_until",
        ),
        (
            "local_filename VARCHAR(255)",
            "local_filename VARCHAR(64)",
            "media_storage.local_filename takes 64 characters only, and up to 72 are needed",
            "ALTER COLUMN local_filename TYPE TEXT",
        ),
        (
            "mime_type VARCHAR(100)",
            "mime_type VARCHAR(100), sha256 BYTEA",
            "media_storage.sha256 is bytea, text is needed",
            "ALTER COLUMN sha256 TYPE TEXT",
        ),
    ],
)
def test_earlier_rows_of_files_take_what_comes_or_are_refused(
    facebook: Simulator, database_url: str, tmp_path: Path, case: tuple[str, str, str, str]
) -> None:
    """What a sync would end on later is told of before anything is adopted, with the remedy."""
    was, now, told, cure = case
    scripts = Dump(database_url)
    if scripts.is_file and ("(64)" in now or "BYTEA" in now):
        pytest.skip("SQLite holds any text anywhere")
    scripts.make()
    assert was in MEDIA
    why = left_alone(facebook, scripts, tmp_path, MEDIA.replace(was, now))
    assert told in why
    if scripts.is_file and "DROP NOT NULL" in cure:
        assert "make the table anew, without NOT NULL there" in why
        return
    assert cure in why
    scripts.run(f"ALTER TABLE media_storage {cure}")
    for command in ("setup", "sync", "sync"):
        done = fbsyncd(tmp_path, command)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("type_", ["misses INTEGER", "misses TEXT", "last_seen_at NUMERIC(9)"])
def test_columns_with_the_names_of_ours_are_refused(
    facebook: Simulator, database_url: str, tmp_path: Path, type_: str
) -> None:
    """Their values would be taken for what fbsyncd counts; renamed they stand beside it."""
    scripts = Dump(database_url)
    name = type_.split()[0]
    if scripts.is_file and name == "last_seen_at":
        pytest.skip("SQLite holds any time anywhere")
    scripts.make()
    why = left_alone(facebook, scripts, tmp_path, f"ALTER TABLE facebook_posts ADD COLUMN {type_}")
    assert f"facebook_posts.{name} " in why
    cure = f"ALTER TABLE facebook_posts RENAME COLUMN {name} TO own_{name}"
    assert cure in why
    scripts.run(cure)
    for command in ("setup", "sync", "verify"):
        if command == "verify":
            fbsyncd(tmp_path, "sync")
        done = fbsyncd(tmp_path, command)
        assert done.returncode == 0, done.stderr


def test_computed_columns_are_refused(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """Every sync would end on one that it writes itself."""
    scripts = Dump(database_url)
    table = dump.TABLES[POSTS].replace(
        "permalink_url TEXT",
        "permalink_url TEXT GENERATED ALWAYS AS ('https://www.facebook.com/' || id) STORED",
    )
    scripts.make(tables=dump.TABLES | {POSTS: table})
    why = left_alone(facebook, scripts, tmp_path)
    assert "facebook_posts.permalink_url is computed by the database" in why
    cure = "ALTER TABLE facebook_posts RENAME COLUMN permalink_url TO own_permalink_url"
    assert cure in why
    scripts.run(cure)
    for command in ("setup", "sync"):
        done = fbsyncd(tmp_path, command)
        assert done.returncode == 0, done.stderr


@pytest.mark.postgresql
def test_ids_that_are_filled_up_with_blanks_are_refused(
    facebook: Simulator, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """They would be others than those Facebook tells; the statement that is told trims them."""
    with postgres_server.fresh_database() as url:
        scripts = Dump(url)
        tables = {
            name: re.sub(r"\b((?:post_)?id) VARCHAR\(255\)", r"\1 CHAR(60)", sql)
            for name, sql in dump.TABLES.items()
        }
        scripts.make(tables=tables)
        dump.read_page(scripts, facebook.url, facebook.page_id, facebook.token)
        why = left_alone(facebook, scripts, tmp_path)
        cures = re.findall(r"ALTER TABLE \w+ ALTER COLUMN \w+ TYPE VARCHAR\(60\)", why)
        assert len(cures) == 3
        scripts.run(*cures)
        for command in ("setup", "sync"):
            done = fbsyncd(tmp_path, command)
            assert done.returncode == 0, done.stderr
        assert scripts.one(f"SELECT count(*) FROM {POSTS}") == 8
        assert scripts.one(f"SELECT count(*) FROM {POSTS} WHERE length(id) = 60") == 0


@pytest.mark.postgresql
def test_a_link_that_no_index_takes_costs_its_row_alone(
    facebook: Simulator, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """PostgreSQL takes some 2,700 bytes where a table takes no link twice."""
    chance = random.Random(3)
    long = f"https://scontent.xx.fbcdn.net/v/{chance.randbytes(4500).hex()}_n.jpg"
    with postgres_server.fresh_database() as url:
        scripts = Dump(url)
        with taken_over(facebook, tmp_path, scripts, MEDIA):
            scripts.run(
                "INSERT INTO facebook_posts (id, page_id, picture_url)"
                f" VALUES ('1045_1', '1045', '{long}')"
            )
            (line,) = left_out(synced(tmp_path))
        assert "one of the posts, 1045_1, " in line
        assert scripts.one(f"SELECT count(*) FROM {POSTS}") == 9


def test_a_rule_that_no_picture_keeps_is_told_without_the_rows_links(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """The database's words are one line; of the row that it refused the id alone is in it."""
    scripts = Dump(database_url)
    scripts.make()
    link = "https://scontent.xx.fbcdn.net/v/t39.30808-6/5_5_5_n.jpg?oh=1&oe=7E000000"
    table = MEDIA.replace(
        "local_path TEXT", "local_path TEXT, category TEXT CHECK (category = 'x')"
    )
    scripts.run(table)
    place = "00000000-0000-0000-0000-000000000001"
    scripts.write(ROW, [(place, link, None, None, "failed")])
    why = left_alone(facebook, scripts, tmp_path)
    said = (
        f"nothing was changed: row {place} of media_storage cannot be taken in, the database said: "
    )
    assert said in why
    assert "Failing row" not in why
    assert "5_5_5_n" not in why
