"""Copies into databases whose tables older programs made: as those tables take it, and once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import dump
import pytest
from dump import Dump
from peewee import Database
from test_adoption import archive_on
from test_adoption_media import MEDIA
from test_copy import EARLY, LATE, SUCCESS, ask, copy, other, other_url, picture, post, put, written

from fbsyncd import migrate, models
from fbsyncd.plural import counted
from fbsyncd.transfer import show

__all__ = ["other", "other_url"]

NEVER = "2100-01-01 00:00:00.000000+00:00"
#: No picture with the error "no".
RULES = {
    "sqlite": [
        f"CREATE TRIGGER no_{when} BEFORE {when} ON media_storage"
        " WHEN NEW.error_message = 'no' BEGIN SELECT RAISE(ABORT, 'no'); END"
        for when in ("INSERT", "UPDATE")
    ],
    "postgresql": ["ALTER TABLE media_storage ADD CHECK (error_message <> 'no')"],
}
#: Makes a database that scripts made, with some of their tables otherwise, ready to be filled.
Making = Callable[..., Database]


@pytest.fixture
def making(database_url: str, tmp_path: Path) -> Iterator[Making]:
    opened: list[Database] = []

    def make(*strangers: str, numbers: str = "{serial}", **changes: str) -> Database:
        tables = {name: sql.replace("{serial}", numbers) for name, sql in dump.TABLES.items()}
        for before, after in changes.items():
            tables = {
                name: re.sub(rf"\b{before} \w+[^,\n]*", f"{before} {after}", sql)
                for name, sql in tables.items()
            }
        Dump(database_url).make(*strangers, tables=tables)
        with archive_on(database_url, tmp_path) as archive:
            archive.take_over()
            archive.setup()
        opened.append(models.connect(database_url))
        return opened[0]

    yield make
    for db in opened:
        models.close(db)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Database]:
    """An archive of our own making."""
    db = models.connect(f"sqlite:///{tmp_path / 'source.db'}")
    migrate.apply(db)
    yield db
    models.close(db)


def test_pictures_without_links_get_some_where_all_must_have_one(
    making: Making, source: Database
) -> None:
    """A picture made here has a dead link there and none here, and so do attachments with it."""
    target = making(MEDIA)
    large = picture(source, "p", **SUCCESS)
    made = {"derived_from": large, "category": "thumbnails", "original_url": None}
    small = picture(source, "p/small", **made, **SUCCESS)
    post(source, "1_1", local_picture_id=large)
    values = {"local_media_id": large, "local_thumbnail_id": small}
    put(source, "facebook_post_attachments", post_id="1_1", attachment_key="k", **values)
    copied = copy(source, target)
    assert copied.refused == 0
    found = "SELECT original_url, link_expires_at FROM media_storage WHERE id = '{}'"
    ((link, expires),) = ask(target, found.format(small))
    assert link == "made-here:p/small"
    assert expires < "2005"
    named = "SELECT local_thumbnail_id FROM facebook_post_attachments"
    assert ask(target, named) == [(small,)]
    assert written(copy(source, target)) == written(copy(target, source)) == 0
    assert ask(source, found.format(small)) == [(None, None)]


def test_a_picture_that_stays_behind_takes_nothing_along(db: Database, other: Database) -> None:
    """What names it comes over, with all its history, and names nothing in its place."""
    with models.transaction(other):
        for sql in RULES[models.engine(other).name]:
            models.change(other, sql)
    known = picture(db, "known", **SUCCESS)
    bad = picture(db, "bad", download_status="failed", error_message="no")
    post(db, "1_1", message="precious", local_picture_id=bad, local_full_picture_id=known)
    values = {"title": "t", "local_media_id": bad, "local_thumbnail_id": known}
    put(db, "facebook_post_attachments", post_id="1_1", attachment_key="k", **values)
    put(db, "facebook_video_posts", video_id="v", page_id="1", local_picture_id=bad)
    put(db, "facebook_post_history", post_id="1_1", seen_from=EARLY, seen_until=LATE, message="x")
    for _ in range(2):
        copied = copy(db, other)
        assert [(one.table, one.count) for one in copied.left] == [("media_storage", 1)]
        named = "SELECT message, local_picture_id, local_full_picture_id FROM facebook_posts"
        assert ask(other, named) == [("precious", None, known)]
        named = "SELECT title, local_media_id, local_thumbnail_id FROM facebook_post_attachments"
        assert ask(other, named) == [("t", None, known)]
        assert ask(other, "SELECT local_picture_id FROM facebook_video_posts") == [(None,)]
        assert ask(other, "SELECT message FROM facebook_post_history") == [("x",)]


def test_a_picture_of_which_the_target_has_an_earlier_copy_stays_named(
    db: Database, other: Database
) -> None:
    """And one that stayed behind is named as soon as the target takes it."""
    known, bad = picture(db, "known", **SUCCESS), picture(db, "bad", error_message="no")
    with models.transaction(other):
        for sql in RULES[models.engine(other).name]:
            models.change(other, sql)
    post(db, "1_1", local_picture_id=bad, local_full_picture_id=known)
    assert copy(db, other).refused == 1
    named = "SELECT local_picture_id, local_full_picture_id FROM facebook_posts"
    with models.transaction(db):
        change = "UPDATE media_storage SET error_message = 'no', updated_at = ? WHERE id = ?"
        models.change(db, change, [LATE, known])
    assert copy(db, other).refused == 2
    assert ask(other, named) == [(None, known)]
    with models.transaction(db):
        models.change(db, "UPDATE media_storage SET error_message = NULL")
    assert copy(db, other).refused == 0
    assert ask(other, named) == [(bad, known)]


@pytest.mark.parametrize("is_forward", [True, False], ids=["into theirs", "out of theirs"])
def test_photos_that_scripts_never_stored_are_not_taken_for_removed(
    making: Making, source: Database, is_forward: bool
) -> None:
    """Older scripts stored an album's cover alone; the other archive has all of its photos."""
    theirs = making()
    for db, count in ((theirs, 1), (source, 5)):
        post(db, "1_1")
        at = {"created_at": LATE, "updated_at": LATE} if db is theirs else {}
        for number in range(count):
            place = {"attachment_key": f"k{number}", "position": number}
            put(db, "facebook_post_attachments", post_id="1_1", **place, **at)
    for one, two in ((source, theirs), (theirs, source))[:: 1 if is_forward else -1]:
        copy(one, two)
    for db in (source, theirs):
        found = "SELECT count(*) FROM facebook_post_attachments WHERE removed_at IS NULL"
        assert ask(db, found) == [(5,)]


