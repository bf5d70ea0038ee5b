"""What a post said before, and when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from plant import archive_of, one, query, read, sync
from served import serving

from fbsyncd.archive import Archive
from fbsyncd.server import make_app
from fbsyncd.simulator import Simulator
from fbsyncd.view import moment


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=6, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def archive(facebook: Simulator, tmp_path: Path, database_url: str) -> Iterator[Archive]:
    with archive_of(facebook, tmp_path, database_url) as opened:
        yield opened


def test_every_earlier_text_is_kept_with_its_times(facebook: Simulator, archive: Archive) -> None:
    """Two edits leave two earlier texts, oldest first, each until the next one was seen."""
    post_id = facebook.add_post("photo", message="สวัสดี")
    read(archive)
    seen = []
    for text in ("Hello", "Hello again"):
        facebook.clock.move(timedelta(hours=1))
        facebook.edit(post_id, text)
        read(archive)
        seen.append(archive.now())
    texts = archive.feed.history(post_id)
    assert texts is not None
    assert [text["message"] for text in texts] == ["สวัสดี", "Hello"]
    assert texts[0]["until"] == texts[1]["from"]
    assert [text["until"][:16] for text in texts] == [str(moment(at))[:16] for at in seen]
    post = archive.feed.post(post_id)
    assert post is not None
    assert post["message"] == "Hello again"


def test_an_unedited_post_has_no_history(facebook: Simulator, archive: Archive) -> None:
    """Reading a post again, or giving it other pictures, is no edit of its text."""
    post_id = facebook.add_post("photo", message="the same")
    read(archive)
    facebook.replace_photo(post_id)
    read(archive)
    assert archive.feed.history(post_id) == []
    assert archive.feed.history("no such post") is None


def test_a_text_that_was_taken_away_is_kept(facebook: Simulator, archive: Archive) -> None:
    """No text at all is a text like any other, before and after."""
    post_id = facebook.add_post("photo", message="mistake")
    read(archive)
    for text in (None, "mended"):
        facebook.clock.move(timedelta(minutes=5))
        facebook.edit(post_id, text)
        read(archive)
    texts = archive.feed.history(post_id)
    assert texts is not None
    assert [text["message"] for text in texts] == ["mistake", None]


def test_a_picture_that_was_replaced_still_belongs_to_its_post(
    facebook: Simulator, archive: Archive
) -> None:
    """The archive knows whose the former picture was."""
    post_id = facebook.add_post("photo")
    sync(archive)
    before = one(
        archive, "SELECT local_full_picture_id FROM facebook_posts WHERE id = ?", [post_id]
    )
    facebook.replace_photo(post_id)
    sync(archive)
    former = query(archive, "SELECT media_id FROM former_pictures WHERE owner_id = ?", [post_id])
    assert (before,) in former


def test_the_api_tells_the_history(facebook: Simulator, archive: Archive) -> None:
    """An edited post has texts, an unedited one none, an unknown one is 404."""
    edited, plain = facebook.add_post("photo", message="a"), facebook.add_post("photo")
    read(archive)
    facebook.edit(edited, "b")
    read(archive)
    with serving(make_app(archive.feed, archive.media)) as site:
        (told,) = site.ask(f"/api/posts/{edited}/history").json["history"]
        assert sorted(told) == ["from", "message", "story", "until"]
        assert told["message"] == "a"
        assert site.ask(f"/api/posts/{plain}/history").json == {"history": []}
        unknown = site.ask("/api/posts/1_2/history")
        assert (unknown.status, unknown.code) == (404, "not_found")


def test_the_history_that_the_guide_shows_is_told(facebook: Simulator, archive: Archive) -> None:
    """The guide's example is what an edited post answers, but for the times."""
    guide = Path(__file__).parent.parent / "docs" / "OPERATIONS.md"
    (shown,) = re.findall(r'^\{"history":.*$', guide.read_text(encoding="utf-8"), re.MULTILINE)
    edited = facebook.add_post("photo", message="We open at five.")
    read(archive)
    facebook.edit(edited, "We open at six.")
    read(archive)
    with serving(make_app(archive.feed, archive.media)) as site:
        said = site.ask(f"/api/posts/{edited}/history").body.decode()
    times = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
    assert times.sub("", said).strip() == times.sub("", shown)
    assert len(times.findall(said)) == 2
