"""Times as no clock writes them: what another program left in SQLite stops no answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from served import NOW, Shelf, created

from fbsyncd import export
from fbsyncd.export import source
from fbsyncd.feed import BadCursor, keyset
from fbsyncd.models import change, to_text, transaction
from fbsyncd.refusals import TOKEN_PAUSE, Refusals

UNREADABLE = ("20/11/2026 10:00", "1763632800", "2026-11-20 1:00:00", "Fri, 20 Nov ~ 2026", "๒๕๖๙")
ODD = (*UNREADABLE, "20261120T101112Z", "2026-11-20T10:00:00+07:00", "2026-W47-5", "9999-12-31")
ZONES = ("UTC", "Asia/Bangkok", "Asia/Kolkata", "Asia/Kathmandu", "America/Caracas")


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """An archive in SQLite, which takes any text for a time."""
    with closing(Shelf(tmp_path)) as opened:
        yield opened


@pytest.fixture
def either(tmp_path: Path, database_url: str) -> Iterator[Shelf]:
    """An archive on either engine."""
    with closing(Shelf(tmp_path, database_url)) as opened:
        yield opened


def run(shelf: Shelf, sql: str, *params: object) -> None:
    with transaction(shelf.db):
        change(shelf.db, sql, list(params))


def add_video(shelf: Shelf, id_: str | None, at: str) -> None:
    sql = "INSERT INTO facebook_video_posts (video_id, page_id, created_time) VALUES (?, '104', ?)"
    run(shelf, sql, id_, at)


def walk(ask: Any, name: str, limit: int = 1) -> list[dict[str, Any]]:
    """Return the rows of all pages; more pages than rows would be a walk without an end."""
    found, cursor = [], None
    for _ in range(50):
        page = ask(limit=limit, cursor=cursor)
        found += page[name]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
    raise AssertionError("the cursors lead in a circle")


def test_a_post_with_an_unreadable_time_is_shown_without_it(shelf: Shelf) -> None:
    """Also where only its other time is; the good one beside it keeps its own."""
    for nth, text in enumerate(UNREADABLE):
        shelf.post(nth, created_time=text)
    shelf.post(90, updated_time="20/11/2026 10:00")
    posts = {post["id"]: post for post in shelf.feed.posts(limit=50)["posts"]}
    assert len(posts) == len(UNREADABLE) + 1
    assert {posts[f"104_{nth}"]["created_time"] for nth in range(len(UNREADABLE))} == {None}
    assert posts["104_90"]["updated_time"] is None
    assert posts["104_90"]["created_time"] == f"{created(90):%Y-%m-%dT%H:%M:%SZ}"
    assert shelf.feed.post("104_0") is not None
    assert shelf.feed.pages(limit=5)["pages"]


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_meet_whatever_the_times_look_like(shelf: Shelf, limit: int) -> None:
    """Several rows of one text are told apart by their ids."""
    for nth, text in enumerate(ODD * 2):
        shelf.post(nth, created_time=text)
        add_video(shelf, str(nth), text)
    whole = shelf.feed.posts(limit=100)["posts"]
    assert len(whole) == len(ODD) * 2
    assert walk(shelf.feed.posts, "posts", limit) == whole
    videos = shelf.feed.videos(limit=100)["videos"]
    assert len(videos) == len(ODD) * 2
    assert walk(shelf.feed.videos, "videos", limit) == videos


@pytest.mark.parametrize("zone", ZONES)
def test_the_timeline_leaves_out_what_it_cannot_read(shelf: Shelf, zone: str) -> None:
    """And counts the rest, in every kind of zone."""
    for nth, text in enumerate(
        ("20/11/2026 10:00", "20261120T101112Z", "1763632815", "1763632800")
    ):
        shelf.post(nth, created_time=text)
    shelf.post(90, created_time="9999-12-31 23:59:59")
    shelf.post(91, created_time="0001-01-01 00:00:01")
    shelf.post(92, created_time="2026-11-15 10:00:00")
    assert {"month": "2026-11", "posts": 1} in shelf.feed.timeline(zone=zone)["posts"]


def test_posts_of_no_known_time_are_exported_apart(shelf: Shelf, tmp_path: Path) -> None:
    """They come once, after the months, wherever their text would be sorted."""
    shelf.post(0, created_time="20/11/2026 10:00")
    shelf.post(1, created_time="2026-11-20 10:00:00")
    shelf.post(2, created_time="Fri, 20 Nov 2026")
    add_video(shelf, "7", "20/11/2026 10:00")
    folder = tmp_path / "out"
    assert export.export(shelf.db, shelf.media, folder, NOW).posts == 3
    posts = json.loads((folder / "posts" / "undated.json").read_text())
    assert {post["id"] for post in posts} == {"104_0", "104_2"}
    assert "No known time" in (folder / "months" / "undated.html").read_text()
    assert "Undated" in (folder / "index.html").read_text()


def test_a_month_is_exported_once_however_its_times_are_written(
    shelf: Shelf, tmp_path: Path
) -> None:
    """A text that is sorted into another month than its time lies in takes no post with it."""
    times = [
        "2026-11-03 10:00:00",
        "2026-11-01T03:00:00+07:00",  # October by UTC
        "2026-11-01 00:30:00.000000+00:00",
        "2026-10-31T23:30:00-05:00",  # November by UTC
        "2026-10-20T10:00:00+0000",
        "20261015T101112Z",
        "2026-W41-5",
        "2026-10-02 10:00:00.000000+00:00",
        "20/11/2026 10:00",
    ]
    for nth, text in enumerate(times * 60):
        shelf.post(nth, created_time=text)
    folder = tmp_path / "out"
    assert export.export(shelf.db, shelf.media, folder, NOW).posts == 540
    found = {path.stem: json.loads(path.read_text()) for path in (folder / "posts").iterdir()}
    assert {name: len(posts) for name, posts in found.items()} == {
        "2026-11": 180,
        "2026-10": 300,
        "undated": 60,
    }
    assert len({post["id"] for posts in found.values() for post in posts}) == 540
    for name in ("2026-11", "2026-10"):
        assert all(post["created_time"].startswith(name) for post in found[name])


def test_a_cursor_of_words_breaks_no_engine(either: Shelf) -> None:
    """One that SQLite gave out is a place on PostgreSQL too, though another one."""
    either.post(1)
    words = keyset.encoded(NOW, "104_1") + "~~z20~2F11~2F2026"
    for cursor in (words, keyset.encoded(NOW, "104_1") + "~~i"):
        either.feed.posts(limit=1, cursor=cursor)
        either.feed.videos(limit=1, cursor=cursor)
    uuid = "0ad5a3f6-9f4c-4d3b-8d59-0c9f0e6d2aaa"
    for end in ("~~z20~2F11~2F2026", "~~i", "~~a", ""):
        either.feed.media(limit=1, cursor=keyset.encoded(NOW, uuid) + end)
    with pytest.raises(BadCursor):
        either.feed.media(limit=1, cursor=keyset.encoded(NOW, uuid) + "~~y")


@pytest.mark.parametrize("length", ["nan", "inf", "-inf"])
def test_a_length_that_is_no_number_is_none(either: Shelf, length: str) -> None:
    """JSON has no word for it: one video would keep a dashboard from reading all of them."""
    add_video(either, "7", to_text(created(1)))
    run(either, "UPDATE facebook_video_posts SET length = ?", float(length))
    (video,) = either.feed.videos()["videos"]
    assert video["length"] is None
    (told,) = source.videos(either.db, lambda *_: False)
    assert told["length"] is None


@pytest.mark.parametrize("length", ["", "long", "nan", b"\0"])
def test_a_length_may_be_anything_on_sqlite(shelf: Shelf, length: str | bytes) -> None:
    """It is a column like any other there."""
    add_video(shelf, "7", to_text(created(1)))
    run(shelf, "UPDATE facebook_video_posts SET length = ?", length)
    assert [video["length"] for video in shelf.feed.videos()["videos"]] == [None]


@pytest.mark.parametrize("text", ["", " ", "20/11/2026 10:00"])
def test_media_of_no_known_time_are_paged(shelf: Shelf, text: str) -> None:
    """Their cursors are taken as they were given."""
    for nth in range(4):
        shelf.attach(shelf.post(nth))
    run(shelf, "UPDATE media_storage SET created_at = ?", text)
    found = walk(shelf.feed.media, "media")
    assert len({row["id"] for row in found}) == len(found) == 4


def test_rows_without_an_id_are_neither_shown_nor_counted(shelf: Shelf) -> None:
    """Nothing leads to them, and they have no place among the others."""
    shelf.post(1)
    add_video(shelf, "7", to_text(created(1)))
    before = shelf.feed.timeline()
    run(
        shelf,
        "INSERT INTO facebook_posts (id, page_id, type, created_time) VALUES (NULL, '104', 'x', ?)",
        to_text(created(2)),
    )
    add_video(shelf, None, to_text(created(2)))
    told = shelf.feed.stats()
    assert (told["posts"], told["videos"]) == (1, 1)
    (page,) = shelf.feed.pages()["pages"]
    assert (page["posts"], page["videos"]) == (1, 1)
    assert page["oldest_post"] == page["newest_post"] == f"{created(1):%Y-%m-%dT%H:%M:%SZ}"
    assert shelf.feed.timeline() == before
    assert [video["video_id"] for video in walk(shelf.feed.videos, "videos")] == ["7"]
    assert [post["id"] for post in walk(shelf.feed.posts, "posts")] == ["104_1"]


def test_a_page_counts_the_posts_that_are_shown(shelf: Shelf) -> None:
    """An empty time is none, so such a post is not shown yet, nor the oldest."""
    for number, at in ((1, to_text(created(1))), (2, to_text(created(2))), (3, ""), (4, " ")):
        shelf.post(number, created_time=at)
    (page,) = shelf.feed.pages()["pages"]
    assert page["posts"] == len(walk(shelf.feed.posts, "posts")) == 2
    assert page["oldest_post"] == f"{created(1):%Y-%m-%dT%H:%M:%SZ}"


def test_posts_without_a_time_are_counted_apart(shelf: Shelf) -> None:
    """With them every count of the posts is the same: of all, of the Page, by month, by type."""
    shelf.post(1)
    for number, at in ((2, ""), (3, " ")):
        shelf.post(number, created_time=at)
    told, (page,) = shelf.feed.timeline(), shelf.feed.pages()["pages"]
    assert told["undated"] == page["undated_posts"] == 2
    assert sum(month["posts"] for month in told["posts"]) + told["undated"] == 3
    assert page["posts"] + page["undated_posts"] == shelf.feed.stats()["posts"] == 3
    assert sum(kind["posts"] for kind in told["types"]) == 3
    assert shelf.feed.timeline(page_id="1")["undated"] == 0


def test_a_refusal_of_the_future_is_forgotten() -> None:
    """A clock that was set back keeps no Page unread."""
    refusals = Refusals()
    refusals.refuse("1", "token", NOW)
    assert refusals.is_refused("1", "token", NOW)
    assert refusals.is_refused("1", "token", NOW + TOKEN_PAUSE - timedelta(seconds=1))
    assert not refusals.is_refused("1", "token", NOW + TOKEN_PAUSE)
    assert not refusals.is_refused("1", "token", NOW - timedelta(days=1))
