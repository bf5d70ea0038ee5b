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
from datetime import timedelta
from pathlib import Path

import postgres
from plant import archive_of, config_text, one, query, read
from torture import NOT_SAFE, PICTURES, Death, Ordeal, ordeal, prepare

from fbsyncd.archive import Archive
from fbsyncd.simulator import Simulator

POINTS = "statement executed commit committed open fsync fsynced replace replaced unlink unlinked"
SERIES = 50
DAY = timedelta(days=1)


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
    """Let *count* months go by, day by day, with all that happens to a Page and its archive."""
    chance, happened = random.Random(seed), Counter[str]()
    with tempfile.TemporaryDirectory() as name, Simulator(posts=30, pictures="plain") as facebook:
        folder = Path(name)
        with archive_of(facebook, folder, f"sqlite:///{folder / 'fbsyncd.db'}") as archive:
            away = 0
            for _ in range(count * 30):
                facebook.clock.move(DAY)
                happened["days"] += 1
                live(facebook, chance, happened)
                away = away - 1 if away else chance.choice([0] * 40 + [3, 6, 14])
                if away:
                    happened["days asleep"] += 1
                    continue
                work(facebook, archive, chance, happened)
                facebook.faults.clear()
            work(facebook, archive, random.Random(0), happened)
            happened["pictures"] = one(archive, "SELECT count(*) FROM media_storage")
            assert query(archive, NOT_SAFE) == []
            compare(facebook, archive, folder)
    say(f"months: {count}; {dict(happened)}; every picture archived")


def live(facebook: Simulator, chance: random.Random, happened: Counter[str]) -> None:
    """One day of the Page: what was seen by the archive before may change or go."""
    posts = facebook.world.posts(facebook.page_id)
    event = chance.choice(["edit", "add", "add", "add", "grow", "nothing", "nothing"])
    happened[event] += 1
    if event == "add":
        facebook.add_post(chance.choice(["photo", "album", "reel", "text"]))
    elif event == "edit":
        facebook.edit(chance.choice(posts).id, f"text {chance.random()}")
    elif event == "grow":
        facebook.grow_album(facebook.add_post("album", photos=3), 2)


def work(
    facebook: Simulator, archive: Archive, chance: random.Random, happened: Counter[str]
) -> None:
    """One day of the archive; on some of them the pictures' hosts are down."""
    cdn_is_down = chance.random() < 0.1
    read(archive)
    if cdn_is_down:
        happened["days without CDN"] += 1
        return
    for _ in range(4):
        archive.heal()
        archive.download()
        archive.develop()
    safe = query(archive, NOT_SAFE) == []
    happened["days all safe" if safe else "days not all safe"] += 1
    if safe and chance.random() < 0.05:
        # All its pictures are archived, so nothing may be lost by its going.
        facebook.remove(chance.choice(facebook.world.posts(facebook.page_id)).id)
        happened["removed"] += 1


def compare(facebook: Simulator, archive: Archive, folder: Path) -> None:
    """Whatever a fresh archive can still have, this one has."""
    (folder / "twin").mkdir()
    with archive_of(facebook, folder / "twin", f"sqlite:///{folder / 'twin.db'}") as twin:
        read(twin)
        twin.download()
        twin.develop()
        assert set(query(twin, PICTURES)) <= set(query(archive, PICTURES))


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