@pytest.mark.parametrize("is_forward", [True, False], ids=["into the copy", "out of the copy"])
def test_a_copy_of_what_scripts_stored_is_no_better_witness(
    making: Making, source: Database, tmp_path: Path, is_forward: bool
) -> None:
    """Nor is a copy of that copy: what scripts never stored is not taken for removed there."""
    theirs = making()
    post(theirs, "1_1")
    at = {"created_at": LATE, "updated_at": LATE}
    put(theirs, "facebook_post_attachments", post_id="1_1", attachment_key="k0", **at)
    post(source, "1_1")
    for number in range(5):
        key = f"k{number}"
        put(source, "facebook_post_attachments", post_id="1_1", attachment_key=key)
    before, last = theirs, theirs
    for name in ("first.db", "second.db"):
        last = models.connect(f"sqlite:///{tmp_path / name}")
        copy(before, last)
        if before is not theirs:
            models.close(before)
        before = last
    one, two = (source, last)[:: 1 if is_forward else -1]
    copy(one, two)
    copy(two, one)
    for db in (source, last):
        found = "SELECT count(*) FROM facebook_post_attachments WHERE removed_at IS NULL"
        assert ask(db, found) == [(5,)]
    models.close(last)


def test_flags_fit_columns_of_numbers(making: Making, source: Database) -> None:
    """Older programs write 0 and 1; so does a copy, when a row is new and when it changes."""
    target = making(is_published="SMALLINT", is_hidden="SMALLINT")
    post(source, "1_1", is_hidden=True, is_published=False)
    copy(source, target)
    told = "SELECT CAST(is_published AS TEXT), CAST(is_hidden AS TEXT) FROM facebook_posts"
    assert ask(target, told) == [("0", "1")]
    with models.transaction(source):
        change = "UPDATE facebook_posts SET is_hidden = FALSE, updated_at = ?"
        models.change(source, change, [LATE])
    copy(source, target)
    assert ask(target, told) == [("0", "0")]
    assert written(copy(source, target)) == written(copy(target, source)) == 0


def test_a_row_of_the_same_stamp_keeps_it(db: Database, other: Database) -> None:
    """What changes without a new stamp, as counted misses do, makes no row newer there."""
    post(db, "1_1")
    put(db, "facebook_post_attachments", post_id="1_1", attachment_key="k", updated_at=EARLY)
    put(db, "facebook_video_posts", video_id="v", page_id="1", updated_at=EARLY)
    copy(db, other)
    for number in range(2):
        for table, column in (
            ("facebook_posts", "misses"),
            ("facebook_post_attachments", "position"),
            ("facebook_video_posts", "misses"),
        ):
            with models.transaction(db):
                change = f"UPDATE {table} SET {column} = {number + 1}, updated_at = ?"
                models.change(db, change, [LATE])
                models.change(db, f"UPDATE {table} SET updated_at = ?", [EARLY])
            copied = copy(db, other)
            assert (written(copied), sum(tally.kept for tally in copied.tallies)) == (1, 0)
            found = f"SELECT {column}, updated_at FROM {table}"
            assert ask(other, found) == [(number + 1, EARLY)]
    assert written(copy(other, db)) == 0


