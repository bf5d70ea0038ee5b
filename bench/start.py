"""How long `fbsyncd stats` takes, and how long after exec the daemon gives its first answer.

    python -m bench start [--posts 3111] [--rounds 7] [--markdown] [--save FOLDER]

Beside Python itself, started to do nothing. The archive is one of rows alone; the first answer is
that of the address that tells whether the daemon lives, asked for again and again from its start.
Compiled, as an installed program is, whatever the environment says of that; the first run of each,
which compiles, does not count. On PostgreSQL too where the tests' binaries are there.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final
from urllib.error import URLError

from bench import rows, table
from bench.archive import free_port
from bench.databases import databases
from fbsyncd import config
from fbsyncd.archive import Archive

BARE: Final = "python -c pass"
STATS: Final = "fbsyncd stats"
ANSWER: Final = "fbsyncd run, first answer"
PATIENCE: Final = 60.0
# Port 9 takes no connections: the Page is asked for in vain while the first answer is waited for.
CONFIG: Final = """
[facebook]
graph_url = "http://127.0.0.1:9"
[[facebook.pages]]
id = "100"
access_token = "x"
[database]
url = "{database}"
[media]
free_space_floor = "1MB"
[server]
port = {port}
"""


def build(folder: Path, database: str, posts: int) -> int:
    """Make an archive of rows alone; return the port its daemon will listen on."""
    folder.mkdir()
    port = free_port()
    text = CONFIG.format(database=database, port=port)
    (folder / "config.toml").write_text(text, encoding="utf-8")
    archive = Archive(config.parse(text, base=folder, environ={}))
    archive.setup()
    rows.pour(archive.db, posts)
    archive.close()
    return port


def installed(folder: Path) -> dict[str, str]:
    """Return an environment in which modules are compiled once: in a checkout they may not be."""
    told = {name: it for name, it in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**told, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}


def run(folder: Path, *command: str) -> float:
    """Return how long a command takes from its start to its end (seconds)."""
    env = installed(folder)
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, *command], cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - began


def first_answer(folder: Path, port: int) -> float:
    """Return how long after its start the daemon answers (seconds)."""
    command, env = [sys.executable, "-m", "fbsyncd", "run"], installed(folder)
    began = time.perf_counter()
    daemon = subprocess.Popen(command, cwd=folder, env=env, stderr=subprocess.DEVNULL)
    try:
        while not answers(port):
            if daemon.poll() is not None or time.perf_counter() > began + PATIENCE:
                raise table.Missing(f"the daemon did not answer within {PATIENCE:.0f} s")
            time.sleep(0.002)
        return time.perf_counter() - began
    finally:
        daemon.terminate()
        daemon.wait()


def answers(port: int) -> bool:
    """Tell whether the daemon answers."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=PATIENCE).close()
    except (URLError, ConnectionError):
        return False
    return True


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--posts", type=int, default=3111)
    table.options(parser, rounds=7)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, databases(None) as found:
        ways: dict[str, Callable[[], float]] = {BARE: partial(run, Path(name), "-c", "pass")}
        for engine, url in found:
            folder = Path(name, engine)
            port = build(folder, url, args.posts)
            ways[f"{STATS}, {engine}"] = partial(run, folder, "-m", "fbsyncd", "stats")
            ways[f"{ANSWER}, {engine}"] = partial(first_answer, folder, port)
        table.measure(ways, 1)
        measured, missing = table.measure(ways, args.rounds)
    goals = [
        table.Goal(name, limit, aim=11)
        for start, limit in ((STATS, 0.35), (ANSWER, 0.8))
        for name in measured
        if name.startswith(start)
    ]
    title = f"From exec on, {args.posts:,} posts"
    table.tell("start", [table.Table(title, "s", measured, BARE, goals, missing)], args)


if __name__ == "__main__":
    main()
