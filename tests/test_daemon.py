"""The daemon as a real process: it archives, heals what is deleted, and stops cleanly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from plant import config_text

from fbsyncd.simulator import Simulator

PATIENCE = 60.0
PROMPT = 30.0  # seconds a stop may take: whoever waits for what hangs takes longer


@dataclass
class Running:
    """A daemon process, and where it answers."""

    process: subprocess.Popen[str]
    url: str
    log: list[str]

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=60) as answer:
            return json.load(answer)

    def until(
        self, happens: Callable[[dict[str, Any]], bool], *, bears: int | None = None
    ) -> dict[str, Any]:
        """Ask for the statistics until *happens*; the next look follows the last at once.

        Who is answered with the status *bears* asks again.
        """
        deadline = time.monotonic() + PATIENCE
        stats: dict[str, Any] = {}
        while time.monotonic() < deadline:
            try:
                stats = self.get("/api/stats")
            except urllib.error.HTTPError as refused:
                refused.close()
                if refused.code != bears:
                    raise
                continue
            if happens(stats):
                return stats
        raise AssertionError(f"it did not happen: {stats}\n{''.join(self.log)}")

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Stop the daemon and return how many seconds that took."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.log += self.process.communicate(timeout=60)[1].splitlines(keepends=True)
        return time.monotonic() - began


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    process = subprocess.Popen(
        [sys.executable, "-m", "fbsyncd", "run"], cwd=folder, stderr=subprocess.PIPE, text=True
    )
    log: list[str] = []
    assert process.stderr is not None
    try:
        for line in process.stderr:
            log.append(line)
            if "ready: " in line:
                yield Running(process, line.split("ready: ")[1].strip().rstrip("/"), log)
                break
        else:
            raise AssertionError("".join(log))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def all_safe(stats: dict[str, Any]) -> bool:
    media = stats["media"]
    read = bool(stats["pages"]) and stats["pages"][0]["state"] == "ok"
    return read and media["success"] > 0 and media["pending"] + media["failed"] == 0


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=12, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def folder(facebook: Simulator, tmp_path: Path, database_url: str) -> Path:
    (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
    return tmp_path


def test_a_daemon_archives_serves_heals_and_stops(facebook: Simulator, folder: Path) -> None:
    """From a fresh folder to served pictures; a deleted file comes back; SIGTERM ends it."""
    with running(folder) as daemon:
        stats = daemon.until(all_safe)
        assert stats["posts"] == 12
        with_picture = [p for p in daemon.get("/api/posts")["posts"] if p["has_local_image"]]
        local = with_picture[0]["display_image_url"]
        picture = folder / local.lstrip("/")
        before = picture.read_bytes()
        picture.unlink()
        daemon.until(lambda stats: picture.exists() and all_safe(stats))
        with urllib.request.urlopen(f"{daemon.url}{local}", timeout=60) as answer:
            assert answer.read() == before
        assert daemon.get("/healthz") == {"status": "alive"}
        assert daemon.stop() < PROMPT
        assert daemon.process.returncode == 0
    assert "Traceback" not in "".join(daemon.log)
    assert facebook.token not in "".join(daemon.log)


def has_scanned(daemon: Running, times: int) -> bool:
    with urllib.request.urlopen(f"{daemon.url}/metrics", timeout=10) as answer:
        return b"\nfbsyncd_reconcile_scans_total %d.0\n" % times in answer.read()


def is_file_of(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def test_who_asks_for_a_file_that_was_cut_has_it_healed(folder: Path) -> None:
    """Where nothing watches the folders, a request that is refused for it asks for a scan."""
    config = folder / "config.toml"
    config.write_text(config.read_text() + "[reconcile]\nwatch = false\n")
    with running(folder) as daemon:
        daemon.until(lambda stats: all_safe(stats) and has_scanned(daemon, 1))
        posts = daemon.get("/api/posts")["posts"]
        local = next(post["display_image_url"] for post in posts if post["has_local_image"])
        picture = folder / local.lstrip("/")
        whole = picture.read_bytes()
        os.truncate(picture, 100)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            daemon.get(local)
        daemon.until(lambda _: has_scanned(daemon, 2))
        daemon.until(lambda _: is_file_of(picture, len(whole)))
        assert picture.read_bytes() == whole
        daemon.stop()


def test_a_new_post_is_archived_while_the_daemon_runs(facebook: Simulator, folder: Path) -> None:
    """The next interval brings it; nobody has to ask."""
    config = folder / "config.toml"
    config.write_text(config.read_text().replace("backfill_days = 0", 'interval = "1s"'))
    with running(folder) as daemon:
        daemon.until(all_safe)
        post_id = facebook.add_post("photo", message="ใหม่")
        daemon.until(lambda stats: stats["posts"] == 13 and all_safe(stats))
        assert daemon.get(f"/api/posts/{post_id}")["has_local_image"]
        daemon.stop(signal.SIGINT)
        assert daemon.process.returncode == 0


def test_a_sync_that_is_asked_for_happens_now(facebook: Simulator, folder: Path) -> None:
    """POST /api/sync does not wait for the interval; what it brings can be searched."""
    with running(folder) as daemon:
        stats = daemon.until(all_safe)
        assert stats["pages"][0]["next_sync"] > stats["pages"][0]["last_sync"]
        facebook.add_post("photo", message="ประภาคาร")
        wish = urllib.request.Request(f"{daemon.url}/api/sync", method="POST")
        with urllib.request.urlopen(wish, timeout=60) as answer:
            assert answer.status == 202
        daemon.until(lambda stats: stats["posts"] == 13 and all_safe(stats))
        (found,) = daemon.get(f"/api/posts?q={quote('ภาคา')}")["posts"]
        assert found["message"] == "ประภาคาร"
        daemon.stop()


def test_work_in_flight_is_kept_or_given_back(facebook: Simulator, folder: Path) -> None:
    """A daemon stopped in mid-download leaves no lease behind, and the next one finishes."""
    facebook.faults.cdn_delay(3)
    with running(folder) as daemon:
        daemon.until(lambda stats: stats["media"]["pending"] > 8)
        assert daemon.stop() < PROMPT
        assert daemon.process.returncode == 0
    facebook.faults.clear()
    with running(folder) as daemon:
        daemon.until(all_safe)
        daemon.stop()


def test_a_daemon_stops_although_the_graph_api_hangs(facebook: Simulator, folder: Path) -> None:
    """A call that gets no answer does not hold up the stop."""
    facebook.faults.hang(60, times=None)
    with running(folder) as daemon:
        daemon.until(lambda stats: facebook.calls["graph"] > 0)
        assert daemon.stop() < PROMPT
        assert daemon.process.returncode == 0
    facebook.faults.clear()


def test_links_that_died_early_are_healed(facebook: Simulator, folder: Path) -> None:
    """Links the CDN refuses before their time are asked for anew, and the pictures are fetched."""
    facebook.faults.cdn_offline()
    with running(folder) as daemon:
        daemon.until(lambda stats: stats["posts"] == 12)
        # The daemon's own clock says that these links are good for days.
        facebook.clock.move(timedelta(days=7))
        facebook.faults.cdn_online()
        stats = daemon.until(all_safe)
        assert stats["media"]["given_up"] == 0
        assert stats["deadlines"]["pending"] == 0
        daemon.stop()


def test_a_second_daemon_is_refused(facebook: Simulator, folder: Path) -> None:
    """One line names the first one's pid; the first goes on undisturbed."""
    with running(folder) as daemon:
        second = subprocess.run(
            [sys.executable, "-m", "fbsyncd", "run"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 1
        assert f"pid {daemon.process.pid}" in second.stderr
        assert len(second.stderr.splitlines()) == 1
        daemon.until(all_safe)
        by_hand = subprocess.run(
            [sys.executable, "-m", "fbsyncd", "sync"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert by_hand.returncode == 0, by_hand.stderr
        daemon.stop()


def test_leftovers_of_a_killed_daemon_are_swept(facebook: Simulator, folder: Path) -> None:
    """After SIGKILL in mid-download the next start takes back leases and temporary files."""
    facebook.faults.cdn_delay(2)
    with running(folder) as daemon:
        daemon.until(lambda stats: stats["media"]["pending"] > 4)
        daemon.process.kill()
        daemon.process.wait()
    facebook.faults.clear()
    (folder / "media/facebook/.incoming" / f"{daemon.process.pid}-0badcafe-99.part").write_bytes(
        b"half"
    )
    with running(folder) as daemon:
        daemon.until(all_safe)
        daemon.stop()
    assert list((folder / "media/facebook/.incoming").iterdir()) == []


def test_a_used_port_is_told_in_one_line(facebook: Simulator, folder: Path) -> None:
    """The message names the port; nothing is left running."""
    config = folder / "config.toml"
    port = facebook.url.rpartition(":")[2]
    config.write_text(config.read_text().replace("port = 0", f"port = {port}"))
    refused = subprocess.run(
        [sys.executable, "-m", "fbsyncd", "run"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert f":{port} is taken" in refused.stderr.splitlines()[-1]
    assert "Traceback" not in refused.stderr


def _asked(url: str, **headers: str) -> tuple[int, dict[str, str]]:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=named), timeout=60) as told:
            return told.status, {name.lower(): text for name, text in told.headers.items()}
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, {name.lower(): text for name, text in refused.headers.items()}


def test_the_server_behaves_as_configured(facebook: Simulator, folder: Path) -> None:
    """Names, origins and the place for nginx reach the server of the daemon, and rows are kept."""
    config = folder / "config.toml"
    origin = "https://dash.example.org"
    config.write_text(
        config.read_text().replace(
            "[server]\n",
            f'[server]\nallowed_hosts = ["nas.example.org"]\ncors_origins = ["{origin}"]\n'
            'accel_prefix = "/archived/"\n',
        )
    )
    with running(folder) as daemon:
        daemon.until(all_safe)
        posts = f"{daemon.url}/api/posts"
        assert _asked(posts, Host="nas.example.org")[0] == 200
        assert _asked(posts, Host="evil.example")[0] == 421
        assert _asked(posts, Origin=origin)[1]["access-control-allow-origin"] == origin
        with_picture = [p for p in daemon.get("/api/posts")["posts"] if p["has_local_image"]]
        local = with_picture[0]["display_image_url"]
        status, headers = _asked(f"{daemon.url}{local}")
        assert (status, headers["x-accel-redirect"][:10]) == (200, "/archived/")
        etag = _asked(posts)[1]["etag"]
        assert _asked(posts, If_None_Match=etag)[0] == 304
