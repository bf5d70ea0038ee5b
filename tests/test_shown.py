"""Links that can be trusted: what an answer names is there, in the sizes it says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from peewee import Database
from shelf import NOW, Shelf, picture, url

from fbsyncd import models
from fbsyncd.engines import SQLITE
from fbsyncd.errors import FetchError, Unavailable
from fbsyncd.feed import Feed
from fbsyncd.feed.keyset import encoded
from fbsyncd.media import MARKER
from fbsyncd.models import change, to_text, transaction
from fbsyncd.proof import prove

SMALL, MIDDLE, LARGE = (130, 87), (320, 213), (720, 480)


@pytest.fixture
def shelf(db: Database, tmp_path: Path) -> Shelf:
    return Shelf.make(db, tmp_path)


@pytest.fixture
def feed(shelf: Shelf) -> Feed:
    return Feed(shelf.db, shelf.media, now=lambda: NOW, public_url="https://m.example.org")


def add(shelf: Shelf, number: int, size: tuple[int, int], parent: UUID | None = None) -> UUID:
    """Archive a picture; one with a *parent* was developed from it."""
    id_ = shelf.add(number, picture(number, size))
    with transaction(shelf.db):
        change(
            shelf.db,
            "UPDATE media_storage SET width = ?, height = ?, derived_from = ? WHERE id = ?",
            [*size, str(parent) if parent else None, str(id_)],
        )
    return id_


def post(shelf: Shelf, small: UUID, full: UUID) -> None:
    """Add a post of two pictures, the full one also its attachment."""
    with transaction(shelf.db):
        change(
            shelf.db,
            "INSERT INTO facebook_posts (id, page_id, type, created_time, picture_url,"
            " full_picture_url, local_picture_id, local_full_picture_id)"
            " VALUES ('p', '1', 'photo', ?, ?, ?, ?, ?)",
            [to_text(NOW), url(1), url(2), str(small), str(full)],
        )
        change(
            shelf.db,
            "INSERT INTO facebook_post_attachments (post_id, attachment_key, media_url,"
            " local_media_id, width, height) VALUES ('p', 'k', ?, ?, 720, 480)",
            [url(2), str(full)],
        )


def told(feed: Feed) -> dict[str, Any]:
    """Return the only post."""
    found = feed.post("p")
    assert found is not None
    return found


def widths(told: dict[str, Any]) -> list[int]:
    return [image["width"] for image in told["images"]]


def test_every_size_that_is_here_is_told_smallest_first(shelf: Shelf, feed: Feed) -> None:
    """A srcset is made of them as they stand: the link's two sizes and the one made here."""
    small, full = add(shelf, 1, SMALL), add(shelf, 2, LARGE)
    made = add(shelf, 3, MIDDLE, parent=full)
    post(shelf, small, full)
    shown = told(feed)
    names = [shelf.row(id_)["public_url"] for id_ in (small, made, full)]
    assert shown["images"] == [
        {"url": f"https://m.example.org{name}", "width": width, "height": height}
        for name, (width, height) in zip(names, (SMALL, MIDDLE, LARGE), strict=True)
    ]
    assert (shown["width"], shown["height"]) == SMALL
    (attached,) = shown["attachments"]
    assert widths(attached) == [320, 720]
    assert (attached["width"], attached["height"]) == LARGE


def test_another_cut_of_a_picture_is_no_size_of_it(shelf: Shelf, feed: Feed) -> None:
    """A square preview in a srcset would make the page jump."""
    post(shelf, add(shelf, 1, (130, 130)), add(shelf, 2, LARGE))
    assert widths(told(feed)) == [720]
    assert told(feed)["display_image_url"] == told(feed)["local_picture_url"]


