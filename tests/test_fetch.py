"""fetch.py, line.py, guard.py and reach.py: one picture, whatever the other side sends."""

from __future__ import annotations

import gzip
import hashlib
import io
import logging
import random
import re
import shutil
import socket
import ssl
import string
import subprocess
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hostile import Hostile, Talk, chunked, reply
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from ports import free_port

from fbsyncd.errors import (
    FetchError,
    FetchFailed,
    Intercepted,
    LinkDead,
    PictureRefused,
    Unreachable,
)
from fbsyncd.fetch import Fetcher, Limits, allowed
from fbsyncd.fetch.reach import objection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CAP = 300_000
FOREVER = b"x" * 65_536


def _jpeg() -> bytes:
    grain = Image.frombytes("L", (200, 150), random.Random(4).randbytes(30_000))
    file = io.BytesIO()
    Image.merge("RGB", (grain, grain, grain)).save(file, "JPEG")
    return file.getvalue()


JPEG = _jpeg()


def limits(*hosts: str, **changes: Any) -> Limits:
    settings: dict[str, Any] = {
        "max_bytes": CAP,
        "max_pixels": 1_000_000,
        "connect_timeout": 5,
        "read_timeout": 5,
        "deadline": 5,
    }
    return Limits(hosts or ("127.0.0.1",), **{**settings, **changes})


@pytest.fixture
def server() -> Iterator[Hostile]:
    with Hostile() as hostile:
        yield hostile


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    it = Fetcher(limits(), user_agent="fbsyncd/test")
    yield it
    it.close()


def refused(url: str, *hosts: str, **changes: Any) -> FetchError:
    """Return the error of one fetch, which must not take long."""
    fetcher = Fetcher(limits(*hosts, **changes), user_agent="fbsyncd/test")
    began = time.monotonic()
    try:
        with pytest.raises(FetchError) as caught:
            fetcher.fetch(url)
    finally:
        fetcher.close()
    assert time.monotonic() - began < 20
    return caught.value


# --- a good answer ------------------------------------------------------------------------------


def test_a_picture_comes_whole_hashed_and_proven(server: Hostile, fetcher: Fetcher) -> None:
    """A good answer gives the bytes, their SHA-256, type and size."""
    picture = fetcher.fetch(
        server.url("/v/t39.30808-6/1_2_3_n.png?oh=00_A&oe=6A805EE8", reply(JPEG))
    )
    assert picture.data == JPEG
    assert picture.sha256 == hashlib.sha256(JPEG).hexdigest()
    assert (picture.proof.mime_type, picture.proof.extension) == ("image/jpeg", "jpg")
    assert (picture.proof.width, picture.proof.height) == (200, 150)


def test_the_request_says_no_more_than_it_must(server: Hostile, fetcher: Fetcher) -> None:
    """The link goes out as it was signed; no cookie, password or token goes with it."""
    target = "/v/a%20b%7Ec_n.jpg?stp=dst-jpg_s720x720&url=https%3a%2f%2Fx.org%2f&oh=00_A-b~c"
    fetcher.fetch(server.url(target, reply(JPEG, Set_Cookie="a=b; Path=/")))
    fetcher.fetch(server.url(target))
    first, *fields = server.requests[1].lower().split("\r\n")
    assert first.startswith(
        "get /v/a%20b%7ec_n.jpg?stp=dst-jpg_s720x720&url=https%3a%2f%2fx.org%2f&oh="
    )
    names = {field.partition(":")[0] for field in fields if field}
    assert names == {"host", "user-agent", "accept", "accept-encoding"}
    assert "accept-encoding: identity" in fields
    assert "user-agent: fbsyncd/test" in fields


def test_the_environment_is_not_asked(
    server: Hostile, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither a proxy nor a password of the environment touches the request."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")
    assert fetcher.fetch(server.url("/a.jpg", reply(JPEG))).data == JPEG
    assert "authorization" not in server.requests[0].lower()