def test_a_table_of_which_nothing_was_compared_is_not_called_the_same(
    db: Database, other: Database
) -> None:
    """Where every row is newer in the target there is no digest, and it says so."""
    for side, at in ((db, EARLY), (other, LATE)):
        post(side, "1_1", updated_at=at)
    lines = show.report(copy(db, other), "URL", "ROOT").splitlines()
    (told,) = (line for line in lines if line.startswith("facebook_posts "))
    assert told.split() == ["facebook_posts", *"1101", "-", "-", "not", "compared"]
    (told,) = (line for line in lines if line.startswith("facebook_pages "))
    assert told.endswith("  same")


@pytest.mark.parametrize("later", [EARLY, LATE], ids=["as old", "newer there"])
def test_what_narrow_columns_cut_stays_whole_where_it_was(
    making: Making, source: Database, later: str
) -> None:
    """Copied there and back a text is what it was, also when another column changed there."""
    target = making(title="VARCHAR(20)", permalink_url="VARCHAR(20)", message="VARCHAR(20)")
    link = "https://www.facebook.com/1/posts/1"
    post(source, "1_1", message="m" * 50, permalink_url=link)
    values = {"post_id": "1_1", "attachment_key": "k", "title": "t" * 50}
    put(source, "facebook_post_attachments", **values)
    copy(source, target)
    with models.transaction(target):
        change = "UPDATE facebook_posts SET status_type = 'x', updated_at = ?"
        models.change(target, change, [LATE])
        models.change(target, "UPDATE facebook_posts SET updated_at = ?", [later])
    assert written(copy(target, source)) == 1
    asked = "SELECT message, permalink_url, status_type FROM facebook_posts"
    assert ask(source, asked) == [("m" * 50, link, "x")]
    assert ask(source, "SELECT title FROM facebook_post_attachments") == [("t" * 50,)]
    assert written(copy(source, target)) == written(copy(target, source)) == 0
    with models.transaction(target):
        change = "UPDATE facebook_posts SET message = 'new', updated_at = ?"
        models.change(target, change, [NEVER])
    copy(target, source)
    assert ask(source, asked) == [("new", link, "x")]


@pytest.mark.parametrize("kind", ["INTERVAL", "VARCHAR(20)", "REAL NOT NULL", "FLOAT NOT NULL"])
@pytest.mark.parametrize("length", [12.5, None])
def test_lengths_of_another_type_are_compared_as_what_they_mean(
    making: Making, source: Database, kind: str, length: float | None
) -> None:
    """A second copy writes nothing, and neither does one back."""
    target = making(length=kind)
    put(source, "facebook_video_posts", video_id="v", page_id="1", length=length)
    copy(source, target)
    assert written(copy(source, target)) == written(copy(target, source)) == 0
    assert ask(source, "SELECT length FROM facebook_video_posts") == [(length,)]


LENGTHS = {"a": 12.345678901234567, "b": 2.5, "c": 3.125, "d": 12.0, "e": None}


@pytest.mark.parametrize("kind", ["INTEGER", "NUMERIC(10,2)", "NUMERIC", "REAL", "INTERVAL"])
def test_lengths_that_their_column_rounds_are_whole_where_they_were(
    making: Making, source: Database, kind: str
) -> None:
    """A second copy finds what the first one wrote, and one back takes nothing off a number."""
    target = making(length=kind)
    for id_, length in LENGTHS.items():
        put(source, "facebook_video_posts", video_id=id_, page_id="1", length=length)
    copied = copy(source, target)
    assert written(copied) == 5
    asked = "SELECT video_id, CAST(length AS FLOAT) FROM facebook_video_posts ORDER BY 1"
    if kind != "INTERVAL":
        there = dict(ask(target, asked))
        rounded = sum(there[id_] != length for id_, length in LENGTHS.items())
        says = f"rounded to fit there: {counted(rounded, 'value')} of facebook_video_posts"
        for one in (copied, copy(source, target)):
            assert show.fault(one) is None
            lines = show.report(one, "URL", "ROOT").splitlines()
            assert [line for line in lines if "to fit" in line] == ([says] if rounded else [])
    assert written(copy(source, target)) == written(copy(target, source)) == 0
    assert dict(ask(source, asked)) == LENGTHS