def test_a_file_that_is_gone_is_not_named(shelf: Shelf, feed: Feed) -> None:
    """Nor is one of another size; the next best picture is shown, and the state says why."""
    small, full = add(shelf, 1, SMALL), add(shelf, 2, LARGE)
    made = add(shelf, 3, MIDDLE, parent=full)
    post(shelf, small, full)
    shelf.path(small).unlink()
    shown = told(feed)
    assert shown["local_picture_url"] is None
    assert shown["display_image_url"] == shown["local_full_picture_url"] is not None
    assert (shown["image_state"], widths(shown)) == ("archived", [320, 720])
    shelf.path(made).unlink()
    shelf.path(full).write_bytes(b"cut")
    shown = told(feed)
    assert (shown["image_state"], shown["images"]) == ("healing", [])
    assert shown["display_image_url"] == shown["original_picture_url"] == url(1)
    assert not shown["has_local_image"]
    assert shown["attachments"][0]["image_state"] == "healing"


def gone(shelf: Shelf) -> None:
    shelf.media.root.rename(shelf.media.root.with_name("unmounted"))


def unmarked(shelf: Shelf) -> None:
    (shelf.media.root / MARKER).unlink()


def foreign(shelf: Shelf) -> None:
    (shelf.media.root / MARKER).write_text("another\n")


def unreadable(shelf: Shelf) -> None:
    unmarked(shelf)
    (shelf.media.root / MARKER).mkdir()


def lacking(shelf: Shelf) -> None:
    with suppress(Unavailable):
        shelf.brake.pull(["posts/a.jpg"], 30, 90)


def doubted(shelf: Shelf) -> None:
    with suppress(Unavailable):
        shelf.brake.doubt(9, 10)


def damaged(shelf: Shelf) -> None:
    with suppress(Unavailable):
        shelf.brake.pull_for_damage(["posts/a.jpg"], 30, 90)


def accepted(shelf: Shelf) -> None:
    shelf.brake.accept()


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (gone, "the archive's disk is not there"),
        (unmarked, "the archive's disk is not there, or its folder has lost its marker"),
        (foreign, "the media folder is another archive's"),
        (unreadable, "the archive's disk cannot be read"),
        (lacking, "many of the archive's files are gone"),
        (doubted, "files of the archive are gone, and all are being looked for"),
        (damaged, "many of the archive's files are damaged"),
        (accepted, "what the archive lacks is being queued again"),
    ],
)
def test_what_is_told_of_a_disk_fits_what_is_wrong_with_it(
    shelf: Shelf, feed: Feed, trouble: Callable[[Shelf], None], words: str
) -> None:
    """Everybody learns which kind of trouble it is, and no file's name; who is trusted, all."""
    post(shelf, add(shelf, 1, SMALL), add(shelf, 2, LARGE))
    trouble(shelf)
    shown = told(feed)
    assert shown["image_state"] == f"unavailable: {words}"
    short, whole = feed.ready()["media"], feed.ready(whole=True)["media"]
    assert short.startswith(f"{words}: ")
    assert str(shelf.media.root) not in str([shown, short])
    assert whole == feed.stats()["unavailable"]
    is_unread = "cannot be read" in words or "damaged" in words
    assert feed.stats()["unavailable_kind"] == ("unread" if is_unread else "away")


def test_no_local_link_while_the_disk_is_away(shelf: Shelf, feed: Feed) -> None:
    """Every state says so, nothing counts as local, and all is as before when it is back."""
    post(shelf, add(shelf, 1, SMALL), add(shelf, 2, LARGE))
    before = told(feed)
    away = shelf.media.root.rename(shelf.media.root.with_name("unmounted"))
    shown = told(feed)
    for one in (shown, shown["attachments"][0]):
        assert one["image_state"].startswith("unavailable: ")
        assert not one["has_local_image"]
        assert one["images"] == []
    assert shown["display_image_url"] == url(1)
    assert str(shelf.media.root) not in str(shown)
    assert feed.posts(has_local_image=True)["posts"] == []
    assert len(feed.posts(has_local_image=False)["posts"]) == 1
    assert feed.media()["media"][0]["public_url"] is None
    away.rename(shelf.media.root)
    assert told(feed) == before


