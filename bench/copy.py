"""Copy an archive to PostgreSQL and back, beside plain COPY and pgloader, in the same minutes.

    python -m bench.copy [--rows 200000] [--rounds 3] [--pgloader PROGRAM]

fbsyncd    `fbsyncd copy`: merges, then reads every table once more on both sides and compares
COPY       the same rows by psycopg's COPY, or read from PostgreSQL and written by executemany:
           nothing is looked up and nothing is compared
pgloader   where it is installed, or named: it makes tables of its own

Medians. Memory is the most that the process had; the first figure is for a tenth of the rows.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from bench import rows
from fbsyncd import migrate, models

TABLES = ("media_storage", "facebook_posts", "facebook_post_attachments")

_COPY = """
import sys, time
from fbsyncd import models, transfer
source, target = (models.connect(url) for url in sys.argv[1:3])
began, turned = time.monotonic(), []
def heard(what, done, total):
    if (what, done) == ("comparing", 0):
        turned.append(time.monotonic())
copied = transfer.copy(source, target, heard)
assert copied.differing == []
with open("/proc/self/status") as lines:
    memory = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
print(turned[0] - began, time.monotonic() - turned[0], memory)
"""


@contextlib.contextmanager
def server() -> Iterator[Any]:
    """Start the tests' PostgreSQL server."""
    sys.path.append(str(Path(__file__).parent.parent / "tests"))
    import postgres

    binaries = postgres.find_binaries()
    if binaries is None:
        raise SystemExit(postgres.missing_reason())
    with postgres.running_server(binaries) as running:
        yield running


def fbsyncd(source: str, target: str) -> tuple[float, float, int]:
    """Return the seconds of copying and of comparing, and the most memory (MB)."""
    command = [sys.executable, "-c", _COPY, source, target]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(told[0]), float(told[1]), int(told[2]) // 1024


def set_up(url: str) -> None:
    db = models.connect(url)
    migrate.apply(db)
    models.close(db)


def plain_there(path: Path, url: str) -> None:
    """Send the rows to PostgreSQL by COPY."""
    with contextlib.closing(sqlite3.connect(path)) as source, psycopg.connect(url) as target:
        for table in TABLES:
            read = source.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in read.description]
            into = sql.SQL("COPY {} ({}) FROM STDIN").format(
                sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names))
            )
            with target.cursor() as cursor, cursor.copy(into) as copy:
                for row in read:
                    copy.write_row(row)


def plain_back(url: str, path: Path) -> None:
    """Read the rows from PostgreSQL and write them in one transaction."""
    with contextlib.closing(sqlite3.connect(path)) as target, psycopg.connect(url) as source:
        for table in TABLES:
            with source.cursor("bench") as read:
                read.itersize = 5000
                read.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
                marks = ", ".join("?" * len(read.description or ()))
                target.executemany(f"INSERT INTO {table} VALUES ({marks})", map(_storable, read))
        target.commit()


def _storable(row: tuple[Any, ...]) -> list[Any]:
    return [
        value if value is None or isinstance(value, int | float) else str(value) for value in row
    ]


def pgloader(program: str, path: Path, url: str) -> None:
    command = [program, "--quiet", f"sqlite://{path}", url]
    subprocess.run(command, check=True, capture_output=True)


def seconds(call: Callable[[], None]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


def measure(
    running: Any, folder: Path, number: int, taken: dict[str, list[float]], program: str | None
) -> None:
    """Copy *folder*'s archive there and back once in every way."""
    path = folder / "source.db"
    with running.fresh_database() as url:
        to, compared, memory = fbsyncd(f"sqlite:///{path}", url)
        taken["to PostgreSQL: fbsyncd"].append(to + compared)
        taken["    of that, comparing"].append(compared)
        taken["    most memory, MB"].append(memory)
        back = folder / f"back{number}.db"
        to, compared, memory = fbsyncd(url, f"sqlite:///{back}")
        taken["to SQLite: fbsyncd"].append(to + compared)
        taken["    of that, comparing "].append(compared)
        taken["    most memory, MB "].append(memory)
        again, compared, _ = fbsyncd(f"sqlite:///{path}", url)
        taken["once more, nothing new"].append(again + compared)
        plain = folder / f"plain{number}.db"
        set_up(f"sqlite:///{plain}")
        taken["to SQLite: executemany"].append(seconds(lambda: plain_back(url, plain)))
    with running.fresh_database() as url:
        set_up(url)
        taken["to PostgreSQL: COPY"].append(seconds(lambda: plain_there(path, url)))
    if program:
        with running.fresh_database() as url:
            taken["to PostgreSQL: pgloader"].append(seconds(lambda: pgloader(program, path, url)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pgloader", default=shutil.which("pgloader"), metavar="PROGRAM")
    args = parser.parse_args()
    if not args.pgloader:
        print("pgloader is not installed and left out")
    os.environ.pop("PGHOST", None)
    with server() as running:
        for count, rounds in ((args.rows // 10, 1), (args.rows, args.rounds)):
            taken: dict[str, list[float]] = defaultdict(list)
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                db = models.connect(f"sqlite:///{folder / 'source.db'}")
                migrate.apply(db)
                made = rows.fill(db, count)
                models.close(db)
                for number in range(rounds):
                    measure(running, folder, number, taken, args.pgloader)
            print(f"{made:,} rows, {rounds} round(s)")
            middle = {way: statistics.median(figures) for way, figures in taken.items()}
            for way, figure in middle.items():
                print(f"  {way:<28}{figure:8.1f}")
            for way, plain in (("to PostgreSQL", "COPY"), ("to SQLite", "executemany")):
                ratio = middle[f"{way}: fbsyncd"] / middle[f"{way}: {plain}"]
                print(f"  {way}: {ratio:.1f} x {plain}, comparing included")


if __name__ == "__main__":
    main()
