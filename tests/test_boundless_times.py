"""Times that no calendar of Python holds, as a user's script may write them: one stops nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from plant import archive_of, sync
from served import NOW, Shelf, created
from test_odd_times import add_video, run, walk

from fbsyncd import export, models, search, transfer
from fbsyncd.doctor import database
from fbsyncd.models import to_text
from fbsyncd.simulator import Simulator
from fbsyncd.verify import verify

BOUNDLESS = ("infinity", "-infinity", "10000-01-01", "0044-03-15 BC", "0500-01-01", "5000-01-01")
COLUMNS = {
    "facebook_posts": ("updated_time", "created_at", "updated_at", "deleted_at"),
    "facebook_post_attachments": ("created_at", "updated_at", "removed_at"),
    "facebook_video_posts": ("updated_time", "created_at", "updated_at", "deleted_at"),
    "facebook_pages": ("created_at", "updated_at"),
    "media_storage": ("link_expires_at", "downloaded_at", "next_attempt_at", "updated_at"),
}


@pytest.fixture
def shelf(tmp_path: Path, database_url: str) -> Iterator[Shelf]:
    """Two good posts and two good videos on either engine, and for each odd time one of each."""
    with closing(Shelf(tmp_path, database_url)) as opened:
        for number in (1, 2):
            opened.arrive(opened.attach(opened.post(number, "good")))
            add_video(opened, str(number), to_text(created(number)))
        for nth, text in enumerate(BOUNDLESS, 10):
            opened.post(nth, "odd", created_time=text)
            add_video(opened, str(nth), text)
        yield opened


@pytest.mark.parametrize("limit", [1, 100])
def test_the_good_ones_are_listed(shelf: Shelf, limit: int) -> None:
    """Each once, however long the pages are; those with a time outside the calendar have none."""
    posts = walk(shelf.feed.posts, "posts", limit)
    assert len({post["id"] for post in posts}) == len(posts)
    assert {"104_1", "104_2"} <= {post["id"] for post in posts}
    videos = walk(shelf.feed.videos, "videos", limit)
    assert len({video["video_id"] for video in videos}) == len(videos)
    assert {"1", "2"} <= {video["video_id"] for video in videos}
    for number in range(10, 14):
        post = shelf.feed.post(f"104_{number}")
        assert post is not None
        assert post["created_time"] is None
    search.refresh_all(shelf.db)
    assert [post["id"] for post in shelf.feed.posts(q="good")["posts"]] == ["104_2", "104_1"]


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_others_are_counted_as_undated(shelf: Shelf) -> None:
    """By month, by Page and in all it is the same number, as of posts without any time."""
    told, (page,) = shelf.feed.timeline(), shelf.feed.pages()["pages"]
    assert [post["id"] for post in shelf.feed.posts()["posts"]] == ["104_2", "104_1"]
    assert [video["video_id"] for video in shelf.feed.videos()["videos"]] == ["2", "1"]
    assert told["undated"] == page["undated_posts"] == len(BOUNDLESS)
    assert sum(month["posts"] for month in told["posts"]) == page["posts"] == 2
    assert page["newest_post"] == f"{created(2):%Y-%m-%dT%H:%M:%SZ}"
    assert page["oldest_post"] == f"{created(1):%Y-%m-%dT%H:%M:%SZ}"
    assert shelf.feed.stats()["posts"] == 2 + len(BOUNDLESS)


@pytest.mark.parametrize("text", BOUNDLESS)
def test_no_other_time_stops_an_answer(shelf: Shelf, text: str) -> None:
    """Whichever column of whichever table it was written to."""
    for table, columns in COLUMNS.items():
        told = ", ".join(f"{name} = ?" for name in columns)
        run(shelf, f"UPDATE {table} SET {told}", *[text] * len(columns))
    walk(shelf.feed.posts, "posts")
    walk(shelf.feed.videos, "videos")
    walk(shelf.feed.media, "media")
    shelf.feed.pages()
    shelf.feed.stats()
    shelf.feed.timeline(zone="Asia/Bangkok")
    verify(shelf.db, shelf.media)


@pytest.mark.parametrize("text", BOUNDLESS)
def test_media_are_paged_beside_them(shelf: Shelf, text: str) -> None:
    """No page comes twice, and none of the good rows is missing."""
    good = {shelf.attach("104_1", nth) for nth in range(1, 6)}
    odd = shelf.attach("104_2", 9)
    run(shelf, "UPDATE media_storage SET created_at = ? WHERE id = ?", text, odd)
    found = [row["id"] for row in walk(shelf.feed.media, "media")]
    assert len(set(found)) == len(found)
    assert good < set(found)
    assert odd in found


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_media_that_have_no_place_in_time_are_shown_once(shelf: Shelf, limit: int) -> None:
    """However many they are and however short the pages; the good ones come first where they can.

    A file keeps a time as text, and any text has a place in it.
    """
    good = [shelf.attach("104_1", nth) for nth in range(1, 4)]
    odd = {}
    for nth, text in enumerate((*("-infinity", "infinity") * 4, *BOUNDLESS), 10):
        odd[shelf.attach("104_2", nth)] = text
    rows = len(walk(shelf.feed.media, "media", 100))
    for id_, text in odd.items():
        run(shelf, "UPDATE media_storage SET created_at = ? WHERE id = ?", text, id_)
    strange = shelf.attach("104_2", 40), shelf.attach("104_2", 41)
    is_file = models.engine(shelf.db).name == "sqlite"
    if not is_file:
        # As tables of older programs may have it.
        run(shelf, "ALTER TABLE media_storage ALTER COLUMN created_at DROP NOT NULL")
    nothing = "CAST('2026' AS BLOB)" if is_file else "NULL"
    run(shelf, f"UPDATE media_storage SET created_at = {nothing} WHERE id IN (?, ?)", *strange)
    found = [row["id"] for row in walk(shelf.feed.media, "media", limit)]
    assert len(found) == len(set(found)) == rows + len(strange)
    assert {*good, *odd, *strange} <= {*found}
    last = {*strange} if is_file else {*odd, *strange}
    assert {*found[-len(last) :]} == last


@pytest.mark.parametrize("text", BOUNDLESS)
def test_verify_counts_them_by_when_they_were_stored(shelf: Shelf, text: str) -> None:
    """As posts without a time: no month is made of what is none; without both they are of none."""
    whole = sum(month.posts for month in verify(shelf.db, shelf.media).months.values())
    assert whole == 2 + len(BOUNDLESS)
    shelf.attach("104_10")
    run(shelf, "UPDATE facebook_posts SET created_time = ?, created_at = ?", text, text)
    run(shelf, "UPDATE facebook_video_posts SET created_time = ?, created_at = ?", text, text)
    verdict = verify(shelf.db, shelf.media)
    assert {*verdict.months} <= {"0500-01", "5000-01"}
    assert all(re.fullmatch(r"\d{4}-\d\d", name) for name in verdict.months)
    assert verdict.total.pictures == 3


def test_every_post_is_exported(shelf: Shelf, tmp_path: Path) -> None:
    """Those whose time cannot be read are told apart, after the months."""
    folder = tmp_path / "out"
    assert export.export(shelf.db, shelf.media, folder, NOW).posts == 2 + len(BOUNDLESS)
    found = {path.stem: json.loads(path.read_text()) for path in (folder / "posts").iterdir()}
    ids = [post["id"] for posts in found.values() for post in posts]
    assert len(set(ids)) == len(ids) == 2 + len(BOUNDLESS)
    undated = {post["id"] for post in found["undated"]}
    assert {f"104_{number}" for number in range(10, 14)} <= undated
    assert {post["id"] for post in found[f"{created(1):%Y-%m}"]} == {"104_1", "104_2"}


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_such_posts_are_copied_as_undated(shelf: Shelf, tmp_path: Path) -> None:
    """Where Python could not hold their time; nothing stays behind, and both sides agree."""
    target = models.connect(f"sqlite:///{tmp_path / 'other.db'}")
    copied = transfer.copy(shelf.db, target, lambda *_: None)
    with models.session(target):
        undated = "SELECT id FROM facebook_posts WHERE created_time IS NULL ORDER BY id"
        found = models.rows(target, undated)
    models.close(target)
    assert not copied.left
    assert not copied.differing
    assert found == [(f"104_{number}",) for number in range(10, 14)]


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("text", ["infinity", "-infinity"])
def test_the_next_sync_puts_them_right(tmp_path: Path, database_url: str, text: str) -> None:
    """Facebook says when each was made, and everything is archived all the same."""
    with (
        Simulator(posts=6, seed=3, pictures="plain") as facebook,
        archive_of(facebook, tmp_path, database_url) as archive,
    ):
        sync(archive)
        for table, columns in COLUMNS.items():
            shown = {"created_time"} if "updated_time" in columns else set[str]()
            names = sorted(shown | {*columns} - {"deleted_at", "removed_at"})
            with models.transaction(archive.db):
                told = ", ".join(f"{name} = ?" for name in names)
                models.change(archive.db, f"UPDATE {table} SET {told}", [text] * len(names))
        sync(archive)
        assert len(archive.feed.posts(limit=50)["posts"]) == 6
        assert archive.feed.timeline()["undated"] == 0


def test_the_doctor_names_such_posts(shelf: Shelf) -> None:
    """Nobody finds out otherwise why they are in no month."""
    (found,) = database.times(shelf.db)
    assert "4 posts (104_10, 104_11, 104_12, ...)" in found.says