def test_nothing_left_says_why(shelf: Shelf, feed: Feed) -> None:
    """With the file gone and the link dead there is null, and what is being done about it."""
    small, full = add(shelf, 1, SMALL), add(shelf, 2, LARGE)
    post(shelf, small, full)
    for id_ in (small, full):
        shelf.path(id_).unlink()
    with transaction(shelf.db):
        change(shelf.db, "UPDATE media_storage SET link_expires_at = ?", [to_text(NOW)])
    shown = told(feed)
    assert (shown["display_image_url"], shown["image_state"]) == (None, "healing")
    shelf.backlog.lose([(small, "gone"), (full, "gone")], NOW)
    shelf.backlog.surrender([(small, "deleted there"), (full, "deleted there")], NOW)
    shown = told(feed)
    assert (shown["display_image_url"], shown["image_state"]) == (None, "lost: deleted there")


def give_up(shelf: Shelf, ids: list[UUID], why: str) -> None:
    """Leave pictures whose link is alive alone for good."""
    for id_ in ids:
        shelf.path(id_).unlink(missing_ok=True)
    with transaction(shelf.db):
        change(
            shelf.db,
            "UPDATE media_storage SET download_status = 'failed', error_message = ?,"
            " next_attempt_at = NULL, needs_link = FALSE",
            [why],
        )


@pytest.mark.parametrize(
    ("data", "is_shown"),
    [
        (b"%PDF-1.7" + bytes(99), False),
        (b"PK\3\4" + bytes(99), False),
        (b"\0\0\0\x20ftypisom" + bytes(99), False),
        (b"<html>log in</html>", False),
        (b"URL signature expired", False),
        (b"\1\2\3\4" * 99, False),
        (bytes(99), False),
        (b"<svg/>", True),
        (b"BM" + bytes(99), True),
        (picture(1, (9, 9)) + bytes(9) + b"<script>alert(1)</script>", True),
        (picture(1, (4000, 3000)), True),
    ],
)
def test_a_link_to_what_is_no_picture_is_not_handed_out(
    shelf: Shelf, feed: Feed, data: bytes, is_shown: bool
) -> None:
    """What came was proven to be none; what only this archive does not keep is shown from there."""
    post(shelf, small := add(shelf, 1, SMALL), full := add(shelf, 2, LARGE))
    with pytest.raises(FetchError) as refused:
        prove(data, max_pixels=10_000_000)
    give_up(shelf, [small, full], str(refused.value))
    shown = told(feed)
    assert (
        shown["image_state"] == shown["attachments"][0]["image_state"] == f"lost: {refused.value}"
    )
    assert (
        shown["display_image_url"]
        == shown["original_picture_url"]
        == (url(1) if is_shown else None)
    )
    row = feed.media_row(full)
    assert row is not None
    assert row["original_url"] == (url(2) if is_shown else None)


@pytest.mark.parametrize(
    ("why", "is_shown"),
    [
        ("application/pdf instead of a picture", False),
        ("a page or text (text/html) instead of a picture", False),
        ("more bytes than the limit of 300,000", True),
        ("cdn.example.org is not among the allowed hosts", True),
        ("500 Internal Server Error", True),
    ],
)
def test_a_link_that_was_refused_by_its_headers(
    shelf: Shelf, feed: Feed, why: str, is_shown: bool
) -> None:
    """So it is with what the sender said of it; while it is tried again the link is handed out."""
    post(shelf, small := add(shelf, 1, SMALL), full := add(shelf, 2, LARGE))
    give_up(shelf, [small, full], why)
    assert told(feed)["display_image_url"] == (url(1) if is_shown else None)
    with transaction(shelf.db):
        change(shelf.db, "UPDATE media_storage SET next_attempt_at = ?", [to_text(NOW)])
    assert told(feed)["display_image_url"] == url(1)


