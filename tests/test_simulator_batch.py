"""Batches of the simulated Graph API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from simulator_reader import Reader, error

from fbsyncd.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests


@pytest.fixture
def reader() -> Iterator[Reader]:
    """A client of a Facebook with six posts."""
    with Simulator(posts=6, pictures="plain") as facebook, Reader(facebook) as reading:
        yield reading


def send(reader: Reader, urls: list[str], **form: Any) -> requests.Response:
    """POST a batch of GETs as a form."""
    items = [{"method": "GET", "relative_url": url} for url in urls]
    return reader.session.post(
        f"{reader.facebook.url}/v26.0/",
        data={"batch": json.dumps(items), "access_token": reader.facebook.token, **form},
        timeout=10,
    )


def ids_of(reader: Reader) -> list[str]:
    """The ids of all posts."""
    return [post["id"] for post in reader.posts(fields="id")]


def test_a_batch_answers_in_order_with_bodies_as_text(reader: Reader) -> None:
    """Each item has a code, headers and a body that must be parsed again, errors inside."""
    first, second = ids_of(reader)[:2]
    answer = send(reader, [f"{first}?fields=attachments%7Btype%7D", "1_2", f"{second}?fields=id"])
    items = answer.json()
    assert [item["code"] for item in items] == [200, 400, 200]
    assert json.loads(items[0]["body"])["id"] == first
    assert json.loads(items[1]["body"])["error"]["error_subcode"] == 33
    assert json.loads(items[2]["body"]) == {"id": second}
    names = {header["name"] for header in items[0]["headers"]}
    assert "X-Business-Use-Case-Usage" in names


def test_headers_are_left_out_when_asked(reader: Reader) -> None:
    """include_headers=false leaves the headers of the items away."""
    items = send(reader, [reader.facebook.page_id], include_headers="false").json()
    assert set(items[0]) == {"code", "body"}


def test_a_batch_can_be_json_with_a_bearer_token(reader: Reader) -> None:
    """The whole form may come as JSON."""
    answer = reader.session.post(
        f"{reader.facebook.url}/v26.0/",
        json={"batch": [{"method": "GET", "relative_url": "/v26.0/me?fields=id"}]},
        headers={"Authorization": f"Bearer {reader.facebook.token}"},
        timeout=10,
    )
    assert json.loads(answer.json()[0]["body"]) == {"id": reader.facebook.page_id}


def test_an_item_may_bring_its_own_token(reader: Reader) -> None:
    """A token in a relative_url goes before that of the batch."""
    items = send(reader, [f"{reader.facebook.page_id}?access_token=EAAwrong"]).json()
    assert items[0]["code"] == 400


def test_too_many_items_are_refused(reader: Reader) -> None:
    """Fifty are allowed; fifty-one, none or nonsense are an error object."""
    page = reader.facebook.page_id
    assert len(send(reader, [page] * 50).json()) == 50
    assert error(send(reader, [page] * 51))[:2] == (400, 100)
    assert error(send(reader, []))[:2] == (400, 100)
    assert error(send(reader, [], batch="{"))[:2] == (400, 100)


def test_a_batch_needs_a_token(reader: Reader) -> None:
    """Without a token the whole batch is refused."""
    assert error(send(reader, ["me"], access_token=""))[:2] == (400, 104)


def test_items_can_be_null(reader: Reader) -> None:
    """An item that timed out is null; the next time it is there."""
    one, two = ids_of(reader)[:2]
    reader.facebook.faults.batch_nulls([one])
    assert [item is None for item in send(reader, [one, two]).json()] == [True, False]
    assert None not in send(reader, [one, two]).json()


def test_a_poisoned_id_spoils_its_whole_batch(reader: Reader) -> None:
    """A batch with the id in it fails as a whole; without it all is well."""
    one, two, three = ids_of(reader)[:3]
    reader.facebook.faults.poison([two])
    assert error(send(reader, [one, two, three]))[:2] == (500, 2)
    assert [item["code"] for item in send(reader, [one, three]).json()] == [200, 200]
    assert error(reader.graph(two))[:2] == (500, 2)


def test_each_item_counts_as_a_call(reader: Reader) -> None:
    """A budget of five calls ends in the sixth item."""
    reader.facebook.faults.budget(5)
    codes = [item["code"] for item in send(reader, [reader.facebook.page_id] * 7).json()]
    assert codes == [200] * 5 + [400] * 2
