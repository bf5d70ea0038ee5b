"""Search: whatever somebody remembers of a post's text finds it, in every language, quickly."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from peewee import Database
from plant import archive_of, query, read
from shelf import NOW, Shelf

from fbsyncd import forget, models, search
from fbsyncd.archive import Archive
from fbsyncd.engines import SQLITE
from fbsyncd.feed import Feed
from fbsyncd.fold import fold
from fbsyncd.forget import Subject
from fbsyncd.models import change, rows, session, to_text, transaction
from fbsyncd.simulator import Simulator

AT = "2026-01-01 00:00:00.000000+00:00"
THAI = "วันนี้เดินไปดูน้ำตกที่เชียงใหม่มา สวยมาก 🌄"
VIETNAMESE = "Phở bò ở Hà Nội, rồi tới Đà Nẵng"


def post(db: Database, id_: str, message: str | None, story: str | None = None) -> None:
    """Add a post as an older program of the user's would: a row, and nothing more."""
    with transaction(db):
        change(
            db,
            "INSERT INTO facebook_posts (id, page_id, message, story, created_time)"
            " VALUES (?, '1', ?, ?, ?)",
            [id_, message, story, AT],
        )


def find(db: Database, asked: str) -> list[str]:
    """Return the ids of the posts that are found, by looking and by the index alike."""
    search_ = search.of(db, asked)
    ways = [search_.scanned, search_.indexed or search_.scanned] if search_ else [("TRUE", [])]
    with session(db):
        found = [[id_ for (id_,) in rows(db, _sql(clause), params)] for clause, params in ways]
    assert found[0] == found[-1]
    return found[0]


def _sql(clause: str) -> str:
    return f"SELECT p.id FROM facebook_posts p WHERE {clause} ORDER BY p.id"


FOUND = {
    "waterfall": ["english"],
    "WATERFALLS": ["english"],
    "aterfal": ["english"],
    "saw THREE": ["english"],
    "three saw": ["english"],
    '"saw three"': ["english"],
    '"three saw"': [],
    '"saw thr': ["english"],
    "น้ำตก": ["thai"],
    "ดูน้ำ": ["thai"],
    "ไป": ["thai"],
    "นำตก": [],
    "🌄": ["thai"],
    "เชียงใหม่ 🌄": ["thai"],
    "phở bò": ["vietnamese"],
    "pho bo": ["vietnamese"],
    "PHO\u031b\u0309": ["vietnamese"],
    "hà nội": ["vietnamese"],
    "ha noi": ["vietnamese"],
    "da nang": ["vietnamese"],
    "Đà Nẵng": ["vietnamese"],
    "strasse": ["german"],
    "STRAẞE": ["german"],
    "\uff53\uff54\uff52\uff41\uff53\uff53\uff45": ["german"],
    "2569": ["digits"],
    "of friends": ["story"],
    "saw shared": [],
    "here there": ["story"],
    '"here there"': [],
    "zz": [],
    "": ["digits", "english", "german", "story", "thai", "vietnamese"],
    ' " ': ["digits", "english", "german", "story", "thai", "vietnamese"],
    "\u200b": ["digits", "english", "german", "story", "thai", "vietnamese"],
}


def test_texts_are_found_in_every_language(db: Database) -> None:
    """Words are all to be found, in any order; a phrase as it is; accents and case are no matter.

    Thai has no spaces and its signs are letters; nothing to look for finds everything.
    """
    post(db, "english", "We saw  three waterfalls")
    post(db, "thai", THAI)
    post(db, "vietnamese", VIETNAMESE)
    post(db, "german", "Schöne Straße")
    post(db, "digits", "ปี ๒๕๖๙")
    post(db, "story", "here", "there: a story of friends shared")
    search.refresh_all(db)
    assert {asked: find(db, asked) for asked in FOUND} == FOUND


TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    | st.sampled_from("กิน้ำเที่ยวđĐấẲễ🎉❤\ufe0f\u200d\u0301 \n\"'%_*()-:^+"),
    min_size=3,
    max_size=40,
)


@given(st.data(), TEXTS)
def test_every_part_of_a_text_folds_to_a_part_of_it(data: st.DataObject, text: str) -> None:
    """Folding looks at single characters only, so nothing copied from a text can miss it."""
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start, len(text)))
    assert fold(text[start:end]) in fold(text)
    assert fold(fold(text)) == fold(text)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), TEXTS)
