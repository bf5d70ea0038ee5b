"""Rules that people gave their tables: a row that breaks one keeps no other row out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dump
import pytest
from dump import Dump
from plant import config_text
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
