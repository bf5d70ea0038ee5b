"""Raw requests: what two programs in a row could read in two ways is refused, and closed."""

from __future__ import annotations

import re
import select
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from served import Site, received, serving

from fbsyncd.server.channel import Limits

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

HOST = b"Host: localhost\r\n"
#: What a smuggled request would be: the application counts it if it ever arrives.
BEHIND = b"GET /behind HTTP/1.1\r\n" + HOST + b"\r\n"


class Echo:
    """An application that answers with the body it was given, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer with the body."""
        body = environ["wsgi.input"].read()
        with self.lock:
            self.asked.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        told = [("Content-Length", str(len(body))), ("X-Host", environ.get("HTTP_HOST", ""))]
        start_response("200 OK", told)
        return [body]


@pytest.fixture(scope="module")
def echo() -> Echo:
    """One application for all tests."""
    return Echo()


@pytest.fixture(scope="module")
def site(echo: Echo) -> Iterator[Site]:
    """The server of it."""
    with serving(echo) as site:
        yield site


def told(site: Site, data: bytes) -> bytes:
    """Send *data* and all that could be smuggled, and return all that comes until the end."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=60) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def statuses(answers: bytes) -> list[int]:
    """Return the status of each answer."""
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d+) ", answers)]


def post(*lines: bytes, version: bytes = b"1.1") -> bytes:
    """Return the head of a request with a body."""
    head = b"POST / HTTP/" + version + b"\r\n" + HOST
    return head + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


CHUNKED = b"Transfer-Encoding: chunked"
TWO_READINGS = {
    "length and chunks": post(b"Content-Length: 4", CHUNKED) + b"0\r\n\r\n",
    "chunks and length": post(CHUNKED, b"Content-Length: 4") + b"0\r\n\r\n",
    "two lengths": post(b"Content-Length: 0", b"Content-Length: 4"),
    "the same length twice": post(b"Content-Length: 0", b"Content-Length: 0"),
    "a list of lengths": post(b"Content-Length: 0, 0"),
    "a signed length": post(b"Content-Length: +0"),
    "a length in hexadecimal": post(b"Content-Length: 0x0"),
    "a length that is empty": post(b"Content-Length:"),
    "a length of thousands of digits": post(b"Content-Length: " + b"9" * 5000),
    "a length of thousands of zeros": post(b"Content-Length: " + b"0" * 5000),
    "a space before the colon": post(b"Content-Length : 0"),
    "a tab before the colon": post(b"Transfer-Encoding\t: chunked"),
    "a line end inside": post(b"X: y\nContent-Length: 4"),
    "half a line end inside": post(b"X: y\rContent-Length: 4"),
    "a NUL": post(b"X: y\0"),
    "a folded header": post(b"X: y", b" Content-Length: 4"),
    "a folded coding": post(b"Transfer-Encoding:", b" chunked") + b"0\r\n\r\n",
    "a header folded by a tab": post(b"X: y", b"\tz"),
    "chunked twice": post(b"Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n",
    "chunked in two headers": post(CHUNKED, CHUNKED) + b"0\r\n\r\n",
    "a coding that is none": post(b"Transfer-Encoding: ,"),
    "a coding that is empty": post(b"Transfer-Encoding:"),
    "chunks and a comma": post(b"Transfer-Encoding: chunked,") + b"0\r\n\r\n",
    "chunks in HTTP/1.0": post(b"Connection: keep-alive", CHUNKED, version=b"1.0") + b"0\r\n\r\n",
    "two hosts": post(b"Host: other"),
    "half a line end behind the version": post(version=b"1.1\r"),
    "a control behind the version": post(version=b"1.1\x0b"),
    "an address that is none": b"GET http://[x/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "a bracket in the name": b"GET http://a]/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tab in the target": b"GET /a\tb HTTP/1.1\r\n" + HOST + b"\r\n",
    "a fragment": b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n",
}


@pytest.mark.parametrize("case", TWO_READINGS)
def test_what_has_two_readings_is_refused(site: Site, echo: Echo, case: str) -> None:
    """400 is the only answer, the connection ends, and nothing behind it is ever a request."""
    echo.asked.clear()
    answers = told(site, TWO_READINGS[case] + BEHIND)
    assert statuses(answers) == [400]
    assert b'"code":"bad_request"' in answers
    assert b"\r\nConnection: close\r\n" in answers
    assert echo.asked == []


LED = {
    "a tab": b"\t",
    "a space": b" ",
    "a vertical tab": b"\x0b",
    "a form feed": b"\x0c",
    "a NUL": b"\0",
    "half a line end": b"\n",
    "the other half": b"\r",
    "an empty line and a tab": b"\r\n\t",
    "a line of a space": b" \r\n",
    "a line of a form feed and an empty one": b"\x0c\r\n\r\n",
    "the hello of TLS": b"\x16\x03\x01\x00\xc0\x01",
}


@pytest.mark.parametrize("case", LED)
@pytest.mark.parametrize("behind", [False, True])
def test_only_empty_lines_come_before_a_request(
    site: Site, echo: Echo, case: str, behind: bool
) -> None:
    """What else comes before it is refused, and ends also a connection that is in use."""
    echo.asked.clear()
    first = b"GET /first HTTP/1.1\r\n" + HOST + b"\r\n" if behind else b""
    answers = told(site, first + LED[case] + BEHIND)
    assert statuses(answers) == [200, 400][not behind :]
    assert b"\r\nConnection: close\r\n" in answers
    assert echo.asked == ["GET /first"][not behind :]


def test_empty_lines_may_come_in_any_pieces(site: Site, echo: Echo) -> None:
    """A line end that comes byte by byte is one, and the request behind it is answered."""
    echo.asked.clear()
    with socket.create_connection(("127.0.0.1", site.port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"\r\n\r\n\r\n" + BEHIND:
            connection.sendall(bytes([byte]))
        assert received(connection).status == 200
    assert echo.asked == ["GET /behind"]


_ENDS = st.sampled_from(
    [
        *(b"Content-Length: 0", b"content-length:0", b"CONTENT-LENGTH: \t5 "),
        *(b"Content-Length: 00", b"Content-Length: 5, 5"),
        *(b"Transfer-Encoding: chunked", b"transfer-encoding:CHUNKED", b"Transfer-Encoding: x"),
        *(b"Transfer-Encoding: chunked, x", b"Transfer-Encoding: ,"),
    ]
)
_OTHERS = st.sampled_from([b"X: y", b"Accept: */*", b"Content-Type: text/plain", b"Z: a:b", b"Y:"])
_LINES = st.tuples(st.lists(_ENDS, min_size=2, max_size=3), st.lists(_OTHERS, max_size=3))


@settings(max_examples=150)
@given(
    _LINES.flatmap(lambda both: st.permutations([*both[0], *both[1]])),
    st.sampled_from([b"1.0", b"1.1"]),
)
def test_two_ends_are_refused_wherever_they_stand(
    site: Site, echo: Echo, lines: list[bytes], version: bytes
) -> None:
    """However they are written and whatever is between them."""
    echo.asked.clear()
    answers = told(site, post(*lines, version=version) + b"0\r\n\r\n" + BEHIND)
    assert statuses(answers) == [400]
    assert echo.asked == []


BAD_CHUNKS = {
    "a negative size": b"-1\r\n\r\n",
    "a signed size": b"+2\r\n{}\r\n0\r\n\r\n",
    "a size with a prefix": b"0x2\r\n{}\r\n0\r\n\r\n",
    "a size with an underscore": b"0_2\r\n{}\r\n0\r\n\r\n",
    "a size with a space before it": b" 2\r\n{}\r\n0\r\n\r\n",
    "a size with a space behind it": b"2 \r\n{}\r\n0\r\n\r\n",
    "no size": b"\r\n2\r\n{}\r\n0\r\n\r\n",
    "a size that ends in half a line end": b"2\n{}\r\n0\r\n\r\n",
    "a size that ends in one and a half": b"2\n\r\n{}\r\n0\r\n\r\n",
    "an extension with a line end": b"2;a=b\nc\r\n{}\r\n0\r\n\r\n",
    "an extension without end": b"2;" + b"a" * 5000,
    "a chunk longer than its size": b"1\r\n{}\r\n0\r\n\r\n",
    "a chunk shorter than its size": b"3\r\n{}\r\n0\r\n\r\n",
    "a chunk that ends in half a line end": b"2\r\n{}\n0\r\n\r\n",
    "half a line end at the end": b"2\r\n{}\r\n0\n\n",
    "a trailer that is no header": b"2\r\n{}\r\n0\r\nno colon\r\n\r\n",
    "a trailer with a space before the colon": b"2\r\n{}\r\n0\r\nContent-Length : 4\r\n\r\n",
}


@pytest.mark.parametrize("case", BAD_CHUNKS)
@pytest.mark.parametrize("at_once", [True, False])
def test_chunks_have_one_form(site: Site, echo: Echo, case: str, at_once: bool) -> None:
    """Sizes are hexadecimal digits and lines end in CR LF, however the bytes arrive."""
    echo.asked.clear()
    if at_once:
        answers = told(site, post(CHUNKED) + BAD_CHUNKS[case] + BEHIND)
    else:
        answers = _dripped(site, post(CHUNKED), BAD_CHUNKS[case] + BEHIND)
    assert statuses(answers) == [400]
    assert b"\r\nConnection: close\r\n" in answers
    assert echo.asked == []


def _dripped(site: Site, head: bytes, body: bytes) -> bytes:
    """Send *body* byte by byte until an answer comes; return all of it."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(head)
        for byte in body:
            try:
                connection.sendall(bytes([byte]))
            except ConnectionError:
                break
        got = b""
        while True:
            try:
                data = connection.recv(65536)
            except ConnectionError:
                # What came after the answer was not read: the other end says so by a reset.
                return got
            if not data:
                return got
            got += data


