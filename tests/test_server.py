"""The routes: what each answers, what is refused and how, and who may ask."""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING, Any

import postgres
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from served import PAGE, Shelf, Site, created, serving

from fbsyncd import datafiles, models
from fbsyncd.errors import DatabaseBusy, DatabaseTrouble, SchemaError
from fbsyncd.server import make_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from peewee import Database

TOKEN = "correct horse, ม้า"
THAI = "เช้าวันนี้อากาศดีมาก 🌄 <b>&amp;"


@pytest.fixture(scope="module")
def shelf(module_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """Thirty posts; every third has a picture that is archived, every sixth one that waits."""
    shelf = Shelf(tmp_path_factory.mktemp("shelf"), module_url)
    for number in range(30):
        kind = "video" if number % 10 == 0 else "photo"
        post = shelf.post(number, f"{THAI} {number}", type=kind)
        if number % 3 == 0:
            asset = shelf.attach(post)
            if number % 6:
                shelf.arrive(asset)
    yield shelf
    shelf.close()


@pytest.fixture(scope="module")
def site(shelf: Shelf) -> Iterator[Site]:
    """The server of that archive, asking for no token."""
    with serving(make_app(shelf.feed, shelf.media, kept=shelf.kept())) as site:
        yield site


@pytest.fixture
def guarded(shelf: Shelf) -> Iterator[Site]:
    """The same with a token."""
    with serving(make_app(shelf.feed, shelf.media, auth_token=TOKEN)) as site:
        yield site


def _numbers(posts: list[dict[str, Any]]) -> list[int]:
    return [int(post["id"].partition("_")[2]) for post in posts]


def test_posts_come_newest_first_page_by_page(site: Site) -> None:
    """Following next_cursor to its end meets every post once, newest first."""
    met: list[int] = []
    path = "/api/posts?limit=7"
    while path:
        page = site.ask(path).json
        assert sorted(page) == ["next_cursor", "posts"]
        met += _numbers(page["posts"])
        path = page["next_cursor"] and f"/api/posts?limit=7&cursor={page['next_cursor']}"
    assert met == list(range(29, -1, -1))


def test_twenty_posts_are_a_page(site: Site) -> None:
    """Without a limit a page holds twenty posts; empty parameters count as not given."""
    path = "/api/posts?limit=&cursor=&page_id=&type=&since=&until=&has_local_image="
    assert len(site.ask(path).json["posts"]) == 20
    assert site.ask(path).body == site.ask("/api/posts").body


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("type=video", [20, 10, 0]),
        (f"page_id={PAGE}&limit=2", [29, 28]),
        ("page_id=999", []),
        (f"since={created(27):%Y-%m-%dT%H:%M:%SZ}", [29, 28, 27]),
        (f"until={created(2):%Y-%m-%dT%H:%M:%SZ}", [1, 0]),
        (f"since={created(5):%Y-%m-%dT%H:%M:%SZ}&until={created(7):%Y-%m-%dT%H:%M:%SZ}", [6, 5]),
        (f"type=photo&since={created(20):%Y-%m-%dT%H:%M:%SZ}&limit=1", [29]),
    ],
)
def test_filters_combine(site: Site, asked: str, expected: list[int]) -> None:
    """Each filter reaches the feed as it was meant, alone and with others."""
    assert _numbers(site.ask(f"/api/posts?{asked}").json["posts"]) == expected


def test_text_comes_as_utf_8(site: Site) -> None:
    """Texts are sent as they are, not escaped, and the type says that it is UTF-8."""
    reply = site.ask("/api/posts?limit=1")
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert THAI.encode() in reply.body


def test_one_post(site: Site) -> None:
    """A post is found under its id, the same as in the list."""
    listed = site.ask("/api/posts?limit=1").json["posts"][0]
    assert site.ask(f"/api/posts/{listed['id']}").json == listed


def test_a_link_to_a_picture_works(site: Site) -> None:
    """The local link of a post leads to its picture."""
    post = site.ask(f"/api/posts/{PAGE}_3").json
    link = post["attachments"][0]["local_media_url"]
    assert site.ask(link).headers["content-type"] == "image/jpeg"


