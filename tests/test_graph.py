"""Walks through a Page's lists, against the simulated Facebook and against odder answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from graphs import TOKEN, graph_at, ids
from scripted import reply, scripted

from fbsyncd.errors import (
    CallRefused,
    GraphError,
    GraphUnavailable,
    TooMuchData,
)
from fbsyncd.records import Post
from fbsyncd.simulator import Simulator


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=70, pages=2, pictures="plain") as simulator:
        yield simulator


def asked(facebook: Simulator, parameter: str) -> list[str | None]:
    return [request.query.get(parameter) for request in facebook.requests]


def page(*names: str, after: str = "", **more: Any) -> bytes:
    """Return one page of posts; with *after* another page follows."""
    posts = [{"id": name, "created_time": "2026-08-20T12:00:00+0000"} for name in names]
    paging = {"cursors": {"after": after}, "next": f"https://x/?access_token=T&after={after}"}
    return reply({"data": posts, **({"paging": paging} if after else {}), **more})


def test_a_walk_reads_every_post_once(facebook: Simulator) -> None:
    """Seventy posts come in two pages of fifty, newest first, and the walk ends."""
    with graph_at(facebook.url) as graph:
        listings = list(graph.posts(facebook.page_id, facebook.token))
        posts = [post for listing in listings for post in listing.records]
        assert [len(listing.records) for listing in listings] == [50, 20]
        assert len({post.id for post in posts}) == 70
        assert posts == sorted(posts, key=lambda post: post.created_time, reverse=True)
        assert any(post.attachments and len(post.attachments) > 1 for post in posts)
        assert graph.calls == {facebook.page_id: 2}


def test_videos_are_a_list_of_their_own(facebook: Simulator) -> None:
    """They come with absolute permalinks and posters."""
    with graph_at(facebook.url) as graph:
        found = [v for li in graph.videos(facebook.page_id, facebook.token) for v in li.records]
    assert found
    assert all(video.permalink_url and video.picture for video in found)


def test_a_walk_can_begin_in_the_past(facebook: Simulator) -> None:
    """since and until are passed on, and bound what is listed."""
    with graph_at(facebook.url) as graph:
        posts = [p for li in graph.posts(facebook.page_id, facebook.token) for p in li.records]
        since, until = posts[60].created_time, posts[20].created_time
        some = ids(graph.posts(facebook.page_id, facebook.token, since=since, until=until))
    assert some == [post.id for post in posts[20:61]]


def test_the_page_says_who_it_is(facebook: Simulator) -> None:
    """Name and numbers of the Page come in one call."""
    with graph_at(facebook.url) as graph:
        info = graph.page(facebook.page_id, facebook.token)
    assert (info.id, info.name) == (facebook.page_id, facebook.pages[0].name)


def test_calls_are_proven_when_there_is_a_secret() -> None:
    """A simulator with a secret refuses calls and batches without the proof."""
    with Simulator(posts=3, pictures="plain", app_secret="s3cret") as facebook:
        with graph_at(facebook.url, secret="s3cret") as graph:
            names = ids(graph.posts(facebook.page_id, facebook.token))
            items = graph.batch_posts(facebook.page_id, facebook.token, names)
            assert [isinstance(item, Post) for item in items] == [True] * 3
        with graph_at(facebook.url) as graph, pytest.raises(GraphError):
            ids(graph.posts(facebook.page_id, facebook.token))


def test_an_empty_page_is_not_the_end(facebook: Simulator) -> None:
    """Only a missing next is."""
    facebook.faults.empty_page_once()
    with graph_at(facebook.url) as graph:
        assert len(ids(graph.posts(facebook.page_id, facebook.token))) == 70


@pytest.mark.parametrize("fault", ["repeat_cursor", "empty_pages_forever"])
def test_a_walk_that_gets_nowhere_is_incomplete(facebook: Simulator, fault: str) -> None:
    """It ends with an error after few calls, never as if it were complete."""
    getattr(facebook.faults, fault)()
    with (
        graph_at(facebook.url) as graph,
        pytest.raises(GraphUnavailable, match="could not be read to its end"),
    ):
        ids(graph.posts(facebook.page_id, facebook.token))
    assert len(facebook.requests) <= 12


def test_a_cursor_that_died_ends_the_walk_for_now(facebook: Simulator) -> None:
    """It looks like a wrong parameter, but must not mark the whole list as refused."""
    facebook.faults.invalid_cursors(None)
    with graph_at(facebook.url) as graph, pytest.raises(GraphUnavailable):
        ids(graph.posts(facebook.page_id, facebook.token))


def test_a_refusal_in_mid_walk_stays_a_refusal() -> None:
    """A permission may be withdrawn between two pages."""
    refusal = reply({"error": {"code": 10, "message": "m"}}, 403)
    with (
        scripted([page("1", after="CUR"), refusal]) as script,
        graph_at(script.url) as graph,
        pytest.raises(CallRefused),
    ):
        ids(graph.posts("7", TOKEN))


def test_next_is_never_followed() -> None:
    """It carries the token, and may lead anywhere; only the cursor is taken from it."""
    with scripted([page("1", after="CUR"), page("2")]) as script, graph_at(script.url) as graph:
        assert ids(graph.posts("7", TOKEN)) == ["1", "2"]
        assert "after=CUR" in script.requests[1]
        assert all(TOKEN not in line and "access_token" not in line for line in script.requests)


def test_bad_records_are_passed_over_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """One broken post does not cost the page of posts it came in."""
    broken = reply({"data": [None, {"id": "2"}, {"id": "1", "created_time": 1_700_000_000}]})
    with scripted([broken]) as script, graph_at(script.url) as graph:
        (listing,) = graph.posts("7", TOKEN)
    assert ([post.id for post in listing.records], listing.skipped) == (["1"], 2)
    assert "2: no created_time" in caplog.text


# Too much data


def test_less_is_asked_for_and_then_more_again(facebook: Simulator) -> None:
    """The limit is halved until Facebook answers, and climbs back a step at a time."""
    facebook.faults.reduce_data(above=12)
    with graph_at(facebook.url) as graph:
        assert len(ids(graph.posts(facebook.page_id, facebook.token))) == 70
        facebook.faults.clear("reduce_data")
        facebook.requests.clear()
        for _ in range(3):
            ids(graph.posts(facebook.page_id, facebook.token))
    limits = [int(limit or 0) for limit in asked(facebook, "limit")]
    assert limits[0] < 50
    assert limits == sorted(limits)
    assert limits[-1] >= 50


def test_what_is_too_heavy_on_one_list_does_not_slow_another(facebook: Simulator) -> None:
    """Each Page and edge has its own limit."""
    facebook.faults.reduce_data(above=6)
    with graph_at(facebook.url) as graph:
        ids(graph.posts(facebook.page_id, facebook.token))
        facebook.faults.clear("reduce_data")
        facebook.requests.clear()
        other = facebook.pages[1]
        ids(graph.posts(other.id, other.token))
    assert asked(facebook, "limit")[0] == "50"


def test_a_post_too_heavy_alone_is_read_without_its_attachments(facebook: Simulator) -> None:
    """The walk goes on, and nothing is said about the attachments."""
    facebook.faults.reduce_data(above=0, times=6, having="attachments")
    with graph_at(facebook.url) as graph:
        walk = graph.posts(facebook.page_id, facebook.token)
        first, second = next(walk), next(walk)
    assert (len(first.records), first.records[0].attachments) == (1, None)
    assert second.records[0].attachments


def test_too_much_data_to_the_last_is_an_error(facebook: Simulator) -> None:
    """When not even the bare fields of one post can be had, the walk is incomplete."""
    facebook.faults.reduce_data(above=0)
    with graph_at(facebook.url) as graph, pytest.raises(TooMuchData):
        ids(graph.posts(facebook.page_id, facebook.token))
    assert asked(facebook, "limit") == ["50", "25", "12", "6", "3", "1", "1"]
