"""A real nginx in front, run with the files in docs/: pictures, the API, and no way past either."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ports import free_port
from served import Reply, Shelf, Site, file_name, picture, received, serving

from fbsyncd.server import make_app

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parent.parent / "docs"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
TOKEN = "open-sesame"
PICTURE = picture("a picture", (640, 480))
NAME = file_name(PICTURE)
ADDRESS = f"/media/facebook/attachments/{NAME}"
SECRET = b"nobody outside may read this"

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


class Front(NamedTuple):
    """nginx on *port*, the archive behind it, and the daemon's own door."""

    port: int
    shelf: Shelf
    behind: Site

    def ask(self, path: str, method: str = "GET", **headers: str) -> Reply:
        """Ask nginx, under the name it is configured for."""
        given_ = {"Host": "media.example.org", "Connection": "close", **headers}
        told = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in given_.items())
        return self.send(f"{method} {path} HTTP/1.1\r\n{told}\r\n".encode(), method)

    def send(self, request: bytes, method: str = "GET") -> Reply:
        """Send the bytes of a request just as they are."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(request)
            return received(connection, method)


def _documented(name: str, port: int, behind: int, media: Path) -> str:
    """Return a file of docs/ with what it says to change changed, and nothing else."""
    text = (DOCS / name).read_text(encoding="utf-8")
    for written, real in {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "127.0.0.1:8080;": f"127.0.0.1:{behind};",
        "/var/lib/fbsyncd/media/facebook": str(media),
    }.items():
        assert written in text
        text = text.replace(written, real)
    return text


def _around(server: str, folder: Path) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    user = "user root;\n" if os.geteuid() == 0 else ""
    return (
        f"{user}daemon off;\nmaster_process off;\npid {folder}/pid;\n"
        f"error_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{server}\n}}\n"
    )


@contextmanager
def running(config: str, folder: Path, port: int) -> Iterator[None]:
    """Run nginx with *config* until it is no longer needed."""
    folder.mkdir()
    (folder / "nginx.conf").write_text(config)
    command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        _await_port(port)
        yield
    finally:
        process.terminate()
        process.wait(60)


def _await_port(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)  # another program's port: nothing tells when it is there
        else:
            return


@pytest.fixture(scope="module", params=["nginx.conf", "nginx-accel.conf"])
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """nginx as documented, in either way, before an archive among things that are not for all."""
    folder = tmp_path_factory.mktemp("shelf")
    shelf = Shelf(folder)
    shelf.post(1, "hello " * 200)
    shelf.put(PICTURE)
    root = shelf.media.root
    for place in (folder, root.parent, root, root / "attachments"):
        (place / "secret.jpg").write_bytes(SECRET)
    (root / "attachments" / file_name(b"link")).symlink_to(root / "secret.jpg")
    app = make_app(
        shelf.feed,
        shelf.media,
        auth_token=TOKEN,
        public_url="https://media.example.org",
        accel_prefix="/archived/" if "accel" in request.param else "",
    )
    port = free_port()
    with serving(app) as site:
        server = _documented(request.param, port, site.port, root)
        with running(_around(server, folder / "nginx"), folder / "nginx", port):
            yield Front(port, shelf, site)
    shelf.close()


def test_a_picture_comes_whole_with_what_keeps_it_safe(front: Front) -> None:
    """nginx sends the bytes, and says of them what the daemon itself would say."""
    reply = front.ask(ADDRESS)
    assert (reply.status, reply.body) == (200, PICTURE)
    assert reply.headers["server"].startswith("nginx")
    told = {
        "content-type": "image/jpeg",
        "content-length": str(len(PICTURE)),
        "cache-control": "public, immutable, max-age=31536000",
        "accept-ranges": "bytes",
        "content-security-policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
        "cross-origin-resource-policy": "cross-origin",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    assert {name: reply.headers[name] for name in told} == told
    assert "x-accel-redirect" not in reply.headers
    assert front.ask(ADDRESS, "HEAD").headers["content-length"] == str(len(PICTURE))


def test_what_is_held_is_not_sent_again(front: Front) -> None:
    """The ETag that came with a picture, and its date, are answered with 304."""
    first = front.ask(ADDRESS)
    assert front.ask(ADDRESS, If_None_Match=first.headers["etag"]).status == 304
    assert front.ask(ADDRESS, If_None_Match='"other"').status == 200
    date = first.headers["last-modified"]
    assert front.ask(ADDRESS, If_Modified_Since=date).status == 304


def test_parts_of_a_picture(front: Front) -> None:
    """One part or several, guarded by the ETag or not, are sent as they are asked for."""
    etag = front.ask(ADDRESS).headers["etag"]
    for headers in ({}, {"If_Range": etag}):
        reply = front.ask(ADDRESS, Range="bytes=10-19", **headers)
        assert (reply.status, reply.body) == (206, PICTURE[10:20])
        assert reply.headers["content-range"] == f"bytes 10-19/{len(PICTURE)}"
    assert front.ask(ADDRESS, Range="bytes=10-19", If_Range='"other"').body == PICTURE
    several = front.ask(ADDRESS, Range="bytes=0-4,10-14")
    assert several.status == 206
    assert PICTURE[:5] in several.body
    assert PICTURE[10:15] in several.body
    assert front.ask(ADDRESS, Range=f"bytes={len(PICTURE)}-").status == 416


_CATEGORY = "/media/facebook/attachments"


@pytest.mark.parametrize(
    "path",
    [
        "/media/facebook/",
        "/media/facebook/.fbsyncd-archive",
        "/media/facebook/secret.jpg",
        "/media/facebook../secret.jpg",
        "/media/facebook../fbsyncd.db",
        "/media/facebook/../secret.jpg",
        "/media/facebook/%2e%2e/secret.jpg",
        f"{_CATEGORY}/",
        f"{_CATEGORY}/secret.jpg",
        f"{_CATEGORY}/{file_name(b'link')}",
        f"{_CATEGORY}/{file_name(b'not there')}",
        f"{_CATEGORY}/{NAME.upper()}",
        f"{_CATEGORY}/{NAME}/",
        f"{_CATEGORY}/{NAME}%00.png",
        f"/archived/attachments/{NAME}",
        "/archived/secret.jpg",
        "/archived/../secret.jpg",
    ],
)
def test_nothing_but_archived_files_is_served(front: Front, path: str) -> None:
    """What lies beside the pictures, links, and the place nginx finds them in are not to be had."""
    reply = front.ask(path)
    # A link in place of a file is 403 to nginx, and a NUL is 400.
    assert reply.status in {400, 403, 404}
    assert SECRET not in reply.body


_PIECES = st.sampled_from(
    [
        *(
            "/",
            "//",
            "..",
            ".",
            "%2e%2e",
            "%2f",
            "%5c",
            "\\",
            "%0d%0a",
            "%c0%ae",
            "~",
            "%252e",
            ";",
        ),
        *("media", "facebook", "attachments", "posts", "archived", ".quarantine", NAME),
        *("secret.jpg", "fbsyncd.db", ".jpg"),
    ]
)


@settings(max_examples=200)
@given(st.lists(_PIECES | st.text("abc/.%", max_size=4), max_size=12).map("".join))
def test_no_path_leads_out(front: Front, soup: str) -> None:
    """Whatever path is made of all that confuses servers, only the archived picture comes back."""
    for start in ("/media/facebook/", "/archived/", "/"):
        reply = front.ask(f"{start}{soup}")
        assert SECRET not in reply.body
        assert not reply.body.startswith(b"SQLite")
        if reply.headers.get("content-type", "").startswith("image/"):
            assert reply.body.startswith((PICTURE, b"<svg"))


def test_the_token_is_asked_behind_nginx(front: Front) -> None:
    """nginx hands the token on and takes none away: without it the API stays closed."""
    assert front.ask("/api/posts").status == 401
    assert front.ask("/api/posts", Authorization="Bearer wrong").status == 401
    reply = front.ask("/api/posts", Authorization=f"Bearer {TOKEN}")
    assert (reply.status, len(reply.json["posts"])) == (200, 1)
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert len(reply.headers["x-request-id"]) == 32


def test_answers_keep_their_etag_behind_nginx(front: Front) -> None:
    """A JSON answer, compressed or not, is validated through nginx as it is without."""
    for encoding in ("", "gzip"):
        headers = {"Authorization": f"Bearer {TOKEN}", "Accept_Encoding": encoding}
        first = front.ask("/api/posts", **headers)
        assert first.headers.get("content-encoding", "") == encoding
        assert first.headers["etag"].startswith('"')
        held = first.headers["etag"]
        assert front.ask("/api/posts", If_None_Match=held, **headers).status == 304


def test_a_foreign_name_or_page_is_refused_behind_nginx(front: Front) -> None:
    """The daemon sees the name the client used and the page that asks, through nginx too."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    foreign = front.ask("/api/posts", Host="evil.example", X_Forwarded_Host="localhost", **headers)
    assert foreign.status == 421
    forged = {"Origin": "https://evil.example", "Content_Length": "0"}
    assert front.ask("/api/posts", "POST", **forged, **headers).status == 403
    own = {"Origin": "https://media.example.org", "Content_Length": "0"}
    assert front.ask("/api/posts", "POST", **own, **headers).status == 405