def test_the_numbers(site: Site) -> None:
    """The statistics count what is archived and what waits."""
    told = site.ask("/api/stats").json
    assert (told["posts"], told["attachments"]) == (30, 10)
    assert (told["media"]["success"], told["media"]["pending"]) == (5, 5)
    assert told["pages"][0]["name"] == "Slow Mornings"


def test_health_needs_nothing(guarded: Site) -> None:
    """Probes are answered without a token: alive always, ready when every part is."""
    assert guarded.ask("/healthz").json == {"status": "alive"}
    ready = guarded.ask("/readyz")
    assert (ready.status, ready.json["status"]) == (200, "ready")
    assert set(ready.json["parts"].values()) == {"ok"}


@pytest.mark.parametrize("path", ["/api/posts", f"/api/posts/{PAGE}_3", "/api/stats", "/"])
def test_an_answer_that_is_held_is_not_sent_again(site: Site, path: str) -> None:
    """Every answer has a strong ETag; asked for again with it, 304 is all that comes."""
    first = site.ask(path)
    etag = first.headers["etag"]
    assert etag.startswith('"')
    assert first.headers["cache-control"] == "no-cache"
    for held in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = site.ask(path, If_None_Match=held)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
    assert site.ask(path, If_None_Match='"other"').body == first.body


@pytest.mark.parametrize("path", ["/api/posts", f"/api/posts/{PAGE}_3", "/openapi.json", "/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_answer_that_is_expected_otherwise_is_refused(
    site: Site, path: str, method: str
) -> None:
    """If-Match is held to, strongly and first; it says nothing where nothing is."""
    etag = site.ask(path).headers["etag"]
    packed = site.ask(path, Accept_Encoding="gzip").headers["etag"]
    for headers, status in (
        ({"If_Match": etag}, 200),
        ({"If_Match": f'"x", {etag}'}, 200),
        ({"If_Match": "*"}, 200),
        ({"If_Match": '"x"'}, 412),
        ({"If_Match": f"W/{etag}"}, 412),
        ({"If_Match": '"x"', "If_None_Match": etag}, 412),
        ({"If_Match": etag, "If_None_Match": "*"}, 304),
        ({"If_Match": packed, "Accept_Encoding": "gzip"}, 200),
        ({"If_Match": f'{etag[:-1]}x"', "Accept_Encoding": "gzip"}, 412),
    ):
        assert site.ask(path, method, **headers).status == status, headers
    assert site.ask(path, If_Match='"x"').code == "precondition_failed"
    assert site.ask("/api/posts/none", If_Match='"x"').status == 404
    assert site.ask("/api/posts?limit=0", If_Match='"x"').status == 400


def test_what_is_held_says_nothing_of_what_is_done(site: Site) -> None:
    """A POST has no answer that could be held: neither header stands in its way."""
    for headers in ({"If_None_Match": "*"}, {"If_Match": '"x"'}):
        assert site.ask("/api/sync", "POST", Content_Length="0", **headers).status == 503


def test_a_type_nobody_has_finds_nothing(site: Site) -> None:
    """Types and Pages are whatever Facebook calls them; words that are ours are held to."""
    for asked in ("type=phto", "type=%E0%B8%A3%E0%B8%B9%E0%B8%9B", "page_id=1"):
        assert site.ask(f"/api/posts?{asked}").json == {"posts": [], "next_cursor": None}
    for asked, allowed in (
        ("status=done", "status must be one of success, pending, failed"),
        ("category=phto", "category must be one of posts, attachments, thumbnails"),
    ):
        reply = site.ask(f"/api/media?{asked}")
        assert (reply.status, reply.code) == (400, "bad_parameter")
        assert allowed in reply.json["error"]["message"]


def test_an_answer_that_is_asked_of_the_whole_server(site: Site) -> None:
    """OPTIONS * names every method there is; it is asked under a name of ours, as all is."""
    reply = site.ask("*", "OPTIONS")
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert site.ask("*", "OPTIONS", Host="evil.example").status == 421


def test_an_etag_changes_with_the_answer(shelf: Shelf, site: Site) -> None:
    """When a picture arrives its post has another ETag."""
    asset = shelf.attach(shelf.post(-1))
    before = site.ask(f"/api/posts/{PAGE}_-1").headers["etag"]
    shelf.arrive(asset)
    reply = site.ask(f"/api/posts/{PAGE}_-1", If_None_Match=before)
    assert reply.status == 200
    assert reply.headers["etag"] != before


@pytest.mark.parametrize("path", ["/api/posts", "/api/stats", "/healthz", "/", "/style.css"])
def test_head_is_get_without_the_body(site: Site, path: str) -> None:
    """HEAD answers with the headers of GET."""
    got, told = site.ask(path), site.ask(path, "HEAD")
    assert (told.status, told.body) == (200, b"")
    own = {"date": "", "x-request-id": ""}
    assert told.headers | own == got.headers | own


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/api/posts?limit=0", "limit"),
        ("/api/posts?limits=5", "limits"),
        ("/api/posts?since=soon", "since"),
        ("/api/posts?cursor=bogus", "cursor"),
        ("/api/posts?cursor=!!", "cursor"),
        (f"/api/posts/{PAGE}_3?limit=5", "limit"),
        ("/api/stats?page_id=1", "page_id"),
    ],
)
def test_bad_parameters_are_refused_by_name(site: Site, path: str, named: str) -> None:
    """An unknown parameter or a bad value is 400, and the message names it."""
    reply = site.ask(path)
    assert (reply.status, reply.code) == (400, "bad_parameter")
    assert named in reply.json["error"]["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/posts/",
        "/api/posts/none",
        "/api/posts/%00",
        "/api/posts/a%2fb",
        "/api/%ffposts",
        "/%ff/",
        "/nope",
        "/index.html",
        "/app.py",
        "/__init__.py",
        "/../errors.py",
        "//",
        "//api/posts",
        "///healthz",
        "http://localhost//api/posts",
    ],
)
def test_what_is_not_there_is_404(site: Site, path: str) -> None:
    """A post, a route or a file that is not there is 404 in the one shape."""
    reply = site.ask(path)
    assert (reply.status, reply.code) == (404, "not_found")


