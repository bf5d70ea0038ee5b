"""Archived files over HTTP: validators, ranges, and nothing but archived files."""

from __future__ import annotations

import email
import email.message
import email.utils
import os
import socket
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from served import Reply, Shelf, Site, file_name, picture, received, serving

from fbsyncd import models
from fbsyncd.errors import DatabaseTrouble
from fbsyncd.server import make_app, ranges
from fbsyncd.server.sizes import PAUSE, Sizes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PICTURE = picture("a picture", (640, 480))
NAME = file_name(PICTURE)
ADDRESS = f"/media/facebook/attachments/{NAME}"
ETAG = f'"{NAME.partition(".")[0]}"'
SECRET = b"nobody outside may read this"


@pytest.fixture(scope="module")
def shelf(module_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """An archive with one picture, among things that must not be served."""
    shelf = Shelf(tmp_path_factory.mktemp("shelf"), module_url)
    shelf.put(PICTURE)
    root = shelf.media.root
    for place in (root.parent, root, root / "attachments"):
        (place / "secret.jpg").write_bytes(SECRET)
    (root / "attachments" / file_name(b"link")).symlink_to(root / "secret.jpg")
    (root / "attachments" / file_name(b"folder")).mkdir()
    os.mkfifo(root / "attachments" / file_name(b"pipe"))
    yield shelf
    shelf.close()


@pytest.fixture(scope="module")
def site(shelf: Shelf) -> Iterator[Site]:
    """The server of that archive."""
    with serving(make_app(shelf.feed, shelf.media, auth_token="t0ken")) as site:
        yield site


def test_a_file_comes_whole_and_may_be_kept_for_ever(site: Site) -> None:
    """A picture comes byte for byte, with the headers that make caching it and showing it safe."""
    reply = site.ask(ADDRESS)
    assert (reply.status, reply.body) == (200, PICTURE)
    told = {name: reply.headers[name] for name in reply.headers if name not in _CHANGING}
    assert told == {
        "content-type": "image/jpeg",
        "content-length": str(len(PICTURE)),
        "etag": ETAG,
        "cache-control": "public, immutable, max-age=31536000",
        "accept-ranges": "bytes",
        "content-security-policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
        "cross-origin-resource-policy": "cross-origin",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }


_CHANGING = {"date", "last-modified", "connection", "x-request-id"}


@pytest.mark.parametrize("extension", ["jpg", "png", "gif", "webp", "avif"])
def test_the_type_follows_the_extension(shelf: Shelf, site: Site, extension: str) -> None:
    """Each kind of picture is told by its own type, never guessed from elsewhere."""
    name = file_name(PICTURE, extension)
    (shelf.media.root / "posts" / name).write_bytes(PICTURE)
    reply = site.ask(f"/media/facebook/posts/{name}")
    expected = "image/jpeg" if extension == "jpg" else f"image/{extension}"
    assert reply.headers["content-type"] == expected


def test_head_tells_the_length_and_sends_nothing(site: Site) -> None:
    """HEAD has the headers of GET and no body, also when a range is asked for."""
    reply = site.ask(ADDRESS, "HEAD", Range="bytes=0-9")
    assert (reply.status, reply.headers["content-length"]) == (200, str(len(PICTURE)))
    assert reply.body == b""


@pytest.mark.parametrize(
    "held", [ETAG, f"W/{ETAG}", "*", f'"other", {ETAG}', f'W/"x",{ETAG},"y"', " * "]
)
def test_what_the_client_holds_is_not_sent_again(site: Site, held: str) -> None:
    """Any form of If-None-Match that names the file is answered with 304."""
    reply = site.ask(ADDRESS, If_None_Match=held)
    assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", ETAG)
    assert "immutable" in reply.headers["cache-control"]


def test_an_etag_outweighs_a_date(site: Site) -> None:
    """A client that holds other bytes gets the file, whatever date it names beside them."""
    reply = site.ask(ADDRESS, If_None_Match='"other"', If_Modified_Since=_in_a_year())
    assert reply.status == 200


@pytest.mark.parametrize(
    ("since", "status"),
    [("later", 304), ("Mon, 01 Jan 2001 00:00:00 GMT", 200), ("yesterday, perhaps", 200)],
)
def test_a_date_alone_decides_where_no_etag_is_given(site: Site, since: str, status: int) -> None:
    """If-Modified-Since works alone; nonsense in it is ignored."""
    reply = site.ask(ADDRESS, If_Modified_Since=_in_a_year() if since == "later" else since)
    assert reply.status == status


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=100-", 100, None),
        ("bytes=-100", -100, None),
        ("bytes=0-999999999", 0, None),
        ("bytes=-999999999", 0, None),
        ("BYTES= 5-9 ", 5, 10),
    ],
)
def test_a_range_is_a_slice(site: Site, asked: str, start: int, stop: int | None) -> None:
    """A single range comes as 206 with exactly its bytes and where they belong."""
    reply = site.ask(ADDRESS, Range=asked)
    part = PICTURE[start:stop]
    first = start % len(PICTURE) if start < 0 else start
    assert (reply.status, reply.body) == (206, part)
    span = f"bytes {first}-{first + len(part) - 1}/{len(PICTURE)}"
    assert reply.headers["content-range"] == span
    assert reply.headers["content-length"] == str(len(part))