@pytest.mark.parametrize(
    "link",
    [
        *("javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "/etc/passwd"),
        *("http://[::bad", "https://", "https://h.example:x/a.jpg"),
        *("//h.example/a.jpg", "h.example/a.jpg", " ", ""),
    ],
)
def test_what_is_no_address_of_the_web_is_no_link(shelf: Shelf, feed: Feed, link: str) -> None:
    """Other programs may have written anything; with a row and without one it is not repeated."""
    post(shelf, small := add(shelf, 1, SMALL), full := add(shelf, 2, LARGE))
    for id_ in (small, full):
        shelf.path(id_).unlink()
    sql = "UPDATE media_storage SET original_url = ?, download_status = 'pending' WHERE id = ?"
    with transaction(shelf.db):
        change(shelf.db, sql, [link, str(small)])
        change(shelf.db, sql, [f"{link}#2", str(full)])
    assert (told(feed)["image_state"], told(feed)["display_image_url"]) == ("pending", None)
    assert [row["original_url"] for row in feed.media()["media"]] == [None, None]
    with transaction(shelf.db):
        change(
            shelf.db,
            "UPDATE facebook_posts SET picture_url = ?, full_picture_url = ?,"
            " local_picture_id = NULL, local_full_picture_id = NULL",
            [link, link],
        )
    shown = told(feed)
    for name in ("display_image_url", "original_picture_url", "original_full_picture_url"):
        assert shown[name] is None
    assert shown["image_state"] is None


@pytest.mark.parametrize(
    ("ours", "state"), [(("1",), "healing"), (("2",), None), (None, "healing")]
)
def test_a_dead_link_that_has_no_row_yet(
    shelf: Shelf, ours: tuple[str, ...] | None, state: str | None
) -> None:
    """Another program's post of a Page of ours is taken in within moments; others never are."""
    feed = Feed(shelf.db, shelf.media, now=lambda: NOW, ours=ours)
    with transaction(shelf.db):
        change(
            shelf.db,
            "INSERT INTO facebook_posts (id, page_id, type, created_time, full_picture_url)"
            " VALUES ('p', '1', 'photo', ?, ?)",
            [to_text(NOW), url(1, hours=-1)],
        )
        change(
            shelf.db,
            "INSERT INTO facebook_post_attachments (post_id, attachment_key, media_url)"
            " VALUES ('p', 'k', ?)",
            [url(1, hours=-1)],
        )
    shown = told(feed)
    for one in (shown, shown["attachments"][0]):
        assert (one["display_image_url"], one["image_state"]) == (None, state)


@pytest.mark.parametrize(
    "link", ["https://h.example/a b.jpg?x=ä", "http://h.example:8080/a.jpg", "HTTPS://H.example/a"]
)
def test_any_address_of_the_web_is_a_link(shelf: Shelf, feed: Feed, link: str) -> None:
    """However it is written; who it belongs to does not matter."""
    post(shelf, small := add(shelf, 1, SMALL), add(shelf, 2, LARGE))
    with transaction(shelf.db):
        sql = "UPDATE media_storage SET original_url = ? WHERE id = ?"
        change(shelf.db, sql, [link, str(small)])
    assert told(feed)["original_picture_url"] == link


@pytest.fixture
def listed(shelf: Shelf) -> Shelf:
    """Three videos, two Pages, pictures in every state."""
    at = to_text(NOW)
    with transaction(shelf.db):
        change(shelf.db, "INSERT INTO facebook_pages (id, name) VALUES ('1', 'One'), ('2', 'Two')")
        for number in range(3):
            change(
                shelf.db,
                "INSERT INTO facebook_video_posts (video_id, page_id, title, created_time,"
                " created_at) VALUES (?, ?, 'Film', ?, ?)",
                [*map(str, (number, 1 + number % 2)), None if number == 1 else at, at],
            )
        change(
            shelf.db,
            "INSERT INTO sync_state (page_id, stream, state) VALUES ('3', 'posts', 'token')",
        )
    return shelf


def walk(ask: Any, what: str, **wanted: Any) -> list[dict[str, Any]]:
    """Return all rows of all pages, one row a page."""
    met: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = ask(limit=1, cursor=cursor, **wanted)
        met += page[what]
        cursor = page["next_cursor"]
        if cursor is None:
            return met


def test_videos_are_listed(listed: Shelf, feed: Feed) -> None:
    """Newest first, those without a time of their own too, each once, filtered as posts are."""
    poster = add(listed, 1, LARGE)
    with transaction(listed.db):
        change(
            listed.db,
            "UPDATE facebook_video_posts SET local_picture_id = ? WHERE video_id = '0'",
            [str(poster)],
        )
    assert [video["video_id"] for video in walk(feed.videos, "videos")] == ["2", "1", "0"]
    assert [one["video_id"] for one in walk(feed.videos, "videos", page_id="1")] == ["2", "0"]
    assert walk(feed.videos, "videos", until=NOW) == []
    assert len(walk(feed.videos, "videos", since=NOW)) == 3
    (shown,) = walk(feed.videos, "videos", has_local_image=True)
    assert (shown["video_id"], shown["title"], shown["width"]) == ("0", "Film", 720)
    assert len(walk(feed.videos, "videos", has_local_image=False)) == 2


def test_pages_are_listed(listed: Shelf, feed: Feed) -> None:
    """By id, a Page that was never described as well, with what is archived and how it goes."""
    post(listed, add(listed, 1, SMALL), add(listed, 2, LARGE))
    pages = walk(feed.pages, "pages")
    assert [(page["id"], page["name"]) for page in pages] == [
        ("1", "One"),
        ("2", "Two"),
        ("3", None),
    ]
    assert (pages[0]["posts"], pages[0]["videos"], pages[1]["videos"]) == (1, 2, 1)
    assert pages[0]["newest_post"] == pages[0]["oldest_post"] == "2026-03-01T12:00:00Z"
    assert [page["state"] for page in pages] == [None, None, "token"]


def test_media_rows_are_listed(listed: Shelf, feed: Feed) -> None:
    """By status, category and Page; each says why, whose it is, and leads nowhere that is dead."""
    safe, waiting, lost = add(listed, 1, SMALL), add(listed, 2, LARGE), add(listed, 3, LARGE)
    post(listed, safe, waiting)
    listed.backlog.lose([(waiting, "the file is missing"), (lost, "the file is missing")], NOW)
    with transaction(listed.db):
        change(listed.db, "UPDATE media_storage SET needs_link = TRUE WHERE id = ?", [str(lost)])
    listed.backlog.surrender([(lost, "deleted there")], NOW)

    def ids(**wanted: Any) -> list[str]:
        return sorted(row["id"] for row in walk(feed.media, "media", **wanted))

    assert ids() == sorted(map(str, (safe, waiting, lost)))
    assert ids(status="success") == [str(safe)]
    assert ids(status="pending") == []
    assert ids(status="failed") == sorted(map(str, (waiting, lost)))
    assert ids(status="failed", given_up=False) == [str(waiting)]
    assert ids(given_up=True) == [str(lost)]
    assert ids(category="posts") == ids()
    assert ids(category="thumbnails") == ids(page_id="2") == []
    assert ids(page_id="1") == sorted(map(str, (safe, waiting)))
    row = feed.media_row(lost)
    assert row is not None
    assert (row["error_message"], row["given_up"], row["original_url"]) == (
        "deleted there",
        True,
        None,
    )
    row = feed.media_row(waiting)
    assert row is not None
    assert (row["post_id"], row["public_url"], row["original_url"]) == ("p", None, url(2))
    assert feed.media_row(uuid4()) is None


def test_the_timeline_counts(listed: Shelf, feed: Feed) -> None:
    """Posts by month, pictures by the day they came and by the day their link dies."""
    small, full = add(listed, 1, SMALL), add(listed, 2, LARGE)
    post(listed, small, full)
    listed.backlog.lose([(full, "the file is missing")], NOW)
    size = listed.row(small)["file_size"]
    assert feed.timeline() == {
        "posts": [{"month": "2026-03", "posts": 1}],
        "undated": 0,
        "types": [{"type": "photo", "posts": 1}],
        "archived": [{"day": "2026-03-01", "pictures": 1, "bytes": size}],
        "dying": [{"day": "2026-03-05", "pictures": 1}],
        "zone": "UTC",
    }
    assert feed.timeline(page_id="2")["posts"] == []


@pytest.mark.parametrize(
    ("zone", "counted"),
    [
        ("UTC", {"2026-02": 2, "2026-03": 4, "2026-04": 1}),
        ("Asia/Bangkok", {"2026-02": 1, "2026-03": 4, "2026-04": 2}),
        ("Asia/Kathmandu", {"2026-02": 2, "2026-03": 4, "2026-04": 1}),
        ("Asia/Kolkata", {"2026-02": 2, "2026-03": 4, "2026-04": 1}),
        ("Australia/Lord_Howe", {"2026-02": 1, "2026-03": 4, "2026-04": 2}),
        ("America/New_York", {"2026-02": 3, "2026-03": 3, "2026-04": 1}),
    ],
)
def test_months_are_those_of_where_the_reader_is(
    db: Database, feed: Feed, zone: str, counted: dict[str, int]
) -> None:
    """A post of the night belongs to the month it is there."""
    times = ("02-10 12:00", "02-28 18:14", "03-01 04:59", "03-01 05:00", "03-20 00:00")
    for nth, at in enumerate((*times, "03-31 17:59", "04-01 06:00")):
        with transaction(db):
            change(
                db,
                "INSERT INTO facebook_posts (id, page_id, created_time) VALUES (?, '1', ?)",
                [str(nth), f"2026-{at}:30.000000+00:00"],
            )
    told = feed.timeline(zone=zone)
    assert {one["month"]: one["posts"] for one in told["posts"]} == counted
    assert told["zone"] == zone


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        ("UTC", ["2026-03-28", "2026-03-29"]),
        ("Europe/Berlin", ["2026-03-28", "2026-03-29", "2026-03-30"]),
        ("Pacific/Auckland", ["2026-03-29", "2026-03-30"]),
    ],
)
def test_days_are_those_of_where_the_reader_is(
    listed: Shelf, db: Database, feed: Feed, zone: str, days: list[str]
) -> None:
    """Also where clocks are set forward in between: what came and what dies, by the same days."""
    for nth, at in enumerate(("28 22:59", "28 23:01", "29 21:59", "29 22:01"), start=1):
        asset = add(listed, nth, SMALL)
        with transaction(db):
            change(
                db,
                "UPDATE media_storage SET downloaded_at = ? WHERE id = ?",
                [f"2026-03-{at}:00.000000+00:00", str(asset)],
            )
    told = feed.timeline(zone=zone)["archived"]
    assert [one["day"] for one in told] == days
    assert sum(one["pictures"] for one in told) == 4


