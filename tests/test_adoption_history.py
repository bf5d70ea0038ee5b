"""Earlier texts in a database whose times an older program wrote in its own way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from dump import PAGE, Dump, read_page
from plant import query, read, sync
from test_adoption_media import opened
from test_copy import copy, other_url

from fbsyncd import models
from fbsyncd.archive import Archive
from fbsyncd.simulator import Simulator

__all__ = ["other_url"]

HISTORY = "SELECT post_id, seen_from, seen_until, message FROM facebook_post_history"


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=6, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def archive(facebook: Simulator, tmp_path: Path, database_url: str) -> Iterator[Archive]:
    """An adopted archive with one post that was edited."""
    scripts = Dump(database_url)
    scripts.make()
    read_page(scripts, facebook.url, facebook.page_id, facebook.token)
    with opened(facebook, tmp_path, scripts) as opened_:
        assert opened_.take_over()
        opened_.setup()
        sync(opened_)
        post = query(opened_, "SELECT min(id) FROM facebook_posts WHERE message <> ''")[0][0]
        facebook.edit(post, "edited")
        facebook.clock.move(timedelta(days=8))
        sync(opened_)
        yield opened_


def test_an_earlier_text_comes_back_from_a_copy_once(archive: Archive, other_url: str) -> None:
    """Since when it was there is written in one way, however the script tells its times."""
    before = query(archive, HISTORY)
    assert len(before) == 1
    target = models.connect(other_url)
    copy(archive.db, target)
    copy(target, archive.db)
    models.close(target)
    assert query(archive, HISTORY) == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("is_doubled", [False, True])
def test_what_an_earlier_version_wrote_is_put_right(archive: Archive, is_doubled: bool) -> None:
    """Also where a copy has come back since, and left the text there twice."""
    before = query(archive, HISTORY)
    with models.transaction(archive.db):
        models.change(
            archive.db,
            "INSERT INTO facebook_post_history (post_id, seen_from, seen_until, message, story)"
            " SELECT post_id, substr(seen_from, 1, 19), seen_until, message, story"
            " FROM facebook_post_history",
        )
        if not is_doubled:
            sql = "DELETE FROM facebook_post_history WHERE length(seen_from) = 32"
            models.change(archive.db, sql)
    archive.setup()
    assert query(archive, HISTORY) == before


REWRITTEN = "SELECT name FROM archive WHERE name LIKE 'rewritten:%'"
TEXTS = "SELECT message FROM facebook_post_history WHERE post_id = ? ORDER BY seen_until"


def texts(archive: Archive, post: str) -> list[str | None]:
    with models.session(archive.db):
        return [message for (message,) in models.rows(archive.db, TEXTS, [post])]


def write(scripts: Dump, post: str, message: str, *, is_strict: bool) -> None:
    """Write a post as a script does that knows no other statement for it."""
    sql = "INSERT OR REPLACE INTO facebook_posts (id, page_id, message) VALUES (?, ?, ?)"
    with scripts.connection() as connection:
        connection.execute(f"PRAGMA foreign_keys = {int(is_strict)}")
        connection.execute(sql, (post, PAGE, message))


@pytest.fixture
def edited(archive: Archive) -> str:
    return str(query(archive, "SELECT post_id FROM facebook_post_history")[0][0])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("is_strict", [False, True])
def test_texts_of_a_post_that_a_script_replaces_are_kept(
    facebook: Simulator, archive: Archive, database_url: str, edited: str, is_strict: bool
) -> None:
    """Those before, and the one that is replaced, also when that is done twice before a turn."""
    scripts, before = Dump(database_url), texts(archive, edited)
    write(scripts, edited, "by a script", is_strict=is_strict)
    write(scripts, edited, "by a script again", is_strict=is_strict)
    archive.take_in()
    assert texts(archive, edited) == [*before, "edited", "by a script"]
    write(scripts, edited, "by a script again", is_strict=is_strict)
    archive.take_in()
    assert texts(archive, edited) == [*before, "edited", "by a script"]
    assert query(archive, REWRITTEN) == []
    facebook.clock.move(timedelta(days=8))
    sync(archive)
    assert texts(archive, edited)[:3] == [*before, "edited", "by a script"]
    history = archive.feed.history(edited)
    assert history is not None
    assert [one["until"] for one in history[:2]] == [one["from"] for one in history[1:3]], history
    assert all(one["from"] <= one["until"] for one in history[1:]), history


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_texts_that_a_sync_keeps_are_kept_once(
    facebook: Simulator, archive: Archive, edited: str
) -> None:
    """What is written down beside the program's own rows adds nothing, and is let go."""
    before = texts(archive, edited)
    facebook.edit(edited, "edited again")
    facebook.clock.move(timedelta(days=8))
    sync(archive)
    archive.take_in()
    assert texts(archive, edited) == [*before, "edited"]
    assert query(archive, REWRITTEN) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_that_was_adopted_before_keeps_them_from_the_next_start_on(
    archive: Archive, database_url: str, edited: str
) -> None:
    """Its posts are watched as those of one that is adopted today; bytes are in nobody's way."""
    scripts, before = Dump(database_url), texts(archive, edited)
    scripts.run("DROP TRIGGER facebook_posts_rewriting")
    archive.setup()
    scripts.run(f"UPDATE facebook_posts SET message = CAST('bytes' AS BLOB) WHERE id = '{edited}'")
    write(scripts, edited, "by a script", is_strict=True)
    archive.take_in()
    assert texts(archive, edited) == [*before, "bytes"]


