"""Posts asked for by their ids, fifty in one exchange."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from graphs import TOKEN, graph_at, ids
from scripted import HTML, reply, scripted

from fbsyncd.errors import (
    CallRefused,
    GraphUnavailable,
    ObjectMissing,
    Throttled,
    TokenRefused,
    TooMuchData,
)
from fbsyncd.records import Post
from fbsyncd.simulator import Simulator


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=70, pages=2, pictures="plain") as simulator:
        yield simulator


def test_a_batch_gives_posts_in_the_order_asked(facebook: Simulator) -> None:
    """The posts are those of the list, signed anew, in one exchange counted as fifty calls."""
    with graph_at(facebook.url) as graph:
        names = ids(graph.posts(facebook.page_id, facebook.token))[:50][::-1]
        facebook.requests.clear()
        items = graph.batch_posts(facebook.page_id, facebook.token, names)
        assert [item.id for item in items if isinstance(item, Post)] == names
        assert [request.method for request in facebook.requests] == ["POST"]
        assert graph.calls[facebook.page_id] == 2 + 50


def test_missing_posts_and_nulls_stand_in_their_places(facebook: Simulator) -> None:
    """One post gone and one not answered in time leave the others whole."""
    with graph_at(facebook.url) as graph:
        names = ids(graph.posts(facebook.page_id, facebook.token))[:3]
        facebook.faults.batch_nulls([names[1]])
        wanted = [names[0], f"{facebook.page_id}_404", names[1], names[2]]
        items = graph.batch_posts(facebook.page_id, facebook.token, wanted)
    assert [type(item) for item in items] == [Post, ObjectMissing, GraphUnavailable, Post]


def test_a_batch_that_fails_as_a_whole_is_raised(facebook: Simulator) -> None:
    """A poisoned id fails the batch, again and again."""
    with graph_at(facebook.url) as graph:
        names = ids(graph.posts(facebook.page_id, facebook.token))[:3]
        facebook.faults.poison([names[1]])
        with pytest.raises(GraphUnavailable):
            graph.batch_posts(facebook.page_id, facebook.token, names)


def item(code: int, body: object, **headers: str) -> dict[str, Any]:
    told = [{"name": name.replace("_", "-"), "value": text} for name, text in headers.items()]
    return {"code": code, "headers": told, "body": json.dumps(body)}


def test_each_item_of_a_batch_is_judged() -> None:
    """Items have statuses, errors and bodies of their own, whole or not."""
    whole = {"id": "1", "created_time": "2026-08-20T12:00:00+0000"}
    answers = [
        item(200, whole),
        item(400, {"error": {"code": 190, "message": "m"}}),
        item(500, {"error": {"code": 1, "message": "Please reduce the amount of data"}}),
        {"code": 200, "body": '{"id": "1"'},
        {"code": 200},
        item(200, {"id": "no time"}),
        "nonsense",
    ]
    with scripted([reply(answers)]) as script, graph_at(script.url) as graph:
        items = graph.batch_posts("7", TOKEN, [str(number) for number in range(8)])
    assert [type(each) for each in items] == [
        Post,
        TokenRefused,
        TooMuchData,
        GraphUnavailable,
        GraphUnavailable,
        CallRefused,
        GraphUnavailable,
        GraphUnavailable,
    ]


def test_each_item_of_a_batch_carries_the_proof() -> None:
    """It is not inherited from the batch; and the token stays in the header."""
    with scripted([reply([None])]) as script, graph_at(script.url, secret="s") as graph:
        graph.batch_posts("7", TOKEN, ["1"])
    form = parse_qs(script.bodies[0].decode())
    (proof,) = form["appsecret_proof"]
    (call,) = json.loads(form["batch"][0])
    assert len(proof) == 64
    assert call["relative_url"].endswith(f"&appsecret_proof={proof}")
    assert TOKEN.encode() not in script.bodies[0]


def test_the_headers_of_an_item_count() -> None:
    """The budgets inside a batch are obeyed like any others."""
    full = json.dumps({"7": [{"type": "pages", "call_count": 99}]})
    answer = reply([item(200, {"id": "1", "created_time": 1}, X_Business_Use_Case_Usage=full)])
    with scripted([answer]) as script, graph_at(script.url) as graph:
        graph.batch_posts("7", TOKEN, ["1"])
        with pytest.raises(Throttled):
            graph.batch_posts("7", TOKEN, ["1"])


def test_an_answer_that_is_no_batch_is_asked_for_again() -> None:
    """An empty body and an object in the place of the array have been seen."""
    good = reply([item(200, {"id": "1", "created_time": 1})])
    answers = [reply(b""), reply({}), reply(HTML), good]
    with scripted(answers) as script, graph_at(script.url) as graph:
        assert isinstance(graph.batch_posts("7", TOKEN, ["1"])[0], Post)


def test_a_batch_has_its_measure() -> None:
    """More than fifty is a mistake of ours; none is no call."""
    with scripted([reply([])]) as script, graph_at(script.url) as graph:
        with pytest.raises(ValueError, match="at most 50"):
            graph.batch_posts("7", TOKEN, ["1"] * 51)
        assert graph.batch_posts("7", TOKEN, []) == []
        assert script.requests == []


def test_ids_cannot_change_the_call() -> None:
    """A strange id is one path segment, not another endpoint."""
    with scripted([reply([None]), reply({"id": "1"})]) as script, graph_at(script.url) as graph:
        graph.batch_posts("7", TOKEN, ["me/accounts?x=1"])
        assert b"me%252Faccounts%253Fx%253D1%3Ffields" in script.bodies[0]
        graph.page("../me", TOKEN)
        assert script.requests[1].startswith("GET /v26.0/..%2Fme?")
