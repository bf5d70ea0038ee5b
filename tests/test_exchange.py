"""One HTTP exchange: bounded, honest about what went wrong, and silent about secrets."""

from __future__ import annotations

import gzip
import socket
import threading
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest
from scripted import HTML, Script, reply, scripted

from fbsyncd.errors import GraphError, GraphUnavailable, TooMuchData
from fbsyncd.graph.answer import parsed
from fbsyncd.graph.exchange import LARGEST_ANSWER, Exchange

TOKEN = "EAAB-very-secret"
PROOF = {"appsecret_proof": "0123456789abcdef", "fields": "id,name"}


@contextmanager
def exchange(*answers: bytes) -> Iterator[tuple[Exchange, Script]]:
    with scripted(answers) as script, closing(Exchange(script.url, "fbsyncd/test")) as line:
        yield line, script


def test_the_token_is_in_a_header_and_nowhere_else() -> None:
    """Access logs and proxies see URLs."""
    with exchange(reply({"id": "7"})) as (line, script):
        answer = line.get("/v26.0/7", TOKEN, {"fields": "id,name"})
        assert (answer.status, answer.body) == (200, {"id": "7"})
        assert script.requests == ["GET /v26.0/7?fields=id%2Cname"]
        assert script.headers[0]["authorization"] == f"Bearer {TOKEN}"
        assert script.headers[0]["user-agent"] == "fbsyncd/test"


def test_a_form_is_posted() -> None:
    """Batches go as a form, with the token in the header."""
    with exchange(reply([None])) as (line, script):
        assert line.post("/v26.0/", TOKEN, {"batch": "[1]"}).body == [None]
        assert script.requests == ["POST /v26.0/"]
        assert script.bodies == [b"batch=%5B1%5D"]


@pytest.mark.parametrize(
    "body", [b"", HTML, b'{"data": [{"id": "1"', b"\xff\xfe{}", b"[" * 200_000, b"1" * 5000]
)
def test_what_is_no_json_is_none(body: bytes) -> None:
    """Login pages, halves and nonsense are for the judge to call temporary."""
    with exchange(reply(body)) as (line, _):
        assert line.get("/x", TOKEN, {}).body is None


def test_a_redirect_is_not_followed() -> None:
    """The token does not go where something in between points."""
    with (
        exchange(reply({"id": "elsewhere"})) as (_, other),
        exchange(reply(b"", 302, Location=other.url)) as (line, _),
    ):
        assert line.get("/x", TOKEN, {}).status == 302
        assert other.requests == []


def test_cookies_are_not_kept() -> None:
    """No answer leaves a mark on the next call, of this Page or another."""
    with exchange(reply({}, Set_Cookie="c=1; Path=/")) as (line, script):
        line.get("/x", TOKEN, {})
        line.get("/x", TOKEN, {})
        assert "cookie" not in script.headers[1]


def test_a_compressed_answer_is_read() -> None:
    """Listings are large and compress well."""
    packed = gzip.compress(b'{"data": []}')
    with exchange(reply(packed, Content_Encoding="gzip")) as (line, _):
        assert line.get("/x", TOKEN, {}).body == {"data": []}


def test_an_answer_without_end_is_cut() -> None:
    """Asking for less may help, so it counts as too much data; a bomb is counted unpacked."""
    bomb = gzip.compress(b" " * (LARGEST_ANSWER + 1))
    assert len(bomb) < 100_000
    with (
        exchange(reply(bomb, Content_Encoding="gzip")) as (line, _),
        pytest.raises(TooMuchData, match="larger than"),
    ):
        line.get("/x", TOKEN, {})


FAILURES = {
    "cut short": reply(b'{"data":', length=9000),
    "no answer": b"",
    "not HTTP": b"220 mail.example ESMTP\r\n\r\n",
    "broken gzip": reply(b"\x1f\x8bnonsense", Content_Encoding="gzip"),
    "bad chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "endless header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("answer", FAILURES.values(), ids=FAILURES)
def test_a_fault_of_transport_passes_and_tells_no_secret(answer: bytes) -> None:
    """Every way a connection breaks is GraphUnavailable, and its whole traceback is clean."""
    with exchange(answer) as (line, _), pytest.raises(GraphUnavailable) as caught:
        line.get("/x", TOKEN, PROOF)
    told = "".join(traceback.format_exception(caught.value))
    assert "did not answer" in told
    assert TOKEN not in told
    assert PROOF["appsecret_proof"] not in told


def test_nobody_there_is_said_in_few_words() -> None:
    """The message names the address and the reason, not the library's wrappings."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with closing(Exchange(url, "t")) as line, pytest.raises(GraphError) as caught:
            line.get("/x", TOKEN, PROOF)
    assert str(caught.value).startswith(f"{url} did not answer: [Errno ")
    assert "refused" in str(caught.value)
    assert PROOF["appsecret_proof"] not in "".join(traceback.format_exception(caught.value))


def test_an_answer_that_drips_is_given_up() -> None:
    """Each byte comes in time, the whole never would: the clock for the whole ends it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping = threading.Thread(target=drip, args=(server,))
        dripping.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with (
            closing(Exchange(url, "t", patience=0.2)) as line,
            pytest.raises(GraphUnavailable, match=r"not whole after 0\.2 seconds"),
        ):
            line.get("/x", TOKEN, {})
        dripping.join()


def drip(server: socket.socket) -> None:
    client, _ = server.accept()
    with client, suppress(OSError):
        client.recv(65536)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        client.settimeout(0.02)
        while True:
            client.sendall(b" ")
            with suppress(TimeoutError):
                if not client.recv(1):
                    return


def test_text_of_a_batch_item_is_parsed_alike() -> None:
    """The body of an item is JSON inside JSON."""
    assert parsed('{"id": "1"}') == {"id": "1"}
    assert parsed("") is None
