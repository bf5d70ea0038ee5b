"""Acting over HTTP: a sync now, a picture once more, and who is told what of the parts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from plant import archive_of, one, query, read
from served import Reply, Site, serving

from fbsyncd.archive import Archive
from fbsyncd.config import Page
from fbsyncd.desk import PATIENCE, Desk, Wanted
from fbsyncd.models import change, transaction
from fbsyncd.pulse import Pulse
from fbsyncd.server import make_app
from fbsyncd.simulator import Simulator

TOKEN = "t0ken"


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=3, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def archive(facebook: Simulator, tmp_path: Path, database_url: str) -> Iterator[Archive]:
    with archive_of(facebook, tmp_path, database_url) as opened:
        read(opened)
        yield opened


@pytest.fixture
def woken() -> list[str]:
    """The Pages that were woken."""
    return []


@pytest.fixture
def desk(archive: Archive, woken: list[str]) -> Desk:
    desk = Desk(archive)
    desk.open(woken.append, lambda: {page.id: archive.now() for page in _pages(archive)})
    return desk


@pytest.fixture
def site(archive: Archive, desk: Desk) -> Iterator[Site]:
    app = make_app(archive.feed, archive.media, auth_token=TOKEN, desk=desk)
    with serving(app) as site:
        yield site


def _pages(archive: Archive) -> tuple[Page, ...]:
    return tuple(archive.config.facebook.pages)


def ask(site: Site, path: str, method: str = "GET", sent: Any = None, **headers: str) -> Reply:
    """Ask with the token, with *sent* as JSON body."""
    body = b"" if sent is None else sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    told = {"Host": "localhost", "Authorization": f"Bearer {TOKEN}", "Connection": "close"}
    told |= {"Content-Length": str(len(body))} if method == "POST" else {}
    told |= {"Content-Type": "application/json"} if body else {}
    told |= {name.replace("_", "-"): text for name, text in headers.items()}
    lines = "".join(f"{name}: {text}\r\n" for name, text in told.items())
    return site.send(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body, method)


def test_a_sync_is_begun_now(site: Site, archive: Archive, woken: list[str]) -> None:
    """All Pages or one, and 202 says what was begun."""
    page = _pages(archive)[0].id
    for sent in (None, {}, {"page": page}, {"full": False}):
        reply = ask(site, "/api/sync", "POST", sent)
        assert reply.status == 202
        assert reply.json == {"pages": [{"id": page, "full": False, "state": "started"}]}
    assert woken == [page] * 4
    assert ask(site, "/api/sync", "POST", {"full": True}).json["pages"][0]["full"] is True


@pytest.mark.parametrize(
    ("sent", "status", "named"),
    [
        ({"page": "999"}, 404, "999"),
        ({"page": 1}, 400, "page"),
        ({"full": "yes"}, 400, "full"),
        ({"pages": "1"}, 400, "pages"),
        ([], 400, "object"),
        (b"{", 400, "JSON"),
        (b"\xff", 400, "JSON"),
        (b"[" * 3000, 400, "JSON"),
        (b"[" * 5000, 413, "bytes"),
    ],
)
def test_what_is_no_wish_is_refused(
    site: Site, woken: list[str], sent: Any, status: int, named: str
) -> None:
    """A body that cannot be understood begins nothing, and the message says what is wrong."""
    reply = ask(site, "/api/sync", "POST", sent)
    assert (reply.status, woken) == (status, [])
    assert named in reply.json["error"]["message"]


def test_only_json_is_read(site: Site, woken: list[str]) -> None:
    """A form of another site cannot pass for JSON: 415."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        refused = ask(site, "/api/sync", "POST", {"full": True}, Content_Type=kind)
        assert (refused.status, refused.code) == (415, "unsupported_media_type")
    assert ask(site, "/api/sync", "POST", None, Authorization="Bearer x").status == 401
    assert ask(site, "/api/sync?full=true", "POST").code == "bad_parameter"
    assert woken == []


def test_wishes_while_a_page_is_read_are_fulfilled_once_after(
    archive: Archive, desk: Desk, site: Site, woken: list[str]
) -> None:
    """They are queued, the wider one wins, and the page tells meanwhile that it is being read."""
    page = _pages(archive)[0]
    begun, go_on = threading.Event(), threading.Event()
    walks: list[str | None] = []

    def sync(_: Page, wanted: Wanted | None) -> None:
        walks.append(wanted(archive.now()).kind if wanted else None)
        begun.set()
        assert go_on.wait(60)

    reading = threading.Thread(target=desk.read, args=(page, sync))
    reading.start()
    assert begun.wait(60)
    for sent in ({}, {"full": True}, {}):
        assert ask(site, "/api/sync", "POST", sent).json["pages"][0]["state"] == "queued"
    (told,) = ask(site, "/api/stats").json["pages"]
    assert told["is_syncing"] is True
    go_on.set()
    reading.join(60)
    assert (walks, woken) == ([None, "full"], [])
    (told,) = ask(site, "/api/pages").json["pages"]
    assert (told["is_syncing"], told["next_sync"][-1]) == (False, "Z")


