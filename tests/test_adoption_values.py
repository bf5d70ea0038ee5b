"""Values that columns of older programs, or a database, do not take as they are."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dump
import pytest
from dump import NOW, Dump
from plant import archive_of, one, query, sync
from test_adoption import archive_on
from test_adoption_variants import going_on
from test_merge import link, post

from fbsyncd import models
from fbsyncd.archive import Archive
from fbsyncd.errors import SchemaError
from fbsyncd.records import PageInfo, Video
from fbsyncd.rows import Rows
from fbsyncd.simulator import Simulator

VIDEO = Video(
    video_id="77",
    page_id="1045",
    title="a film",
    description=None,
    permalink_url=None,
    source=None,
    length=12.891,
    picture=link("9_9_9"),
    created_time=NOW - timedelta(days=1),
    updated_time=None,
    published=True,
)


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=12, seed=3, pictures="plain") as simulator:
        yield simulator


def put(archive: Archive, *videos: Video) -> None:
    """Store videos as a sync does: at first as if none were refused."""
    for bears in (False, True):
        with models.transaction(archive.db):
            Rows(archive.db, archive.backlog).put(videos, NOW, bears=bears)


def test_texts_that_no_database_takes_are_stored_without_what_it_refuses(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """A NUL goes, half a pair is shown as what cannot be read; the post is stored, and its text."""
    with archive_of(facebook, tmp_path, database_url) as archive:
        ids = [made.id for made in facebook.world.posts(facebook.page_id)][:2]
        facebook.edit(ids[0], "a\0b \ud83d c \U0001f389")
        facebook.edit(ids[1], "\0")
        assert sync(archive).problems == []
        told = dict(query(archive, "SELECT id, message FROM facebook_posts"))
        assert len(told) == 12
        assert (told[ids[0]], told[ids[1]]) == ("ab � c \U0001f389", None)


@pytest.mark.parametrize(
    ("type_", "beyond"),
    [
        ("SMALLINT", 40_000.0),
        ("SMALLINT NOT NULL", 50_000.0),
        ("NUMERIC(4, 1)", 1_000.5),
        ("INTEGER", 3e9),
        ("INTEGER NOT NULL", 4e9),
    ],
)
def test_a_length_that_a_column_does_not_take_costs_no_video(
    database_url: str, tmp_path: Path, type_: str, beyond: float, caplog: pytest.LogCaptureFixture
) -> None:
    """It is left out and that is told; what fits is stored, rounded where the column rounds."""
    scripts = Dump(database_url)
    tables = {
        name: sql.replace("length FLOAT", f"length {type_}") for name, sql in dump.TABLES.items()
    }
    scripts.make(tables=tables)
    caplog.set_level(logging.WARNING)
    with archive_on(database_url, tmp_path) as archive:
        assert archive.take_over()
        archive.setup()
        long = replace(VIDEO, video_id="78", length=beyond, picture=link("8_8_8"))
        put(archive, VIDEO, long)
        stored = dict(scripts.ask("SELECT video_id, length FROM facebook_video_posts"))
        assert one(archive, "SELECT count(*) FROM media_storage") == 2
    nothing = 0 if "NOT NULL" in type_ else None
    if scripts.is_file:
        assert stored == {"77": 12.891, "78": beyond}
    else:
        assert (round(float(stored["77"])), stored["78"]) == (13, nothing)
        (line,) = [text for text in caplog.messages if f"{beyond} is left out" in text]
        assert line.startswith("facebook_video_posts.length takes no number above ")
    assert "cannot be taken in" not in caplog.text


def test_more_fans_than_a_column_takes_cost_no_page(database_url: str, tmp_path: Path) -> None:
    """The Page's name is stored, and as many fans as the column can say."""
    scripts = Dump(database_url)
    scripts.make("CREATE TABLE facebook_pages (id VARCHAR(40) PRIMARY KEY, fan_count SMALLINT)")
    with archive_on(database_url, tmp_path) as archive:
        assert archive.take_over()
        archive.setup()
        page = PageInfo("1045", "Bürgerhaus", None, None, None, None, 123_456)
        with models.transaction(archive.db):
            Rows(archive.db, archive.backlog).put_page(page)
    told = scripts.ask("SELECT id, name, fan_count FROM facebook_pages")
    assert told == [("1045", "Bürgerhaus", 123_456 if scripts.is_file else None)]