@pytest.mark.parametrize(
    "answer",
    [
        chunked(JPEG[:1000], JPEG[1000:]),
        chunked(*[JPEG[at : at + 100] for at in range(0, len(JPEG), 100)]),
        reply(JPEG, Content_Type=None),
        reply(JPEG, Content_Type="application/octet-stream"),
        reply(JPEG, Content_Type="IMAGE/PNG; charset=utf-8"),
        reply(JPEG, Content_Encoding="identity"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + reply(JPEG),
    ],
)
def test_odd_but_honest_answers_are_taken(server: Hostile, fetcher: Fetcher, answer: bytes) -> None:
    """Chunks, a missing or a wrong image type do not stand in the way of a whole picture."""
    assert fetcher.fetch(server.url("/a.jpg", answer)).data == JPEG


def test_a_body_that_ends_with_the_connection_is_taken(server: Hostile, fetcher: Fetcher) -> None:
    """Without any length the end of the connection is the end; the proof tells if it is whole."""
    url = server.url("/a.jpg", lambda talk: talk.say(reply(JPEG, Content_Length=None)))
    assert fetcher.fetch(url).data == JPEG
    server.url("/a.jpg", lambda talk: talk.say(reply(JPEG[:9000], Content_Length=None)))
    with pytest.raises(FetchFailed, match="cut off after 9,000 bytes"):
        fetcher.fetch(url)


def test_connections_are_used_again(server: Hostile, fetcher: Fetcher) -> None:
    """Fetch after fetch goes over one connection, as long as each answer is read to its end."""
    answers = [reply(JPEG), reply(b"URL signature expired", "403 Forbidden"), reply(JPEG)]
    url = server.url("/a.jpg", answers)
    fetcher.fetch(url)
    with pytest.raises(LinkDead):
        fetcher.fetch(url)
    fetcher.fetch(url)
    assert server.connections == 1


def test_a_connection_with_a_rest_in_it_is_not_used_again(
    server: Hostile, fetcher: Fetcher
) -> None:
    """What was left unread of a refused answer never becomes part of the next one."""
    with pytest.raises(PictureRefused):
        fetcher.fetch(server.url("/a.mp4", reply(JPEG, Content_Type="video/mp4")))
    assert fetcher.fetch(server.url("/a.jpg", reply(JPEG))).data == JPEG
    assert server.connections == 2


# --- statuses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            reply(b"URL signature expired", "403 Forbidden"),
            "403 URL signature expired (a_n.jpg at 127.0",
        ),
        (reply(b"Bad URL hash\r\n\x00\x1b[31m", "403 Forbidden"), "403 Bad URL hash [31m (a_n.jpg"),
        (reply(b"", "404 Not Found"), "404 Not Found (a_n.jpg"),
        (reply(b"", "410 Gone"), "410 Gone (a_n.jpg"),
        (reply(b"<html><h1>4xx Client Error</h1>", "400 Bad Request"), "400 4xx Client Error (a_n"),
        (reply(b"", "401 Unauthorized"), "401 Unauthorized (a_n"),
        (reply(b"", "451 Unavailable For Legal Reasons"), "451 Unavailable For Legal Reasons (a_n"),
        (reply(b"", "499 Whatever"), "499 (a_n"),
        (reply(b"short", "403 Forbidden", Content_Length="900"), "403 short (a_n.jpg"),
    ],
)
def test_a_refused_link_is_dead(server: Hostile, answer: bytes, says: str) -> None:
    """4xx about the link itself: only a fresh link can help, and the CDN's words are kept."""

    def script(talk: Talk) -> None:
        talk.say(answer)

    error = refused(server.url("/v/a_n.jpg?oh=secret", script))
    assert type(error) is LinkDead
    assert says in str(error)