def test_without_a_daemon_nothing_is_promised(archive: Archive) -> None:
    """Where nobody works a wish is refused for now, and what can be read is."""
    with serving(make_app(archive.feed, archive.media)) as site:
        reply = site.ask("/api/sync", "POST", Content_Length="0")
        assert (reply.status, reply.code) == (503, "unavailable")
        assert int(reply.headers["retry-after"]) > 0
        assert site.ask("/api/stats").json["pages"][0]["next_sync"] is None


def test_a_picture_is_tried_again(site: Site, archive: Archive, facebook: Simulator) -> None:
    """One that waits for its time or was given up is queued; an archived one is not."""
    facebook.faults.cdn_status(500, times=None)
    archive.download()
    waiting = str(one(archive, "SELECT min(CAST(id AS TEXT)) FROM media_storage"))
    given_up = str(one(archive, "SELECT max(CAST(id AS TEXT)) FROM media_storage"))
    with transaction(archive.db):
        change(
            archive.db,
            "UPDATE media_storage SET next_attempt_at = NULL WHERE id = ?",
            [given_up],
        )
    for id_ in (waiting, given_up):
        reply = ask(site, f"/api/media/{id_}/retry", "POST")
        assert (reply.status, reply.json["id"]) == (202, id_)
        assert (reply.json["download_status"], reply.json["error_message"]) == ("pending", None)
    facebook.faults.clear()
    archive.download()
    archive.develop()
    assert one(archive, "SELECT download_status FROM media_storage WHERE id = ?", [waiting]) == (
        "success"
    )
    assert ask(site, f"/api/media/{waiting}/retry", "POST").code == "conflict"
    ((small,),) = query(
        archive, "SELECT id FROM media_storage WHERE derived_from IS NOT NULL LIMIT 1"
    )
    assert ask(site, f"/api/media/{small}/retry", "POST").status == 409
    for unknown in (str(uuid4()), "x", "%00"):
        assert ask(site, f"/api/media/{unknown}/retry", "POST").code == "not_found"
    assert ask(site, f"/api/media/{waiting}/retry").headers["allow"] == "OPTIONS, POST"


def test_those_who_wait_to_write_leave_room_for_readers(site: Site, archive: Archive) -> None:
    """While another program keeps the rows locked two wait for it, and all others are told so."""
    id_ = str(one(archive, "SELECT min(CAST(id AS TEXT)) FROM media_storage"))
    set_ = "UPDATE media_storage SET download_status = 'failed' WHERE id = ?"
    with transaction(archive.db):
        change(archive.db, set_, [id_])
    with ThreadPoolExecutor(8) as pool:
        with transaction(archive.db):
            change(archive.db, set_, [id_])
            asked = [pool.submit(ask, site, f"/api/media/{id_}/retry", "POST") for _ in range(8)]
            for done in islice(as_completed(asked, timeout=9), 6):
                refused = done.result()
                assert (refused.status, refused.code) == (503, "unavailable")
                assert int(refused.headers["retry-after"]) > 0
            assert ask(site, "/api/posts").status == 200
        assert sorted(reply.result().status for reply in asked) == [202] * 2 + [503] * 6


def test_what_is_wrong_is_told_in_full_to_those_who_may_know(site: Site, archive: Archive) -> None:
    """Without the token readiness names no file or folder."""
    root = archive.media.root
    root.rename(root.with_name("unmounted"))
    reply = ask(site, "/readyz", Authorization="")
    assert (reply.status, reply.headers["retry-after"]) == (503, "30")
    assert reply.json["parts"]["media"] != "ok"
    assert str(root).encode() not in reply.body
    assert str(root).encode() in ask(site, "/readyz").body
    assert str(root).encode() not in ask(site, "/readyz", Authorization="Bearer wrong").body


def test_a_part_of_the_daemon_that_hangs_is_told(site: Site, archive: Archive) -> None:
    """Readiness names each part, and one that nobody has heard of for long makes it 503."""
    parts = ("database", "media", "scheduler", "download", "reconcile")
    assert ask(site, "/readyz").json["parts"] == dict.fromkeys(parts, "ok")
    clock = [0.0]
    archive.pulse = Pulse(parts, lambda: clock[0])
    clock[0] = PATIENCE + 1
    archive.pulse.beat("scheduler")
    reply = ask(site, "/readyz")
    told = {part for part, state in reply.json["parts"].items() if state != "ok"}
    assert (reply.status, told) == (503, {"download", "reconcile"})


def test_a_daemon_that_has_not_begun_its_work_is_not_ready(archive: Archive) -> None:
    """Between the first answer and the first job no part is called fit."""
    desk = Desk(archive)
    assert desk.parts() == {}
    desk.expect()
    assert set(desk.parts()) == {"scheduler", "download", "reconcile"}
    assert "ok" not in desk.parts().values()
    desk.open(lambda _: None, dict)
    assert set(desk.parts().values()) == {"ok"}
