"""SIGKILL at chosen and at random instants; nothing is lost, doubled or untrue afterwards."""

from __future__ import annotations

import random
from pathlib import Path

from months import Life, live
from torture import Death, ordeal, prepare

SETUP = [("statement", 4), ("commit", 1), ("committed", 1), ("open", 1), ("replace", 1)]
SYNC = [
    ("commit", 3),
    ("committed", 2),
    ("open", 2),
    ("fsync", 1),
    ("fsynced", 9),
    ("replace", 1),
    ("replaced", 3),
    ("executed", 40),
    ("commit", 6),
]
RECONCILE = [("replace", 1), ("replaced", 1), ("commit", 3), ("statement", 30)]
RUN = [("replaced", 2), ("commit", 12)]


def test_killed_anywhere_it_goes_on_as_if_nothing_had_been(
    tmp_path: Path, database_url: str
) -> None:
    """After each of 25 kills all that is claimed is true, and in the end all is there, once."""
    chance = random.Random(8)
    deaths = [("setup", Death(*point)) for point in SETUP]
    deaths += [("sync", Death(*point)) for point in SYNC]
    deaths += [("sync", Death(after=chance.uniform(0.1, 1.5))) for _ in range(3)]
    deaths += [("reconcile", Death(*point)) for point in RECONCILE]
    deaths += [("run", Death(point, nth, after=4.0)) for point, nth in RUN]
    deaths += [("run", Death(after=chance.uniform(0.3, 2.0))) for _ in range(2)]
    with ordeal(tmp_path, database_url, posts=30, seed=5) as one:
        for command, death in deaths:
            prepare(one, chance, command)
            scrub = ["--scrub"] if command == "reconcile" else []
            one.run(command, *scrub, death=death)
        counted = one.finish()
    assert counted["kills"] >= 22, one.kills


def test_weeks_of_trouble_lose_nothing(tmp_path: Path, database_url: str) -> None:
    """Whatever befalls Page and archive for 14 days, all that could be had once is kept."""
    happened = live(tmp_path, database_url, Life(days=14, seed=3, harshness=5))
    assert happened["days of trouble"] >= 5
    assert happened["pictures remembered"] > 60
