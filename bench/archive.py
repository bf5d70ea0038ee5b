"""Archive a Page of the first user's size twice, and say what the second time cost.

    python -m bench.archive [--posts 3111] [--attachments 5600] [--database URL]

The simulated Facebook runs in a process of its own and draws plain pictures; its work shares the
machine, so the seconds are an upper bound. What counts are the numbers after the first sync.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fbsyncd import config, models
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
    def start(cls, posts: int, *arguments: str) -> Facebook:
        command = [sys.executable, "-m", "fbsyncd.simulator", "--pictures", "plain"]
        process = subprocess.Popen(
            [*command, "--posts", str(posts), *arguments], stdout=subprocess.PIPE, text=True
        )
        line = process.stdout.readline() if process.stdout else ""
        return cls(process, line.split()[-1])

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


def fbsyncd(folder: Path, *arguments: str) -> str:
    """Run a command of the program as installed and return what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "fbsyncd", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


# The high-water mark of the memory map: what the kernel reports of a finished child also counts
# the moment before exec, when it was still a copy of this process.
_SYNC = """
import sys
from fbsyncd.__main__ import main
status = main(["sync"])
with open("/proc/self/status") as lines:
    print(next(line.split()[1] for line in lines if line.startswith("VmHWM")), file=sys.stderr)
sys.exit(status)
"""


def timed_sync(folder: Path) -> tuple[float, int]:
    """Sync once; return the seconds and the most memory the process had (MB)."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _SYNC], cwd=folder, check=True, capture_output=True, text=True
    )
    return time.monotonic() - began, int(done.stderr.split()[-1]) // 1024


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


def measure(facebook: Facebook, folder: Path, archive: Archive) -> dict[str, Any]:
    calls, before, there = facebook.state()["calls"], rows(archive), files(archive)
    seconds, memory = timed_sync(folder)
    after, now = rows(archive), files(archive)
    asked = facebook.state()["calls"]
    new = sum(len({k for k, _ in after[t]} - {k for k, _ in before[t]}) for t in TABLES)
    written = sum(len(after[table] - before[table]) for table in TABLES)
    return {
        "seconds": round(seconds, 1),
        "peak memory, MB": memory,
        "Graph calls": asked.get("graph", 0) - calls.get("graph", 0),
        "downloads": asked.get("cdn", 0) - calls.get("cdn", 0),
        "new rows": new,
        "changed rows": written - new,
        "new files": len(set(now) - set(there)),
        "changed files": sum(now[name] != there[name] for name in set(now) & set(there)),
    }


def run(posts: int, attachments: int, database: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the archive's statistics and what the first and the second sync did."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        facebook = Facebook.start(posts)
        try:
            page = facebook.state()["pages"][0]
            known = {"url": facebook.url, "page": page["id"], "token": page["token"]}
            counting = folder / "counting"
            counting.mkdir()
            (counting / "config.toml").write_text(
                CONFIG.format(**known, database="sqlite:///fbsyncd.db")
            )
            fill_up(facebook, counting, attachments)
            text = CONFIG.format(**known, database=database)
            (folder / "config.toml").write_text(text)
            archive = Archive(config.parse(text, base=folder, environ={}))
            archive.setup()
            results = [measure(facebook, folder, archive) for _ in range(2)]
            stats = archive.feed.stats()
            archive.close()
        finally:
            facebook.process.terminate()
            facebook.process.wait()
    return stats, results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=3111)
    parser.add_argument("--attachments", type=int, default=5600)
    parser.add_argument("--database", default="sqlite:///fbsyncd.db")
    args = parser.parse_args()
    stats, (first, second) = run(args.posts, args.attachments, args.database)
    print(f"{stats['posts']:,} posts, {stats['attachments']:,} attachments,", end=" ")
    print(f"{stats['pictures']['safe']:,} of {stats['pictures']['all']:,} pictures safe")
    print(f"{'':<16}{'first sync':>12}{'second sync':>14}")
    for what in first:
        print(f"{what:<16}{first[what]:>12,}{second[what]:>14,}")


if __name__ == "__main__":
    main()
