"""How long a picture and a page of posts take while the daemon archives another Page beside.

    python -m bench busy [--posts 1600] [--seconds 4] [--rounds 3] [--folder FOLDER]

The daemon (`fbsyncd run`) has one Page of so many posts archived. It is asked over one connection,
once with nothing to do, when its first scan and its first reading of the Page are over, and once
from the moment it has archived the first picture of a second Page as large: it reads that,
downloads its pictures from nginx and develops them, and each write makes the kept page of posts
anew. Client, nginx and the simulated Facebook share the machine with it. The archive is put back
between the rounds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench import load, stage, table
from bench.archive import fbsyncd, free_port

IDLE, BUSY = "fbsyncd, idle", "fbsyncd, busy"
PICTURE, POSTS = "a picture", "a page of 20 posts"
_SERVER: Final = '\n[server]\nport = {port}\n[log]\nlevel = "warning"\n'
_PAGE: Final = '\n[[facebook.pages]]\nid = "{id}"\naccess_token = "{token}"\n'

Times = dict[str, dict[str, list[float]]]


class Home:
    """An archive with one Page in it, and what to add to its config for another one."""

    def __init__(self, scene: stage.Stage, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._one = (scene.template / "config.toml").read_text(encoding="utf-8")
        self._one += _SERVER.format(port=self._port)
        self._two = self._one + _PAGE.format(**scene.pages[1])
        self._kept = folder / "kept"
        self._live = folder / "live"
        self._kept.mkdir()
        (self._kept / "config.toml").write_text(self._one, encoding="utf-8")
        table.say("archiving the first Page")
        fbsyncd(self._kept, "sync")
        # Else the daemon would read every file beside what is measured: no file was ever scrubbed.
        fbsyncd(self._kept, "reconcile", "--scrub")

    @contextmanager
    def daemon(self, *, is_busy: bool) -> Iterator[None]:
        """Run the daemon on a copy of the archive; it answers when this begins."""
        shutil.rmtree(self._live, ignore_errors=True)
        shutil.copytree(self._kept / "media", self._live / "media", copy_function=os.link)
        for file in self._kept.glob("fbsyncd.db*"):
            shutil.copy(file, self._live)
        told = self._two if is_busy else self._one
        (self._live / "config.toml").write_text(told, encoding="utf-8")
        os.sync()
        command = [sys.executable, "-m", "fbsyncd", "run"]
        # What is told of times has whole seconds.
        began = datetime.now(UTC).replace(microsecond=0)
        process = subprocess.Popen(command, cwd=self._live)
        try:
            stage.await_answer(f"http://127.0.0.1:{self._port}/healthz", process)
            if is_busy:
                self._await_work(process)
            else:
                self._await_rest(began, process)
            yield
        finally:
            process.terminate()
            process.wait(30)

    def _await_rest(self, began: datetime, process: subprocess.Popen[bytes]) -> None:
        """Wait until the daemon has scanned and read its Page once, and has nothing to fetch."""

        def rests(stats: dict[str, Any]) -> bool:
            times = [stats["reconcile"]["last_scan"], *(p["last_sync"] for p in stats["pages"])]
            is_over = all(at and datetime.fromisoformat(at) >= began for at in times)
            return is_over and not stats["media"]["pending"]

        self._await(rests, process, "the daemon did not come to rest")

    def _await_work(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the daemon has archived a picture of the second Page."""
        before = self.stats()["pictures"]["safe"]
        self._await(
            lambda stats: stats["pictures"]["safe"] > before,
            process,
            "the daemon archived nothing of the second Page",
        )

    def _await(
        self,
        happens: Callable[[dict[str, Any]], bool],
        process: subprocess.Popen[bytes],
        otherwise: str,
    ) -> None:
        for _ in range(1200):
            if happens(self.stats()):
                return
            if process.poll() is not None:
                break
            time.sleep(0.1)
        raise table.Missing(otherwise)

    def ask(self, what: str, seconds: float) -> load.Figures:
        """Ask over one connection for so long."""
        paths = self._pictures() if what == PICTURE else ["/api/posts"]
        requests = itertools.cycle([load.request(path) for path in paths])
        return load.run(self._port, requests, connections=1, seconds=seconds)

    def stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/api/stats") as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def _pictures(self) -> list[str]:
        root = self._kept / "media" / "facebook"
        files = [*root.glob("posts/*"), *root.glob("attachments/*")]
        return [f"/media/facebook/{file.parent.name}/{file.name}" for file in files]


def measure(home: Home, rounds: int, seconds: float) -> tuple[Times, Times, list[str]]:
    """Return p99 and median (ms) of each answer, and what was archived beside, round by round."""
    p99: Times = defaultdict(lambda: defaultdict(list))
    median: Times = defaultdict(lambda: defaultdict(list))
    beside = []
    for done in range(rounds):
        for state in (IDLE, BUSY):
            with home.daemon(is_busy=state == BUSY):
                before = home.stats()["pictures"]["safe"]
                # Each of both comes first in turn: at first the daemon reads, later it develops.
                for what in (PICTURE, POSTS) if done % 2 == 0 else (POSTS, PICTURE):
                    figures = home.ask(what, seconds)
                    p99[what][state].append(figures.p99 / 1000)
                    median[what][state].append(figures.median / 1000)
                if state == BUSY:
                    stats = home.stats()
                    is_over = not stats["media"]["pending"]
                    last = ", the last one before the end (more --posts)" if is_over else ""
                    beside.append(f"{stats['pictures']['safe'] - before}{last}")
        table.say(f"round {done + 1} of {rounds}")
    return p99, median, beside


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    table.options(parser, rounds=3)
    parser.add_argument("--posts", type=int, default=1600)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--folder", type=Path, help="where to write (default: the temporary one)")
    args = parser.parse_args()
    pictures = args.posts * stage.PER_POST
    stood = stage.raised(args.folder, pictures, pages=2)
    with stood as (scene, folder), stage.nginx(scene, folder):
        p99, median, beside = measure(Home(scene, folder), args.rounds, args.seconds)
    note = f"pictures archived beside, in each round: {'; '.join(beside)}"
    there = f"{args.posts:,} posts there and {args.posts:,} coming"
    goals = [table.Goal(BUSY, 3, IDLE, aim=5), table.Goal(BUSY, 5, aim=5)]
    tables = [
        table.Table(f"p99 of {what}, {there}", "ms", dict(rows), IDLE, goals, notes=[note])
        for what, rows in p99.items()
    ]
    tables += [
        table.Table(f"median of {what}, {there}", "ms", dict(rows), IDLE)
        for what, rows in median.items()
    ]
    table.tell("busy", tables, args)


if __name__ == "__main__":
    main()