def test_the_page_keeps_its_policy_behind_nginx(front: Front) -> None:
    """The page comes through with its own policy, and pictures may come from the public name."""
    reply = front.ask("/")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "img-src 'self' https://media.example.org" in reply.headers["content-security-policy"]


def test_only_a_daemon_that_is_told_to_leaves_pictures_to_nginx(front: Front) -> None:
    """The word to nginx is given where it is configured, and bytes are sent where it is not."""
    reply = front.behind.ask(ADDRESS)
    redirect = reply.headers.get("x-accel-redirect")
    if redirect is None:
        assert reply.body == PICTURE
    else:
        assert (redirect, reply.body) == (f"/archived/attachments/{NAME}", b"")
        assert reply.headers["content-length"] == "0"
        assert front.behind.ask(f"{_CATEGORY}/{file_name(b'link')}").status == 404


def test_pictures_are_there_while_the_daemon_is_not(tmp_path: Path) -> None:
    """With docs/nginx.conf a stopped daemon takes nothing away but the API."""
    shelf = Shelf(tmp_path)
    shelf.put(PICTURE)
    port, nobody = free_port(), free_port()
    server = _documented("nginx.conf", port, nobody, shelf.media.root)
    with running(_around(server, tmp_path / "nginx"), tmp_path / "nginx", port):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(
                f"GET {ADDRESS} HTTP/1.0\r\nHost: media.example.org\r\n\r\n".encode()
            )
            assert received(connection).body == PICTURE
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert received(connection).status == 502
    shelf.close()