def test_the_words_of_a_refusal_are_short_and_hold_no_secret(server: Hostile) -> None:
    """Of a long refusal a few words are kept, and no token that stands in it."""
    body = b"access_token=EAAabcdefghijklmnopqrstuvwxyz " + b"word " * 90_000
    error = refused(server.url("/a.jpg", lambda talk: talk.say(reply(body, "403 Forbidden"))))
    assert type(error) is LinkDead
    assert "403 access_token=*** word word" in str(error)
    assert len(str(error)) < 160


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            reply(b"", "429 Too Many Requests", Retry_After="120"),
            "429 Too Many Requests, asks to wait 120 s",
        ),
        (
            reply(b"", "503 Slow", Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"),
            "503 Service Unavailable, asks to wait until Wed, 21 Oct 2026 07:28:00 GMT",
        ),
        (reply(b"", "500 Oops"), "500 Internal Server Error"),
        (reply(b"", "502 Bad Gateway"), "502 Bad Gateway"),
        (reply(b"", "408 Request Timeout"), "408 Request Timeout"),
        (reply(b"", "407 Proxy"), "407 Proxy Authentication Required"),
        (reply(b"", "425 Too Early"), "425 Too Early"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "204 No Content"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", "304 Not Modified"),
        (
            reply(JPEG[:500], "206 Partial Content", Content_Range="bytes 0-499/9"),
            "206 Partial Content",
        ),
        (reply(JPEG, "201 Created"), "201 Created"),
        (reply(JPEG, "299 Hm"), "299 (a.jpg"),
        (reply(JPEG, "999 Hm"), "999 (a.jpg"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n", "103 Early Hints"),
        (reply(b"", "302 Found"), "302 without a Location"),
        (reply(b"", "300 Multiple Choices", Location="/b.jpg"), "300 Multiple Choices"),
    ],
)
def test_a_fault_that_may_pass_is_no_dead_link(server: Hostile, answer: bytes, says: str) -> None:
    """Everything else than 200 and a refusal of the link is tried again later."""
    error = refused(server.url("/a.jpg", answer))
    assert type(error) is FetchFailed
    assert says in str(error)


# --- bodies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (
            reply(b"<html>log in</html>", Content_Type="text/html"),
            Intercepted,
            "a page or text (text/html)",
        ),
        (
            reply(b"{}", Content_Type="application/json"),
            Intercepted,
            "a page or text (application/json)",
        ),
        (
            reply(b"<?xml?>", Content_Type="application/rss+xml; charset=x"),
            Intercepted,
            "a page or text (application/rss+xml)",
        ),
        (reply(JPEG, Content_Type="video/mp4"), PictureRefused, "video/mp4 instead of a picture"),
        (reply(JPEG, Content_Type="application/pdf"), PictureRefused, "application/pdf instead"),
        (reply(b"<html>log in</html>"), FetchFailed, "an HTML page, not a picture"),
        (reply(b"URL signature expired"), FetchFailed, 'a text ("URL signature expired")'),
        (reply(b"<svg/>", Content_Type="image/svg+xml"), PictureRefused, "an SVG drawing"),
        (reply(b""), FetchFailed, "nothing came at all"),
        (reply(JPEG[:-500]), FetchFailed, f"cut off after {len(JPEG) - 500:,} bytes"),
        (reply(JPEG + b"<script>alert(1)</script>"), PictureRefused, "hidden behind the picture"),
        (reply(gzip.compress(JPEG), Content_Encoding="gzip"), FetchFailed, "packed with gzip"),
        (reply(JPEG, Content_Encoding="br, gzip"), FetchFailed, "packed with br, gzip"),
        (
            reply(b"", Content_Length="300001"),
            PictureRefused,
            "300,001 bytes, the limit is 300,000",
        ),
        (
            reply(b"", Content_Length="9" * 5000),
            FetchFailed,
            "cannot be read|not whole|closed|came",
        ),
        (chunked(*[FOREVER] * 9), PictureRefused, "more bytes than the limit of 300,000"),
        (
            reply(b"", Transfer_Encoding="chunked") + b"zz\r\n",
            FetchFailed,
            "broken off after 0 bytes",
        ),
        (
            reply(b"", Transfer_Encoding="chunked") + b"f" * 99_999,
            FetchFailed,
            "broken off after 0",
        ),
        (
            reply(JPEG, Content_Length="5, 7"),
            FetchFailed,
            "more than one length is announced: 5, 7",
        ),
    ],
)
def test_a_body_that_is_no_picture_is_named(
    server: Hostile, answer: bytes, kind: type[FetchError], says: str
) -> None:
    """A 200 with anything but a picture is refused, by its headers where they suffice."""
    error = refused(server.url("/a.jpg", lambda talk: talk.say(answer)))
    assert type(error) is kind
    assert re.search(says if "|" in says or "?" in says else re.escape(says), str(error))


@pytest.mark.parametrize("headers", [{"Content_Length": None}, {"Content_Length": "299999"}])
def test_an_endless_body_is_ended(server: Hostile, headers: dict[str, str | None]) -> None:
    """A body without end is left at the limit, whatever length was announced."""

    def script(talk: Talk) -> None:
        talk.say(reply(JPEG, **headers))
        talk.flood(FOREVER)

    error = refused(server.url("/a.jpg", script))
    assert "299,999" not in headers.values()
    if headers["Content_Length"] is None:
        assert type(error) is PictureRefused
        assert "more bytes than the limit of 300,000" in str(error)
    else:
        assert "of something else behind the picture" in str(error)


def test_only_the_limit_is_read_of_an_endless_body() -> None:
    """What is taken from the wire stays near the limit; the rest fills only socket buffers."""

    def script(talk: Talk) -> None:
        talk.say(reply(Content_Length=None))
        talk.flood(FOREVER)

    with Hostile() as server:
        refused(server.url("/a.jpg", script))
    assert CAP < server.talks[0].sent < 20_000_000


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            reply(JPEG[:5000], Content_Length=str(len(JPEG))),
            f"broken off after 5,000 of {len(JPEG):,} bytes",
        ),
        (chunked(JPEG[:5000], end=b""), "broken off after 5,000 bytes: the connection was closed"),
        (chunked(JPEG[:5000], end=b"3e8\r\nshort"), "broken off after 5,005 bytes"),
        (chunked(JPEG[:5000]), "cut off after 5,000 bytes"),
        (reply(JPEG[:5000]), "cut off after 5,000 bytes"),
        (b"", "without response"),
        (b"HTTP/1.1 200 OK\r\nContent-Ty", "cannot be read|nothing came at all|closed"),
    ],
)
def test_a_body_that_breaks_off_is_found(server: Hostile, answer: bytes, says: str) -> None:
    """A body shorter than announced, and one honestly announced but cut, may be whole next time."""
    error = refused(server.url("/a.jpg", lambda talk: talk.say(answer)))
    assert type(error) is FetchFailed
    assert re.search(says, str(error))