@pytest.mark.parametrize("path", ["/api/posts", "/api/stats", "/healthz", "/", "/app.js"])
@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "TRACE", "BREW"])
def test_another_method_is_405(site: Site, path: str, method: str) -> None:
    """A method that does not fit is refused with those that do."""
    reply = site.ask(path, method, Content_Length="0")
    assert (reply.status, reply.code) == (405, "method_not_allowed")
    assert reply.headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["/api/posts", "/api/stats", "/api/posts/x", "/api/nope", "/api"])
@pytest.mark.parametrize("given", ["", "Bearer wrong", f"Basic {TOKEN}", "Bearer", TOKEN])
def test_the_api_asks_for_the_token(guarded: Site, path: str, given: str) -> None:
    """Every call below /api without the right token is 401, even where there is nothing."""
    reply = guarded.ask(path, **({"Authorization": given} if given else {}))
    assert (reply.status, reply.code) == (401, "unauthorized")
    assert reply.headers["www-authenticate"].startswith("Bearer ")
    assert TOKEN.encode() not in reply.body


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
def test_the_token_opens_the_api(guarded: Site, scheme: str) -> None:
    """The right token is let in, however the scheme is written."""
    assert guarded.ask("/api/stats", Authorization=f"{scheme} {TOKEN}").status == 200


def test_the_page_and_its_pictures_need_no_token(guarded: Site) -> None:
    """A browser can load the page, which then asks for the token itself."""
    for path in ("/", "/app.js", "/style.css", "/favicon.svg"):
        assert guarded.ask(path).status == 200


