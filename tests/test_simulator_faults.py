"""What can be made to go wrong with the simulated Facebook."""

from __future__ import annotations

import json
import time
import zlib
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import requests
from simulator_reader import Reader, error, links

from fbsyncd.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fbsyncd.simulator.faults import Faults


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    """Two pages of twelve posts."""
    with Simulator(posts=12, pages=2, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def reader(facebook: Simulator) -> Iterator[Reader]:
    """A client of it."""
    with Reader(facebook) as reading:
        yield reading


@pytest.fixture
def faults(facebook: Simulator) -> Faults:
    """Its switchboard."""
    return facebook.faults


def listing(reader: Reader, **query: object) -> requests.Response:
    """One page of posts, as it comes."""
    return reader.graph(f"{reader.facebook.page_id}/posts", None, **{"limit": 5, **query})


@pytest.mark.parametrize(
    ("code", "status", "header"),
    [
        (4, 403, "X-App-Usage"),
        (17, 400, "X-App-Usage"),
        (32, 400, "X-App-Usage"),
        (613, 400, "X-App-Usage"),
        (80001, 400, "X-Business-Use-Case-Usage"),
    ],
)
def test_throttling_strikes_once(
    reader: Reader, faults: Faults, code: int, status: int, header: str
) -> None:
    """Each limit has its own status and header, and the call after it is let through."""
    faults.throttle(code=code, minutes=7)
    answer = listing(reader)
    assert error(answer)[:2] == (status, code)
    assert "100" in answer.headers[header]
    if code == 80001:
        told = json.loads(answer.headers[header])[reader.facebook.page_id][0]
        assert told["estimated_time_to_regain_access"] == 7
    assert listing(reader).status_code == 200


def test_throttling_can_last_by_the_clock(reader: Reader, faults: Faults) -> None:
    """With times=None the page is refused until the clock has moved on; others are not."""
    other = reader.facebook.pages[1]
    faults.throttle(minutes=30, times=None, page=reader.facebook.page_id)
    assert error(listing(reader))[1] == 80001
    assert reader.graph(f"{other.id}/posts", token=other.token).status_code == 200
    reader.facebook.clock.move(timedelta(minutes=29))
    assert error(listing(reader))[1] == 80001
    reader.facebook.clock.move(timedelta(minutes=2))
    assert listing(reader).status_code == 200


def test_a_budget_is_told_and_runs_out(reader: Reader, faults: Faults) -> None:
    """The header counts up to the budget, then calls are refused until the hour is over."""
    faults.budget(4)
    told = []
    for _ in range(4):
        header = listing(reader).headers["X-Business-Use-Case-Usage"]
        told.append(json.loads(header)[reader.facebook.page_id][0]["call_count"])
    assert told == [25, 50, 75, 100]
    assert error(listing(reader))[1] == 80001
    reader.facebook.clock.move(timedelta(minutes=61))
    assert listing(reader).status_code == 200


def test_usage_can_be_set(reader: Reader, faults: Faults) -> None:
    """The usage headers say what they are told to, nonsense too."""
    faults.usage(app={"call_count": 28}, page={"call_count": 96}, page_id=reader.facebook.page_id)
    headers = listing(reader).headers
    assert json.loads(headers["X-App-Usage"]) == {"call_count": 28}
    pool = json.loads(headers["X-Business-Use-Case-Usage"])[reader.facebook.page_id][0]
    assert pool["call_count"] == 96
    faults.usage(app="{nonsense")
    assert listing(reader).headers["X-App-Usage"] == "{nonsense"


def test_transient_faults_pass(reader: Reader, faults: Faults) -> None:
    """Twice code 2 with HTTP 500 and is_transient, then an answer."""
    faults.transient(times=2)
    for _ in range(2):
        answer = listing(reader)
        assert error(answer)[:2] == (500, 2)
        assert answer.json()["error"]["is_transient"] is True
    assert listing(reader).status_code == 200


def test_reduce_data_depends_on_the_limit(reader: Reader, faults: Faults) -> None:
    """Too much is asked for only above the limit."""
    faults.reduce_data(above=3)
    answer = listing(reader, limit=4)
    assert error(answer)[:2] == (500, 1)
    assert "reduce the amount of data" in answer.json()["error"]["message"]
    assert listing(reader, limit=3).status_code == 200


def test_reduce_data_can_depend_on_a_field(reader: Reader, faults: Faults) -> None:
    """A post too heavy even alone is light without its attachments."""
    faults.reduce_data(above=0, having="attachments")
    assert error(listing(reader, limit=1, fields="id,attachments"))[1] == 1
    assert listing(reader, limit=1, fields="id").status_code == 200


def test_a_token_dies_and_lives_again(reader: Reader, faults: Faults) -> None:
    """One page's token is refused with its subcode; the other page goes on."""
    other = reader.facebook.pages[1]
    faults.token_dead(reader.facebook.page_id, subcode=460)
    assert error(listing(reader)) == (400, 190, 460)
    assert reader.facebook.access.alive(reader.facebook.token) is False
    assert reader.graph(f"{other.id}/posts", token=other.token).status_code == 200
    faults.revive(reader.facebook.page_id)
    assert listing(reader).status_code == 200


def test_answers_that_are_no_answers(reader: Reader, faults: Faults) -> None:
    """Cut JSON, a captive portal, nothing and a list come under 200."""
    faults.truncate_json()
    with pytest.raises(requests.exceptions.JSONDecodeError):
        listing(reader).json()
    faults.html()
    assert listing(reader).headers["content-type"].startswith("text/html")
    faults.empty_body()
    assert listing(reader).content == b""
    faults.array()
    assert isinstance(listing(reader).json(), list)
    assert listing(reader).json()["data"]


def test_connections_break_and_hang(reader: Reader, faults: Faults) -> None:
    """A dropped connection is an error at once, a hanging one after the client's patience."""
    faults.drop()
    with pytest.raises(requests.ConnectionError):
        listing(reader)
    faults.hang(seconds=30)
    headers = {"Authorization": f"Bearer {reader.facebook.token}"}
    with pytest.raises(requests.Timeout):
        requests.get(f"{reader.facebook.url}/v26.0/me", headers=headers, timeout=0.2)


def test_any_other_error_can_be_ordered(reader: Reader, faults: Faults) -> None:
    """refuse() answers the error it was given."""
    faults.refuse(368, message="blocked")
    assert listing(reader).json()["error"]["message"] == "blocked"


def test_a_glitch_leaves_attachments_out(reader: Reader, faults: Faults) -> None:
    """Once, the named posts come without attachments, the picture still there."""
    posts = reader.posts()
    whole = [post["id"] for post in posts if "attachments" in post]
    faults.glitch_without_attachments(whole[:2])
    glitched = {post["id"]: post for post in reader.posts()}
    assert [name for name in whole if "attachments" not in glitched[name]] == whole[:2]
    assert "full_picture" in glitched[whole[0]]
    assert [post["id"] for post in reader.posts() if "attachments" in post] == whole


def test_videos_can_be_refused(reader: Reader, faults: Faults) -> None:
    """The videos edge refuses while posts answer."""
    faults.refuse_videos()
    assert error(reader.graph(f"{reader.facebook.page_id}/videos"))[:2] == (400, 3)
    assert listing(reader).status_code == 200


def test_a_cursor_can_repeat(reader: Reader, faults: Faults) -> None:
    """The cursor handed out is the one that was given, for ever."""
    faults.repeat_cursor()
    first = listing(reader).json()["paging"]["cursors"]["after"]
    second = listing(reader, after=first).json()
    assert second["paging"]["cursors"]["after"] == first
    assert "next" in second["paging"]


def test_a_page_can_be_empty_and_have_a_next(reader: Reader, faults: Faults) -> None:
    """One empty page hides nothing: the walk goes on behind it."""
    wanted = [post["id"] for post in listing(reader).json()["data"]]
    faults.empty_page_once()
    empty = listing(reader).json()
    assert empty["data"] == []
    after = empty["paging"]["cursors"]["after"]
    assert [post["id"] for post in listing(reader, after=after).json()["data"]] == wanted


def test_empty_pages_can_go_on_for_ever(reader: Reader, faults: Faults) -> None:
    """Each empty page has a cursor nobody has seen, and a next link."""
    faults.empty_pages_forever()
    pages = [listing(reader).json() for _ in range(3)]
    assert all(page["data"] == [] and "next" in page["paging"] for page in pages)
    assert len({page["paging"]["cursors"]["after"] for page in pages}) == 3


def test_cursors_can_become_invalid(reader: Reader, faults: Faults) -> None:
    """A request with a cursor is refused, one without is not."""
    after = listing(reader).json()["paging"]["cursors"]["after"]
    faults.invalid_cursors()
    assert error(listing(reader, after=after))[:2] == (400, 100)
    assert error(listing(reader, after="nonsense"))[:2] == (400, 100)
    assert listing(reader).status_code == 200


def test_until_can_be_ignored(reader: Reader, faults: Faults) -> None:
    """An edge that takes no notice of until lists everything."""
    oldest = reader.posts()[-1]
    until = oldest["created_time"]
    assert len(listing(reader, until=until).json()["data"]) == 1
    faults.ignore_until()
    assert len(listing(reader, until=until).json()["data"]) == 5


def test_another_version_can_be_served(reader: Reader, faults: Faults) -> None:
    """The header names the version served, not the one asked for."""
    faults.serve_version("v21.0")
    assert listing(reader).headers["facebook-api-version"] == "v21.0"


def test_faults_can_be_cleared(reader: Reader, faults: Faults) -> None:
    """clear() ends every fault, budgets and usage included."""
    faults.transient(times=None)
    faults.budget(0)
    assert faults.armed() == {"transient": [None]}
    faults.clear()
    assert faults.armed() == {}
    assert listing(reader).status_code == 200


@pytest.fixture
def link(reader: Reader) -> str:
    """A link to a photo."""
    return next(link for link in links(reader.posts()) if "/t39.30808-6/" in link)


def test_the_cdn_answers_any_status(reader: Reader, faults: Faults, link: str) -> None:
    """As often as ordered, for links that match."""
    faults.cdn_status(503, times=1)
    faults.cdn_status(410, match="no-such-picture")
    assert [reader.get(link).status_code for _ in range(2)] == [503, 200]


def test_the_cdn_serves_other_things(reader: Reader, faults: Faults, link: str) -> None:
    """HTML of a portal, or any bytes under any type."""
    faults.cdn_html()
    assert reader.get(link).headers["content-type"].startswith("text/html")
    faults.cdn_serve("<svg/>", "image/jpeg", headers={"x-odd": "yes"})
    answer = reader.get(link)
    assert (answer.text, answer.headers["x-odd"]) == ("<svg/>", "yes")


def test_the_cdn_sends_elsewhere(reader: Reader, faults: Faults, link: str) -> None:
    """A redirect to any address, and round in circles."""
    faults.cdn_redirect("http://169.254.169.254/latest")
    answer = reader.get(link, allow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (
        302,
        "http://169.254.169.254/latest",
    )
    faults.cdn_redirect("{self}", times=None)
    with pytest.raises(requests.TooManyRedirects):
        reader.get(link)


def test_the_cdn_cuts_bodies(reader: Reader, faults: Faults, link: str) -> None:
    """Half a body under the whole length, or honestly half."""
    whole = len(reader.get(link).content)
    faults.cdn_cut_body()
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        reader.get(link)
    faults.cdn_cut_body(honest=True)
    assert len(reader.get(link).content) == whole // 2


def test_the_cdn_drips_and_delays(reader: Reader, faults: Faults, link: str) -> None:
    """A slow body and a late answer take their time."""
    whole = len(reader.get(link).content)
    faults.cdn_slow(bytes_per_second=whole * 4, times=1)
    faults.cdn_delay(0.1, times=1)
    begun = time.monotonic()
    assert len(reader.get(link).content) == whole
    assert 0.2 < time.monotonic() - begun < 5


def test_the_cdn_leaves_the_length_out(reader: Reader, faults: Faults, link: str) -> None:
    """Without Content-Length the body ends with the connection."""
    whole = reader.get(link).content
    faults.cdn_no_length(times=1)
    answer = reader.get(link)
    assert "content-length" not in answer.headers
    assert answer.content == whole


def test_the_cdn_never_ends(reader: Reader, faults: Faults, link: str) -> None:
    """An endless body goes on beyond any picture's size."""
    faults.cdn_endless()
    with reader.get(link, stream=True) as answer:
        got = 0
        for chunk in answer.iter_content(65536):
            got += len(chunk)
            if got > 3_000_000:
                break
    assert got > 3_000_000


def test_the_cdn_tells_a_wrong_digest(reader: Reader, faults: Faults, link: str) -> None:
    """The adler32 in the header is not that of the bytes."""
    faults.cdn_wrong_digest()
    answer = reader.get(link)
    assert answer.headers["content-digest"] != f"adler32={zlib.adler32(answer.content)}"


def test_the_cdn_floods_with_headers(reader: Reader, faults: Faults, link: str) -> None:
    """Useless headers come in any number."""
    faults.cdn_header_flood(40)
    assert sum(name.startswith("x-flood") for name in reader.get(link).headers) == 40


def test_the_cdn_goes_offline_and_comes_back(reader: Reader, faults: Faults, link: str) -> None:
    """Offline, every connection breaks; the Graph API still answers."""
    faults.cdn_offline()
    with pytest.raises(requests.ConnectionError):
        reader.get(link)
    assert listing(reader).status_code == 200
    faults.cdn_online()
    assert reader.get(link).status_code == 200
