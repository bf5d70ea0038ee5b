"""/openapi.json is true: schemathesis asks a live server all it can think of, by every check."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from plant import archive_of, query, sync
from served import Reply, Site, serving

from fbsyncd.archive import Archive
from fbsyncd.changes import Changes
from fbsyncd.desk import Desk
from fbsyncd.media import MARKER
from fbsyncd.server import make_app
from fbsyncd.server.kept import Kept, looking, marking
from fbsyncd.server.operations import ELSEWHERE, OPERATIONS
from fbsyncd.simulator import Simulator

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

TOKEN = "t0ken"


@pytest.fixture
def archive(tmp_path: Path, database_url: str) -> Iterator[Archive]:
    """Posts of every kind with their pictures, one edited, some pictures failed for good."""
    with (
        Simulator(posts=12, seed=4, pictures="plain") as facebook,
        archive_of(facebook, tmp_path, database_url) as archive,
    ):
        post_id = facebook.add_post("photo", message="before")
        sync(archive)
        facebook.edit(post_id, "after")
        facebook.add_post("photo")
        facebook.faults.cdn_serve(b"%PDF-1.4", "application/pdf", times=None)
        sync(archive)
        yield archive


def app_of(archive: Archive) -> WSGIApplication:
    """Return the application as the daemon makes it."""
    return make_app(
        archive.feed,
        archive.media,
        auth_token=TOKEN,
        metrics=archive.metrics.scrape,
        desk=Desk(archive),
        kept=Kept(
            marking(Changes(archive.db), archive.media), archive.now, look=looking(archive.media)
        ),
    )


def schemathesis(site: Site, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run schemathesis with all its checks and phases against *site*, from an empty folder."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{site.url}openapi.json"]
    command += ["--header", f"Authorization: Bearer {TOKEN}", "--checks", "all", "--seed", "1"]
    command += ["--no-color", "--continue-on-failure", "--max-examples", "15", *more]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


def test_schemathesis_finds_nothing(archive: Archive, tmp_path: Path) -> None:
    """No check fails in any phase: odd, wrong and random values, one answer's in the next."""
    folder = tmp_path / "schemathesis"
    folder.mkdir()
    with serving(app_of(archive)) as site:
        found = schemathesis(site, folder)
    assert found.returncode == 0, found.stdout
    # The description itself is what it asks first, and not once more.
    count = len(OPERATIONS) + len(ELSEWHERE) - 1
    assert f"Selected: {count}/{count}" in found.stdout
    for phase in ("Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}\n" in found.stdout
    tried = re.search(r"(\d+) generated, (\d+) passed", found.stdout)
    assert tried is not None
    assert int(tried[1]) == int(tried[2]) > 500


def lying(app: WSGIApplication) -> WSGIApplication:
    """Return *app* with answers that lack a member."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        told: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            told[:] = status, [pair for pair in headers if pair[0] != "Content-Length"]

        environ.pop("HTTP_ACCEPT_ENCODING", None)
        body = b"".join(app(environ, start))
        start_response(*told)
        return [body.replace(b'"edits":', b'"edit":')]

    return application


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_schemathesis_would_find_an_untruth(archive: Archive, tmp_path: Path) -> None:
    """One member of another name than described is enough."""
    folder = tmp_path / "schemathesis"
    folder.mkdir()
    with serving(lying(app_of(archive))) as site:
        found = schemathesis(site, folder, "--phases", "coverage", "--include-path", "/api/posts")
    assert found.returncode == 1
    assert "edit" in found.stdout


def test_every_operation_says_what_is_allowed(archive: Archive) -> None:
    """OPTIONS names the methods that are described, and what nobody described is not there."""
    with serving(app_of(archive)) as site:
        described = json.loads(site.ask("/openapi.json").body)["paths"]
        for path, operations in described.items():
            names = {"category": "posts", "filename": f"{'0' * 64}.jpg"}
            asked = path.format(post_id="x", media_id="x", **names)
            reply = site.ask(asked, "OPTIONS", Authorization=f"Bearer {TOKEN}")
            methods = {"OPTIONS", *(method.upper() for method in operations)}
            methods |= {"HEAD"} if "GET" in methods else set()
            assert (reply.status, reply.headers["allow"]) == (204, ", ".join(sorted(methods)))


HOST = "Host: localhost\r\n"
AUTH = f"Authorization: Bearer {TOKEN}\r\n"
#: Ways to ask that are refused, whatever is asked for: the headers, and the body.
ODDLY = {
    "a name that is not ours": (f"Host: evil.example\r\n{AUTH}", b""),
    "no token": (HOST, b""),
    "a page of another site": (f"{HOST}{AUTH}Origin: https://evil.example\r\n", b""),
    "a large body": (f"{HOST}{AUTH}Content-Length: 5000\r\n", b"x" * 5000),
    "a body larger than any": (f"{HOST}{AUTH}Content-Length: 70000\r\n", b""),
    "a body that is no JSON": (f"{HOST}{AUTH}Content-Length: 2\r\n", b"hi"),
    "a body of unknown members": (
        f"{HOST}{AUTH}Content-Type: application/json\r\nContent-Length: 7\r\n",
        b'{"a":1}',
    ),
    "two ends": (f"{HOST}{AUTH}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b""),
    "a coding nobody knows": (f"{HOST}{AUTH}Transfer-Encoding: gzip\r\n", b""),
    "headers larger than any": (f"{HOST}{AUTH}X: {'x' * 33_000}\r\n", b""),
    "another one": (f'{HOST}{AUTH}If-Match: "another"\r\n', b""),
    "held already": (f"{HOST}{AUTH}If-None-Match: *\r\n", b""),
    "a part": (f"{HOST}{AUTH}Range: bytes=900000-\r\n", b""),
    "a file older than the first": (
        f"{HOST}{AUTH}If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT\r\n",
        b"",
    ),
}


def test_every_refusal_is_described(archive: Archive) -> None:
    """What is asked oddly is answered as the description of that operation says."""
    (category, name), *_ = query(
        archive, "SELECT category, local_filename FROM media_storage WHERE file_size > 0 LIMIT 1"
    )
    known = {"post_id": "x", "media_id": "x", "category": category, "filename": name}
    met: dict[str, set[int]] = {}
    with serving(app_of(archive)) as site:
        document = site.ask("/openapi.json").json
        for path, operations in document["paths"].items():
            for method, told in operations.items():
                for how, reply in _asked_oddly(site, method.upper(), path.format(**known)):
                    where = method, path, how, reply.status
                    assert str(reply.status) in told["responses"], where
                    promised = _headers(document, told["responses"][str(reply.status)])
                    assert promised <= set(reply.headers), where
                    met.setdefault(told["operationId"], set()).add(reply.status)
    assert met["retryMedia"] >= {400, 401, 403, 404, 413, 415, 421, 431, 501, 505}
    assert met["getFile"] >= {200, 304, 400, 412, 413, 414, 416}
    assert met["getMetrics"] >= {200, 401, 421}


def _headers(document: Any, response: Any) -> set[str]:
    """Return the names of the headers that a response is described with, in small letters."""
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return {name.lower() for name in response.get("headers", ())}


def _asked_oddly(site: Site, method: str, path: str) -> Iterator[tuple[str, Reply]]:
    for how, (headers, body) in ODDLY.items():
        head = f"{method} {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n"
        yield how, site.send(head.encode() + body, method)
    for version, more in (("1.1", "?" + "x" * 9000), ("2.0", "")):
        line = f"{method} {path}{more} HTTP/{version}\r\nConnection: close\r\n{HOST}{AUTH}\r\n"
        yield version + more[:1], site.send(line.encode(), method)


def test_what_is_not_ready_is_described(archive: Archive) -> None:
    """The answer of a server that is not fit has the headers and the shape that are promised."""
    (archive.media.root / MARKER).unlink()
    with serving(app_of(archive)) as site:
        document = site.ask("/openapi.json").json
        reply = site.ask("/readyz")
    told = document["paths"]["/readyz"]["get"]["responses"]["503"]
    assert (reply.status, reply.json["status"]) == (503, "not ready")
    assert "retry-after" in _headers(document, told) <= set(reply.headers)
    readiness, _ = told["content"]["application/json"]["schema"]["anyOf"]
    assert readiness == {"$ref": "#/components/schemas/Readiness"}
    assert set(reply.json) == set(document["components"]["schemas"]["Readiness"]["properties"])


def test_the_description_fits_the_server(archive: Archive) -> None:
    """Without a token none is asked for, and without metrics there are none."""
    with serving(make_app(archive.feed, archive.media)) as site:
        told = json.loads(site.ask("/openapi.json").body)
    assert "securitySchemes" not in told["components"]
    assert "/metrics" not in told["paths"]
    assert "security" not in told["paths"]["/api/posts"]["get"]
    names = {one["name"] for one in told["paths"]["/api/posts"]["get"]["parameters"]}
    assert names == {"limit", "cursor", "page_id", "type", "since", "until", "q", "has_local_image"}