# --- headers and time ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 150 + b"\r\n", "got more than 100 headers"),
        (b"HTTP/1.1 200 OK\r\nX-A: " + b"y" * 70_000, "without end|got more than 65536"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "SSH-2.0"),
        (b"HTTP/1.1 abc\r\n\r\n", "abc"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "HTTP/2.0"),
        (b"\0" * 90_000, "without end|65536|status line"),
        (b"HTTP/1.1 200 OK\r\nno colon here\r\nX: y\r\n\r\n", "headers that cannot be read"),
    ],
)
def test_headers_nobody_can_read_are_a_fault(server: Hostile, answer: bytes, says: str) -> None:
    """Floods of headers and what is no HTTP at all end in one line of words."""
    error = refused(server.url("/a.jpg?oh=secret", lambda talk: talk.say(answer)))
    assert type(error) is FetchFailed
    assert re.search(says, str(error))
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    "flood",
    [
        b"HTTP/1.1 100 Continue\r\nX-Filler: yes\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 9000 + b"\r\n" + b"X: " + b"y" * 9000,
    ],
)
def test_headers_without_end_are_left(server: Hostile, flood: bytes) -> None:
    """Endless headers are ended by the count of their bytes, long before the deadline."""
    error = refused(server.url("/a.jpg", lambda talk: talk.flood(flood)))
    assert type(error) is FetchFailed
    assert re.search("without end|more than", str(error))


@pytest.mark.parametrize(
    "chunk", [b"1;ext=" + b"e" * 900 + b"\r\nx\r\n", b"0\r\n" + b"T: r\r\n" * 999]
)
def test_chunks_and_trailers_without_end_are_left(server: Hostile, chunk: bytes) -> None:
    """Framing that never becomes a body counts as bytes too."""
    head = chunked(JPEG, end=b"")
    error = refused(server.url("/a.jpg", lambda talk: (talk.say(head), talk.flood(chunk))))
    assert type(error) in {FetchFailed, PictureRefused}
    assert re.search("headers or chunks without end|more bytes than", str(error))


@pytest.mark.parametrize(
    ("before", "dripped"),
    [
        (b"", b"HTTP/1.1 200 " + b"O" * 999),
        (b"HTTP/1.1 200 OK\r\n", b"X-Slow: " + b"y" * 999),
        (reply(JPEG[:100], Content_Length="9000"), b"z" * 999),
        (reply(b"", Content_Length=None, Transfer_Encoding="chunked"), b"0" * 999),
        (chunked(JPEG, end=b""), b"0\r\n" + b"T: r\r\n" * 999),
        (reply(b"", "403 Forbidden", Content_Length="999"), b"z" * 999),
    ],
    ids=["status", "header", "body", "chunk", "trailer", "refusal"],
)
def test_a_slow_drip_ends_at_the_deadline(server: Hostile, before: bytes, dripped: bytes) -> None:
    """One byte now and then, at any point of an answer, does not outlast the deadline."""
    url = server.url("/a.jpg", lambda talk: (talk.say(before), talk.drip(dripped)))
    began = time.monotonic()
    error = refused(url, deadline=0.3)
    assert 0.25 < time.monotonic() - began < 15
    assert "not whole after 0.3 s" in str(error) or str(error).startswith("403 ")


@pytest.mark.parametrize(
    "before", [b"", b"HTTP/1.1 200 OK\r\n", reply(JPEG[:100], Content_Length="9000")]
)
def test_silence_ends_before_the_deadline(server: Hostile, before: bytes) -> None:
    """When nothing comes at all, the shorter time-out for reading ends it."""
    url = server.url("/a.jpg", lambda talk: (talk.say(before), talk.silence()))
    error = refused(url, read_timeout=0.2)
    assert type(error) is FetchFailed
    assert "nothing came for 0.2 s" in str(error)


def test_no_listener_is_a_passing_fault() -> None:
    """A port where nobody listens is said in the system's words."""
    error = refused(f"http://127.0.0.1:{free_port()}/a.jpg")
    assert type(error) is Unreachable
    assert "no connection to 127.0.0.1: Connection refused" in str(error)