@example(None, 'x" OR "y NEAR(a b) * ^ - \'; DROP TABLE post_search; --')
def test_every_part_of_a_text_finds_it(db: Database, data: st.DataObject, text: str) -> None:
    """Three characters in a row or more, of whatever kind, as words and as a phrase."""
    with transaction(db):
        change(db, "DELETE FROM facebook_posts")
    post(db, "it", text)
    post(db, "other", "something else")
    search.refresh_all(db)
    start = data.draw(st.integers(0, len(text) - 3)) if data else 0
    part = text[start : data.draw(st.integers(start + 3, len(text)))] if data else text
    assert "it" in find(db, part)
    if '"' not in part:
        assert "it" in find(db, f'"{part}"')


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.sampled_from("ab\"'*()-:^+% ?_\\{}ANDORTNE"), max_size=30))
def test_no_question_breaks_the_search(db: Database, asked: str) -> None:
    """Operators of either engine are text like any other, and find nothing that lacks them."""
    post_id = "the only one"
    with session(db):
        if not rows(db, "SELECT 1 FROM facebook_posts"):
            post(db, post_id, "ab")
            search.refresh_all(db)
    wanted = search.terms(asked)
    assert find(db, asked) == [post_id] * all(term in "ab" for term in wanted)


def test_searching_pages_through_all_that_is_found(db: Database, tmp_path: Path) -> None:
    """Newest first and each once, whether a word is in most posts, in few, or in old ones only."""
    feed = Feed(db, Shelf.make(db, tmp_path).media, now=lambda: NOW)
    with transaction(db):
        models.change_many(
            db,
            "INSERT INTO facebook_posts (id, page_id, type, message, created_time)"
            " VALUES (?, ?, ?, ?, ?)",
            [
                (
                    f"{n:04}",
                    str(n % 2),
                    "photo" if n % 3 else "video",
                    "river" + " otter" * (n % 100 == 7) + " heron" * (n > 990),
                    to_text(NOW - timedelta(hours=n // 10)),
                )
                for n in range(1000)
            ],
        )
    search.refresh_all(db)

    def walk(**wanted: Any) -> list[str]:
        met: list[str] = []
        cursor = None
        while True:
            page = feed.posts(limit=30, cursor=cursor, **wanted)
            met += [post["id"] for post in page["posts"]]
            cursor = page["next_cursor"]
            if cursor is None:
                return met

    newest = sorted((f"{n:04}" for n in range(1000)), key=lambda id_: (int(id_) // 10, -int(id_)))
    assert walk(q="river") == walk() == newest
    assert walk(q="otter") == [f"{n:04}" for n in range(7, 1000, 100)]
    assert walk(q="heron ri") == [f"{n:04}" for n in range(999, 990, -1)]
    assert walk(q="otter", page_id="1", type="video") == ["0207", "0507", "0807"]
    assert walk(q="otter", since=NOW - timedelta(hours=31)) == ["0007", "0107", "0207", "0307"]
    assert walk(q="otter", has_local_image=True) == walk(q="otter heron") == []
    assert walk(q="er", has_local_image=False, page_id="0") == [
        i for i in newest if int(i) % 2 == 0
    ]


VIDEO = (
    "INSERT INTO facebook_video_posts"
    " (video_id, page_id, post_id, title, description, created_time) VALUES (?, ?, ?, ?, ?, ?)"
)


def video(db: Database, id_: str, title: str | None, description: str | None = None) -> None:
    """Add a video of no post, as an older program of the user's would."""
    with transaction(db):
        change(db, VIDEO, [id_, "1", None, title, description, AT])


def test_videos_are_found_in_every_language(db: Database, tmp_path: Path) -> None:
    """By their own titles and descriptions, as posts are by theirs; each under its own kind."""
    feed = Feed(db, Shelf.make(db, tmp_path).media, now=lambda: NOW)
    video(db, "english", "Three  waterfalls", "seen from above")
    video(db, "thai", THAI)
    video(db, "vietnamese", None, VIETNAMESE)
    video(db, "silent", None)
    post(db, "post", "waterfalls")
    search.refresh_all(db)

    def found(asked: str) -> list[str]:
        return sorted(one["video_id"] for one in feed.videos(q=asked)["videos"])

    wanted = {
        "waterfall": ["english"],
        "ABOVE three": ["english"],
        '"falls seen"': [],
        "น้ำตก": ["thai"],
        "ไป": ["thai"],
        "🌄": ["thai"],
        "pho bo": ["vietnamese"],
        "Đà Nẵng": ["vietnamese"],
        "zz": [],
        "video": [],
        " ": ["english", "silent", "thai", "vietnamese"],
    }
    assert {asked: found(asked) for asked in wanted} == wanted
    assert [one["id"] for one in feed.posts(q="waterfall")["posts"]] == ["post"]


def test_searching_videos_combines_with_all_else(db: Database, tmp_path: Path) -> None:
    """Newest first and each once, page by page, whatever else is asked for."""
    feed = Feed(db, Shelf.make(db, tmp_path).media, now=lambda: NOW)
    with transaction(db):
        models.change_many(
            db,
            VIDEO,
            [
                (
                    *(f"{n:03}", str(n % 2), None, "river" + " otter" * (n % 10 == 7), None),
                    to_text(NOW - timedelta(hours=n // 10)),
                )
                for n in range(100)
            ],
        )
    search.refresh_all(db)

    def walk(**wanted: Any) -> list[str]:
        met: list[str] = []
        cursor = None
        while True:
            page = feed.videos(limit=7, cursor=cursor, **wanted)
            met += [one["video_id"] for one in page["videos"]]
            cursor = page["next_cursor"]
            if cursor is None:
                return met

    assert walk(q="river") == walk() == walk(q="er ri")
    assert walk(q="otter") == [f"{n:03}" for n in range(7, 100, 10)]
    assert walk(q="otter", page_id="0") == walk(q="otter", has_local_image=True) == []
    since = NOW - timedelta(hours=2)
    assert walk(q="otter", page_id="1", since=since) == ["007", "017", "027"]


def test_the_index_follows_the_videos(db: Database, tmp_path: Path) -> None:
    """Edited, by the new text only; gone, never: whoever changed the row."""
    feed = Feed(db, Shelf.make(db, tmp_path).media, now=lambda: NOW)
    video(db, "v", "Drums")
    search.refresh_all(db)
    for statement in (
        "UPDATE facebook_video_posts SET title = 'Flutes'",
        "UPDATE facebook_video_posts SET video_id = 'w'",
    ):
        with transaction(db):
            change(db, statement)
    search.refresh_all(db)
    found = [[one["video_id"] for one in feed.videos(q=q)["videos"]] for q in ("drum", "flute")]
    assert found == [[], ["w"]]
    with transaction(db):
        change(db, "DELETE FROM facebook_video_posts")
    search.refresh_all(db)
    with session(db):
        assert rows(db, "SELECT * FROM post_search") == []


def test_the_index_is_used(db: Database) -> None:
    """However many posts there are, only those that hold the rarest part are read."""
    with transaction(db):
        models.change_many(
            db,
            "INSERT INTO facebook_posts (id, page_id, message, created_time)"
            f" VALUES (?, '1', ?, '{AT}')",
            [(str(n), f"{n} " + "รูปภาพ some words about nothing at all " * 3) for n in range(2000)],
        )
    search.refresh_all(db)
    sqlite = models.engine(db) is SQLITE
    explain = "EXPLAIN QUERY PLAN" if sqlite else "EXPLAIN"
    with session(db):
        db.execute_sql("ANALYZE")
        for asked in ("waterfalls", "น้ำตก", "🌄🌄🌄", "three waterfalls", "ab wat"):
            found = search.of(db, asked)
            assert found is not None
            clause, params = found.indexed or ("", [])
            sql = f"{explain} SELECT * FROM facebook_posts p WHERE {clause}"
            newest = f"{sql} ORDER BY p.created_time DESC, p.id DESC LIMIT 20"
            plan = "\n".join(str(row) for row in rows(db, newest, params))
            assert "post_search_grams" in plan
            assert ("VIRTUAL TABLE INDEX" if sqlite else "Bitmap Index Scan") in plan
            assert "Seq Scan on post_search" not in plan


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=3, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def archive(facebook: Simulator, tmp_path: Path, database_url: str) -> Iterator[Archive]:
    with archive_of(facebook, tmp_path, database_url) as opened:
        yield opened


def test_the_index_follows_the_posts(facebook: Simulator, archive: Archive) -> None:
    """What a sync brings can be found at once; edited, by its new text only; forgotten, never."""
    post_id = facebook.add_post("photo", message="A lighthouse in the fog")
    read(archive)
    assert find(archive.db, "lighthouse") == [post_id]
    facebook.edit(post_id, "A windmill in the fog")
    read(archive)
    assert find(archive.db, "lighthouse") == []
    assert find(archive.db, "windmill fog") == [post_id]
    forget.forget(archive.db, archive.media, Subject("post", post_id), archive.now())
    assert find(archive.db, "windmill") == []
    assert query(archive, "SELECT * FROM post_search WHERE post_id = ?", [post_id]) == []
    search.refresh_all(archive.db)
    assert query(archive, "SELECT * FROM search_stale") == []


def test_other_programs_rows_are_found_too(db: Database) -> None:
    """Titles and descriptions of attachments and videos count; so do changes made by hand."""
    post(db, "a", None)
    post(db, "b", None)
    for statement in (
        "INSERT INTO facebook_post_attachments (post_id, attachment_key, title, description)"
        " VALUES ('a', 'k', 'Orchids', 'of the hills')",
        "INSERT INTO facebook_video_posts (video_id, page_id, post_id, title, description)"
        " VALUES ('v', '1', 'a', 'Drums', 'at midnight')",
    ):
        with transaction(db):
            change(db, statement)
    search.refresh_all(db)
    assert [find(db, word) for word in ("orchid", "hills", "drum", "midnight")] == [["a"]] * 4
    for statement in (
        "UPDATE facebook_post_attachments SET title = 'Ferns', removed_at = NULL",
        "UPDATE facebook_video_posts SET post_id = 'b'",
        "UPDATE facebook_posts SET message = 'Moss' WHERE id = 'b'",
    ):
        with transaction(db):
            change(db, statement)
    search.refresh_all(db)
    asked = ("orchid", "ferns", "hills", "drum", "moss midnight")
    assert [find(db, word) for word in asked] == [[], ["a"], ["a"], ["b"], ["b"]]
    for statement in (
        f"UPDATE facebook_post_attachments SET removed_at = '{AT}'",
        "DELETE FROM facebook_video_posts",
    ):
        with transaction(db):
            change(db, statement)
    search.refresh_all(db)
    assert [find(db, word) for word in ("ferns", "midnight", "moss")] == [[], [], ["b"]]


def test_texts_that_were_there_before_are_found(db: Database) -> None:
    """However many: they are folded some at a time until none is left."""
    with transaction(db):
        models.change_many(
            db,
            "INSERT INTO facebook_posts (id, page_id, message, created_time)"
            f" VALUES (?, '1', ?, '{AT}')",
            [(f"{n:04}", f"number {n:04}") for n in range(1203)],
        )
    assert [search.refresh(db) for _ in range(4)] == [500, 500, 203, 0]
    assert find(db, "number 1202") == ["1202"]


def test_who_folds_an_older_text_does_not_write_last(db: Database) -> None:
    """Of two that fold at once, one whose reading another's edit overtook cannot undo the other."""
    post(db, "p", "the older text")
    first = threading.get_ident()
    begun, done = threading.Event(), threading.Event()

    def edit_and_fold() -> None:
        assert begun.wait(60)
        with transaction(db):
            change(db, "UPDATE facebook_posts SET message = 'the newer text'")
        search.refresh_all(db)
        done.set()

    def dawdle(event: Any) -> None:
        if threading.get_ident() == first and "FROM facebook_video_posts" in event.sql:
            begun.set()
            # Where one waits for the other, as it should, this time passes in vain.
            done.wait(0.5)

    db.query_hooks[:] = [dawdle]
    other = threading.Thread(target=edit_and_fold)
    other.start()
    search.refresh(db)
    other.join(60)
    assert done.is_set()
    assert (find(db, "newer"), find(db, "older")) == (["p"], [])


def test_an_index_that_is_written_from_everywhere_is_whole(db: Database) -> None:
    """Several that write and several that fold, at once: the last text is what is found."""
    posts = [f"p{n}" for n in range(4)]
    for id_ in posts:
        post(db, id_, "word 0 end")
    written = threading.Event()
    edit = "UPDATE facebook_posts SET message = ? WHERE id = ?"

    def write(id_: str) -> None:
        for number in range(1, 26):
            with transaction(db):
                change(db, edit, [f"word {number} end", id_])

    def fold_all() -> None:
        while not written.is_set():
            search.refresh(db)

    with ThreadPoolExecutor(6) as pool:
        folding = [pool.submit(fold_all) for _ in range(2)]
        wait([pool.submit(write, id_) for id_ in posts])
        written.set()
        for one in folding:
            one.result()
    search.refresh_all(db)
    assert find(db, '"word 25 end"') == find(db, "word") == posts
    if models.engine(db) is SQLITE:
        with transaction(db):
            check = "INSERT INTO post_search_grams (post_search_grams) VALUES ('integrity-check')"
            change(db, check)
