"""Hash a whole archive and compare it with its rows, beside programs that only hash.

    python -m bench scrub [--files 5600] [--rounds 3] [--folder FOLDER]

fbsyncd            every file's SHA-256 against its row, as `fbsyncd reconcile --scrub` does it
reconcile          `fbsyncd reconcile --scrub`, which scans first, with the start of Python
sha256sum, b3sum   all files by xargs, hashes printed to nowhere

Photographs of 190 KB in one folder, rows in SQLite. Once in memory (tmpfs), where nobody waits for
a disk; once on the disk, the page cache told to forget the files before each round. fbsyncd tells
it so always: it would answer for bytes that have rotted on the disk.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench import heap, table
from bench.programs import find, versions
from fbsyncd.reconcile import READERS, Pace

OURS, COMMAND = "fbsyncd", "fbsyncd reconcile --scrub"
SHA, B3 = "sha256sum", "b3sum"
MEMORY: Final = Path("/dev/shm")


class Hashers:
    """All ways through one folder of files."""

    def __init__(self, folder: Path, place: Path, count: int) -> None:
        self._folder = folder
        self._place = place
        self._count = count

    def ways(self) -> dict[str, Callable[[], float]]:
        return {
            SHA: lambda: self.hash(SHA),
            B3: lambda: self.hash(B3),
            OURS: self.ours,
            COMMAND: self.command,
        }

    def hash(self, program: str) -> float:
        command = ["xargs", "-0", find(program)]
        names = b"\0".join(os.fsencode(file) for file in self._place.iterdir())
        self._forget()
        return table.seconds(
            lambda: subprocess.run(command, input=names, check=True, stdout=subprocess.DEVNULL)
        )

    def ours(self) -> float:
        self._forget()
        command = [sys.executable, "-m", "bench.scrub", "--child", str(self._folder)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        took, scrubbed, wrong = json.loads(done.stdout)
        if (scrubbed, wrong) != (self._count, 0):
            sys.exit(f"the scrub found {wrong} of {scrubbed} damaged")
        return float(took)

    def command(self) -> float:
        self._forget()
        command = [sys.executable, "-m", "fbsyncd", "reconcile", "--scrub"]
        return table.seconds(
            lambda: subprocess.run(command, cwd=self._folder, check=True, capture_output=True)
        )

    def _forget(self) -> None:
        for file in self._place.iterdir():
            descriptor = os.open(file, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def scrub(folder: Path) -> tuple[float, int, int]:
    """Scrub once; return the seconds, how many files were read and how many are damaged."""
    archive = heap.opened(folder)
    archive.setup()
    began = time.perf_counter()
    findings = archive.scrub(Pace(readers=READERS))
    took = time.perf_counter() - began
    archive.close()
    return took, findings.scrubbed, findings.wrong_content


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    table.options(parser, rounds=3)
    parser.add_argument("--files", type=int, default=5600)
    parser.add_argument("--folder", type=Path, help="where to write (default: the temporary one)")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(scrub(Path(args.child))))
        return
    places = {"in memory": MEMORY, "on the disk": args.folder}
    if not MEMORY.is_dir():
        del places["in memory"]
        table.leave_out("in memory", f"there is no {MEMORY}")
    tables = []
    for where, parent in places.items():
        with tempfile.TemporaryDirectory(prefix="fbsyncd-bench-", dir=parent) as name:
            tables.append(compare(Path(name), where, args.files, args.rounds))
    table.tell("scrub", tables, args)


def alone(size: int) -> float:
    """Return how long so many bytes take by SHA-256 and nothing else, as many at once as we do."""
    block = bytes(1 << 26)
    least = min(table.seconds(lambda: hashlib.sha256(block)) for _ in range(3))
    return least * size / len(block) / READERS


def compare(folder: Path, where: str, count: int, rounds: int) -> table.Table:
    """Return a table of all ways through *count* photographs."""
    table.say(f"making {count:,} photographs")
    place = heap.heap(folder, count, whole=True)
    size = sum(file.stat().st_size for file in place.iterdir())
    rows, missing = table.measure(Hashers(folder, place, count).ways(), rounds)
    bound = f"{alone(size):.2g} s of SHA-256 alone, {READERS} at once"
    goals = [table.Goal(OURS, 0.2, SHA, aim=7, bound=bound), table.Goal(OURS, 2, B3, aim=7)]
    notes = [versions(SHA, B3)]
    title = f"Hashing {count:,} files, {size / 1e6:,.0f} MB, {where}"
    return table.Table(title, "s", rows, SHA, goals, missing, notes)


if __name__ == "__main__":
    main()