@pytest.mark.parametrize("size", [b"10000", b"ffffffff", b"f" * 16])
def test_a_chunk_that_is_too_large_is_refused_before_it_comes(site: Site, size: bytes) -> None:
    """Nobody waits for the bytes of a chunk that would never be taken."""
    answers = told(site, post(CHUNKED) + size + b"\r\n")
    assert statuses(answers) == [413]
    assert b'"code":"too_large"' in answers


@pytest.mark.parametrize(
    "head", [post(b"Content-Length: 20000000"), post(CHUNKED) + b"%x\r\n" % 20_000_000]
)
def test_a_refusal_is_read_by_who_is_still_sending(site: Site, echo: Echo, head: bytes) -> None:
    """A connection is not cut under a client that has not come to the answer yet."""
    echo.asked.clear()
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", site.port), timeout=60) as connection:
            connection.sendall(head + bytes(20_000_000))
            reply = received(connection)
        assert (reply.status, reply.headers["connection"]) == (413, "close")
    assert echo.asked == []


def test_who_goes_on_sending_for_ever_is_cut_off(echo: Echo) -> None:
    """After a refusal what comes is thrown away for as long as a request may take, no longer."""
    limits = Limits(idle=60, whole=0.5)
    with (
        serving(echo, limits) as site,
        socket.create_connection(("127.0.0.1", site.port), timeout=60) as connection,
    ):
        connection.sendall(post(b"Content-Length: 3000000"))
        assert received(connection).status == 413
        with pytest.raises(ConnectionError):
            _send_for(connection, 10)