def test_a_full_queue_of_connections_ends_at_the_time_out() -> None:
    """A server that never accepts is left after the time-out for connecting."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        port = deaf.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        error = refused(f"http://127.0.0.1:{port}/a.jpg", connect_timeout=0.2, read_timeout=0.3)
        for sock in waiting:
            sock.close()
    assert type(error) is Unreachable
    assert re.search("no connection to 127.0.0.1: timed out|nothing came", str(error))


# --- redirects ----------------------------------------------------------------------------------


def to(location: str, status: str = "302 Found") -> bytes:
    return reply(b"moved", status, Location=location)


@pytest.mark.parametrize(
    "location",
    ["/b/c.jpg", "../b/c.jpg", "//127.0.0.1:PORT/b/c.jpg", "http://127.0.0.1:PORT/b/c.jpg#x"],
)
@pytest.mark.parametrize("status", ["301 x", "302 x", "303 x", "307 x", "308 x"])
def test_a_redirect_to_an_allowed_place_is_followed(
    server: Hostile, fetcher: Fetcher, location: str, status: str
) -> None:
    """Relative and full redirects within the allowed hosts lead to the picture."""
    server.url("/b/c.jpg", reply(JPEG))
    url = server.url("/a/x.jpg", to(location.replace("PORT", str(server.port)), status))
    assert fetcher.fetch(url).data == JPEG


@pytest.mark.parametrize(
    ("location", "says"),
    [
        (
            "http://169.254.169.254/latest/meta-data/",
            "leads to 169.254.169.254, which is not among",
        ),
        ("http://localhost:PORT/b.jpg", "leads to localhost, which is not among the allowed hosts"),
        ("http://127.0.0.2:PORT/b.jpg", "leads to 127.0.0.2, which is not among"),
        ("http://2130706433:PORT/b.jpg", "leads to 2130706433, which is not among"),
        ("http://0x7f.1:PORT/b.jpg", "leads to 0x7f.1, which is not among"),
        ("http://[::1]:PORT/b.jpg", "leads to [::1], which is not among"),
        ("http://[::ffff:7f00:1]:PORT/b.jpg", "leads to [::ffff:7f00:1], which is not among"),
        ("http://127.0.0.1:1/b.jpg", "leads to another port (127.0.0.1:1)"),
        ("http://127.0.0.1:99999/b.jpg", "port 99999, which does not exist"),
        ("http://x@127.0.0.1:PORT/b.jpg", "holds a user name"),
        ("http://127.0.0.1:PORT\\@evil.org/", "holds a user name"),
        ("file:///etc/passwd", "leads to no web address (file:)"),
        ("ftp://127.0.0.1/b.jpg", "leads to no web address (ftp:)"),
        ("gopher://127.0.0.1:70/_x", "leads to no web address (gopher:)"),
        ("javascript:alert(1)", "leads to no web address (javascript:)"),
        ("data:image/gif;base64,R0lGODlh", "leads to no web address (data:)"),
        ("http://[::1/b.jpg", "no web address"),
        ("http://a.fbcdn.net/b.jpg", "without encryption (https is needed)"),
        ("https://evil.org/b.jpg", "leads to evil.org, which is not among"),
        ("https://fbcdn.net.evil.org/b.jpg", "leads to fbcdn.net.evil.org, which is not among"),
        ("/" + "b" * 9000, "9,0"),
    ],
)
def test_a_redirect_to_a_forbidden_place_is_refused(
    server: Hostile, location: str, says: str
) -> None:
    """A redirect leads to no place that the first link could not lead to, and no other port."""
    server.url("/b.jpg", reply(JPEG))
    url = server.url("/a.jpg", to(location.replace("PORT", str(server.port))))
    error = refused(url, "127.0.0.1", "*.fbcdn.net")
    assert type(error) is PictureRefused
    assert says in str(error)
    assert "(a.jpg at 127.0.0.1)" in str(error)
    assert len(server.requests) == 1


def test_redirects_in_a_circle_are_refused(server: Hostile) -> None:
    """A redirect back to a place already asked is refused at once."""
    server.url("/b.jpg", to("/a.jpg"))
    error = refused(server.url("/a.jpg", to("/b.jpg")))
    assert type(error) is PictureRefused
    assert "redirected in a circle" in str(error)


def test_too_many_redirects_are_refused(server: Hostile) -> None:
    """After so many redirects the next one is not followed."""
    for at in range(9):
        server.url(f"/{at}.jpg", to(f"/{at + 1}.jpg"))
    error = refused(server.url("/0.jpg"), max_redirects=3)
    assert type(error) is PictureRefused
    assert "redirected more than 3 times" in str(error)
    assert len(server.requests) == 4


def test_the_body_of_a_redirect_is_not_read(server: Hostile, fetcher: Fetcher) -> None:
    """A redirect with an endless body leads on, and the endless body is left alone."""
    server.url("/b.jpg", reply(JPEG))
    head = reply(b"", "302 Found", Location="/b.jpg", Content_Length=None)
    url = server.url("/a.jpg", lambda talk: (talk.say(head), talk.flood(FOREVER)))
    assert fetcher.fetch(url).data == JPEG


def test_the_deadline_counts_redirects_too(server: Hostile) -> None:
    """One deadline holds for a picture with all its redirects."""
    server.url("/b.jpg", lambda talk: talk.drip(reply(JPEG)))
    url = server.url("/a.jpg", to("/b.jpg"))
    assert "not whole after 0.3 s" in str(refused(url, deadline=0.3))


# --- places and addresses -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://a.fbcdn.net/x.jpg", "without encryption (https is needed)"),
        ("https://fbcdn.net/x.jpg", "leads to fbcdn.net, which is not among the allowed hosts"),
        ("https://evilfbcdn.net/x.jpg", "leads to evilfbcdn.net, which is not among"),
        ("https://a.fbcdn.net@evil.org/x.jpg", "holds a user name"),
        ("https://user:pw@a.fbcdn.net/x.jpg", "holds a user name"),
        ("https://evil.org\\@a.fbcdn.net/", "holds a user name"),
        ("https://evil.org\\.a.fbcdn.net/", "not written as a web address is"),
        ("https://a.fbcdn.net:0/x.jpg", "port 0, which does not exist"),
        ("ftp://a.fbcdn.net/x.jpg", "leads to no web address (ftp:)"),
        ("file:///etc/passwd", "leads to no web address (file:)"),
        ("//a.fbcdn.net/x.jpg", "leads to no web address"),
        ("", "leads to no web address"),
        ("https://", "not written as a web address is"),
        ("https://a.fbcdn.net evil.org/", "not written as a web address is"),
        ("https://ÿ.fbcdn.net/x.jpg", "not written as a web address is"),
        ("https://a..fbcdn.net/x.jpg", "not among the allowed hosts"),
        ("https://*.fbcdn.net/x.jpg", "not written as a web address is"),
        ("https://a.fbcdn.net/" + "x" * 9000, "characters long"),
    ],
)
def test_a_forbidden_link_is_not_even_resolved(
    url: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link that may not be followed is refused before any name is looked up."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("looked up"))
    error = refused(url, "*.fbcdn.net")
    assert type(error) is PictureRefused
    assert says in str(error)


class Names:
    """A name service that tells what a test wants, and remembers what it was asked."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {name.replace("_", "."): told for name, told in answers.items()}
        self.asked: list[str] = []

    def getaddrinfo(self, host: str, port: int, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        told = self.answers[host.rstrip(".")]
        addresses = told.pop(0) if len(told) > 1 else told[0]
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                socket.IPPROTO_TCP,
                "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address in addresses
        ]


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("127.0.0.1", "is 127.0.0.1, a loopback address"),
        ("127.9.9.9", "a loopback address"),
        ("::1", "a loopback address"),
        ("10.1.2.3", "a private address"),
        ("172.31.0.1", "a private address"),
        ("192.168.1.1", "a private address"),
        ("fd12:3456::1", "a private address"),
        ("169.254.169.254", "a link-local address"),
        ("fe80::1%lo", "a link-local address"),
        ("fec0::1", "a link-local address"),
        ("100.64.0.1", "an address of the provider's own network"),
        ("224.0.0.1", "a multicast address"),
        ("ff02::1", "a multicast address"),
        ("0.0.0.0", "a reserved address"),
        ("255.255.255.255", "a reserved address"),
        ("192.0.2.1", "a reserved address"),
        ("198.18.0.1", "a reserved address"),
        ("240.0.0.1", "a reserved address"),
        ("::", "a reserved address (0.0.0.0) in an IPv6 one"),
        ("::ffff:127.0.0.1", "a loopback address (127.0.0.1) in an IPv6 one"),
        ("::ffff:10.0.0.1", "a private address (10.0.0.1) in an IPv6 one"),
        ("::127.0.0.1", "a loopback address (127.0.0.1) in an IPv6 one"),
        ("64:ff9b::7f00:1", "a loopback address (127.0.0.1) in an IPv6 one"),
        ("64:ff9b::a9fe:a9fe", "a link-local address (169.254.169.254) in an IPv6 one"),
        ("64:ff9b:1::1", "a reserved address"),
        ("2002:7f00:1::", "a loopback address (127.0.0.1) in an IPv6 one"),
        ("2002:c0a8:101::1", "a private address (192.168.1.1) in an IPv6 one"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "a reserved address"),
        ("2001:db8::1", "a reserved address"),
        ("100::1", "a reserved address"),
        ("4000::1", "a reserved address"),
    ],
)
def test_a_name_may_not_lead_inside(
    address: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An allowed name that resolves to an address of this machine or network is refused."""
    names = Names(a_pics_test=[["93.184.216.34", address]])
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("connected"))
    error = refused("https://a.pics.test/x.jpg", "*.pics.test")
    assert type(error) is PictureRefused
    assert says in str(error)


@pytest.mark.parametrize("address", ["157.240.1.1", "8.8.8.8", "2a03:2880:f101:83:face:b00c::25de"])
@pytest.mark.parametrize("form", ["{}", "::ffff:{}", "64:ff9b::{}"])
def test_public_addresses_are_allowed(address: str, form: str) -> None:
    """Addresses of the CDN are public, also behind a NAT64 of a network without IPv4."""
    assert objection(address if ":" in address else form.format(address)) is None


@given(st.ip_addresses())
def test_no_address_is_beyond_judgement(address: Any) -> None:
    """Every address is public or has a reason why not, and nothing but global ones is public."""
    kind = objection(str(address))
    assert kind is None or kind.startswith(("a ", "an "))
    if address.version == 4 and not address.is_global:
        assert kind is not None


def test_a_name_is_resolved_once(server: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that was checked is the one connected to: a second look-up never happens."""
    names = Names(mirror_test=[["127.0.0.1"], ["127.0.0.2"]])
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    connected: list[Any] = []
    connect = socket.socket.connect

    def watched(sock: socket.socket, address: Any) -> None:
        connected.append(address)
        connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", watched)
    server.url("/x.jpg", reply(JPEG))
    fetcher = Fetcher(limits("mirror.test"), user_agent="t")
    for _ in range(3):
        assert fetcher.fetch(f"http://mirror.test:{server.port}/x.jpg").data == JPEG
    fetcher.close()
    assert names.asked == ["mirror.test"]
    assert connected == [("127.0.0.1", server.port)]


def test_the_next_address_is_tried(server: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the first address of a name does not answer, the next one is asked."""
    names = Names(mirror_test=[["127.0.0.9", "127.0.0.1"]])
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    server.url("/x.jpg", reply(JPEG))
    fetcher = Fetcher(limits("mirror.test."), user_agent="t")
    assert fetcher.fetch(f"http://MIRROR.test:{server.port}/x.jpg").data == JPEG
    fetcher.close()


def test_a_name_that_does_not_exist_is_a_passing_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """No address, now: the network may be down, so it is tried again."""
    monkeypatch.setattr(socket, "getaddrinfo", Names(a_pics_test=[[]]).getaddrinfo)
    error = refused("https://a.pics.test/x.jpg?oh=secret", "*.pics.test")
    assert type(error) is Unreachable
    assert "the name a.pics.test was not found: Name or service not known" in str(error)


def test_a_listed_ipv6_address_is_reached() -> None:
    """An IPv6 address that is listed itself may be asked by plain http."""
    try:
        inside = Hostile(host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with inside:
        fetcher = Fetcher(limits("::1"), user_agent="t")
        assert fetcher.fetch(inside.url("/x.jpg", reply(JPEG))).data == JPEG
        fetcher.close()


# --- allowed() ----------------------------------------------------------------------------------

labels = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)
names = st.lists(labels, min_size=1, max_size=4).map(".".join)


@given(name=names, domain=names, prefix=labels)
def test_a_star_stands_for_whole_labels(name: str, domain: str, prefix: str) -> None:
    """``*.domain`` is every name below the domain, not the domain, and no name that ends alike."""
    pattern = [f"*.{domain}"]
    assert allowed(f"{name}.{domain}", pattern)
    assert allowed(f"{name}.{domain}.".upper(), pattern)
    assert not allowed(domain, pattern) or domain.endswith(f".{domain}")
    assert not allowed(f"{prefix}{domain}", pattern)
    assert not allowed(f".{domain}", pattern)
    assert not allowed(f"{name}.{domain}.{prefix}", pattern) or f"{domain}.{prefix}".endswith(
        f".{domain}"
    )


@given(host=names, other=names)
def test_a_listed_host_is_itself_and_nothing_else(host: str, other: str) -> None:
    """A host without a star is that host, in any case and with or without its dot."""
    assert allowed(host.upper(), [host])
    assert allowed(f"{host}.", [host])
    assert allowed(host, [f"{host}.".upper()])
    assert allowed(other, [host]) == (other == host)
    assert not allowed(f"{other}.{host}", [host])


@pytest.mark.parametrize(
    ("host", "patterns", "expected"),
    [
        ("::1", ["[::1]"], True),
        ("[::1]", ["0:0:0:0:0:0:0:1"], True),
        ("127.0.0.1", ["127.0.0.1"], True),
        ("127.0.0.1", ["*.0.0.1"], True),  # and then https and a public address are asked for
        ("", ["*.fbcdn.net", ""], False),
        ("anything", ["*"], False),
        ("a.b", ["*."], False),
        ("*.fbcdn.net", ["*.fbcdn.net"], False),
        ("a.fbcdn.net", [], False),
    ],
)
def test_hosts_of_other_forms(host: str, patterns: list[str], expected: bool) -> None:
    """Addresses, empty names and bare stars are judged as a careful reader expects."""
    assert allowed(host, patterns) is expected


# --- TLS ----------------------------------------------------------------------------------------


def test_certificates_are_verified_against_the_name(tmp_path: Path) -> None:
    """The server is asked for by its name, and a certificate nobody vouches for is refused."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = f"-newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout {key} -out {certificate}"
    subprocess.run([openssl, "req", "-x509", *made.split()], check=True, capture_output=True)
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.sni_callback = lambda _sock, name, _context: asked.append(name)
    with Hostile(tls=context) as server:
        error = refused(f"https://localhost:{server.port}/x.jpg", "localhost")
        assert server.requests == []
    assert asked == ["localhost"]
    assert type(error) is Intercepted
    assert "certificate" in str(error)


def test_a_server_that_speaks_no_tls_is_a_passing_fault() -> None:
    """A handshake that is not answered ends at the time-out for connecting."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"https://127.0.0.1:{mute.getsockname()[1]}/x.jpg"
        error = refused(url, connect_timeout=0.2)
    assert type(error) is FetchFailed
    assert "no secure connection within 0.2 s" in str(error)


# --- the CDN's checksum -------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["content_digest", "X_Needle_Checksum"])
@pytest.mark.parametrize("wrong", [0, 1])
def test_another_checksum_is_logged_and_no_error(
    server: Hostile, fetcher: Fetcher, caplog: pytest.LogCaptureFixture, header: str, wrong: int
) -> None:
    """The CDN's adler32 is compared: a difference is logged, without the link's signature."""
    told = str(zlib.adler32(JPEG) + wrong)
    headers = {header: f"adler32={told}" if "digest" in header else told}
    with caplog.at_level(logging.WARNING):
        fetcher.fetch(server.url("/a_n.jpg?oh=secret", reply(JPEG, **headers)))
    assert [r.getMessage() for r in caplog.records] == (
        ["checksum differs from the CDN's, kept all the same: a_n.jpg at 127.0.0.1"] * wrong
    )


@pytest.mark.parametrize("told", ["sha-256=:AAAA:", "adler32=", "adler32=99999999999", "\xe9"])
def test_other_digests_are_passed_over(
    server: Hostile, fetcher: Fetcher, caplog: pytest.LogCaptureFixture, told: str
) -> None:
    """A digest of another kind says nothing about this picture."""
    fetcher.fetch(server.url("/a.jpg", reply(JPEG, content_digest=told)))
    assert caplog.records == []


# --- many at once, and the end ------------------------------------------------------------------


def test_hostile_transfers_do_not_disturb_others(server: Hostile) -> None:
    """While some connections drip and flood, other threads get their pictures, each its own."""
    pictures = {f"/{at}.jpg": JPEG[:-2] + b"\xff\xfe\0\x03%c\xff\xd9" % at for at in range(60)}
    for path, data in pictures.items():
        server.url(path, reply(data))
    bad = [
        server.url("/drip.jpg", lambda talk: talk.drip(reply(JPEG))),
        server.url("/flood.jpg", lambda talk: talk.flood(reply(JPEG, Content_Length=None))),
        server.url("/deaf.jpg", lambda talk: talk.silence()),
    ]
    fetcher = Fetcher(limits(deadline=1.0), user_agent="t")
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(fetcher.fetch, url) for url in bad]
        got = list(pool.map(lambda path: fetcher.fetch(server.url(path)).data, pictures))
        assert got == list(pictures.values())
        assert all(isinstance(future.exception(), FetchError) for future in waiting)
    fetcher.close()
    assert server.connections <= 12


def test_connections_outlive_the_threads_that_made_them(server: Hostile, fetcher: Fetcher) -> None:
    """A new thread takes over the connection of one that has ended."""
    url = server.url("/a.jpg", reply(JPEG))
    for _ in range(3):
        thread = threading.Thread(target=fetcher.fetch, args=(url,))
        thread.start()
        thread.join()
    assert server.connections == 1


@pytest.mark.parametrize(
    "before", [b"", b"HTTP/1.1 200 OK\r\n", reply(JPEG[:100], Content_Length="9000")]
)
def test_closing_ends_what_is_under_way(server: Hostile, before: bytes) -> None:
    """close() interrupts transfers at once; they and all later ones fail in a way that passes."""
    begun = threading.Event()

    def script(talk: Talk) -> None:
        talk.say(before)
        begun.set()
        talk.silence()

    fetcher = Fetcher(limits(read_timeout=30, deadline=30), user_agent="t")
    url = server.url("/a.jpg", script)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(fetcher.fetch, url)
        assert begun.wait(60)
        began = time.monotonic()
        fetcher.close()
        error = future.exception(60)
        assert time.monotonic() - began < 8  # the other side would be silent for longer
    assert type(error) is FetchFailed
    with pytest.raises(FetchFailed, match="stopped before it was asked for"):
        fetcher.fetch(url)


def test_closing_twice_is_harmless(server: Hostile) -> None:
    """close() may be called again, and leaves no connection open."""
    fetcher = Fetcher(limits(), user_agent="t")
    fetcher.fetch(server.url("/a.jpg", reply(JPEG)))
    fetcher.close()
    fetcher.close()


@given(
    answer=st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=200).map(
            lambda junk: b"HTTP/1.1 200 OK\r\n" + junk + b"\r\n\r\n" + JPEG
        ),
        st.tuples(st.integers(0, 4000), st.binary(max_size=9)).map(
            lambda edit: chunked(JPEG)[: edit[0]] + edit[1] + chunked(JPEG)[edit[0] :]
        ),
    )
)
@settings(max_examples=100, deadline=None)
def test_whatever_is_answered_only_our_errors_come(answer: bytes) -> None:
    """Arbitrary answers give a picture or one of our errors, without the link's signature."""
    with Hostile() as server:
        fetcher = Fetcher(limits(read_timeout=1), user_agent="t")
        try:
            fetcher.fetch(server.url("/a.jpg?oh=sssecret", lambda talk: talk.say(answer)))
        except FetchError as error:
            message = str(error)
        else:
            message = "whole"
        finally:
            fetcher.close()
    assert message
    assert "sssecret" not in message
    assert message.isprintable()