def test_what_is_cut_or_left_out_is_counted(making: Making, source: Database) -> None:
    """By table, each time, and only what the columns there do not take."""
    target = making(message="VARCHAR(20)", permalink_url="VARCHAR(20)")
    for number in range(3):
        values = {"message": "m" * (19 + number), "permalink_url": f"https://x/{'l' * 20 * number}"}
        post(source, f"1_{number}", **values)
    for _ in range(2):
        lines = show.report(copy(source, target), "URL", "ROOT").splitlines()
        told = [line for line in lines if "to fit there" in line]
        is_file = models.engine(target).name == "sqlite"
        assert told == (
            []
            if is_file
            else [
                "cut to fit there: 1 value of facebook_posts",
                "left out to fit there: 2 values of facebook_posts",
            ]
        )


def test_flags_that_must_be_told_are_compared_as_what_they_mean(
    making: Making, source: Database
) -> None:
    """Nothing is known of a post here, and there it is published and not hidden."""
    flag = "BOOLEAN NOT NULL DEFAULT FALSE"
    target = making(is_published=flag, is_hidden=flag)
    post(source, "1_1")
    copy(source, target)
    assert written(copy(source, target)) == written(copy(target, source)) == 0
    flags = "SELECT is_published, is_hidden FROM facebook_posts"
    assert ask(source, flags) == [(None, None)]
    assert [tuple(map(bool, row)) for row in ask(target, flags)] == [(True, False)]


@pytest.mark.parametrize("later", [EARLY, LATE], ids=["as old", "newer"])
def test_attachments_of_one_number_follow_each_by_itself(
    making: Making, source: Database, later: str
) -> None:
    """Nothing keeps an older program from numbering two the same; its own table still does."""
    target = making(numbers="INTEGER")
    post(source, "1_1")
    for number in range(3):
        values = {
            "attachment_key": f"k{number}",
            "title": "old",
            "media_url": f"https://x/{number}",
        }
        put(source, "facebook_post_attachments", post_id="1_1", **values)
    copy(source, target)
    with models.transaction(target):
        change = "UPDATE facebook_post_attachments SET id = 7, updated_at = ?"
        models.change(target, change, [LATE])
        models.change(target, "UPDATE facebook_post_attachments SET updated_at = ?", [EARLY])
    for title, at in (("new", LATE), ("newer", NEVER)):
        with models.transaction(source):
            change = "UPDATE facebook_post_attachments SET title = ? || attachment_key"
            models.change(source, f"{change}, media_url = ?, updated_at = ?", [title, title, at])
            if later == EARLY:
                models.change(
                    source, "UPDATE facebook_post_attachments SET updated_at = ?", [EARLY]
                )
        copied = copy(source, target)
        assert (list(copied.left), written(copied)) == ([], 3)
        told = "SELECT id, title FROM facebook_post_attachments ORDER BY attachment_key"
        assert ask(target, told) == [(7, f"{title}k{number}") for number in range(3)]
    assert written(copy(source, target)) == written(copy(target, source)) == 0


def test_a_former_picture_is_the_one_that_the_target_has_of_it(
    db: Database, other: Database
) -> None:
    """It goes by another id there, and the news of it are refused: the post had it all the same."""
    mine, gone = picture(db, "p", error_message="no", updated_at=LATE), picture(db, "gone")
    theirs = picture(other, "p", key_id=mine)
    with models.transaction(other):
        for sql in RULES[models.engine(other).name]:
            models.change(other, sql)
    post(db, "1_1")
    for id_ in (mine, gone):
        put(db, "former_pictures", owner_id="1_1", media_id=id_)
    found = "SELECT owner_id, media_id FROM former_pictures ORDER BY media_id"
    for _ in range(2):
        copied = copy(db, other)
        assert [(one.table, one.count) for one in copied.left] == [("media_storage", 1)]
        assert ask(other, found) == sorted([("1_1", theirs), ("1_1", gone)])


def test_a_former_picture_that_stays_behind_is_named(db: Database, other: Database) -> None:
    """With the reason, beside the picture itself; all that the post has besides comes over."""
    with models.transaction(other):
        for sql in RULES[models.engine(other).name]:
            models.change(other, sql)
    bad, good = picture(db, "bad", error_message="no"), picture(db, "good")
    post(db, "1_1", message="precious")
    for id_ in (bad, good):
        put(db, "former_pictures", owner_id="1_1", media_id=id_)
    for _ in range(2):
        copied = copy(db, other)
        assert [(one.table, one.count, one.examples) for one in copied.left] == [
            ("media_storage", 1, [bad]),
            ("former_pictures", 1, [f"1_1/{bad}"]),
        ]
        assert copied.left[1].reason == "its picture stays behind"
        assert ask(other, "SELECT media_id FROM former_pictures") == [(good,)]
        assert ask(other, "SELECT message FROM facebook_posts") == [("precious",)]
