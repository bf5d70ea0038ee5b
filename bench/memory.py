"""The most memory the daemon and its workers had, from the first sync to serving all of it.

    python -m bench memory [--posts 3111] [--files 100000] [--rounds 3] [--save FOLDER]

The daemon as installed, twice on each engine. First it reads a simulated Page, fetches and develops
its pictures, and compares every file with its SHA-256 again and again. Then it finds an archive of
so many files (of no bytes), compares rows with files, and files with their SHA-256. All the while a
client asks for posts, pictures and statistics as fast as they are answered.

What is told is the high-water mark that the kernel keeps of each process: pages shared with other
processes count in each. On PostgreSQL too where the tests' binaries are there.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench import load, start, table
from bench.archive import Facebook, free_port
from bench.databases import databases
from fbsyncd import config, models
from fbsyncd.archive import Archive

DAEMON: Final = 120
WORKER: Final = 80
PATIENCE: Final = 3600
#: So often a daemon that found everything in order is asked for a second at the least.
ROUNDS: Final = 20
FILES_PER_POST: Final = 4
_ALL: Final = """
[server]
port = {port}
[reconcile]
scrub_interval = "{scrub}"
"""
_PATHS: Final = ("/api/posts?limit=100", "/api/posts", "/api/stats", "/api/timeline", "/")


@dataclass(slots=True)
class Peak:
    """The most megabytes a process of each kind has had so far."""

    daemon: float = 0
    worker: float = 0

    def look(self, pid: int) -> None:
        """Read the marks of a daemon and of all its children."""
        self.daemon = max(self.daemon, high_water(pid))
        for child in children(pid):
            self.worker = max(self.worker, high_water(child))


def high_water(pid: int) -> float:
    """Return the most memory a process has had (MB); 0 when it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM"):
                return table.megabytes(line)
    return 0.0


def children(pid: int) -> Iterator[int]:
    """Yield the children of a process, whichever thread began them."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            yield from map(int, (thread / "children").read_text(encoding="ascii").split())


def watched(folder: Path, port: int, is_done: Callable[[dict[str, Any]], bool]) -> Peak:
    """Run the daemon until what it tells *is_done*, asking it all the while; return its peak."""
    peak, end = Peak(), time.monotonic() + PATIENCE
    with (folder / "log").open("w") as log:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "fbsyncd", "run"], cwd=folder, stderr=log, stdout=log
        )
        try:
            while not start.answers(port):
                time.sleep(0.05)
            while not is_done(told(port)):
                if daemon.poll() is not None or time.monotonic() > end:
                    raise table.Missing(f"the daemon did not finish: {told_last(folder)}")
                ask(port)
                peak.look(daemon.pid)
        finally:
            daemon.terminate()
            daemon.wait()
    return peak


def told(port: int) -> dict[str, Any]:
    """Return the statistics the daemon tells."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/stats", timeout=60) as answer:
        stats: dict[str, Any] = json.load(answer)
    return stats


def told_last(folder: Path) -> str:
    """Return the last line of the daemon's log."""
    return (folder / "log").read_text(encoding="utf-8").rstrip().rpartition("\n")[2]


def ask(port: int) -> None:
    """Ask for pages, and for the pictures of one, over eight connections for a second."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/posts", timeout=60) as answer:
        posts = json.load(answer)["posts"]
    pictures = [
        attachment["local_media_url"]
        for post in posts
        for attachment in post["attachments"]
        if attachment.get("local_media_url")
    ]
    asked = [load.request(path) for path in (*_PATHS, *pictures)]
    load.run(port, itertools.cycle(asked), connections=8, seconds=1)


def filling(folder: Path, database: str, posts: int) -> Peak:
    """Watch a daemon that archives a Page."""
    seen: list[tuple[int, int]] = []
    port = free_port()

    def is_done(stats: dict[str, Any]) -> bool:
        pictures, files = stats["pictures"], stats["media"]["files"]
        seen.append((pictures["all"] - pictures["safe"], files))
        # Nothing waits, and no small version was added for a while.
        return len(seen) > 5 and set(seen[-5:]) == {(0, files)} and files > 0

    with Facebook.started(posts) as facebook:
        facebook.configure(folder, database, _ALL.format(port=port, scrub="1s"))
        return watched(folder, port, is_done)


def finding(folder: Path, database: str, files: int) -> Peak:
    """Watch a daemon that finds an archive of so many files."""
    port = start.build(folder, database, files // FILES_PER_POST)
    archive = Archive(config.load(folder / "config.toml", environ={}, cwd=folder))
    with models.transaction(archive.db):
        of_nothing = hashlib.sha256().hexdigest()
        sql = "UPDATE media_storage SET file_size = 0, sha256 = ?"
        models.change(archive.db, sql, [of_nothing])
    with models.snapshot(archive.db):
        for batch in models.stream(
            archive.db, "SELECT category, local_filename FROM media_storage", size=5000
        ):
            for category, name in batch:
                (archive.media.root / category / name).touch()
    archive.close()

    seen: list[str | None] = []

    def is_done(stats: dict[str, Any]) -> bool:
        # The scrub goes on beside it, in turns; it holds as much at the end as at the beginning.
        seen.append(stats["reconcile"]["last_scan"])
        return len(seen) > ROUNDS and seen[-1] is not None

    return watched(folder, port, is_done)


def measure(args: argparse.Namespace) -> dict[str, list[float]]:
    """Return the peaks of both daemons on each engine, round by round."""
    taken: dict[str, list[float]] = defaultdict(list)
    large = f"{args.files:,} files"
    for done in range(args.rounds):
        for what in ("sync", large):
            with tempfile.TemporaryDirectory() as name, databases(None) as found:
                for engine, url in found:
                    table.say(f"{what} on {engine}")
                    folder = Path(name, engine)
                    if what == "sync":
                        peak = filling(folder, url, args.posts)
                        taken[f"worker, developing, {engine}"].append(peak.worker)
                        row = f"daemon, {args.posts:,} posts archived, {engine}"
                    else:
                        peak = finding(folder, url, args.files)
                        row = f"daemon, {large} scanned, {engine}"
                    taken[row].append(peak.daemon)
        table.say(f"round {done + 1} of {args.rounds}")
    return dict(taken)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--posts", type=int, default=3111)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="of small archives")
    table.options(parser, rounds=3)
    args = parser.parse_args()
    if args.quick:
        args.posts, args.files = 40, 2000
    taken = measure(args)
    goals = [
        table.Goal(name, DAEMON if name.startswith("daemon") else WORKER, aim=10)
        for name in sorted(taken)
    ]
    title = f"Most memory, {args.posts:,} posts and {args.files:,} files"
    table.tell("memory", [table.Table(title, "MB", taken, "", goals)], args)


if __name__ == "__main__":
    main()