@pytest.mark.parametrize("path", ["/api/stats", "/api/nope", "/nope", "/healthz", "/media/x", "/"])
def test_every_answer_is_safe_to_hold(site: Site, path: str) -> None:
    """No answer is sniffed for another type, framed by a site, or tells where one came from."""
    headers = site.ask(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "server" not in headers


def test_the_page_may_load_nothing_from_elsewhere(site: Site) -> None:
    """The page's policy names nothing but its own origin, and allows no inline code."""
    policy = site.ask("/").headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("default-src") == "'none'"
    assert {rules[f"{kind}-src"] for kind in ("script", "style", "img", "connect")} == {"'self'"}


def test_pictures_may_have_an_origin_of_their_own(shelf: Shelf) -> None:
    """Where public_url names another origin the page may show pictures from there too."""
    app = make_app(shelf.feed, shelf.media, public_url="https://media.example.org/archive")
    with serving(app) as site:
        policy = site.ask("/").headers["content-security-policy"]
    assert "img-src 'self' https://media.example.org;" in policy


def test_every_file_of_the_page_is_served(site: Site) -> None:
    """What lies in the web folder is at its own name, with a type a browser accepts."""
    types = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
    types |= {".svg": "image/svg+xml"}
    for file in datafiles.web_dir().glob("*.*"):
        reply = site.ask("/" if file.name == "index.html" else f"/{file.name}")
        assert reply.body == file.read_bytes()
        assert reply.headers["content-type"].startswith(types[file.suffix])


class Troubled:
    """A feed whose every answer fails in the way it was made for."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def stats(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Fail."""
        raise self._error

    posts = post = history = videos = pages = media = timeline = file_size = stats

    def ready(self, *, whole: bool) -> dict[str, str]:
        """Tell of a part that is not well."""
        return {"database": "ok", "media": "its disk is not there"}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (DatabaseTrouble("a detail"), 503, "unavailable"),
        (DatabaseBusy("a detail"), 503, "unavailable"),
        (SchemaError("a detail"), 500, "internal_error"),
        (ZeroDivisionError("a detail"), 500, "internal_error"),
    ],
)
def test_trouble_inside_stays_inside(
    shelf: Shelf, caplog: pytest.LogCaptureFixture, error: Exception, status: int, code: str
) -> None:
    """What fails inside is 503 when it may pass and 500 otherwise; the log alone says what."""
    app = make_app(Troubled(error), shelf.media)  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING), serving(app) as site:
        reply = site.ask("/api/stats")
    assert (reply.status, reply.code) == (status, code)
    assert ("retry-after" in reply.headers) == (status == 503)
    assert b"a detail" not in reply.body
    assert "a detail" in caplog.text


def test_a_body_that_may_hold_nothing_says_so(site: Site) -> None:
    """Where no member is known the refusal does not end in the middle of a sentence."""
    body = b'{"page": "1"}'
    head = "POST /api/media/0/retry HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    told = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    reply = site.send(f"{head}{told}".encode() + body, "POST")
    assert reply.status == 400
    assert reply.json["error"]["message"] == "unknown member 'page'; known here: none"


_BUSY = "the archive is busy: try again"
_NO_ANSWER = (
    "the archive's database does not answer as it should: 'fbsyncd doctor' tells what to do"
)


@pytest.mark.parametrize(("error", "says"), [(DatabaseBusy, _BUSY), (DatabaseTrouble, _NO_ANSWER)])
def test_a_busy_database_is_told_from_one_that_is_gone(
    shelf: Shelf, error: type[DatabaseTrouble], says: str
) -> None:
    """Only where waiting helps is one told to try again, and that at once."""
    app = make_app(Troubled(error("a detail")), shelf.media)  # type: ignore[arg-type]
    with serving(app) as site:
        reply = site.ask("/api/stats")
    assert reply.json["error"]["message"] == says
    assert int(reply.headers["retry-after"]) == (2 if error is DatabaseBusy else 10)