def _send_for(connection: socket.socket, seconds: float) -> None:
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        connection.sendall(bytes(1000))
        select.select([], [], [], 0.02)


def test_many_small_chunks_are_too_large_together(site: Site, echo: Echo) -> None:
    """The limit is of the whole body."""
    echo.asked.clear()
    answers = _dripped_in_pieces(site, post(CHUNKED), b"400\r\n" + b"x" * 1024 + b"\r\n", 70)
    assert statuses(answers)[:1] == [413]
    assert echo.asked == []


def _dripped_in_pieces(site: Site, head: bytes, piece: bytes, count: int) -> bytes:
    with socket.create_connection(("127.0.0.1", site.port), timeout=60) as connection:
        connection.sendall(head)
        try:
            for _ in range(count):
                connection.sendall(piece)
            return connection.recv(65536)
        except ConnectionError:
            return connection.recv(65536)


@pytest.mark.parametrize(
    "body",
    [
        b"2\r\n{}\r\n0\r\n\r\n",
        b"02\r\n{}\r\n00\r\n\r\n",
        b'1;a=b;c="d e"\r\n{\r\n1\r\n}\r\n0;end\r\n\r\n',
        b"2\r\n{}\r\n0\r\nX-Sum: abc\r\nY:\r\n\r\n",
    ],
)
def test_chunks_are_read(site: Site, body: bytes) -> None:
    """A body in chunks is whole, in one piece or byte by byte, and the connection goes on."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=60) as connection:
        for pieces in ([body], [bytes([byte]) for byte in body]):
            connection.sendall(post(CHUNKED))
            for piece in pieces:
                connection.sendall(piece)
            reply = received(connection)
            assert (reply.status, reply.body) == (200, b"{}")
    last = BEHIND.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert statuses(told(site, post(CHUNKED) + body + last)) == [200, 200]


_PARTS = st.lists(st.binary(min_size=1, max_size=40), max_size=6)


@settings(max_examples=60)
@given(_PARTS, st.integers(1, 50))
def test_any_body_in_any_chunks_arrives(site: Site, parts: list[bytes], step: int) -> None:
    """Bytes of a body are never taken for its form, wherever the packets end."""
    framed = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    data = post(CHUNKED) + framed
    with socket.create_connection(("127.0.0.1", site.port), timeout=60) as connection:
        for start in range(0, len(data), step):
            connection.sendall(data[start : start + step])
        assert received(connection).body == b"".join(parts)


@pytest.mark.parametrize("version", [b" HTTP/0.9", b" HTTP/1.2", b" HTTP/2.0", b" HTTP/3.0", b""])
def test_only_two_versions_are_spoken(site: Site, echo: Echo, version: bytes) -> None:
    """What a body of another version would end with is nobody's guess: 505 and the end."""
    echo.asked.clear()
    lines = HOST + b"Connection: keep-alive\r\n" + CHUNKED + b"\r\n\r\n"
    answers = told(site, b"POST /" + version + b"\r\n" + lines + BEHIND)
    assert statuses(answers) == [505]
    assert b'"code":"version_not_supported"' in answers
    assert echo.asked == []


