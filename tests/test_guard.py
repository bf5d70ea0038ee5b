"""Who may ask: the names of the server, pages of other sites, origins that are allowed, ids."""

from __future__ import annotations

import logging
import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from served import NOW, PAGE, Reply, Shelf, Site, file_name, picture, serving

from fbsyncd.feed import Feed
from fbsyncd.media import Media
from fbsyncd.server import make_app
from fbsyncd.server.access import host_name, is_address
from fbsyncd.server.encoding import accepts_gzip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DASHBOARD = "https://dashboard.example.org"
EVIL = "https://evil.example"
PICTURE = picture("a picture", (64, 48))
ADDRESS = f"/media/facebook/attachments/{file_name(PICTURE)}"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """An archive with one post and one picture."""
    shelf = Shelf(tmp_path_factory.mktemp("shelf"))
    shelf.post(1, "hello")
    shelf.put(PICTURE)
    yield shelf
    shelf.close()


@pytest.fixture(scope="module")
def site(shelf: Shelf) -> Iterator[Site]:
    """A server known as nas.example.org and media.example.org, with one origin allowed."""
    app = make_app(
        shelf.feed,
        shelf.media,
        hosts=["NAS.example.org"],
        public_url="https://media.example.org:8443/fb",
        cors_origins=[DASHBOARD],
    )
    with serving(app) as site:
        yield site


@pytest.fixture(scope="module")
def plain(shelf: Shelf) -> Iterator[Site]:
    """A server with nothing set."""
    with serving(make_app(shelf.feed, shelf.media)) as site:
        yield site


@pytest.fixture(scope="module")
def open_site(shelf: Shelf) -> Iterator[Site]:
    """A server that lets pages of all origins read."""
    with serving(make_app(shelf.feed, shelf.media, cors_origins=["*"])) as site:
        yield site


_OWN = ["localhost", "LOCALHOST:8080", "localhost.", "127.0.0.1:1", "[::1]:8080", "192.168.1.5"]


@pytest.mark.parametrize(
    "host", [*_OWN, "nas.example.org:80", "media.example.org", socket.gethostname(), "[fe80::1]"]
)
def test_the_api_answers_under_its_own_names(site: Site, host: str) -> None:
    """Names of this machine, addresses, the public name and those that are configured are fine."""
    assert site.ask("/api/posts", Host=host).status == 200


_FOREIGN = ["evil.example", "nas.example.org.evil.example", "xnas.example.org", "localhost.evil"]
_NONSENSE = ["", "localhost:80:80", "localhost@evil.example", "a b", "localhost/x", "[::1", "::1"]


@pytest.mark.parametrize("host", [*_FOREIGN, *_NONSENSE, "localhost, localhost", "2130706433"])
@pytest.mark.parametrize(
    "path", ["/api/posts", "/api/nope", "/api", "/metrics", "/openapi.json", "/", "/app.js", "/x"]
)
def test_a_rebound_name_reads_nothing(site: Site, host: str, path: str) -> None:
    """A page whose own name was pointed at this machine gets nothing at all, and reads why."""
    reply = site.ask(path, Host=host)
    assert (reply.status, reply.code) == (421, "misdirected")
    assert "server.allowed_hosts" in reply.json["error"]["message"]


def test_the_name_in_a_whole_address_counts(site: Site) -> None:
    """A request for another name's address is one for that name, whatever Host says beside it."""
    for name, status in (("evil.example", 421), ("nas.example.org", 200)):
        assert site.ask(f"http://{name}/api/posts").status == status


def test_a_request_without_a_name(site: Site) -> None:
    """HTTP/1.1 needs a Host; HTTP/1.0 has none, and no browser speaks it."""
    line = "GET /api/posts HTTP/1.{}\r\nConnection: close\r\n\r\n"
    assert site.send(line.format(1).encode()).status == 400
    assert site.send(line.format(0).encode()).status == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", ADDRESS])
def test_what_is_for_everybody_is_served_under_every_name(site: Site, path: str) -> None:
    """Probes and pictures do not ask how they are called."""
    assert site.ask(path, Host="evil.example").status == 200


