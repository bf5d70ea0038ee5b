"""Laptops: portals, lost networks and flapping ones are a state, told once and ended once."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from graphs import TOKEN, graph_at
from plant import archive_of, config_text, one, query, read, sync
from scripted import HTML, reply, scripted
from test_daemon import all_safe, running

from fbsyncd.archive import Archive
from fbsyncd.errors import GraphUnavailable, Offline, Unreached
from fbsyncd.outside import FACEBOOK, PICTURES, Outside
from fbsyncd.simulator import Simulator

ATTEMPTS = "SELECT coalesce(sum(attempts), 0) FROM media_storage"


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=12, pages=2, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def archive(facebook: Simulator, tmp_path: Path, database_url: str) -> Iterator[Archive]:
    with archive_of(facebook, tmp_path, database_url) as opened:
        yield opened


NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


def test_being_offline_is_told_once_for_both_ways(caplog: pytest.LogCaptureFixture) -> None:
    """The end is told when both lead somewhere again."""
    outside = Outside(lambda: NOW)
    for _ in range(3):
        outside.lost(FACEBOOK, "no route")
        outside.lost(PICTURES, "no name")
    outside.back(FACEBOOK)
    assert outside.is_away(PICTURES)
    assert outside.since(PICTURES) == NOW
    assert outside.since(FACEBOOK) is None
    outside.back(PICTURES)
    outside.back(PICTURES)
    assert outside.since(PICTURES) is None
    assert warnings(caplog) == ["offline: no route", "online again"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(HTML, Content_Type="text/html"), Unreached),
        (reply(b"", 302, Location="http://portal.example/login"), Unreached),
        (reply(HTML, 511, Content_Type="text/html"), GraphUnavailable),
        (reply(HTML, 502, Content_Type="text/html"), GraphUnavailable),
        (reply(HTML, Content_Type="text/html", X_FB_Debug="x"), GraphUnavailable),
        (reply(b'{"data": [', Content_Type="application/json"), GraphUnavailable),
    ],
)
def test_a_portal_is_told_from_facebooks_own_trouble(
    answer: bytes, kind: type[GraphUnavailable]
) -> None:
    """A page or a redirect in place of JSON is somebody else's; a page of 5xx may be Facebook's."""
    with (
        scripted([answer]) as script,
        graph_at(script.url) as graph,
        pytest.raises(GraphUnavailable) as caught,
    ):
        graph.page("7", TOKEN)
    assert type(caught.value) is kind


def test_no_way_to_facebook_is_no_trouble_of_facebooks() -> None:
    """A refused connection and a name that is not known."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}", "http://localhost.invalid:9"):
        with graph_at(url) as graph, pytest.raises(Unreached):
            graph.page("7", TOKEN)


def test_known_to_be_offline_one_try_is_enough() -> None:
    """Many Pages must not each try five times; the first that is answered ends it."""
    portal = reply(HTML, Content_Type="text/html")
    page = reply({"id": "7", "name": "x"})
    with scripted([*[portal] * 7, page]) as script, graph_at(script.url) as graph:
        for tries in (5, 6, 7):
            with pytest.raises(Unreached):
                graph.page("7", TOKEN)
            assert len(script.requests) == tries
        graph.page("7", TOKEN)
        assert not graph.outside.is_away(FACEBOOK)


def test_a_portal_costs_nothing(
    facebook: Simulator, archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    """No picture is blamed, no stream is called incomplete, and two lines tell of it."""
    read(archive)
    before = query(archive, "SELECT page_id, stream, state, message FROM sync_state ORDER BY 1, 2")
    facebook.faults.html(times=None)
    facebook.faults.cdn_html(times=None)
    for _ in range(4):
        facebook.clock.move(timedelta(minutes=15))
        assert read(archive).is_offline
        with pytest.raises(Offline):
            archive.download()
        archive.heal()
    now = query(archive, "SELECT page_id, stream, state, message FROM sync_state ORDER BY 1, 2")
    assert now == before
    assert one(archive, ATTEMPTS) == 0
    assert one(archive, "SELECT count(*) FROM media_storage WHERE lease_owner IS NOT NULL") == 0
    facebook.faults.clear()
    sync(archive)
    assert (
        one(archive, "SELECT count(*) FROM media_storage WHERE download_status <> 'success'") == 0
    )
    first, last = warnings(caplog)
    assert first.startswith("offline: The answer was not Facebook's")
    assert last == "online again"


def test_one_page_in_place_of_a_picture_is_that_pictures_trouble(
    facebook: Simulator, archive: Archive
) -> None:
    """Where others come through, an attempt is counted, and the others are not held up."""
    read(archive)
    ((link,),) = query(archive, "SELECT min(original_url) FROM media_storage")
    facebook.faults.cdn_html(times=None, match=link.partition("?")[0].rpartition("/")[2])
    archive.download()
    ((status, attempts),) = query(
        archive,
        "SELECT download_status, attempts FROM media_storage WHERE original_url = ?",
        [link],
    )
    assert (status, attempts) == ("failed", 1)
    failed = "SELECT count(*) FROM media_storage WHERE download_status = 'failed'"
    assert one(archive, failed) < 4


def test_a_network_that_flaps_is_not_told_of(
    facebook: Simulator, archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    """What a second try mends is nobody's news."""
    for _ in range(5):
        facebook.faults.html(times=2)
        facebook.clock.move(timedelta(minutes=15))
        assert not read(archive).is_offline
    assert warnings(caplog) == []


def test_a_daemon_behind_a_portal(facebook: Simulator, tmp_path: Path, database_url: str) -> None:
    """Started there, it serves what it has, tells two lines, and does its work afterwards."""
    facebook.faults.html(times=None)
    facebook.faults.cdn_html(times=None)
    text = config_text(facebook, database_url)
    (tmp_path / "config.toml").write_text(
        text.replace("backfill_days = 0", 'backfill_days = 0\ninterval = "1s"')
    )
    with running(tmp_path) as daemon:
        away = daemon.until(lambda stats: stats["unreached"]["facebook"] is not None)
        assert [(page["state"], page["streams"]) for page in away["pages"]] == [(None, {})] * 2
        listed = daemon.get("/api/pages?limit=1")
        assert listed["pages"][0]["id"] == facebook.pages[0].id
        (other,) = daemon.get(f"/api/pages?cursor={listed['next_cursor']}")["pages"]
        assert (other["id"], other["posts"], other["state"]) == (facebook.pages[1].id, 0, None)
        daemon.until(lambda stats: facebook.calls["graph"] > 12)
        assert daemon.get("/healthz") == {"status": "alive"}
        facebook.faults.clear()
        back = daemon.until(
            lambda stats: all(page["state"] == "ok" for page in stats["pages"]) and all_safe(stats)
        )
        assert back["unreached"] == {"facebook": None, "pictures": None}
        daemon.stop()
    told = [line for line in daemon.log if " warning " in line or " error " in line]
    assert [line.partition("outside: ")[2][:12] for line in told] == [
        "offline: The",
        "online again",
    ]
