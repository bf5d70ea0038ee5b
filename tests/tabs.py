"""What open dashboards cost the daemon: ``python tests/tabs.py [--tabs 100] [--seconds 60]``.

Each tab is a connection that is kept, and asks as a page does that is looked at (a hidden one asks
nothing): the statistics, the timeline and the newest posts, with the ETag of its last answer,
every 20 seconds, and every 3 while pictures arrive. The tabs begin spread over one interval.
"""

from __future__ import annotations

import argparse
import http.client
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from plant import config_text
from test_daemon import Running, all_safe, running

from fbsyncd.simulator import Simulator

CALM, BUSY = 20.0, 3.0  # seconds between two looks of a page, see app.js
_COLUMNS = (
    *("tabs", "look every", "requests a second", "unchanged", "of one core"),
    *("answered in (p50 / p99)", "bodies a second"),
)
ASKED = ("/api/stats", "/api/timeline?zone=Asia%2FBangkok", "/api/posts?limit=24")


@dataclass
class Told:
    """What the tabs were told, all together."""

    times: list[float] = field(default_factory=list)  # seconds
    unchanged: int = 0
    bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, seconds: float, status: int, size: int) -> None:
        with self.lock:
            self.times.append(seconds)
            self.unchanged += status == 304
            self.bytes += size


def tab(url: str, first: float, interval: float, end: threading.Event, told: Told) -> None:
    """Look again and again until *end*, for the first time after *first* seconds."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    etags: dict[str, str] = {}
    pause = first
    while not end.wait(pause):
        for path in ASKED:
            began = time.perf_counter()
            known = {"If-None-Match": etags[path]} if path in etags else {}
            connection.request("GET", path, headers={"Accept-Encoding": "gzip", **known})
            answer = connection.getresponse()
            body = answer.read()
            told.add(time.perf_counter() - began, answer.status, len(body))
            etags[path] = answer.headers.get("ETag") or ""
        pause = interval
    connection.close()


def used(process: int) -> float:
    """Return the seconds of processor that *process* has used."""
    numbers = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def measured(daemon: Running, tabs: int, interval: float, seconds: float) -> str:
    """Let so many tabs look for so long, and return the line that tells of it."""
    told, end = Told(), threading.Event()
    firsts = [interval * nth / max(tabs, 1) for nth in range(tabs)]
    threads = [
        threading.Thread(target=tab, args=(daemon.url, first, interval, end, told))
        for first in firsts
    ]
    for thread in threads:
        thread.start()
    time.sleep(interval if tabs else 0)  # until each has asked once
    before, began = used(daemon.process.pid), time.monotonic()
    with told.lock:
        told.times.clear()
        told.unchanged = told.bytes = 0
    time.sleep(seconds)
    share = (used(daemon.process.pid) - before) / (time.monotonic() - began)
    end.set()
    for thread in threads:
        thread.join()
    return line(tabs, interval, seconds, share, told)


def line(tabs: int, interval: float, seconds: float, share: float, told: Told) -> str:
    """Return one line of the table."""
    if not tabs:
        return f"| none | | | | {share:.1%} | | |"
    times = sorted(told.times)
    slow = times[int(0.99 * len(times))]
    return (
        f"| {tabs} | {interval:.0f} s | {len(times) / seconds:.1f} |"
        f" {told.unchanged / len(times):.0%} | {share:.1%} |"
        f" {1000 * statistics.median(times):.1f} / {1000 * slow:.1f} ms |"
        f" {told.bytes / seconds / 1000:.1f} kB |"
    )


def lines(tabs: int, seconds: float, posts: int) -> Iterator[str]:
    """Measure without tabs, with calm ones, and with busy ones."""
    yield "| " + " | ".join(_COLUMNS) + " |"
    yield "|---" * len(_COLUMNS) + "|"
    with (
        tempfile.TemporaryDirectory() as name,
        Simulator(posts=posts, seed=3, pictures="plain") as facebook,
    ):
        Path(name, "config.toml").write_text(config_text(facebook))
        with running(Path(name)) as daemon:
            daemon.until(all_safe)
            time.sleep(10)  # what a start leaves to be done
            yield measured(daemon, 0, CALM, seconds)
            yield measured(daemon, tabs, CALM, seconds)
            yield measured(daemon, tabs, BUSY, seconds)
            daemon.stop()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tabs", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--posts", type=int, default=300)
    asked = parser.parse_args()
    for text in lines(asked.tabs, asked.seconds, asked.posts):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