def test_a_connection_goes_on_after_a_range(site: Site) -> None:
    """A range leaves nothing behind in a connection that is kept: the next answer is whole."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=60) as connection:
        for headers in ("Range: bytes=10-19\r\n", ""):
            connection.sendall(f"GET {ADDRESS} HTTP/1.1\r\nHost: t\r\n{headers}\r\n".encode())
            reply = received(connection)
            assert reply.body == (PICTURE[10:20] if headers else PICTURE)


@pytest.mark.parametrize("asked", [f"bytes={len(PICTURE)}-", "bytes=-0"])
def test_a_range_outside_of_the_file_is_refused(site: Site, asked: str) -> None:
    """A range that holds no byte of the file is 416 and tells how many there are."""
    reply = site.ask(ADDRESS, Range=asked)
    assert (reply.status, reply.code) == (416, "range_not_satisfiable")
    assert reply.headers["content-range"] == f"bytes */{len(PICTURE)}"


@pytest.mark.parametrize(
    "asked",
    [
        *("bytes=9-5", "bytes=-", "lines=1-2", "bytes=a-b", "0-9", "bytes=", "bytes=,"),
        *("bytes=1-2,x", "bytes=0-1,9-5", "bytes=" + ",".join(["1-1"] * 17)),
    ],
)
def test_what_is_no_range_is_ignored(site: Site, asked: str) -> None:
    """Another unit, nonsense, and more ranges than a viewer asks for get the whole file."""
    reply = site.ask(ADDRESS, Range=asked)
    assert (reply.status, reply.body) == (200, PICTURE)


@pytest.mark.parametrize(
    ("asked", "parts"),
    [
        ("bytes=0-9,20-29", [(0, 10), (20, 30)]),
        ("bytes=-5 , 0-0,, 100-", [(0, 1), (100, len(PICTURE))]),
        ("bytes=-5 , 0-0", [(len(PICTURE) - 5, len(PICTURE)), (0, 1)]),
        ("bytes=500-509,0-9,900000-", [(500, 510), (0, 10)]),
        ("bytes=0-9,10-19", [(0, 10), (10, 20)]),
        ("bytes=5-30,100-199,0-9,150-299", [(0, 31), (100, 300)]),
    ],
)
def test_several_ranges_come_in_one_answer(
    site: Site, asked: str, parts: list[tuple[int, int]]
) -> None:
    """Many parts come as multipart, in the order asked for; what overlaps is joined."""
    reply = site.ask(ADDRESS, Range=asked)
    assert reply.status == 206
    assert reply.headers["content-length"] == str(len(reply.body))
    message = email.message_from_bytes(
        b"Content-Type: " + reply.headers["content-type"].encode() + b"\r\n\r\n" + reply.body
    )
    assert message.get_content_type() == "multipart/byteranges"
    found = [(part["Content-Type"], part["Content-Range"]) for part in _sections(message)]
    size = len(PICTURE)
    assert found == [("image/jpeg", f"bytes {a}-{b - 1}/{size}") for a, b in parts]
    for (start, stop), part in zip(parts, _bodies(reply), strict=True):
        assert part == PICTURE[start:stop]


def test_ranges_that_become_one_come_plain(site: Site) -> None:
    """Overlapping ranges that join to a single one are answered as a single one."""
    reply = site.ask(ADDRESS, Range="bytes=0-9,5-19")
    assert (reply.status, reply.body) == (206, PICTURE[:20])
    assert reply.headers["content-range"] == f"bytes 0-19/{len(PICTURE)}"


@pytest.mark.parametrize(
    ("expected", "status"), [(ETAG, 200), (f'"x", {ETAG}', 200), ("*", 200), ('"x"', 412)]
)
def test_if_match_is_held_to(site: Site, expected: str, status: int) -> None:
    """Who wants the file only as it was gets it, or learns that it is another one."""
    assert site.ask(ADDRESS, If_Match=expected).status == status
    assert site.ask(ADDRESS, If_Match=expected, Range="bytes=0-0").status in {206, 412}


def test_preconditions_are_asked_in_their_order(site: Site) -> None:
    """If-Match, then a date without it, then If-None-Match (RFC 9110 section 13.2.2)."""
    long_ago = email.utils.formatdate(1_000_000_000, usegmt=True)
    for headers, status in (
        ({"If_Match": '"x"', "If_None_Match": ETAG}, 412),
        ({"If_Match": f"W/{ETAG}"}, 412),
        ({"If_Match": ETAG, "If_None_Match": ETAG}, 304),
        ({"If_Match": ETAG, "If_Unmodified_Since": long_ago}, 200),
        ({"If_Unmodified_Since": long_ago}, 412),
        ({"If_Unmodified_Since": long_ago, "If_None_Match": ETAG}, 412),
        ({"If_Unmodified_Since": _in_a_year()}, 200),
        ({"If_Unmodified_Since": "once upon a time"}, 200),
    ):
        for method in ("GET", "HEAD"):
            assert site.ask(ADDRESS, method, **headers).status == status, headers
    missing = f"{_CATEGORY}/{file_name(b'not there')}"
    assert site.ask(missing, If_Match='"x"', If_Unmodified_Since=long_ago).status == 404


@pytest.mark.parametrize(
    ("held", "status"), [(ETAG, 206), ('"other"', 200), (f"W/{ETAG}", 200), ("date", 206)]
)
def test_if_range_guards_a_range(site: Site, held: str, status: int) -> None:
    """With If-Range a part is sent only to who holds the rest of the same file."""
    if held == "date":
        held = site.ask(ADDRESS, "HEAD").headers["last-modified"]
    assert site.ask(ADDRESS, Range="bytes=0-9", If_Range=held).status == status


@given(st.binary(max_size=40), st.from_regex(r"bytes=\d{0,3}-\d{0,3}", fullmatch=True))
def test_a_range_never_reaches_outside(data: bytes, header: str) -> None:
    """Whatever is asked of whatever file, a range lies inside the file."""
    parts = ranges.asked(header, len(data))
    assert all(0 <= part.start < part.stop <= len(data) for part in parts or ())


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE", "PATCH"])
def test_a_file_can_only_be_read(site: Site, method: str) -> None:
    """Any other method is 405 and names those that work."""
    reply = site.ask(ADDRESS, method, Content_Length="0")
    assert (reply.status, reply.code) == (405, "method_not_allowed")
    assert reply.headers["allow"] == "GET, HEAD, OPTIONS"


def test_a_file_says_what_is_allowed(site: Site) -> None:
    """OPTIONS names the methods of a name that could be one of ours, and of no other."""
    reply = site.ask(ADDRESS, "OPTIONS")
    assert (reply.status, reply.body, reply.headers["allow"]) == (204, b"", "GET, HEAD, OPTIONS")
    assert site.ask(f"{_CATEGORY}/secret.jpg", "OPTIONS").status == 404


_CATEGORY = "/media/facebook/attachments"


@pytest.mark.parametrize(
    "path",
    [
        "/media/",
        "/media/facebook/",
        f"{_CATEGORY}/",
        f"{_CATEGORY}/secret.jpg",
        f"{_CATEGORY}/../secret.jpg",
        f"{_CATEGORY}/..%2fsecret.jpg",
        f"{_CATEGORY}%2f{NAME}",
        f"{_CATEGORY}/%2e/{NAME}",
        f"{_CATEGORY}/./{NAME}",
        f"{_CATEGORY}/{NAME}/",
        f"{_CATEGORY}//{NAME}",
        f"/{ADDRESS}",
        f"{_CATEGORY}/{NAME}%00",
        f"{_CATEGORY}/{NAME}%00.png",
        f"{_CATEGORY}/{NAME}%0a",
        f"{_CATEGORY}/{NAME}%ff",
        f"{_CATEGORY}\\{NAME}",
        f"{_CATEGORY}/{NAME.upper()}",
        f"{_CATEGORY}/{NAME}:stream",
        f"{_CATEGORY}/{NAME}::$DATA",
        f"{_CATEGORY}/{NAME}.",
        f"{_CATEGORY}/{NAME}%20",
        f"{_CATEGORY}/CON",
        f"{_CATEGORY}/NUL.jpg",
        f"{_CATEGORY}/AUX.{NAME}",
        f"{_CATEGORY}/..\\secret.jpg",
        f"{_CATEGORY}\\..\\secret.jpg",
        f"{_CATEGORY}/%252e%252e%252fsecret.jpg",
        f"{_CATEGORY}/%252f{NAME}",
        f"{_CATEGORY}/..;/secret.jpg",
        f"//media/facebook/../attachments/{NAME}",
        f"/media/facebook/posts/../attachments/{NAME}",
        f"/media/facebook/.quarantine/{NAME}",
        f"/media/facebook/{NAME}",
        f"/MEDIA/facebook/attachments/{NAME}",
        f"{_CATEGORY}/{file_name(b'link')}",
        f"{_CATEGORY}/{file_name(b'folder')}",
        f"{_CATEGORY}/{file_name(b'pipe')}",
        f"{_CATEGORY}/{file_name(b'not there')}",
    ],
)
def test_nothing_but_archived_files_is_served(site: Site, path: str) -> None:
    """Every other way to write a path, and everything that is no plain file, is 404."""
    reply = site.ask(path)
    assert (reply.status, reply.code) == (404, "not_found")
    assert reply.headers["cache-control"] == "no-store"


_CONFUSING = ["/", "//", "..", ".", "%2e%2e", "%2f", "%5c", "\\", "%00", "%0d%0a", "%c0%ae", "~"]
_FAMILIAR = ["media", "facebook", "attachments", "posts", ".quarantine", NAME, "secret.jpg", ".jpg"]
_PIECES = st.sampled_from(_CONFUSING + _FAMILIAR)
_SOUP = st.lists(_PIECES | st.text("abc/.%", max_size=4), max_size=12).map("".join)


def _only_the_picture(reply: Reply) -> bool:
    return (reply.status == 404) or (reply.status == 200 and reply.body == PICTURE)


@settings(max_examples=150)
@given(_SOUP)
@example(f"facebook/attachments/{NAME}")
@example("facebook/../../../../../../etc/passwd")
def test_no_path_leads_out(site: Site, soup: str) -> None:
    """Whatever path is made of all that confuses servers, only the archived picture comes back."""
    assert _only_the_picture(site.ask(f"/media/{soup}"))


@settings(max_examples=150)
@given(st.binary(max_size=60))
def test_no_bytes_lead_out(site: Site, junk: bytes) -> None:
    """Whatever bytes stand in the request line, the server answers, with no file but ours."""
    cleaned = junk.translate(None, b" \r\n\t\x0b\x0c?#")
    request = (
        b"GET /media/facebook/" + cleaned + b" HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
    )
    reply = site.send(request)
    assert reply.status in {400, 404}
    assert SECRET not in reply.body


def test_a_file_that_vanishes_is_missed(shelf: Shelf, site: Site) -> None:
    """A file that is deleted is 404 from then on, and so is a picture replaced by a link."""
    path = shelf.put(picture("short-lived", (8, 8)))
    address = f"{_CATEGORY}/{path.name}"
    assert site.ask(address).status == 200
    path.unlink()
    assert site.ask(address).status == 404
    path.symlink_to(shelf.media.root / "secret.jpg")
    assert site.ask(address).status == 404


@pytest.fixture
def linked(tmp_path: Path, database_url: str) -> Iterator[Shelf]:
    """An archive whose media folder as a whole is a link, with one picture in a post."""
    there, here = tmp_path / "other disk", tmp_path / "media" / "facebook"
    there.mkdir()
    here.parent.mkdir()
    here.symlink_to(there)
    shelf = Shelf(tmp_path, database_url)
    shelf.arrive(shelf.attach(shelf.post(1)))
    yield shelf
    shelf.close()


def test_the_media_folder_as_a_whole_may_be_a_link(linked: Shelf) -> None:
    """What lies behind such a link is the media folder, and is shown and served."""
    app = make_app(linked.feed, linked.media, kept=linked.kept())
    with serving(app) as site:
        (post,) = site.ask("/api/posts").json["posts"]
        assert post["attachments"][0]["has_local_image"]
        assert site.ask(post["attachments"][0]["display_image_url"]).status == 200
        assert site.ask("/readyz").json["parts"]["media"] == "ok"


@pytest.mark.parametrize("accel_prefix", ["", "/archived/"])
def test_a_link_in_the_place_of_a_folder_is_not_followed(linked: Shelf, accel_prefix: str) -> None:
    """Nothing behind it is served or named, and it is said; with the folder back all is there."""
    app = make_app(linked.feed, linked.media, kept=linked.kept(), accel_prefix=accel_prefix)
    folder = linked.media.root / "attachments"
    outside = folder.parent.parent / "outside"
    with serving(app) as site:
        (post,) = site.ask("/api/posts").json["posts"]
        address = post["attachments"][0]["display_image_url"]
        etag = site.ask(address).headers["etag"]
        folder.rename(outside)
        folder.symlink_to(outside)
        for headers in ({}, {"If_None_Match": etag}, {"If_Match": etag}, {"Range": "bytes=0-9"}):
            reply = site.ask(address, **headers)
            assert (reply.status, reply.code) == (404, "not_found")
        (post,) = site.ask("/api/posts").json["posts"]
        (picture_,) = post["attachments"]
        assert not picture_["has_local_image"]
        assert picture_["image_state"] == "unavailable: a folder of the archive is a link"
        ready = site.ask("/readyz")
        assert (ready.status, str(outside) in str(ready.json)) == (503, False)
        assert site.ask("/api/stats").json["unavailable"].startswith(f"{folder} is a link")
        folder.unlink()
        outside.rename(folder)
        assert site.ask(address).status == 200
        (post,) = site.ask("/api/posts").json["posts"]
        assert post["attachments"][0]["display_image_url"] == address


def test_slow_readers_hold_no_worker(shelf: Shelf, site: Site) -> None:
    """More clients than there are workers read nothing of a large file; others are answered."""
    path = shelf.put(os.urandom(9_000_000))
    request = f"GET {_CATEGORY}/{path.name} HTTP/1.1\r\nHost: t\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(12):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", site.port), 10))
            slow.sendall(request)
            assert slow.recv(1) == b"H"
        assert site.ask(ADDRESS).body == PICTURE


def test_a_file_cut_short_ends_its_connection(shelf: Shelf, site: Site) -> None:
    """When a file shrinks while it is being sent, the client is told by the end, not kept."""
    path = shelf.put(os.urandom(30_000_000))
    request = f"GET {_CATEGORY}/{path.name} HTTP/1.1\r\nHost: t\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", site.port), 10) as connection:
        connection.sendall(request)
        assert connection.recv(1) == b"H"
        os.truncate(path, 1000)
        got = 0
        while data := connection.recv(1 << 20):
            got += len(data)
    assert got < 30_000_000


def test_an_empty_file_is_served_as_empty(shelf: Shelf, site: Site) -> None:
    """A file of no bytes, damaged as it is, is answered in full and not left hanging."""
    path = shelf.put(b"")
    reply = site.ask(f"{_CATEGORY}/{path.name}")
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"", "0")


class Doubting:
    """A desk that counts how often files are doubted, and is asked nothing else."""

    doubts = 0

    def doubt(self) -> None:
        self.doubts += 1


@pytest.mark.parametrize("accel_prefix", ["", "/protected/"])
def test_a_file_of_another_size_is_none(
    tmp_path: Path, database_url: str, accel_prefix: str
) -> None:
    """One that was cut or grew in its place is missed, and looked after once; whole it is back."""
    with closing(Shelf(tmp_path, database_url)) as shelf:
        address = shelf.arrive(shelf.attach(shelf.post(1)))
        path = shelf.media.root / address.removeprefix("/media/facebook/")
        whole, desk = path.read_bytes(), Doubting()
        told: Any = desk
        app = make_app(shelf.feed, shelf.media, accel_prefix=accel_prefix, desk=told)
        with serving(app) as site:
            for first in (b"", whole[:-1], whole + b"\n"):
                path.write_bytes(first)
                for reply in (site.ask(address), site.ask(address, Range="bytes=0-9")):
                    assert (reply.status, reply.json["error"]["code"]) == (404, "not_found")
                    assert "immutable" not in reply.headers.get("cache-control", "")
                assert site.ask(address, "HEAD").status == 404
            assert desk.doubts == 3
            path.write_bytes(whole)
            back = site.ask(address)
            assert (back.status, desk.doubts) == (200, 3)
            assert "immutable" in back.headers["cache-control"]
            path.write_bytes(b"")
            assert site.ask(address, If_None_Match=back.headers["etag"]).status == 304


def test_without_its_database_no_picture_is_to_be_kept(tmp_path: Path) -> None:
    """Whoever cannot tell the size sends the file, to be asked for again; what is known stays."""
    with closing(Shelf(tmp_path)) as shelf:
        known, other = (shelf.arrive(shelf.attach(shelf.post(n))) for n in (1, 2))
        with serving(make_app(shelf.feed, shelf.media)) as site:
            assert site.ask(known).status == 200
            models.close(shelf.db)
            (tmp_path / "fbsyncd.db").rename(tmp_path / "away.db")
            told = [site.ask(address) for address in (known, other)]
    assert [reply.status for reply in told] == [200, 200]
    assert "immutable" in told[0].headers["cache-control"]
    assert told[1].headers["cache-control"] == "no-cache"


def test_a_database_that_is_away_is_not_asked_for_each_picture() -> None:
    """After one that gave no answer the next ones wait for nothing, for a while."""
    asked: list[str] = []
    now = [0.0]

    def ask(_: str, name: str) -> int:
        asked.append(name)
        raise DatabaseTrouble("the database is away")

    sizes = Sizes(ask, lambda: None, clock=lambda: now[0])
    assert [sizes.fits(f"posts/{n}", 1) for n in range(3)] == [None, None, None]
    now[0] = PAUSE
    assert sizes.fits("posts/3", 1) is None
    assert asked == ["0", "3"]


def _sections(message: email.message.Message) -> list[email.message.Message]:
    sections = message.get_payload()
    assert isinstance(sections, list)
    return [part for part in sections if isinstance(part, email.message.Message)]


def _bodies(reply: Reply) -> list[bytes]:
    """Cut a multipart body at its boundary: email's own parser bends line ends in the parts."""
    boundary = reply.headers["content-type"].partition("boundary=")[2].encode()
    sections = reply.body.split(b"\r\n--" + boundary)[1:-1]
    return [section.partition(b"\r\n\r\n")[2] for section in sections]


def _in_a_year() -> str:
    return email.utils.formatdate(4_000_000_000, usegmt=True)
