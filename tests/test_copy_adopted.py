"""Copies out of a database that older scripts filled, and into one."""

from __future__ import annotations

import json
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dump
import pytest
from dump import PAGE, Dump, Years
from peewee import Database
from test_adoption import archive_on, theirs, whole
from test_copy import ask, copy, other, other_url, post, put, written

from fbsyncd import migrate, models, transfer, verify
from fbsyncd.adopted import Custom
from fbsyncd.errors import DatabaseTrouble, RowRefused, SchemaError
from fbsyncd.models import Row
from fbsyncd.transfer.kept import Kept
from fbsyncd.transfer.left import Leftovers
from fbsyncd.transfer.shapes import SHAPES, Shape
from fbsyncd.transfer.source import batches
from fbsyncd.transfer.target import Sides, merge
from fbsyncd.transfer.terms import Terms
from fbsyncd.transfer.union import Entry

__all__ = ["other", "other_url"]

EARLY = datetime(2026, 1, 2, tzinfo=UTC)
LATER = EARLY + timedelta(days=9)


def adopt(scripts: Dump, folder: Path, posts: int, attachments: int) -> None:
    """Let the scripts work for years, and fbsyncd take over."""
    scripts.make(*dump.STRANGERS)
    Years(posts=posts, attachments=attachments, again=attachments // 3, videos=9).fill(scripts)
    with archive_on(scripts.url, folder) as archive:
        archive.take_over()
        archive.setup()


def everything(db: Database) -> dict[str, list[Row]]:
    """Return all rows in plain values: what the scripts wrote has no zone and no microseconds."""
    with models.session(db):
        return {
            shape.name: sorted(
                shape.read(models.rows(db, f"SELECT {', '.join(shape.columns)} FROM {shape.name}")),
                key=repr,
            )
            for shape in SHAPES
        }


def test_an_adopted_database_is_copied_whole(
    database_url: str, other_url: str, tmp_path: Path
) -> None:
    """3,111 posts and 5,600 attachments, those added again included; theirs stays as it was."""
    scripts = Dump(database_url)
    adopt(scripts, tmp_path, dump.POSTS, dump.ATTACHMENTS)
    before = theirs(scripts)
    source, target = models.connect(database_url), models.connect(other_url)
    tallies = {tally.name: tally for tally in copy(source, target).tallies}
    assert tallies["facebook_posts"].there == 3111
    assert tallies["facebook_post_attachments"].there == 5600
    assert everything(source) == everything(target)
    assert written(copy(source, target)) == written(copy(target, source)) == 0
    assert theirs(scripts) == before
    models.close(source)
    models.close(target)


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_table_that_gives_all_numbers_itself_takes_those_of_a_copy(
    database_url: str, other_url: str, tmp_path: Path
) -> None:
    """And goes on above them, for whoever writes there next."""
    scripts, name = Dump(database_url), "facebook_post_attachments"
    numbered = "INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
    scripts.make(tables=dump.TABLES | {name: dump.TABLES[name].replace("{serial}", numbered)})
    with archive_on(database_url, tmp_path) as archive:
        archive.take_over()
        archive.setup()
    target, source = models.connect(database_url), models.connect(other_url)
    migrate.apply(source)
    put(source, "facebook_posts", id="1_1", page_id="1", created_time=models.to_text(EARLY))
    put(source, name, id=70, post_id="1_1", attachment_key="k", title="t")
    copy(source, target)
    assert scripts.ask(f"SELECT id, attachment_key FROM {name}") == [(70, "k")]
    scripts.run(f"INSERT INTO {name} (post_id, type) VALUES ('1_2', 'photo')")
    assert scripts.one(f"SELECT max(id) FROM {name}") > 70
    assert written(copy(source, target)) == 0
    models.close(source)
    models.close(target)


def test_an_archive_is_merged_into_an_adopted_database(
    database_url: str, other_url: str, tmp_path: Path
) -> None:
    """What is longer than its columns take is cut as a sync would; the scripts go on working."""
    scripts = Dump(database_url)
    adopt(scripts, tmp_path, 40, 90)
    target, source = models.connect(database_url), models.connect(other_url)
    copy(target, source)
    at = models.to_text(datetime(2100, 1, 1, tzinfo=UTC))
    with models.transaction(source):
        models.change(
            source,
            "UPDATE facebook_posts SET message = 'edited', type = ?, updated_at = ? WHERE id = ?",
            ["t" * 80, at, f"{PAGE}_1"],
        )
    put(source, "facebook_posts", id=f"{PAGE}_new", page_id=PAGE, created_time=at)
    put(source, "facebook_post_attachments", post_id=f"{PAGE}_new", attachment_key="k", title="t")
    # Two posts, an attachment, and the text that was edited.
    assert written(copy(source, target)) == 4
    edited: list[tuple[Any, ...]] = scripts.ask(
        f"SELECT message, type FROM facebook_posts WHERE id = '{PAGE}_1'"
    )
    assert edited == [("edited", "t" * (80 if scripts.is_file else 50))]
    assert len(ask(target, "SELECT id FROM facebook_posts")) == 41
    scripts.write(dump.ATTACHMENT, [(f"{PAGE}_new", "photo", "https://x/1", None, None, None)])
    assert scripts.one("SELECT count(*) FROM facebook_post_attachments") == 92
    models.close(source)
    models.close(target)


def test_a_database_that_nobody_took_over_is_no_target(database_url: str, other_url: str) -> None:
    """It is refused with the way out, and stays as it was."""
    scripts = Dump(database_url)
    scripts.make()
    source, target = models.connect(other_url), models.connect(database_url)
    migrate.apply(source)
    with pytest.raises(SchemaError, match=r"^--to: .*made by another program.*setup"):
        transfer.copy(source, target, lambda *_: None)
    assert "media_storage" not in {name for name, *_ in whole(scripts)}
    models.close(source)
    models.close(target)


def test_two_databases_that_know_a_picture_by_different_ids_become_one(
    database_url: str, tmp_path: Path
) -> None:
    """The scripts gave their pictures ids of their own; the union has each picture once."""
    adopt(Dump(database_url), tmp_path, 12, 20)
    with closing(_Second(tmp_path / "second")) as second:
        target = models.connect(database_url)
        own = ask(target, "SELECT id, asset_key FROM media_storage ORDER BY asset_key")
        copied = copy(second.db, target)
        assert not copied.is_same_archive
        assert ask(target, "SELECT id, asset_key FROM media_storage ORDER BY asset_key") == own
        models.close(target)


class _Second:
    """An archive whose pictures, the very same, go by other ids."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        url = f"sqlite:///{folder / 'fbsyncd.db'}"
        adopt(Dump(url), folder, 12, 20)
        self.db = models.connect(url)
        with models.transaction(self.db):
            models.change(self.db, "PRAGMA defer_foreign_keys = 1")
            for (id_,) in models.rows(self.db, "SELECT id FROM media_storage"):
                other = f"{str(id_)[:-4]}ffff"
                for table, column in (
                    ("facebook_posts", "local_picture_id"),
                    ("facebook_posts", "local_full_picture_id"),
                    ("facebook_post_attachments", "local_media_id"),
                    ("facebook_video_posts", "local_picture_id"),
                ):
                    sql = f"UPDATE {table} SET {column} = ? WHERE {column} = ?"
                    models.change(self.db, sql, [other, id_])
                sql = "UPDATE media_storage SET id = ?, key_id = ? WHERE id = ?"
                models.change(self.db, sql, [other, id_, id_])

    def close(self) -> None:
        models.close(self.db)


AT = models.to_text(datetime(2026, 1, 1, tzinfo=UTC))
ORPHANS = (
    "INSERT INTO facebook_post_attachments (post_id, type, media_url, title) VALUES"
    " (NULL, 'photo', 'https://x/1', 'ก 🎉'), (NULL, 'photo', 'https://x/2', NULL),"
    f" ('{PAGE}_late', 'photo', 'https://x/3', 'late')"
)


def test_attachments_of_no_post_come_along(
    database_url: str, other_url: str, tmp_path: Path
) -> None:
    """Before their post or without one: each is in the copy, which forgets and joins as ever."""
    scripts = Dump(database_url)
    adopt(scripts, tmp_path, 40, 90)
    scripts.run(ORPHANS)
    source, target = models.connect(database_url), models.connect(other_url)
    for _ in range(2):
        copied = copy(source, target)
        assert (list(copied.left), copied.refused) == ([], 0)
    assert everything(source) == everything(target)
    found = "SELECT title FROM facebook_post_attachments WHERE post_id IS NULL ORDER BY media_url"
    assert ask(target, found) == [("ก 🎉",), (None,)]
    # Everything else is held to as before, and the post that comes late finds its attachment.
    with pytest.raises(RowRefused):
        put(target, "facebook_post_history", post_id="none", seen_from=AT, seen_until=AT)
    put(target, "facebook_posts", id=f"{PAGE}_late", page_id=PAGE, created_time=AT)
    copy(target, source)
    assert everything(source) == everything(target)
    models.close(source)
    models.close(target)


def test_a_target_with_rules_of_its_own_says_which_rows_it_refuses(
    database_url: str, other_url: str, tmp_path: Path
) -> None:
    """Its tables stay as its scripts made them; all other rows are copied, and compared."""
    strict = {
        name: sql.replace("post_id VARCHAR(255)", "post_id VARCHAR(255) NOT NULL")
        if "attachments" in name
        else sql
        for name, sql in dump.TABLES.items()
    }
    (tmp_path / "strict").mkdir()
    there = Dump(database_url)
    there.make(tables=strict)
    with archive_on(database_url, tmp_path / "strict") as archive:
        archive.take_over()
        archive.setup()
    scripts = Dump(other_url)
    adopt(scripts, tmp_path, 40, 90)
    scripts.run(ORPHANS)
    source, target = models.connect(other_url), models.connect(database_url)
    for _ in range(2):
        copied = copy(source, target)
        (left,) = copied.left
        assert (left.table, left.count, copied.refused) == ("facebook_post_attachments", 2, 2)
        assert str(left).startswith("not copied: 2 rows of facebook_post_attachments (None/")
    assert there.one("SELECT count(*) FROM facebook_post_attachments") == 91
    models.close(source)
    models.close(target)


RULE = {
    "sqlite": "CREATE TRIGGER no_x BEFORE INSERT ON facebook_post_attachments"
    " WHEN NEW.title = 'x' BEGIN SELECT RAISE(ABORT, 'no x'); END",
    "postgresql": "ALTER TABLE facebook_post_attachments ADD CHECK (title <> 'x')",
}


@pytest.mark.parametrize("refused", range(4))
def test_a_refused_row_leaves_those_of_its_post_whole(
    db: Database, other: Database, refused: int
) -> None:
    """Attachments with one link and two keys stay two, wherever among them the refused one is."""
    with models.transaction(other):
        models.change(other, RULE[models.engine(other).name])
    for id_ in (f"{PAGE}_1", f"{PAGE}_2"):
        post(db, id_)
        for number in range(4):
            title = "x" if number == refused else str(number)
            values = {"post_id": id_, "media_url": "https://x/1", "title": title}
            put(db, "facebook_post_attachments", attachment_key=f"k{number}", **values)
    for _ in range(2):
        copied = copy(db, other)
        assert copied.refused == 2
        assert ask(
            other, "SELECT attachment_key, title FROM facebook_post_attachments ORDER BY 1, post_id"
        ) == [(f"k{number}", str(number)) for number in range(4) for _ in "12" if number != refused]


IMPATIENT = {"sqlite": "PRAGMA busy_timeout = 200", "postgresql": "SET lock_timeout = '200ms'"}


class Intruder(Leftovers):
    """Writes to the target as soon as a row is refused there, unless it is kept from it."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self.has_written = False

    def refuse(self, shape: Shape, entry: Entry, reason: str) -> None:
        super().refuse(shape, entry, reason)
        db = models.connect(self._url)
        with suppress(DatabaseTrouble), models.session(db):
            models.literally(db, IMPATIENT[models.engine(db).name])
            with models.transaction(db):
                models.change(
                    db,
                    "UPDATE facebook_post_attachments SET title = 'theirs', updated_at = ?"
                    " WHERE attachment_key = 'k1'",
                    [models.to_text(LATER)],
                )
            self.has_written = True
        models.close(db)


def test_a_refused_row_lets_nobody_in_between(
    db: Database, other: Database, other_url: str
) -> None:
    """What was judged of its post is written before anybody else can alter it there."""
    with models.transaction(other):
        models.change(other, RULE[models.engine(other).name])
    for database, titles in ((db, ("x", "ours")), (other, (None, "old"))):
        post(database, f"{PAGE}_1")
        for number, title in enumerate(titles):
            if title:
                stamp = models.to_text(EARLY + timedelta(days=title == "ours"))
                values = {"post_id": f"{PAGE}_1", "media_url": f"https://x/{number}"}
                values |= {"attachment_key": f"k{number}", "title": title, "updated_at": stamp}
                put(database, "facebook_post_attachments", **values)
    (shape,) = [one for one in SHAPES if one.name == "facebook_post_attachments"]
    left = Intruder(other_url)
    with models.snapshot(db):
        (batch,) = batches(db, shape, Terms(Custom({})))
        merge(other, shape, batch, Sides(left, Kept(db)))
    expected = "theirs" if left.has_written else "ours"
    assert ask(other, "SELECT title FROM facebook_post_attachments") == [(expected,)]


def test_a_value_that_nobody_can_read_leaves_its_row_behind(tmp_path: Path) -> None:
    """SQLite holds any text where a time should be; the row is told, the others are copied."""
    scripts = Dump(f"sqlite:///{tmp_path / 'fbsyncd.db'}")
    adopt(scripts, tmp_path, 12, 20)
    scripts.run("UPDATE facebook_video_posts SET created_time = 'long' WHERE video_id = '772'")
    source, target = models.connect(scripts.url), models.connect(f"sqlite:///{tmp_path / 'b.db'}")
    for _ in range(2):
        copied = copy(source, target)
        (left,) = copied.left
        assert str(left).startswith("not copied: 1 row of facebook_video_posts (772): a value can")
    assert ask(target, "SELECT count(*) FROM facebook_video_posts") == [(8,)]
    models.close(source)
    models.close(target)


def test_ids_that_are_no_numbers_are_no_matter(
    database_url: str, other_url: str, tmp_path: Path
) -> None:
    """Attachments with UUIDs for ids are copied and get numbers, and back again get none."""
    tables = {
        name: sql.replace("id {serial}", "id {uuid}") if "attachments" in name else sql
        for name, sql in dump.TABLES.items()
    }
    scripts = Dump(database_url)
    scripts.make(tables=tables)
    Years(posts=12, attachments=20, again=5, videos=2).fill(scripts)
    scripts.run(
        "UPDATE facebook_post_attachments SET id = '0ad5a3f6-9f4c-4d3b-8d59-0c9f0e6d2aaa'"
        " WHERE post_id = '1045_1'"
    )
    with archive_on(database_url, tmp_path) as archive:
        archive.take_over()
        archive.setup()
    source, target = models.connect(database_url), models.connect(other_url)
    copy(source, target)
    assert written(copy(source, target)) == 0
    at = models.to_text(datetime(2100, 1, 1, tzinfo=UTC))
    with models.transaction(target):
        sql = "UPDATE facebook_post_attachments SET title = 'new', updated_at = ?"
        models.change(target, sql, [at])
    assert written(copy(target, source)) == 20
    assert scripts.one("SELECT count(*) FROM facebook_post_attachments WHERE title = 'new'") == 20
    models.close(source)
    models.close(target)


def copied_whole_twice(source: Database, target: Database) -> None:
    """Copy, and once more; each time nothing differs and nothing stays behind."""
    for _ in range(2):
        copied = copy(source, target)
        assert not copied.differing
        assert not copied.left


def test_a_post_without_a_time_stays_one(database_url: str, other_url: str, tmp_path: Path) -> None:
    """Nobody has said when it was made, and no copy does: it is of no month, and never of 1970."""
    scripts = Dump(database_url)
    adopt(scripts, tmp_path, 9, 9)
    scripts.run("INSERT INTO facebook_posts (id, page_id, message) VALUES ('undated', '1045', 'x')")
    if scripts.is_file:
        # There a time can be an empty text as well.
        blank = (
            "INSERT INTO facebook_posts (id, page_id, created_time) VALUES ('blank', '1045', '')"
        )
        scripts.run(blank)
    source, target = models.connect(database_url), models.connect(other_url)
    with archive_on(database_url, tmp_path) as archive:
        archive.setup()
    copied_whole_twice(source, target)
    asked = "SELECT DISTINCT created_time FROM facebook_posts WHERE id IN ('undated', 'blank')"
    assert ask(target, asked) == [(None,)]
    assert written(copy(target, source)) == 0
    with archive_on(other_url, tmp_path) as archive:
        archive.setup()
        assert "undated" not in [one["id"] for one in archive.feed.newest(100)]
        assert "1970" not in json.dumps(verify.verify(archive.db, archive.media).as_json())
    models.close(source)
    models.close(target)


def test_a_text_of_no_known_time_is_remembered_too(
    database_url: str, other_url: str, tmp_path: Path
) -> None:
    """Neither row says when the post was made or first written; what gives way is kept."""
    scripts = Dump(database_url)
    adopt(scripts, tmp_path, 9, 9)
    scripts.run(
        "INSERT INTO facebook_posts (id, page_id, message, created_at)"
        " VALUES ('undated', '1045', 'old', NULL)"
    )
    with archive_on(database_url, tmp_path) as archive:
        archive.setup()
    source, target = models.connect(database_url), models.connect(other_url)
    copy(source, target)
    with models.transaction(target):
        sql = "UPDATE facebook_posts SET message = 'new', updated_at = ? WHERE id = 'undated'"
        models.change(target, sql, [models.to_text(datetime(2100, 1, 1, tzinfo=UTC))])
    copy(target, source)
    assert scripts.one("SELECT message FROM facebook_posts WHERE id = 'undated'") == "new"
    told = "SELECT message FROM facebook_post_history WHERE post_id = 'undated'"
    assert "old" in [message for (message,) in scripts.ask(told)]
    models.close(source)
    models.close(target)


OF_NO_PAGE = (
    "INSERT INTO facebook_posts (id, message, created_time) VALUES ('alone', 'x', '2026-01-01')",
    "INSERT INTO facebook_video_posts (video_id, created_time) VALUES ('alone', '2026-01-01')",
)
PAGES_OF = (
    "SELECT page_id FROM facebook_posts WHERE id = 'alone' UNION ALL"
    " SELECT page_id FROM facebook_video_posts WHERE video_id = 'alone'"
)


def test_what_is_of_no_page_stays_so(database_url: str, other_url: str, tmp_path: Path) -> None:
    """A post or a video whose Page nobody has said is of none in the copy too, and back again."""
    scripts = Dump(database_url)
    adopt(scripts, tmp_path, 9, 9)
    scripts.run(*OF_NO_PAGE)
    source, target = models.connect(database_url), models.connect(other_url)
    with archive_on(database_url, tmp_path) as archive:
        archive.setup()
    copied_whole_twice(source, target)
    assert ask(target, PAGES_OF) == [(None,), (None,)]
    assert everything(source) == everything(target)
    assert written(copy(target, source)) == 0
    assert scripts.ask(PAGES_OF) == [(None,), (None,)]
    with archive_on(other_url, tmp_path) as archive:
        archive.setup()
        assert [one["id"] for one in archive.feed.newest(100)].count("alone") == 1
        assert verify.verify(archive.db, archive.media).as_json()
    models.close(source)
    models.close(target)


def test_a_target_that_wants_a_page_says_which_rows_have_none(
    database_url: str, other_url: str, tmp_path: Path
) -> None:
    """Nothing is made up for a table of other scripts: the rows stay behind, and are named."""
    (tmp_path / "strict").mkdir()
    strict = {
        name: sql.replace("page_id VARCHAR(255)", "page_id VARCHAR(255) NOT NULL")
        for name, sql in dump.TABLES.items()
    }
    Dump(other_url).make(tables=strict)
    with archive_on(other_url, tmp_path / "strict") as archive:
        archive.take_over()
        archive.setup()
    scripts = Dump(database_url)
    adopt(scripts, tmp_path, 9, 9)
    scripts.run(*OF_NO_PAGE)
    source, target = models.connect(database_url), models.connect(other_url)
    copied = copy(source, target)
    assert [(one.table, one.examples, one.is_refused) for one in copied.left] == [
        ("facebook_posts", ["alone"], True),
        ("facebook_video_posts", ["alone"], True),
    ]
    assert all("page_id" in one.reason for one in copied.left)
    assert ask(target, "SELECT count(*) FROM facebook_posts") == [(9,)]
    models.close(source)
    models.close(target)