def test_a_database_file_that_is_gone_is_not_called_busy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer names no path; the log names the file and the remedy."""
    shelf = Shelf(tmp_path)
    shelf.post(1, "hello")
    app = make_app(shelf.feed, shelf.media)
    with caplog.at_level(logging.WARNING), serving(app) as site:
        assert site.ask("/api/stats").status == 200
        for file in tmp_path.glob("fbsyncd.db*"):
            file.unlink()
        for path in ("/api/stats", "/api/posts", "/api/media", "/api/timeline"):
            reply = site.ask(path)
            assert (reply.status, reply.json["error"]["message"]) == (503, _NO_ANSWER)
    shelf.close()
    assert f"{tmp_path / 'fbsyncd.db'} said: its file is not there any more" in caplog.text


@pytest.mark.postgresql
def test_a_server_that_is_gone_is_not_called_busy(tmp_path: Path) -> None:
    """The answer names no address; once the server is back it is answered again."""
    binaries = postgres.find_binaries()
    if binaries is None:
        pytest.skip(postgres.missing_reason())
    with postgres.running_server(binaries) as server, server.fresh_database() as url:
        shelf = Shelf(tmp_path, url)
        with serving(make_app(shelf.feed, shelf.media)) as site:
            assert site.ask("/api/stats").status == 200
            server.stop()
            reply = site.ask("/api/stats")
            assert (reply.status, reply.json["error"]["message"]) == (503, _NO_ANSWER)
            server.start()
            assert site.ask("/api/stats").status == 200
        shelf.close()


def test_a_lock_that_is_not_given_is_called_busy(db: Database) -> None:
    """Another's lock, waited for in vain, is trouble that passes by itself."""
    waiting = "PRAGMA busy_timeout = 1" if models.file(db) else "SET lock_timeout = '1ms'"
    taken, may_go = threading.Event(), threading.Event()

    def write() -> None:
        with models.session(db):
            db.execute_sql(waiting)
            with db.atomic():
                models.change(db, "UPDATE archive SET value = value")

    def hold() -> None:
        with models.transaction(db):
            models.change(db, "UPDATE archive SET value = value")
            taken.set()
            may_go.wait(20)

    holder = threading.Thread(target=hold)
    with models.transaction(db):
        models.change(db, "INSERT INTO archive (name, value) VALUES ('a', 'b')")
    holder.start()
    assert taken.wait(20)
    try:
        with pytest.raises(DatabaseBusy):
            write()
    finally:
        may_go.set()
        holder.join(20)


def test_secrets_stay_out_of_the_log_of_a_crash(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    """A traceback is logged without the tokens it holds."""
    error = ZeroDivisionError("access_token=EAAB1234567890abcdefghijklmnop")
    app = make_app(Troubled(error), shelf.media)  # type: ignore[arg-type]
    with caplog.at_level(logging.ERROR), serving(app) as site:
        assert site.ask("/api/stats").status == 500
    assert "access_token=***" in caplog.text
    assert "EAAB1234567890" not in caplog.text


def test_not_ready_is_503_and_says_why(shelf: Shelf) -> None:
    """When a part is not well, readyz is 503 with each part's state, and healthz still 200."""
    app = make_app(Troubled(ValueError()), shelf.media)  # type: ignore[arg-type]
    with serving(app) as site:
        reply = site.ask("/readyz")
        assert site.ask("/healthz").status == 200
    assert (reply.status, reply.json["status"]) == (503, "not ready")
    assert reply.json["parts"]["media"] == "its disk is not there"


_NAMES = st.sampled_from(
    ["limit", "cursor", "page_id", "type", "since", "until", "has_local_image"]
)


@settings(max_examples=100)
@given(st.lists(st.tuples(_NAMES, st.text("0123456789abc%:-TZ+&=\xe9\x7f", max_size=12))))
def test_no_query_breaks_the_server(site: Site, pairs: list[tuple[str, str]]) -> None:
    """Whatever is asked, the answer is posts or a refusal, never a crash."""
    reply = site.ask("/api/posts?" + "&".join(f"{name}={text}" for name, text in pairs))
    assert reply.status in {200, 400}
    assert json.loads(reply.body)
