"""/metrics: what is measured, what asking costs, and that dashboard and alerts ask for no more."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from plant import archive_of, query, read, sync
from prometheus_client.parser import text_string_to_metric_families
from served import Site, serving

from fbsyncd.archive import Archive
from fbsyncd.metrics import FRESH, Metrics
from fbsyncd.models import change, transaction
from fbsyncd.server import make_app
from fbsyncd.server.timed import timed
from fbsyncd.simulator import Simulator
from fbsyncd.vigil import Vigil

DOCS = Path(__file__).parent.parent / "docs"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=12, pages=2, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def archive(facebook: Simulator, tmp_path: Path, database_url: str) -> Iterator[Archive]:
    with archive_of(facebook, tmp_path, database_url) as opened:
        yield opened


@contextmanager
def site(archive: Archive, auth_token: str | None = None) -> Iterator[Site]:
    app = make_app(
        archive.feed, archive.media, auth_token=auth_token, metrics=archive.metrics.scrape
    )
    with serving(timed(app, archive.tallies.took)) as opened:
        yield opened


def parsed(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scraped(archive: Archive) -> Samples:
    return parsed(fresh(archive).scrape()[0].decode())


def fresh(archive: Archive) -> Metrics:
    """Return metrics that have measured nothing yet."""
    return Metrics(archive.metrics.subject, archive.tallies)


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"fbsyncd_{name}", frozenset(labels.items())]


def test_a_scrape_tells_how_the_queue_stands(facebook: Simulator, archive: Archive) -> None:
    """Pictures by state, the age of the oldest, and how soon the next link dies."""
    first = archive.config.facebook.pages[0].id
    read(archive)
    ((named,),) = query(archive, "SELECT count(*) FROM media_storage")
    told = scraped(archive)
    assert value(told, "queue_pictures", state="pending") == named > 0
    assert 0 < value(told, "next_link_death_seconds") < timedelta(days=30).total_seconds()
    assert value(told, "graph_calls_total", page=first) == facebook.calls["graph"]
    facebook.clock.move(timedelta(hours=2))
    assert value(scraped(archive), "queue_oldest_seconds") >= 7200
    facebook.faults.cdn_status(500)
    archive.download()
    told = scraped(archive)
    assert value(told, "queue_pictures", state="retrying") == named
    assert value(told, "downloads_total", result="failed") == named
    assert value(told, "downloads_total", result="archived") == 0


def test_a_scrape_tells_what_was_done(facebook: Simulator, archive: Archive) -> None:
    """Pictures and bytes, stored and fetched; what a scan found; when each Page was read."""
    sync(archive)
    ((pictures, size),) = query(
        archive,
        "SELECT count(*), sum(file_size) FROM media_storage WHERE derived_from IS NULL",
    )
    gone = next(iter((archive.config.media.root / "posts").iterdir()))
    gone.unlink()
    archive.reconcile()
    told = scraped(archive)
    assert value(told, "downloads_total", result="archived") == pictures
    assert value(told, "downloaded_bytes_total") == size
    assert value(told, "reconcile_findings_total", finding="missing") >= 1
    assert value(told, "reconcile_scans_total") == 1
    assert value(told, "posts", page=facebook.page_id) == 12
    assert value(told, "archive_available") == 1
    files = list((archive.config.media.root / "attachments").iterdir())
    assert value(told, "stored_files", category="attachments") == len(files)
    assert value(told, "stored_bytes", category="attachments") == sum(
        file.stat().st_size for file in files
    )
    read_at = value(told, "last_sync_timestamp_seconds", page=facebook.page_id, stream="posts")
    assert abs(read_at - facebook.clock.now().timestamp()) < 60


def test_a_scrape_tells_how_much_of_the_calls_is_used(
    facebook: Simulator, archive: Archive
) -> None:
    """By Page and for the app, and for how long no call is made."""
    facebook.faults.usage(
        app={"call_count": 12},
        page={"call_count": 97, "estimated_time_to_regain_access": 20},
        page_id=facebook.page_id,
    )
    read(archive)
    told = scraped(archive)
    assert value(told, "graph_budget_used_ratio", page=facebook.page_id) == 0.97
    assert value(told, "graph_budget_used_ratio", page="app") == 0.12
    assert 1100 < value(told, "graph_closed_seconds", page=facebook.page_id) <= 1200
    assert value(told, "graph_closed_seconds", page="app") == 0
    state = {"page": facebook.page_id, "state": "throttled", "stream": "posts"}
    assert value(told, "stream_state", **state) == 1


def test_an_unplugged_disk_and_a_broken_database_are_told(archive: Archive) -> None:
    """A scrape is answered whatever is away."""
    sync(archive)
    root = archive.config.media.root
    root.rename(root.with_name("elsewhere"))
    assert value(scraped(archive), "archive_available") == 0
    with transaction(archive.db):
        change(archive.db, "ALTER TABLE sync_state RENAME TO elsewhere")
    told = scraped(archive)
    assert value(told, "part_up", part="database") == 0
    assert ("fbsyncd_links_dead", frozenset()) not in told


def test_a_folder_that_became_a_link_is_told(archive: Archive, tmp_path: Path) -> None:
    """Work may go on behind it, but no file is handed out: the archive is not to be had."""
    sync(archive)
    folder = archive.config.media.root / "posts"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert archive.feed.unavailable()
    assert value(scraped(archive), "archive_available") == 0
    folder.unlink()
    (tmp_path / "elsewhere").rename(folder)
    assert value(scraped(archive), "archive_available") == 1


def test_rows_are_read_once_for_scrapes_that_follow_closely(archive: Archive) -> None:
    """No scraper keeps the database busy; after a few seconds it is asked again."""
    times = [0.0]
    metrics = Metrics(archive.metrics.subject, archive.tallies, lambda: times[0])

    def pending() -> float:
        return value(parsed(metrics.scrape()[0].decode()), "queue_pictures", state="pending")

    assert pending() == 0
    read(archive)
    assert pending() == 0
    times[0] = FRESH
    assert pending() > 0


def test_requests_are_timed_by_route(archive: Archive) -> None:
    """A thousand addresses are no thousand series, and what has no route is one."""
    sync(archive)
    post_id = archive.feed.posts(limit=1)["posts"][0]["id"]
    with site(archive) as opened:
        for path in (f"/api/posts/{post_id}", "/api/posts/1", "/api/posts/2"):
            opened.ask(path)
        for path in ("/nothing", "/nothing/else", "/media/facebook/posts/none.jpg"):
            assert opened.ask(path).status == 404
        opened.ask("/nothing", method="BREW")
        told = parsed(opened.ask("/metrics").body.decode())
    count = "http_request_duration_seconds_count"
    one = "/api/posts/<post_id>"
    assert value(told, count, method="GET", route=one, status="200") == 1
    assert value(told, count, method="GET", route=one, status="404") == 2
    assert value(told, count, method="GET", route="none", status="404") == 2
    assert value(told, count, method="GET", route="/media/", status="404") == 1
    routes = {dict(labels).get("route") for name, labels in told if name.endswith(count)}
    assert routes == {one, "none", "/media/"}
    methods = {dict(labels).get("method") for name, labels in told if name.endswith(count)}
    assert methods == {"GET", "other"}


def test_metrics_are_guarded_as_the_api_is(archive: Archive) -> None:
    """With a token set Prometheus has to send it; without one anybody who reaches us may ask."""
    with site(archive, auth_token="open-sesame") as opened:
        assert opened.ask("/metrics").status == 401
        reply = opened.ask("/metrics", Authorization="Bearer open-sesame")
        assert reply.status == 200
        assert reply.headers["content-type"].startswith("text/plain; version=")
        assert reply.headers["cache-control"] == "no-store"
        assert opened.ask("/metrics", method="HEAD", Authorization="Bearer open-sesame").body == b""
    with site(archive) as opened:
        assert opened.ask("/metrics").status == 200


def test_no_series_tells_when_it_was_made(archive: Archive) -> None:
    """``_created`` doubles the series of counters and histograms and is used by nobody."""
    sync(archive)
    with site(archive) as opened:
        opened.ask("/healthz")
        text = opened.ask("/metrics").body.decode()
    assert "fbsyncd_http_request_duration_seconds_bucket" in text
    assert "_created" not in text


def test_the_library_is_loaded_at_the_first_scrape_only() -> None:
    """A start does not wait for what is perhaps never asked for."""
    program = (
        "import sys, fbsyncd.daemon\n"
        "assert 'fbsyncd.metrics' in sys.modules and 'prometheus_client' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def asked_for() -> dict[str, set[str]]:
    """Return the names of metrics in docs/, and the labels that are asked of each."""
    board = json.loads((DOCS / "grafana.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    asked += re.findall(r"expr: (.+)", (DOCS / "alerts.yml").read_text())
    found: dict[str, set[str]] = {}
    for expression in asked:
        for name, selector in re.findall(
            r"\b((?:fbsyncd|process)_\w+)(?:\{([^}]*)\})?", expression
        ):
            labels = set(re.findall(r'(\w+)="[^"]*"', selector))
            found.setdefault(name, set()).update(labels)
    return found


def test_dashboard_and_alerts_name_what_there_is(tmp_path: Path, database_url: str) -> None:
    """Every metric in docs/grafana.json and docs/alerts.yml is in a real scrape, labels too."""
    with (
        Simulator(posts=3, pictures="plain", app_secret="s") as facebook,
        archive_of(facebook, tmp_path, database_url, facebook_keys='app_secret = "s"\n') as archive,
    ):
        end = facebook.clock.now() + timedelta(days=9)
        facebook.faults.token_terms(expires_at=int(end.timestamp()))
        read(archive)
        Vigil(archive).ask_for_tokens()
        with site(archive) as opened:
            opened.ask("/healthz")
            told = parsed(opened.ask("/metrics").body.decode())
    there: dict[str, set[str]] = {}
    for name, labels in told:
        there.setdefault(name, set()).update(key for key, _ in labels)
    asked = asked_for()
    assert len(asked) > 20
    assert {name for name in asked if name not in there} == set()
    assert {
        name: labels - there[name] for name, labels in asked.items() if labels - there[name]
    } == {}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_prometheus_own_tool_finds_no_fault(archive: Archive) -> None:
    """promtool accepts the rules and the scrape."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: apt install prometheus)")
    rules: Any = subprocess.run(
        [promtool, "check", "rules", str(DOCS / "alerts.yml")], capture_output=True, check=False
    )
    assert rules.returncode == 0, rules.stderr
    sync(archive)
    archive.tallies.took("GET", "/healthz", "200", 0.001)
    checked: Any = subprocess.run(
        [promtool, "check", "metrics"],
        input=fresh(archive).scrape()[0],
        capture_output=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