@pytest.mark.parametrize("target", [b"x", b"localhost:80", b"*", b"ftp://localhost/", b"http:///x"])
def test_a_target_is_a_path(site: Site, target: bytes) -> None:
    """What is neither a path nor an address of ours is no request; * is for OPTIONS."""
    answers = told(site, b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    assert statuses(answers) == [400]


def test_a_name_in_the_target_is_the_name_asked_for(site: Site) -> None:
    """As RFC 9112 says: of a whole address and a Host beside it, the address counts."""
    answers = told(
        site,
        b"GET http://other.example:81/x HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n",
    )
    assert statuses(answers) == [200]
    assert b"\r\nX-Host: other.example:81\r\n" in answers


def test_without_a_host_there_is_no_request(site: Site) -> None:
    """HTTP/1.1 asks for it on every path; before it there was none."""
    assert statuses(told(site, b"GET / HTTP/1.1\r\n\r\n")) == [400]
    assert statuses(told(site, b"GET http://localhost/ HTTP/1.1\r\n\r\n")) == [400]
    assert statuses(told(site, b"GET / HTTP/1.0\r\n\r\n")) == [200]


def test_a_client_is_not_told_to_go_on_for_nothing(site: Site) -> None:
    """100 is said where a body is awaited: not without one, and not before one is refused."""
    expects = b"Expect: 100-continue"
    with socket.create_connection(("127.0.0.1", site.port), timeout=60) as connection:
        for _ in range(2):
            connection.sendall(post(expects))
            assert received(connection).status == 200
        connection.sendall(post(expects, b"Content-Length: 2"))
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert received(connection).body == b"{}"
        connection.sendall(post(expects, b"Content-Length: 70000"))
        assert statuses(connection.recv(65536)) == [413]


@pytest.mark.parametrize("said", [b"close", b"Close", b"keep-alive, close", b"x,close , y"])
def test_a_connection_is_closed_for_who_says_so(site: Site, said: bytes) -> None:
    """Connection is a list, and close may stand anywhere in it."""
    answers = told(site, b"GET / HTTP/1.1\r\n" + HOST + b"Connection: " + said + b"\r\n\r\n")
    assert statuses(answers) == [200]