_FORGED = [
    {"Origin": EVIL},
    {"Origin": "null"},
    {"Origin": "http://localhost:1"},
    {"Origin": "http://[broken"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site", "Origin": "http://localhost:1"},
    {"Sec_Fetch_Site": "same-site"},
    {"Sec_Fetch_Site": "cross-site", "Origin": EVIL},
]


@pytest.mark.parametrize("forged", _FORGED)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_page_of_another_site_cannot_act(
    plain: Site, forged: dict[str, str], method: str
) -> None:
    """Whatever would change something is refused when a browser says that another page asks."""
    reply = plain.ask("/api/sync", method, Content_Length="0", **forged)
    assert (reply.status, reply.code) == (403, "forbidden")


@pytest.mark.parametrize("path", ["/api/posts", "/"])
def test_our_own_page_and_programs_can_act(plain: Site, path: str) -> None:
    """Same origin, and clients that are no browsers, get as far as the route."""
    own = f"http://localhost:{plain.port}"
    for headers in (
        {},
        {"Origin": own},
        {"Sec_Fetch_Site": "same-origin"},
        {"Origin": own.upper()},
    ):
        assert plain.ask(path, "POST", Content_Length="0", **headers).status == 405


def test_an_allowed_origin_can_act(site: Site) -> None:
    """A page of an origin that is configured gets as far as the route, and reads the answer."""
    reply = site.ask(
        "/api/posts", "POST", Content_Length="0", Origin=DASHBOARD, Sec_Fetch_Site="cross-site"
    )
    assert reply.status == 405
    assert reply.headers["access-control-allow-origin"] == DASHBOARD


@pytest.mark.parametrize("path", ["/api/posts", "/api/nope", ADDRESS, "/healthz"])
def test_an_allowed_origin_can_read(site: Site, path: str) -> None:
    """An origin that is configured is named in the answer, refusals included, and no other is."""
    reply = site.ask(path, Origin=DASHBOARD)
    assert reply.headers["access-control-allow-origin"] == DASHBOARD
    assert "ETag" in reply.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in reply.headers
    for headers in ({"Origin": EVIL}, {"Origin": "null"}, {"Origin": "*"}, {}):
        other = site.ask(path, **headers)
        assert "access-control-allow-origin" not in other.headers
        assert "Origin" in other.headers["vary"]


def test_what_depends_on_origin_and_encoding_says_both_in_one_line(site: Site) -> None:
    """Some caches read one Vary only; there is one, whole or not modified, and on pictures too."""
    first = _lines(site, "/api/posts", "")
    etag = next(line for line in first if line.startswith("etag:")).partition(" ")[2]
    for path, held, vary in (
        ("/api/posts", "", "vary: accept-encoding, origin"),
        ("/api/posts", f"If-None-Match: {etag}\r\n", "vary: accept-encoding, origin"),
        (ADDRESS, "", "vary: origin"),
    ):
        assert [line for line in _lines(site, path, held) if "vary" in line] == [vary]


def _lines(site: Site, path: str, more: str) -> list[str]:
    """Return the head of an answer, each line in small letters."""
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n"
    with socket.create_connection(("127.0.0.1", site.port), timeout=60) as connection:
        connection.sendall(head.encode())
        told = b"".join(iter(lambda: connection.recv(65536), b""))
    return told.partition(b"\r\n\r\n")[0].decode().lower().split("\r\n")


def test_nothing_is_said_to_other_origins_by_default(plain: Site) -> None:
    """Without configuration no answer speaks of other origins at all."""
    reply = plain.ask("/api/posts", Origin=EVIL)
    assert not [name for name in reply.headers if name.startswith("access-control")]
    assert "Origin" not in reply.headers.get("vary", "")


def _preflight(site: Site, method: str, origin: str) -> Reply:
    return site.ask("/api/sync", "OPTIONS", Origin=origin, Access_Control_Request_Method=method)


def test_a_browser_may_ask_before_it_sends(site: Site) -> None:
    """The preflight of an allowed origin is answered, without a token and without a body."""
    reply = _preflight(site, "POST", DASHBOARD)
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["access-control-allow-origin"] == DASHBOARD
    assert "POST" in reply.headers["access-control-allow-methods"]
    asked = reply.headers["access-control-allow-headers"]
    assert {"Authorization", "If-Match", "If-None-Match", "Range"} <= set(asked.split(", "))


@pytest.mark.parametrize("origin", [EVIL, "null", "*", f"{DASHBOARD}.evil.example"])
def test_a_preflight_of_another_origin_is_refused(site: Site, plain: Site, origin: str) -> None:
    """Other origins are told no, with and without a configuration."""
    for asked in (site, plain):
        for method in ("GET", "POST"):
            reply = _preflight(asked, method, origin)
            assert reply.status == 403
            assert "access-control-allow-origin" not in reply.headers


def test_a_star_lets_everyone_read_and_none_act(open_site: Site) -> None:
    """With "*" every origin may read, and none may do what changes something."""
    assert open_site.ask("/api/posts", Origin=EVIL).headers["access-control-allow-origin"] == "*"
    assert _preflight(open_site, "GET", EVIL).headers["access-control-allow-origin"] == "*"
    assert _preflight(open_site, "POST", EVIL).status == 403
    reply = open_site.ask("/api/posts", "POST", Content_Length="0", Origin=EVIL)
    assert reply.status == 403
    assert "access-control-allow-origin" not in reply.headers


def test_answers_are_numbered(plain: Site) -> None:
    """Each answer has an id of its own; one that a client or a proxy gives is kept."""
    ids = [plain.ask(path).headers["x-request-id"] for path in ("/api/posts", "/nope", ADDRESS)]
    assert len(set(ids)) == 3
    assert plain.ask("/api/posts", X_Request_Id="a-1.b:2_C").headers["x-request-id"] == "a-1.b:2_C"
    for given_ in ("two words", "x" * 65, "<script>", ""):
        assert plain.ask("/", X_Request_Id=given_).headers["x-request-id"] != given_


def test_the_log_names_the_request(plain: Site, caplog: pytest.LogCaptureFixture) -> None:
    """At debug level each request is one line with its id, and a path cannot forge another one."""
    with caplog.at_level(logging.DEBUG, logger="fbsyncd.server"):
        asked = plain.ask("/api/nope%0aforged?token=secret", X_Request_Id="abc-1")
    assert asked.status == 404
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == r"request abc-1: GET '/api/nope\nforged' is answered with 404"


def test_the_log_is_not_filled_by_probes(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    """What fails is a warning with its id; a probe that learns that something is wrong is none."""
    feed = Feed(shelf.db, Media(shelf.media.root / "not there", shelf.media.root), now=lambda: NOW)
    app = make_app(feed, shelf.media)
    with caplog.at_level(logging.WARNING, logger="fbsyncd.server"), serving(app) as site:
        assert site.ask("/readyz").status == 503
        assert site.ask("/api/sync", "POST", Content_Length="0").status == 503
    (line,) = [record.getMessage() for record in caplog.records if "answered" in record.msg]
    assert re.fullmatch(r"request \w+-\d+: POST '/api/sync' is answered with 503", line)


def test_a_very_long_path_is_refused(plain: Site) -> None:
    """A request line longer than any of ours is refused before it is looked at."""
    for path in ("/api/posts?q=" + "x" * 9000, "/media/" + "x" * 9000):
        reply = plain.ask(path)
        assert (reply.status, reply.code) == (414, "uri_too_long")


def test_no_proxy_is_believed(plain: Site) -> None:
    """Headers in which a proxy names another host, client or scheme change nothing."""
    forwarded = {
        "X_Forwarded_Host": "localhost",
        "X_Forwarded_For": "127.0.0.1",
        "X_Forwarded_Proto": "https",
        "Forwarded": "for=127.0.0.1;host=localhost",
    }
    assert plain.ask("/api/posts", Host="evil.example", **forwarded).status == 421
    reply = plain.ask(
        "/api/sync", "POST", Content_Length="0", Origin="https://localhost", **forwarded
    )
    assert reply.status == 403


@given(st.text("[]:.@/aZ01 -_%\x00é", max_size=20))
def test_no_host_is_two_names(text: str) -> None:
    """What a Host header may be read as is one plain name or address, or nothing."""
    name = host_name(text)
    assert name is None or re.fullmatch(r"[a-z0-9._:-]*", name)
    assert not is_address(text) or re.fullmatch(r"\[?[0-9A-Fa-f:.]+\]?(:\d*)?", text)


_HEADER_NAMES = st.sampled_from(
    [
        *("Host", "Origin", "Range", "If-None-Match", "If-Range", "Accept-Encoding", "Cookie"),
        *("Authorization", "Content-Length", "Transfer-Encoding", "Expect", "Connection"),
        *("X-Request-Id", "Sec-Fetch-Site", "Access-Control-Request-Method", "If-Match"),
    ]
)
_METHODS = st.sampled_from([b"GET", b"HEAD", b"OPTIONS", b"POST", b"get", b"PRI"])
_PATHS = st.sampled_from(["/", "/api/posts", f"/api/posts/{PAGE}_1", ADDRESS, "/api/nope", "/x"])


@settings(max_examples=300)
@given(
    _METHODS,
    _PATHS,
    st.lists(
        st.tuples(_HEADER_NAMES, st.text('\x01\t !"#,-./0159:;=*<@abWqgzip\\é\x7f', max_size=30)),
        max_size=6,
    ),
)
def test_no_header_breaks_the_server(
    plain: Site, method: bytes, path: str, headers: list[tuple[str, str]]
) -> None:
    """Whatever stands in the headers, the answer is one of ours and never a crash."""
    lines = "".join(f"{name}: {text}\r\n" for name, text in headers).encode("latin-1")
    head = b"%s %s HTTP/1.1\r\nConnection: close\r\n%s\r\n" % (method, path.encode(), lines)
    with socket.create_connection(("127.0.0.1", plain.port), timeout=60) as connection:
        connection.sendall(head)
        # Whoever announces a body and sends none is done speaking.
        connection.shutdown(socket.SHUT_WR)
        told = b"".join(iter(lambda: connection.recv(65536), b""))
    assert not told or re.match(rb"HTTP/1\.[01] (?:[234]\d\d|501) ", told)
    assert b"Traceback" not in told


@settings(max_examples=200)
@given(st.binary(max_size=120), st.sampled_from([b"", b"GET ", b"GET / HTTP/1.1\r\n"]))
def test_no_bytes_break_the_server(plain: Site, junk: bytes, start: bytes) -> None:
    """Whatever bytes are sent, an answer is one of ours, and the next client is served."""
    with socket.create_connection(("127.0.0.1", plain.port), timeout=60) as connection:
        connection.sendall(start + junk + b"\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        told = b"".join(iter(lambda: connection.recv(65536), b""))
    assert not told or re.match(rb"HTTP/1\.[01] (?:[24]\d\d|50[15]) ", told)
    assert plain.ask("/healthz").status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "nas.example.org"])
def test_others_are_let_in_only_with_a_token(tmp_path: Path, host: str) -> None:
    """A daemon that others could reach does not start without a token, and says what to do."""
    page = '[[facebook.pages]]\nid = "1"\naccess_token = "abc123"\n'
    (tmp_path / "config.toml").write_text(f'[server]\nhost = "{host}"\n{page}')
    command = [sys.executable, "-m", "fbsyncd", "run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 78
    assert f'server.auth_token: is empty, but host "{host}" is reached by others' in done.stderr


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("gzip;q=1.0, identity; q=0.5, *;q=0", True),
        ("*", True),
        ("br, *;q=0.1", True),
        ("gzip;q=0.001", True),
        ("", False),
        ("identity", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*;q=0", False),
        ("identity;q=1, gzip;q=0.5", False),
        ("gzip;q=high", False),
        ("gzipped", False),
        (",,;q=1,", False),
    ],
)
def test_a_preferred_encoding_is_understood(header: str, wanted: bool) -> None:
    """gzip is chosen when it is accepted and nothing else of ours is preferred."""
    assert accepts_gzip(header) is wanted


@given(st.text(max_size=60))
def test_no_encoding_is_too_strange(header: str) -> None:
    """Any text at all is read one way or the other."""
    assert accepts_gzip(header) in {True, False}


@pytest.mark.parametrize("path", ["/healthz", "/openapi.json", f"/api/posts/{PAGE}_1", "/"])
@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_what_may_come_compressed_says_so(plain: Site, path: str, encoding: str) -> None:
    """Every text says that it depends on the encodings asked for, too small for one or not."""
    for method in ("GET", "HEAD"):
        reply = plain.ask(path, method, Accept_Encoding=encoding)
        assert reply.headers["vary"] == "Accept-Encoding"
        held = plain.ask(
            path, method, Accept_Encoding=encoding, If_None_Match=reply.headers["etag"]
        )
        assert (held.status, held.headers["vary"]) == (304, "Accept-Encoding")


@pytest.mark.parametrize("path", ["/", "/app.js", "/style.css"])
def test_the_page_comes_compressed(plain: Site, path: str) -> None:
    """What the page is made of is compressed for who asks; pictures never are."""
    assert plain.ask(path, Accept_Encoding="gzip").headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.ask(path).headers
    assert "content-encoding" not in plain.ask(ADDRESS, Accept_Encoding="gzip").headers
