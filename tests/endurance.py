"""The long version of the reliability tests; ``make torture`` runs it and it prints its counts.

1,000 random kills on both engines, 10,000 files deleted at once, and 24 months of a Page's life.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import postgres
from months import Life, live
from plant import config_text
from torture import NOT_SAFE, Death, Ordeal, ordeal, prepare

from fbsyncd.simulator import Simulator

POINTS = "statement executed commit committed open fsync fsynced replace replaced unlink unlinked"
SERIES = 50


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextmanager
def databases(folder: Path, server: postgres.PostgresServer | None, nth: int) -> Iterator[str]:
    """An empty database, of the one engine and the other in turn."""
    if server is None or nth % 2 == 0:
        yield f"sqlite:///{folder / 'fbsyncd.db'}"
    else:
        with server.fresh_database() as url:
            yield url


def kills(count: int, seed: int) -> None:
    """Kill *count* times, in series of an archive each; the chance of each series is printed."""
    binaries, total, nth = postgres.find_binaries(), Counter[str](), 0
    if binaries is None:
        raise SystemExit(postgres.missing_reason())
    with postgres.running_server(binaries) as server:
        while total["kills"] < count:
            wanted = min(SERIES, count - total["kills"])
            with (
                tempfile.TemporaryDirectory() as name,
                databases(Path(name), server, nth) as url,
                ordeal(Path(name), url, posts=25, seed=seed + nth) as archive,
            ):
                counted = series(archive, random.Random(seed + nth), wanted)
            nth += 1
            total.update(counted)
            say(f"series {nth} ({url.partition(':')[0]}): {counted}")
    say(f"kills: {dict(total)}")


def series(archive: Ordeal, chance: random.Random, wanted: int) -> dict[str, int]:
    """Kill one archive so often, then hold it against one that nobody killed."""
    for _ in range(chance.randint(1, 4)):
        archive.run("setup", death=death(chance, "setup"))
    while archive.kills.total() < wanted:
        (command,) = chance.choices(["sync", "run", "reconcile", "setup"], [11, 5, 4, 1])
        prepare(archive, chance, command)
        options = ["--scrub", "--delete-orphans"] if command == "reconcile" else []
        archive.run(command, *options, death=death(chance, command))
    return archive.finish()


def death(chance: random.Random, command: str) -> Death:
    if chance.random() < 0.5:
        return Death(after=chance.uniform(0.1, 2.0))
    end = 3.0 if command == "run" else None
    return Death(chance.choice(POINTS.split()), int(chance.expovariate(0.1)) + 1, end)


def deletion(files: int) -> None:
    """Delete *files* files at once: no row is changed until the loss is accepted."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name, Simulator(posts=0, pictures="plain") as facebook:
        folder = Path(name)
        (folder / "config.toml").write_text(config_text(facebook, f"sqlite:///{folder / 'x.db'}"))
        archive = Ordeal(facebook, folder, f"sqlite:///{folder / 'x.db'}")
        for _ in range(files // 10):
            facebook.add_post("album", photos=5)
        command(folder, 0, "sync")
        archive.check()
        there = sorted(archive.files())
        before = sorted(archive.rows("SELECT * FROM media_storage"), key=str)
        for path in there:
            path.unlink()
        assert "--accept-loss" in command(folder, 1, "reconcile")
        assert before == sorted(archive.rows("SELECT * FROM media_storage"), key=str)
        command(folder, 0, "reconcile", "--accept-loss")
        command(folder, 0, "sync")
        archive.check()
        assert (sorted(archive.files()), archive.rows(NOT_SAFE)) == (there, [])
    say(f"deletion: {len(there)} files deleted and back, {time.monotonic() - began:.0f} s")


def command(folder: Path, status: int, *arguments: str) -> str:
    """Run a command, expect its exit status and return what it complained of."""
    done = subprocess.run(
        [sys.executable, "-m", "fbsyncd", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def months(count: int, seed: int) -> None:
    """Let *count* months go by with all that happens to a Page and its archive."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{Path(name) / 'fbsyncd.db'}"
        happened = live(Path(name), url, Life(count * 30, seed), say)
    say(f"months: {count}, nothing lost, {time.monotonic() - began:.0f} s; {happened}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if asked.kills:
        kills(asked.kills, asked.seed)
    if asked.files:
        deletion(asked.files)
    if asked.months:
        months(asked.months, asked.seed)


if __name__ == "__main__":
    main()
