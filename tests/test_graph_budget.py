"""Calls within the budget, for many Pages at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from graphs import NOON, TOKEN, Waits, graph_at, ids
from scripted import reply, scripted

from fbsyncd.errors import Throttled
from fbsyncd.simulator import Simulator


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=70, pages=2, pictures="plain") as simulator:
        yield simulator


def test_calls_slow_down_before_the_limit(facebook: Simulator) -> None:
    """At 85 % of the budget each further call waits a minute."""
    facebook.faults.usage(page={"call_count": 85})
    waits = Waits()
    with graph_at(facebook.url, waits) as graph:
        ids(graph.posts(facebook.page_id, facebook.token))
    assert waits.pauses == [60.0]


def test_calls_stop_before_the_limit(facebook: Simulator) -> None:
    """At 97 % no call is made any more until the time said in the header."""
    told = {"call_count": 97, "estimated_time_to_regain_access": 20}
    facebook.faults.usage(page=told, page_id=facebook.page_id)
    with graph_at(facebook.url) as graph:
        walk = graph.posts(facebook.page_id, facebook.token)
        assert len(next(walk).records) == 50
        with pytest.raises(Throttled) as caught:
            next(walk)
        assert caught.value.until == NOON + timedelta(minutes=20)
        assert len(facebook.requests) == 1


def test_a_throttled_page_does_not_hold_up_another(facebook: Simulator) -> None:
    """Its own calls are not even sent until its time has come, then all is as before."""
    first, second = facebook.pages
    facebook.faults.throttle(80001, minutes=30, page=first.id)
    clock = [NOON]
    with graph_at(facebook.url, now=lambda: clock[0]) as graph:
        for _ in range(3):
            with pytest.raises(Throttled) as caught:
                ids(graph.posts(first.id, first.token))
            assert caught.value.until == NOON + timedelta(minutes=30)
        assert len(facebook.requests) == 1
        assert len(ids(graph.posts(second.id, second.token))) == 70
        clock[0] = NOON + timedelta(minutes=30)
        assert len(ids(graph.posts(first.id, first.token))) == 70


def test_the_apps_limit_holds_up_every_page(facebook: Simulator) -> None:
    """Code 4 is about all Pages together."""
    first, second = facebook.pages
    facebook.faults.throttle(4)
    with graph_at(facebook.url) as graph:
        for each in (first, second):
            with pytest.raises(Throttled):
                ids(graph.posts(each.id, each.token))
    assert len(facebook.requests) == 1


def test_the_apps_limit_is_known_by_its_code() -> None:
    """Without a word in the headers, too."""
    limit = reply({"error": {"code": 341, "message": "limit"}}, 400)
    with scripted([limit]) as script, graph_at(script.url) as graph:
        for page_id in ("7", "8"):
            with pytest.raises(Throttled):
                graph.page(page_id, TOKEN)
        assert len(script.requests) == 1


def test_a_broken_usage_header_is_passed_over(facebook: Simulator) -> None:
    """What cannot be read says nothing."""
    facebook.faults.usage(app="{not json", page="[1")
    with graph_at(facebook.url) as graph:
        assert len(ids(graph.posts(facebook.page_id, facebook.token))) == 70


def test_another_version_served_is_said_once(
    facebook: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    """An expired version does not fail, it is silently replaced."""
    facebook.faults.serve_version("v21.0")
    with graph_at(facebook.url) as graph:
        ids(graph.posts(facebook.page_id, facebook.token))
        assert graph.served_version == "v21.0"
    assert [r.getMessage() for r in caplog.records if "v21.0" in r.getMessage()] == [
        "Graph API v26.0 was asked for and v21.0 is served: set api_version"
    ]


def test_several_pages_at_once(facebook: Simulator) -> None:
    """One client serves several threads, and no Page gets the other's posts."""
    with graph_at(facebook.url) as graph, ThreadPoolExecutor(4) as pool:
        walks = [
            pool.submit(lambda p: ids(graph.posts(p.id, p.token)), each)
            for each in facebook.pages * 4
        ]
        found = [walk.result() for walk in walks]
        assert sum(graph.calls.values()) == facebook.calls["graph"]
    assert found[0::2] == [found[0]] * 4
    assert found[1::2] == [found[1]] * 4
    assert not set(found[0]) & set(found[1])


def test_a_stop_that_is_over_slows_nothing_down(facebook: Simulator) -> None:
    """What was heard before the stop says nothing about the budget after it."""
    told = {"call_count": 97, "estimated_time_to_regain_access": 20}
    facebook.faults.usage(page=told, page_id=facebook.page_id)
    times = [NOON]
    waits = Waits()
    with graph_at(facebook.url, waits, lambda: times[0]) as graph:
        walk = graph.posts(facebook.page_id, facebook.token)
        next(walk)
        facebook.faults.usage(page={"call_count": 1}, page_id=facebook.page_id)
        times[0] = NOON + timedelta(minutes=21)
        assert len(ids(graph.posts(facebook.page_id, facebook.token))) == 70
    assert waits.pauses == []
