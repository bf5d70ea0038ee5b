"""Ask what is missing in a large archive, beside programs that only look through its folder.

    python -m bench scan [--files 5600 100000 1000000] [--rounds 3] [--folder FOLDER]

fbsyncd            every archived row held against its file: is it there, and of the recorded size
fbsyncd, orphans   that, and every file of the folders held against the rows
reconcile          `fbsyncd reconcile --dry-run`, which does all of it, with the start of Python
find               find -printf: every name and size of the folder
rsync              rsync -an --size-only of the folder onto itself

The files lie flat in one folder, have a size and no bytes, and all of it is in the page cache; the
rows are in SQLite, and everything goes at the end. Memory is the most that a process had that did
nothing but the scan. A million files take three minutes to make and half as long a round; they need
a million inodes, and 1.2 GB for their rows and names.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bench import heap, table
from bench.programs import find, versions
from fbsyncd.reconcile import Reconciler, Request

FIND, RSYNC = "find -printf", "rsync -an"
OURS, ORPHANS, COMMAND = "fbsyncd", "fbsyncd, orphans too", "fbsyncd reconcile --dry-run"
#: So many files are taken away before it begins, and have to be found.
GONE: Final = 7


def scan(folder: Path, what: str) -> dict[str, Any]:
    """Scan once; return the seconds, what was found, and the most memory this process had (MB)."""
    archive = heap.opened(folder)
    archive.setup()
    reconciler = Reconciler(archive.db, archive.media, archive.backlog, archive.brake)
    began = time.perf_counter()
    if what == ORPHANS:
        findings = reconciler.scan(archive.now(), Request(dry_run=True))
    else:
        findings, _, _ = reconciler._count()
    took = time.perf_counter() - began
    archive.close()
    memory = next(
        table.megabytes(line)
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        if line.startswith("VmHWM")
    )
    found = {"files": findings.files, "missing": findings.missing, "orphans": findings.orphans}
    return {"seconds": took, "memory": memory, "found": found}


class Scans:
    """All ways through one archive of so many files."""

    def __init__(self, folder: Path, place: Path, count: int) -> None:
        self._folder = folder
        self._place = place
        self._expected = {"files": count, "missing": GONE, "orphans": 0}
        self.memory: list[float] = []

    def ways(self) -> dict[str, Callable[[], float]]:
        return {
            FIND: self.find,
            RSYNC: self.rsync,
            OURS: lambda: self.ours(OURS),
            ORPHANS: lambda: self.ours(ORPHANS),
            COMMAND: self.reconcile,
        }

    def find(self) -> float:
        return _seconds([find("find"), str(self._place), "-printf", "%f %s\\n"])

    def rsync(self) -> float:
        places = [f"{self._place}/"] * 2
        return _seconds([find("rsync"), "-an", "--size-only", *places])

    def ours(self, what: str) -> float:
        command = [sys.executable, "-m", "bench.scan", "--child", str(self._folder), what]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        told = json.loads(done.stdout)
        if told["found"] != self._expected:
            sys.exit(f"the scan found {told['found']}")
        self.memory.append(told["memory"])
        return float(told["seconds"])

    def reconcile(self) -> float:
        command = [sys.executable, "-m", "fbsyncd", "reconcile", "--dry-run"]
        return _seconds(command, cwd=self._folder)


def _seconds(command: list[str], cwd: Path | None = None) -> float:
    return table.seconds(
        lambda: subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)
    )


def main() -> None:
    """Measure every size and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    table.options(parser, rounds=3)
    parser.add_argument("--files", type=int, nargs="+", default=[5600, 100_000, 1_000_000])
    parser.add_argument("--folder", type=Path, help="where to write (default: the temporary one)")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(scan(Path(args.child[0]), args.child[1])))
        return
    tables, memory = [], dict[str, list[float]]()
    for count in args.files:
        with tempfile.TemporaryDirectory(prefix="fbsyncd-bench-", dir=args.folder) as name:
            tables.append(compare(Path(name), count, args.rounds, memory))
    tables.append(_memory(memory))
    table.tell("scan", tables, args)


def compare(folder: Path, count: int, rounds: int, memory: dict[str, list[float]]) -> table.Table:
    """Return a table of all ways through *count* files."""
    table.say(f"making {count:,} files")
    place = heap.heap(folder, count)
    for path, _ in zip(place.iterdir(), range(GONE), strict=False):
        path.unlink()
    scans = Scans(folder, place, count)
    rows, missing = table.measure(scans.ways(), rounds)
    memory[f"{count:,} files"] = scans.memory
    goals = [table.Goal(OURS, 2, FIND, aim=6), table.Goal(OURS, 1, RSYNC, aim=6)]
    title, notes = f"Scan of {count:,} files", [versions("find", "rsync")]
    return table.Table(title, "s", rows, FIND, goals, missing, notes)


def _memory(memory: dict[str, list[float]]) -> table.Table:
    first, last = list(memory)[min(1, len(memory) - 1)], list(memory)[-1]
    # Flat, from the second size on: beside 5,600 files the start of Python is all there is.
    goals = [table.Goal(last, 1.1, first, aim=6)] if first != last else []
    return table.Table("Memory of fbsyncd's scan", "MB", memory, first, goals)


if __name__ == "__main__":
    main()
