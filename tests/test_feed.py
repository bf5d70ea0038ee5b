"""What the dashboard is told of each post, and which picture it is given."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from plant import archive_of, query, read, sync

from fbsyncd import models
from fbsyncd.archive import Archive
from fbsyncd.feed import BadCursor, Feed
from fbsyncd.simulator import Simulator


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=25, seed=4, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def archive(facebook: Simulator, tmp_path: Path, database_url: str) -> Iterator[Archive]:
    with archive_of(facebook, tmp_path, database_url) as opened:
        yield opened


def walk(archive: Archive, limit: int, **wanted: Any) -> list[dict[str, Any]]:
    """Return the posts of all pages."""
    posts: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = archive.feed.posts(limit=limit, cursor=cursor, **wanted)
        posts += page["posts"]
        cursor = page["next_cursor"]
        if cursor is None:
            return posts


@pytest.mark.parametrize("limit", [1, 7, 25, 100])
def test_pages_meet_without_gap_or_overlap(archive: Archive, limit: int) -> None:
    """Whatever the size of the pages, each post is there once, newest first."""
    read(archive)
    posts = walk(archive, limit)
    times = [(post["created_time"], post["id"]) for post in posts]
    assert len(posts) == len({post["id"] for post in posts}) == 25
    assert times == sorted(times, reverse=True)


def test_posts_that_arrive_meanwhile_move_nothing(facebook: Simulator, archive: Archive) -> None:
    """A cursor goes on behind the post it was made at."""
    read(archive)
    first = archive.feed.posts(limit=10)
    facebook.add_post("photo")
    read(archive)
    second = archive.feed.posts(limit=100, cursor=first["next_cursor"])
    assert len(first["posts"]) + len(second["posts"]) == 25


def test_posts_of_the_same_second_are_all_shown(archive: Archive) -> None:
    """The id breaks the tie, on the border between two pages too."""
    read(archive)
    with models.transaction(archive.db):
        models.change(archive.db, "UPDATE facebook_posts SET created_time = created_time")
        at = models.to_text(archive.now())
        models.change(archive.db, "UPDATE facebook_posts SET created_time = ?", [at])
    assert len({post["id"] for post in walk(archive, 4)}) == 25


@pytest.mark.parametrize("cursor", ["", "x", "!!!!", "2026-01-01|1", "08e0000000000-1", "0" * 14])
def test_a_cursor_of_somebody_else_is_refused(archive: Archive, cursor: str) -> None:
    """Nothing but our own cursors is understood."""
    with pytest.raises(BadCursor):
        archive.feed.posts(cursor=cursor)


def test_filters_combine(facebook: Simulator, archive: Archive) -> None:
    """Page, type, time and the local picture each narrow the list."""
    sync(archive)
    everything = walk(archive, 100)
    photos = walk(archive, 100, type="photo")
    assert [post["id"] for post in photos] == [
        post["id"] for post in everything if post["type"] == "photo"
    ]
    local = walk(archive, 100, has_local_image=True)
    bare = walk(archive, 100, has_local_image=False)
    assert len(local) + len(bare) == 25
    assert all(post["has_local_image"] for post in local)
    middle = models.from_text(everything[12]["created_time"])
    newer = walk(archive, 100, since=middle)
    older = walk(archive, 100, until=middle)
    assert len(newer) + len(older) == 25
    assert walk(archive, 100, page_id="0") == []
    both = walk(archive, 100, page_id=facebook.page_id, type="photo", has_local_image=True)
    assert {post["id"] for post in both} == {p["id"] for p in photos} & {p["id"] for p in local}


def test_before_the_download_the_live_link_is_shown(facebook: Simulator, archive: Archive) -> None:
    """A picture still to be fetched is shown from the source while its link lives."""
    read(archive)
    for post in walk(archive, 100):
        if post["display_image_url"]:
            assert post["display_image_url"].startswith(facebook.url)
            assert (post["has_local_image"], post["image_state"]) == (False, "pending")


def test_a_dead_link_is_never_handed_out(facebook: Simulator, archive: Archive) -> None:
    """Nothing is better than a broken picture; the state says why."""
    read(archive)
    facebook.clock.move(timedelta(days=60))
    for post in walk(archive, 100):
        assert post["display_image_url"] is None
        assert post["image_state"] in {"healing", None}
        for attached in post["attachments"]:
            assert attached["display_image_url"] is None


def test_a_refused_link_is_not_handed_out_either(facebook: Simulator, archive: Archive) -> None:
    """The CDN's 403 is believed, whatever the expiry says."""
    read(archive)
    facebook.faults.cdn_status(403, times=None)
    archive.download()
    assert all(post["display_image_url"] is None for post in walk(archive, 100))


def test_a_lost_picture_says_why(facebook: Simulator, archive: Archive) -> None:
    """What was given up carries its reason."""
    read(archive)
    facebook.faults.cdn_serve(b"%PDF-1.4", "application/pdf", times=None)
    archive.download()
    states = {p["image_state"] for p in walk(archive, 100) if p["image_state"]}
    assert states
    assert all(state.startswith("lost: ") for state in states)


def test_the_order_of_display_is_the_promised_one(archive: Archive) -> None:
    """Local picture, local full picture, original picture, original full picture."""
    sync(archive)
    for post in walk(archive, 100):
        order = [
            post["local_picture_url"],
            post["local_full_picture_url"],
            post["original_picture_url"],
            post["original_full_picture_url"],
        ]
        assert post["display_image_url"] == next(filter(None, order), None)
        assert post["has_local_image"] == bool(order[0] or order[1])


def test_local_links_get_the_public_prefix_when_they_are_handed_out(
    archive: Archive,
) -> None:
    """The prefix is not stored, so that it can be changed."""
    sync(archive)
    stored = [url for (url,) in query(archive, "SELECT public_url FROM media_storage")]
    assert all(url.startswith("/media/facebook/") for url in stored)
    feed = Feed(archive.db, archive.media, now=archive.now, public_url="https://m.example.org/")
    urls = [p["display_image_url"] for p in feed.posts(limit=100)["posts"]]
    assert {urlsplit(url).netloc for url in urls if url} == {"m.example.org"}


def test_times_are_told_in_utc_with_z(archive: Archive) -> None:
    """One form for every time."""
    read(archive)
    for post in walk(archive, 100):
        assert post["created_time"].endswith("Z")
        assert len(post["created_time"]) == 20


def test_three_statements_make_a_page(archive: Archive) -> None:
    """However many posts, attachments and pictures it holds."""
    sync(archive)
    counted: list[str] = []
    archive.db.query_hooks[:] = [lambda event: counted.append(event.sql)]
    for limit in (1, 25):
        counted.clear()
        archive.feed.posts(limit=limit)
        # Whether the disk is there is asked as well.
        assert len([sql for sql in counted if "FROM archive" not in sql]) == 3