def plan_of(db: Database, sql: str, params: Any) -> str:
    """Return how the database would go about *sql*, had it many rows."""
    is_file = models.engine(db) is SQLITE
    with models.transaction(db):
        for name in () if is_file else ("seqscan", "bitmapscan", "sort"):
            db.execute_sql(f"SET LOCAL enable_{name} = off")
        explain = "EXPLAIN QUERY PLAN" if is_file else "EXPLAIN"
        return "\n".join(map(str, db.execute_sql(f"{explain} {sql}", params).fetchall()))


def test_media_rows_come_by_their_indexes(feed: Feed, db: Database) -> None:
    """The newest rows, and the newest that are not safe, are found without a sort."""
    asked: list[Any] = []
    db.query_hooks[:] = [lambda event: asked.append((event.sql, event.params))]
    for wanted, index in ((None, "newest"), ("failed", "unsafe")):
        asked.clear()
        feed.media(status=wanted)
        plan = plan_of(db, *next(one for one in asked if "media_storage m WHERE" in one[0]))
        assert f"media_storage_{index}" in plan
        assert "TEMP B-TREE FOR ORDER BY" not in plan
        assert "Sort" not in plan


@pytest.mark.parametrize("bounds", [{}, {"until": NOW}, {"until": NOW, "page_id": "1"}])
def test_a_page_of_posts_begins_at_its_cursor(
    feed: Feed, db: Database, bounds: dict[str, Any]
) -> None:
    """Whatever else is asked for, the posts before the cursor are not gone through again."""
    asked: list[Any] = []
    db.query_hooks[:] = [lambda event: asked.append((event.sql, event.params))]
    feed.posts(cursor=encoded(NOW - timedelta(days=9), "1_1"), **bounds)
    plan = plan_of(db, *next(one for one in asked if "facebook_posts p WHERE" in one[0]))
    is_file = models.engine(db) is SQLITE
    assert ("(created_time,id)<(?,?)" if is_file else "(ROW(created_time, ") in plan
    assert "TEMP B-TREE FOR ORDER BY" not in plan
    assert "Sort" not in plan
