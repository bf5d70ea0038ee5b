"""The simulated Facebook in a process of its own, an archive of it, and what a sync did there."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fbsyncd import models
from fbsyncd.archive import Archive

CONFIG = """
[facebook]
graph_url = "{url}"
[[facebook.pages]]
id = "{page}"
access_token = "{token}"
[database]
url = "{database}"
[media]
allowed_hosts = ["127.0.0.1"]
free_space_floor = "1MB"
[sync]
backfill_days = 0
"""
TABLES = {
    "media_storage": "id",
    "facebook_posts": "id",
    "facebook_post_attachments": "id",
    "facebook_video_posts": "video_id",
}


@dataclass
class Facebook:
    """The simulator in its own process, asked over its control routes."""

    process: subprocess.Popen[str]
    url: str

    @classmethod
    @contextmanager
    def started(cls, posts: int, *arguments: str) -> Iterator[Facebook]:
        """Let it run until the end of the block."""
        command = [sys.executable, "-m", "fbsyncd.simulator", "--pictures", "plain"]
        process = subprocess.Popen(
            [*command, "--posts", str(posts), *arguments], stdout=subprocess.PIPE, text=True
        )
        try:
            line = process.stdout.readline() if process.stdout else ""
            yield cls(process, line.split()[-1])
        finally:
            process.terminate()
            process.communicate()

    def configure(self, folder: Path, database: str, more: str = "") -> str:
        """Make a folder with a configuration of this one's first Page; return its text."""
        page = self.state()["pages"][0]
        known = {"url": self.url, "page": page["id"], "token": page["token"]}
        text = CONFIG.format(**known, database=database) + more
        folder.mkdir(exist_ok=True)
        (folder / "config.toml").write_text(text, encoding="utf-8")
        return text

    def state(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/_control/state") as answer:
            state: dict[str, Any] = json.load(answer)
        return state

    def grow(self, post_id: str, photos: int) -> None:
        body = json.dumps({"post_id": post_id, "photos": photos}).encode()
        request = urllib.request.Request(
            f"{self.url}/_control/grow_album",
            data=body,
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request).close()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def fbsyncd(folder: Path, *arguments: str) -> str:
    """Run a command of the program as installed and return what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "fbsyncd", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def rows(archive: Archive) -> dict[str, set[tuple[Any, ...]]]:
    with models.session(archive.db):
        return {
            table: set(models.rows(archive.db, f"SELECT {key}, updated_at FROM {table}"))
            for table, key in TABLES.items()
        }


def files(archive: Archive) -> dict[str, int]:
    return {
        str(path): path.stat().st_mtime_ns
        for folder in ("posts", "attachments", "thumbnails")
        for path in (archive.media.root / folder).iterdir()
    }


def fill_up(facebook: Facebook, folder: Path, wanted: int) -> None:
    """Let albums grow until the Page has the wanted number, counted by an archive of its own."""
    fbsyncd(folder, "sync", "--no-media")
    stats = json.loads(fbsyncd(folder, "stats", "--json"))
    missing = wanted - stats["attachments"]
    posts = json.loads(fbsyncd(folder, "posts", "--limit", "3000", "--json"))
    for post in posts:
        if post["type"] == "album" and missing > 0:
            photos = min(5, missing)
            facebook.grow(post["id"], photos)
            missing -= photos


def measure(
    facebook: Facebook, folder: Path, archive: Archive, *arguments: str
) -> dict[str, float]:
    """Sync with these *arguments*; return what was asked for and what was written."""
    calls, before, there = facebook.state()["calls"], rows(archive), files(archive)
    began = time.monotonic()
    fbsyncd(folder, "sync", *arguments)
    seconds = time.monotonic() - began
    after, now = rows(archive), files(archive)
    asked = facebook.state()["calls"]
    return {
        "seconds": round(seconds, 1),
        "Graph calls": asked.get("graph", 0) - calls.get("graph", 0),
        "downloads": asked.get("cdn", 0) - calls.get("cdn", 0),
        "rows written": sum(len(after[table] - before[table]) for table in TABLES),
        "files written": len(now.items() - there.items()),
    }
