"""What can happen to posts of the simulated Facebook."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from simulator_reader import Reader, error

from fbsyncd.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    """Twelve posts."""
    with Simulator(posts=12, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def reader(facebook: Simulator) -> Iterator[Reader]:
    """A client of it."""
    with Reader(facebook) as reading:
        yield reading


def files_of(post: dict[str, Any]) -> list[str]:
    """The files of an album."""
    album = post["attachments"]["data"][0]["subattachments"]["data"]
    return [urlsplit(item["media"]["image"]["src"]).path for item in album]


def test_a_new_post_comes_first(reader: Reader) -> None:
    """A post added now is the newest, with the text and as many photos as wished."""
    new = reader.facebook.add_post("album", message="สวัสดี 👋", photos=3)
    first = reader.posts()[0]
    assert (first["id"], first["message"]) == (new, "สวัสดี 👋")
    assert len(files_of(first)) == 3


def test_an_older_post_lands_where_it_belongs(reader: Reader) -> None:
    """created_time decides the place in the list."""
    at = (reader.facebook.clock.now() - timedelta(days=2)).replace(microsecond=0)
    at = at.astimezone(timezone(timedelta(hours=7)))
    new = reader.facebook.add_post("text", created_time=at)
    posts = reader.posts()
    assert 0 < [post["id"] for post in posts].index(new) < 12
    assert reader.post(new)["created_time"] == at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
    assert "attachments" not in reader.post(new)


@pytest.mark.parametrize("kind", ["photo", "reel", "live", "share", "cover", "unavailable", "gif"])
def test_every_kind_can_be_added(reader: Reader, kind: str) -> None:
    """Any role of the casting makes a post; others are refused."""
    new = reader.facebook.add_post(kind)
    assert reader.posts()[0]["id"] == new
    with pytest.raises(ValueError, match="no kind"):
        reader.facebook.add_post("opera")


def test_a_text_can_be_edited(reader: Reader) -> None:
    """An edit shows in the post and in its updated_time; None takes the text away."""
    post = reader.posts()[3]
    reader.facebook.clock.move(timedelta(hours=1))
    reader.facebook.edit(post["id"], "new words")
    edited = reader.post(post["id"])
    assert edited["message"] == "new words"
    assert edited["updated_time"] > post["updated_time"]
    assert edited["created_time"] == post["created_time"]
    reader.facebook.edit(post["id"], None)
    assert "message" not in reader.post(post["id"])


def test_a_photo_can_be_replaced_in_place(reader: Reader) -> None:
    """Another file under the same photo id, and it is there to be fetched."""
    new = reader.facebook.add_post("album", photos=3)
    before = reader.post(new)
    reader.facebook.replace_photo(new, 1)
    after = reader.post(new)
    changed = [a != b for a, b in zip(files_of(before), files_of(after), strict=True)]
    assert changed == [False, True, False]
    second = after["attachments"]["data"][0]["subattachments"]["data"][1]
    assert (
        second["target"] == before["attachments"]["data"][0]["subattachments"]["data"][1]["target"]
    )
    assert reader.get(second["media"]["image"]["src"]).status_code == 200


def test_an_album_can_grow(reader: Reader) -> None:
    """Photos are added behind those that were there, beyond ten as well."""
    new = reader.facebook.add_post("photo", photos=1)
    reader.facebook.grow_album(new, 11)
    assert len(files_of(reader.post(new))) == 12


def test_an_album_can_shrink(reader: Reader) -> None:
    """One photo leaves, the others stay in their order."""
    new = reader.facebook.add_post("album", photos=3)
    before = files_of(reader.post(new))
    reader.facebook.remove_photo(new, 1)
    assert files_of(reader.post(new)) == [before[0], before[2]]


def test_a_post_can_vanish_and_return(reader: Reader) -> None:
    """A removed post is in no list and no node; restored it is as before."""
    post = reader.posts(fields="id,message")[4]
    reader.facebook.remove(post["id"])
    assert post not in reader.posts(fields="id,message")
    assert error(reader.graph(post["id"])) == (400, 100, 33)
    reader.facebook.restore(post["id"])
    assert reader.posts(fields="id,message")[4] == post
    with pytest.raises(KeyError):
        reader.facebook.edit("1_2", "nobody")


def test_scheduled_posts_show_only_when_asked(reader: Reader) -> None:
    """A scheduled reel is unpublished: not in posts, but in feed and scheduled_posts."""
    facebook = reader.facebook
    later = facebook.clock.now() + timedelta(days=1)
    ghost = facebook.schedule(later, message="soon")
    assert ghost not in [post["id"] for post in reader.posts()]
    node = reader.graph(ghost, fields="is_published,is_hidden,permalink_url").json()
    assert (node["is_published"], node["is_hidden"]) == (False, True)
    for edge in ("feed", "scheduled_posts"):
        listed = reader.graph(f"{facebook.page_id}/{edge}", fields="id").json()["data"]
        assert ghost in [post["id"] for post in listed]
    facebook.faults.show_unpublished()
    assert ghost in [post["id"] for post in reader.posts()]


def test_a_published_post_comes_back_as_another(reader: Reader) -> None:
    """Publishing gives a new id, a new video and new files; the old id is gone."""
    facebook = reader.facebook
    ghost = facebook.schedule(facebook.clock.now() + timedelta(days=1), message="soon")
    before = reader.post(ghost)
    new = facebook.publish(ghost)
    after = reader.posts()[0]
    assert (after["id"], after["message"]) == (new, "soon")
    assert error(reader.graph(ghost)) == (400, 100, 33)
    old, fresh = (post["attachments"]["data"][0] for post in (before, after))
    assert old["target"]["id"] != fresh["target"]["id"]
    assert urlsplit(before["full_picture"]).path != urlsplit(after["full_picture"]).path


def test_a_permalink_can_change(reader: Reader) -> None:
    """A reel moves to /videos/ and back; the id stays."""
    reel = reader.facebook.add_post("reel")
    first = reader.post(reel)["permalink_url"]
    assert "/reel/" in first
    reader.facebook.change_permalink(reel)
    assert "/videos/" in reader.post(reel)["permalink_url"]
    reader.facebook.change_permalink(reel)
    assert reader.post(reel)["permalink_url"] == first


def test_life_can_go_on(reader: Reader) -> None:
    """With alive, posts appear by themselves."""
    with Simulator(posts=2, pictures="plain", alive=0.02) as facebook:
        begun = len(facebook.world.posts(facebook.page_id))
        with Reader(facebook) as watching:
            while len(watching.posts(fields="id")) < begun + 3:
                continue
        assert len(facebook.world.posts(facebook.page_id)) >= begun + 3
    assert len(reader.posts()) == 12


def test_requests_are_remembered(reader: Reader) -> None:
    """What was asked is kept, with headers, and counted by kind."""
    post = reader.posts()[0]
    reader.get(post["full_picture"])
    facebook = reader.facebook
    assert dict(facebook.calls) == {"graph": 1, "cdn": 1}
    asked = facebook.requests[0]
    assert asked.path == f"/v26.0/{facebook.page_id}/posts"
    assert asked.query["limit"] == "100"
    assert asked.headers["authorization"] == f"Bearer {facebook.token}"
    assert facebook.count("cdn", "/v/") == 1
