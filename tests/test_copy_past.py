"""Two archives of one Page, one read before a change and one after it: the union has both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from peewee import Database
from plant import archive_of, files, query, read, sync
from test_copy import EARLY, LATE, SUCCESS, ask, copy, other, other_url, picture, post, put, written

from fbsyncd import forget
from fbsyncd.archive import Archive
from fbsyncd.forget import Subject
from fbsyncd.simulator import Simulator

__all__ = ["other", "other_url"]

DAYS = [f"2026-01-{day:02} 00:00:00.000000+00:00" for day in range(1, 29)]
WAYS = pytest.mark.parametrize("is_forward", [True, False], ids=["new to old", "old to new"])


@dataclass
class Twins:
    """A Page, who has read it *before* a change, and who has only read it *after*."""

    facebook: Simulator
    before: Archive
    after: Archive

    def copy(self, *, is_forward: bool) -> tuple[Archive, int]:
        """Copy one into the other; return that one, and how many rows were written."""
        source, target = (self.after, self.before)[:: 1 if is_forward else -1]
        return target, written(copy(source.db, target.db))

    def settle(self, *, is_forward: bool) -> Archive:
        """Copy in one way, and see that it cannot matter how often and in which."""
        target, _ = self.copy(is_forward=is_forward)
        held = past(target)
        assert self.copy(is_forward=is_forward)[1] == 0
        assert past(target) == held
        back, _ = self.copy(is_forward=not is_forward)
        assert past(back) == past(target) == held
        assert self.copy(is_forward=is_forward)[1] == 0
        return target


@pytest.fixture
def twins(database_url: str, other_url: str, tmp_path: Path) -> Iterator[Twins]:
    with ExitStack() as stack:
        facebook = stack.enter_context(Simulator(posts=4, seed=3, pictures="plain"))
        archives = []
        for name, url in (("before", other_url), ("after", database_url)):
            (tmp_path / name).mkdir()
            archives.append(stack.enter_context(archive_of(facebook, tmp_path / name, url)))
        yield Twins(facebook, *archives)


def past(archive: Archive) -> dict[str, list[tuple[Any, ...]]]:
    """Return what the archive says now and what it remembers."""
    tables = {
        "facebook_posts": "id, message, local_picture_id, local_full_picture_id, updated_at",
        "facebook_post_attachments": "post_id, attachment_key, removed_at, local_media_id",
        "facebook_post_history": "post_id, seen_from, seen_until, message, story",
        "former_pictures": "owner_id, media_id",
    }
    return {
        name: sorted(ask(archive.db, f"SELECT {columns} FROM {name}"), key=str)
        for name, columns in tables.items()
    }


def said(archive: Archive, post_id: str) -> list[str]:
    """Return the texts of a post, the present one last."""
    texts, now = archive.feed.history(post_id), archive.feed.post(post_id)
    assert texts is not None
    assert now is not None
    return [*(text["message"] for text in texts), now["message"]]


@WAYS
def test_a_text_that_gives_way_is_an_earlier_text(twins: Twins, is_forward: bool) -> None:
    """Whichever way they are copied, the newer text is shown and the older one remembered."""
    post_id = twins.facebook.add_post("photo", message="ก่อน 🎈")
    read(twins.before)
    twins.facebook.edit(post_id, "after")
    read(twins.after)
    target = twins.settle(is_forward=is_forward)
    assert said(target, post_id) == ["ก่อน 🎈", "after"]


@WAYS
def test_a_text_that_both_have_seen_change_is_there_once(twins: Twins, is_forward: bool) -> None:
    """What one of them remembers already is not added for the other, nor are later edits lost."""
    post_id = twins.facebook.add_post("photo", message="one")
    read(twins.before)
    read(twins.after)
    twins.facebook.edit(post_id, "two")
    read(twins.after)
    target = twins.settle(is_forward=is_forward)
    assert said(target, post_id) == ["one", "two"]
    twins.facebook.edit(post_id, "three")
    read(twins.before)
    assert said(twins.before, post_id) == ["one", "two", "three"]
    twins.settle(is_forward=not is_forward)
    assert said(twins.after, post_id) == ["one", "two", "three"]


@WAYS
def test_a_picture_that_gives_way_is_a_former_one(twins: Twins, is_forward: bool) -> None:
    """The post is known to have had it, and shows no more pictures than Facebook does."""
    post_id = twins.facebook.add_post("album", photos=4)
    sync(twins.before)
    old = named(twins.before, post_id)
    twins.facebook.replace_photo(post_id, 0)
    sync(twins.after)
    target = twins.settle(is_forward=is_forward)
    former = query(target, "SELECT media_id FROM former_pictures WHERE owner_id = ?", [post_id])
    lost = {id_ for id_ in old if id_ not in named(twins.after, post_id)}
    assert lost
    assert lost <= {str(id_) for (id_,) in former}
    for archive in (twins.before, twins.after):
        shown = archive.feed.post(post_id)
        assert shown is not None
        assert len(shown["attachments"]) == 4


def named(archive: Archive, post_id: str) -> set[str]:
    """Return the ids of the pictures that the row of a post itself names."""
    columns = "local_picture_id, local_full_picture_id"
    ((small, full),) = query(
        archive, f"SELECT {columns} FROM facebook_posts WHERE id = ?", [post_id]
    )
    return {str(small), str(full)}


def test_what_is_forgotten_takes_a_former_picture_along(twins: Twins) -> None:
    """Neither its row nor its file outlives the post that had it in one of the archives."""
    there = files(twins.before)
    kept = query(twins.before, "SELECT count(*) FROM media_storage")
    post_id = twins.facebook.add_post("photo")
    sync(twins.before)
    old = named(twins.before, post_id)
    twins.facebook.replace_photo(post_id, 0)
    sync(twins.after)
    before, _ = twins.copy(is_forward=True)
    forget.forget(before.db, before.media, Subject("post", post_id), before.now())
    left = {str(id_) for (id_,) in query(before, "SELECT id FROM media_storage")}
    assert not left & old
    others = {name for name in files(before) if name not in there}
    names = "SELECT local_filename FROM media_storage WHERE local_filename IS NOT NULL"
    assert {Path(name).name for name in others} <= {name for (name,) in query(before, names)}
    assert kept == [(0,)]


@WAYS
def test_a_picture_that_came_later_is_shown(twins: Twins, is_forward: bool) -> None:
    """Who has not looked since a photo was added does not take it for one that was taken off."""
    post_id = twins.facebook.add_post("album", photos=2)
    read(twins.before)
    read(twins.after)
    twins.facebook.grow_album(post_id)
    read(twins.after)
    twins.settle(is_forward=is_forward)
    for archive in (twins.before, twins.after):
        shown = archive.feed.post(post_id)
        assert shown is not None
        assert len(shown["attachments"]) == 3


HISTORY = "SELECT message, seen_from, seen_until FROM facebook_post_history ORDER BY seen_from"


def edited(db: Database, now: str, *texts: str, first: int = 0) -> None:
    """Write a post that had *texts*, each for a day, and has another one *now*."""
    until = len(texts) + first
    post(db, "1_1", message=now, created_at=DAYS[first], updated_at=DAYS[until])
    for at, text in enumerate(texts, first):
        values = {"seen_from": DAYS[at], "seen_until": DAYS[at + 1], "message": text}
        put(db, "facebook_post_history", post_id="1_1", **values)


def both(one: Database, two: Database) -> list[tuple[Any, ...]]:
    """Copy in both ways until nothing is left to write; return the texts, which are the same."""
    for _ in range(2):
        copy(one, two)
        copy(two, one)
    assert written(copy(one, two)) == written(copy(two, one)) == 0
    assert ask(one, HISTORY) == ask(two, HISTORY)
    assert ask(one, "SELECT message FROM facebook_posts") == ask(
        two, "SELECT message FROM facebook_posts"
    )
    return ask(one, HISTORY)


@WAYS
def test_each_text_counts_from_when_its_archive_had_it(
    db: Database, other: Database, is_forward: bool
) -> None:
    """Until the other archive had the one that stays, or a moment where that was no later."""
    edited(db, "b", "a")
    edited(other, "c", first=4)
    sides = (db, other)[:: 1 if is_forward else -1]
    assert both(*sides) == [("a", DAYS[0], DAYS[1]), ("b", DAYS[1], DAYS[4])]


@WAYS
def test_texts_that_begin_at_one_moment_are_both_kept(
    db: Database, other: Database, is_forward: bool
) -> None:
    """Two archives grown from one database may have seen it change to different texts."""
    edited(db, "x", "mine")
    edited(other, "y", "theirs", "x")
    sides = (db, other)[:: 1 if is_forward else -1]
    texts = both(*sides)
    assert {text for text, *_ in texts} >= {"mine", "theirs", "x"}
    assert len({since for _, since, _ in texts}) == len(texts)
    assert all(since < until for _, since, until in texts)


def test_a_text_that_came_back_is_remembered_again(db: Database, other: Database) -> None:
    """It was there at two times, and both are told."""
    edited(db, "x", "x", "y")
    edited(other, "z", first=8)
    assert [text for text, *_ in both(db, other)] == ["x", "y", "x"]


def test_no_text_is_a_text_too(db: Database, other: Database) -> None:
    """An empty one and none are the same, and either is remembered when a text comes."""
    edited(db, "")
    edited(other, "text", first=3)
    post(db, "1_2", message="")
    post(other, "1_2", message=None, updated_at=LATE)
    assert both(db, other) == [("", DAYS[0], DAYS[3])]


def test_a_video_has_its_former_picture(db: Database, other: Database) -> None:
    """As a post has; what nothing else names is not lost sight of."""
    for side, name, at in ((db, "old", EARLY), (other, "new", LATE)):
        id_ = picture(side, name, **SUCCESS)
        values = {"local_picture_id": id_, "created_at": at, "updated_at": at}
        put(side, "facebook_video_posts", video_id="v", page_id="1", **values)
    for source, target in ((db, other), (other, db)):
        copy(source, target)
        found = "SELECT f.owner_id, m.asset_key FROM former_pictures f JOIN media_storage m"
        assert ask(target, f"{found} ON m.id = f.media_id") == [("v", "old")]


@WAYS
def test_only_what_another_archive_found_gone_is_marked(
    db: Database, other: Database, is_forward: bool
) -> None:
    """An attachment is taken for gone when the other one looked first after its last news."""
    for side, first in ((db, 0), (other, 5)):
        post(side, "1_1", updated_at=DAYS[first])
        values = {"post_id": "1_1", "created_at": DAYS[first], "updated_at": DAYS[first]}
        put(side, "facebook_post_attachments", attachment_key="both", **values)
    mine = {"gone": DAYS[4], "touched": DAYS[5], "later": DAYS[7]}
    for key, at in mine.items():
        stamps = {"created_at": min(at, DAYS[6]), "updated_at": at}
        put(db, "facebook_post_attachments", post_id="1_1", attachment_key=key, **stamps)
    sides = (db, other)[:: 1 if is_forward else -1]
    copy(*sides)
    found = "SELECT attachment_key, removed_at FROM facebook_post_attachments ORDER BY 1"
    expected = [("both", None), ("gone", DAYS[5]), ("later", None), ("touched", None)]
    assert ask(sides[1], found) == expected
    assert written(copy(*sides)) == 0
    copy(*sides[::-1])
    assert ask(sides[0], found) == expected