def edit(facebook: Simulator, archive: Archive, post: str, message: str) -> None:
    """Let a post be edited at Facebook, and its new text be read, without a turn."""
    facebook.edit(post, message)
    facebook.clock.move(timedelta(days=8))
    read(archive)


def update(scripts: Dump, post: str, message: str) -> None:
    """Write a post as a script does that leaves its row where it is."""
    sql = (
        "INSERT INTO facebook_posts (id, page_id, message) VALUES (?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET message = excluded.message"
    )
    scripts.write(sql, [(post, PAGE, message)])


def served(archive: Archive, post: str) -> list[object]:
    """Return the earlier texts as the API tells them, the oldest first."""
    history = archive.feed.history(post)
    assert history is not None
    times = [one[key] for one in history for key in ("from", "until")]
    assert times[1:-1] == sorted(times[1:-1]), history
    return [one["message"] for one in history]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_texts_that_syncs_keep_twice_before_a_turn_are_kept_once(
    facebook: Simulator, archive: Archive, edited: str
) -> None:
    """What the program writes itself is nothing that a script wrote over: no note of it stays."""
    before = texts(archive, edited)
    for text in ("edited again", "edited once more"):
        edit(facebook, archive, edited, text)
        assert query(archive, REWRITTEN) == []
    archive.take_in()
    assert served(archive, edited) == [*before, "edited", "edited again"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("write_", [update, partial(write, is_strict=True)])
def test_texts_of_a_script_and_of_a_sync_stand_in_the_order_of_time(
    facebook: Simulator,
    archive: Archive,
    database_url: str,
    edited: str,
    write_: Callable[[Dump, str, str], None],
) -> None:
    """Also where no turn comes between the script and the sync, as after a crash."""
    scripts, before = Dump(database_url), texts(archive, edited)
    write_(scripts, edited, "by a script")
    edit(facebook, archive, edited, "edited again")
    archive.take_in()
    assert served(archive, edited) == [*before, "edited", "by a script"]
    write_(scripts, edited, "by a script again")
    edit(facebook, archive, edited, "edited once more")
    write_(scripts, edited, "by a script at last")
    archive.take_in()
    told = [*before, "edited", "by a script", "edited again", "by a script again"]
    assert served(archive, edited) == [*told, "edited once more"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_first_text_that_a_script_writes_over_is_before_the_one_it_wrote(
    facebook: Simulator, archive: Archive, database_url: str, edited: str
) -> None:
    """Of a post without earlier texts, which a sync then finds edited."""
    sql = "SELECT id, message FROM facebook_posts WHERE id <> ? AND message <> '' LIMIT 1"
    with models.session(archive.db):
        ((post, first),) = models.rows(archive.db, sql, [edited])
    update(Dump(database_url), post, "by a script")
    edit(facebook, archive, post, "edited")
    archive.take_in()
    assert served(archive, post) == [first, "by a script"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("is_scripted", [False, True])
def test_a_text_that_comes_back_is_kept_each_time(
    facebook: Simulator, archive: Archive, database_url: str, edited: str, is_scripted: bool
) -> None:
    """Whoever brought it back, and whether a turn came between or not."""
    (first,) = texts(archive, edited)
    assert first is not None
    scripts = Dump(database_url)
    for text in (first, "edited", first):
        if is_scripted:
            update(scripts, edited, text)
        else:
            edit(facebook, archive, edited, text)
    edit(facebook, archive, edited, "edited at last")
    archive.take_in()
    assert served(archive, edited) == [first, "edited", first, "edited", first]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_notes_that_an_earlier_version_left_of_its_own_rows_add_nothing(
    archive: Archive, edited: str
) -> None:
    """Those of two edits before a turn, each made when its text was kept already."""
    sql = (
        "INSERT INTO archive (name, value) SELECT ?, json_array(post_id, message, story, seen_from,"
        " seen_from, seen_until, json((SELECT json_group_array(json_array(post_id, seen_from,"
        " seen_until, message, story)) FROM facebook_post_history WHERE seen_until <= h.seen_until"
        "))) FROM facebook_post_history h WHERE post_id = ? AND message = ?"
    )
    told = [*texts(archive, edited), "edited"]
    with models.transaction(archive.db):
        models.change(
            archive.db,
            "INSERT INTO facebook_post_history (post_id, seen_from, seen_until, message)"
            " SELECT post_id, seen_until, '2099-01-01 00:00:00.000000+00:00', 'edited'"
            " FROM facebook_post_history",
        )
        for number, text in enumerate(told):
            models.change(archive.db, sql, [f"rewritten:{number:020}", edited, text])
    sql = f"UPDATE facebook_posts SET message = 'edited again' WHERE id = '{edited}'"
    with models.transaction(archive.db):
        models.change(archive.db, sql)
    assert len(query(archive, REWRITTEN)) == 2
    archive.take_in()
    assert served(archive, edited) == told
    assert query(archive, REWRITTEN) == []


def test_texts_stand_in_their_order_when_the_clock_is_set_back(
    facebook: Simulator, archive: Archive, edited: str
) -> None:
    """Each is told of after the one before it, and none is lost."""
    before = texts(archive, edited)
    for text in ("edited again", "edited once more"):
        facebook.edit(edited, text)
        facebook.clock.move(timedelta(days=-4))
        read(archive)
    edit(facebook, archive, edited, "edited at last")
    assert served(archive, edited) == [*before, "edited", "edited again", "edited once more"]