def as_numbers(type_: str = "STRING") -> dict[str, str]:
    """Return the scripts' tables with ids of a type of which SQLite makes numbers."""
    return {
        name: re.sub(r"\b(\w*id) VARCHAR\(255\)", rf"\1 {type_}", sql)
        for name, sql in dump.TABLES.items()
    }


@pytest.mark.parametrize("type_", ["STRING", "NUMERIC", "BIGINT"])
def test_ids_of_which_sqlite_makes_numbers_are_the_same_ids(
    facebook: Simulator, tmp_path: Path, type_: str
) -> None:
    """Scripts and syncs go on beside each other, and each id is told as Facebook tells it."""
    scripts = Dump(f"sqlite:///{tmp_path / 'fbsyncd.db'}")
    scripts.make(tables=as_numbers(type_))
    with going_on(scripts, facebook, tmp_path) as archive:
        videos = archive.feed.videos(limit=100)["videos"]
        assert {video["video_id"] for video in videos} == {
            str(id_) for (id_,) in scripts.ask("SELECT video_id FROM facebook_video_posts")
        }
        stored = scripts.ask("SELECT DISTINCT typeof(video_id) FROM facebook_video_posts")
        assert stored == [("integer",)]


@pytest.mark.parametrize("id_", ["12345678901234567890", "0123", "1e5"])
def test_an_id_that_would_become_another_is_left_out_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, id_: str
) -> None:
    """It would take the place of somebody else's row; what has 19 digits or fewer stays exact."""
    scripts = Dump(f"sqlite:///{tmp_path / 'fbsyncd.db'}")
    scripts.make(tables=as_numbers())
    caplog.set_level(logging.WARNING)
    exact = ["12345678901234567", "9223372036854775807"]
    with archive_on(scripts.url, tmp_path) as archive:
        assert archive.take_over()
        archive.setup()
        put(archive, *(replace(VIDEO, video_id=one_) for one_ in [*exact, id_]))
        with models.transaction(archive.db):
            posts = [post(id="1_2"), post(id=id_)]
            Rows(archive.db, archive.backlog).put(posts, NOW)
        told = scripts.ask("SELECT CAST(video_id AS TEXT) FROM facebook_video_posts ORDER BY 1")
        assert [text for (text,) in told] == sorted(exact)
        assert scripts.ask("SELECT id FROM facebook_posts") == [("1_2",)]
    assert f"one of the videos, {id_}, cannot be taken in: facebook_video_posts.video_id" in (
        caplog.text
    )


def test_ids_in_a_column_of_texts_may_be_anything(database_url: str, tmp_path: Path) -> None:
    """Where the tables were made here, as many digits as Facebook likes."""
    with archive_on(database_url, tmp_path) as archive:
        archive.setup()
        put(archive, replace(VIDEO, video_id="12345678901234567890"))
        told = query(archive, "SELECT video_id FROM facebook_video_posts")
        assert told == [("12345678901234567890",)]


def test_ids_as_fractions_are_refused(tmp_path: Path) -> None:
    """SQLite would tell 123 as 123.0; it is said which column, and what to do."""
    scripts = Dump(f"sqlite:///{tmp_path / 'fbsyncd.db'}")
    scripts.make(tables=as_numbers("DOUBLE"))
    with archive_on(scripts.url, tmp_path) as archive:
        refused = pytest.raises(
            SchemaError, match=r"video_id is DOUBLE, and SQLite makes fractions"
        )
        with refused as said:
            archive.take_over()
        assert "make the table anew, with TEXT for it" in str(said.value)
