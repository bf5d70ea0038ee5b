"""Faults that pass, faults that do not, and what may never be told."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from graphs import TOKEN, Waits, graph_at, ids
from scripted import reply, scripted

from fbsyncd.errors import (
    CallRefused,
    GraphError,
    GraphUnavailable,
    ObjectMissing,
    Throttled,
    TokenRefused,
)
from fbsyncd.simulator import Simulator


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=70, pages=2, pictures="plain") as simulator:
        yield simulator


def failure(code: int, status: int = 400, message: str = "m", **more: Any) -> bytes:
    return reply({"error": {"message": message, "code": code, **more}}, status)


@pytest.mark.parametrize(
    "fault", ["transient", "truncate_json", "html", "empty_body", "array", "drop"]
)
def test_a_fault_that_passes_is_waited_out(facebook: Simulator, fault: str) -> None:
    """Three in a row cost three pauses and no post."""
    getattr(facebook.faults, fault)(times=3)
    waits = Waits()
    with graph_at(facebook.url, waits) as graph:
        assert len(ids(graph.posts(facebook.page_id, facebook.token))) == 70
    assert len(waits.pauses) == 3
    assert all(pause <= 2**tried for tried, pause in enumerate(waits.pauses))


def test_the_fifth_fault_is_the_last(facebook: Simulator) -> None:
    """No storm of retries: five calls, then the error."""
    facebook.faults.transient(None)
    with graph_at(facebook.url) as graph:
        with pytest.raises(GraphUnavailable, match="code 2"):
            graph.page(facebook.page_id, facebook.token)
        assert graph.calls == {facebook.page_id: 5}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (failure(190, error_subcode=460), TokenRefused),
        (failure(4, 403, is_transient=True), Throttled),
        (failure(80001), Throttled),
        (failure(100, 500, "The ids query parameter is deprecated"), CallRefused),
        (failure(100, error_subcode=33), ObjectMissing),
        (failure(10, 403), CallRefused),
    ],
)
def test_what_will_not_pass_is_asked_once(answer: bytes, error: type[GraphError]) -> None:
    """Refusals, dead tokens and limits are never tried again, whatever their HTTP status."""
    with scripted([answer]) as script, graph_at(script.url) as graph:
        with pytest.raises(error):
            graph.page("7", TOKEN)
        assert len(script.requests) == 1


def test_refused_videos_leave_the_posts_alone(facebook: Simulator) -> None:
    """Some Pages do not show their list of videos."""
    facebook.faults.refuse_videos()
    with graph_at(facebook.url) as graph:
        with pytest.raises(CallRefused, match="code 3"):
            list(graph.videos(facebook.page_id, facebook.token))
        assert len(ids(graph.posts(facebook.page_id, facebook.token))) == 70


def test_a_dead_token_stops_its_page_only(facebook: Simulator) -> None:
    """The other Page goes on, and this one as soon as its token lives again."""
    first, second = facebook.pages
    facebook.faults.token_dead(first.id, subcode=460)
    with graph_at(facebook.url) as graph:
        with pytest.raises(TokenRefused) as caught:
            ids(graph.posts(first.id, first.token))
        assert "password" in caught.value.remedy
        assert len(ids(graph.posts(second.id, second.token))) == 70
        facebook.faults.revive()
        assert len(ids(graph.posts(first.id, first.token))) == 70


@pytest.mark.parametrize("token", ["", " ", "EAAB\n", "EAAB x", "EAABé", "EAAB\ud83d"])
def test_what_cannot_be_a_token_is_not_sent(token: str) -> None:
    """The HTTP library would put it into the text of its exception."""
    with scripted([reply({})]) as script, graph_at(script.url, secret="s") as graph:
        calls: list[Callable[[], object]] = [
            lambda: graph.page("7", token),
            lambda: ids(graph.posts("7", token)),
            lambda: graph.batch_posts("7", token, ["1"]),
        ]
        for call in calls:
            with pytest.raises(TokenRefused) as caught:
                call()
            assert "again" in caught.value.remedy
            assert not token.strip() or token.strip() not in str(caught.value)
        assert script.requests == []


def test_no_secret_is_told(facebook: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    """Neither logs at info level, nor errors and their tracebacks, nor representations hold one."""
    caplog.set_level(logging.INFO)
    token, secret = facebook.token, "an-app-secret"
    told = []
    for fault in ("drop", "transient", "token_dead"):
        getattr(facebook.faults, fault)(None)
        with graph_at(facebook.url, secret=secret) as graph:
            with pytest.raises(GraphError) as caught:
                graph.page(facebook.page_id, token)
            told += [*traceback.format_exception(caught.value), repr(graph), str(vars(graph))]
        facebook.faults.clear()
    text = "".join(told) + caplog.text
    assert "did not answer" in text
    assert "try 1 of 5" in text
    assert token not in text
    assert secret not in text
    assert "appsecret_proof=" not in text.replace("appsecret_proof=***", "")


def test_the_program_can_stop_in_any_pause(facebook: Simulator) -> None:
    """A call that is being repeated does not hold up a stop."""
    facebook.faults.transient(None)
    with graph_at(facebook.url, Waits(stop_at=2)) as graph:
        with pytest.raises(GraphUnavailable, match="stopping"):
            ids(graph.posts(facebook.page_id, facebook.token))
        assert graph.calls == {facebook.page_id: 2}


def test_a_stopping_program_makes_no_call(facebook: Simulator) -> None:
    """The real Event, already set, ends a walk before its next page."""
    stop = threading.Event()
    with graph_at(facebook.url, stop.wait) as graph:
        walk = graph.posts(facebook.page_id, facebook.token)
        next(walk)
        stop.set()
        with pytest.raises(GraphUnavailable, match="stopping"):
            next(walk)
        assert len(facebook.requests) == 1


def test_a_token_that_facebook_repeats_is_hidden_whatever_it_looks_like() -> None:
    """A mistyped token is a secret too: one letter more and it is the real one."""
    mistyped = "my-password"
    answer = failure(190, message=f"Malformed token {mistyped}")
    with (
        scripted([answer]) as script,
        graph_at(script.url) as graph,
        pytest.raises(TokenRefused) as refused,
    ):
        ids(graph.posts("7", mistyped))
    assert mistyped not in str(refused.value)
    assert "***" in str(refused.value)
