"""Copy an archive to PostgreSQL and back, beside plain COPY and pgloader, in the same minutes.

    python -m bench copy [--rows 200000] [--rounds 3] [--pgloader PROGRAM] [--save FOLDER]

fbsyncd    `fbsyncd copy`: merges, then reads every table once more on both sides and compares
COPY       the same rows by psycopg's COPY, or read from PostgreSQL and written by executemany:
           nothing is looked up and nothing is compared
pgloader   where it is installed, or named: it makes tables of its own

Memory is the most that the process had; the first tables are of a tenth of the rows, in one round.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from bench import databases, rows, table
from fbsyncd import migrate, models

TO, BACK = "to PostgreSQL", "to SQLite"
MEMORY = "copied, most memory"
COPY = "COPY, each row by psycopg"
MANY = "executemany, read from PostgreSQL"
TABLES = ("media_storage", "facebook_posts", "facebook_post_attachments")

Taken = dict[str, dict[str, list[float]]]

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


def fbsyncd(source: str, target: str) -> tuple[float, float, int]:
    """Return the seconds of copying and of comparing, and the most memory (MB)."""
    command = [sys.executable, "-c", _COPY, source, target]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(told[0]), float(told[1]), round(int(told[2]) * 1024 / 1e6)


def set_up(url: str) -> None:
    db = models.connect(url)
    migrate.apply(db)
    models.close(db)


def plain_there(path: Path, url: str) -> None:
    """Send the rows to PostgreSQL by COPY."""
    with contextlib.closing(sqlite3.connect(path)) as source, psycopg.connect(url) as target:
        for name in TABLES:
            read = source.execute(f"SELECT * FROM {name}")
            names = [column[0] for column in read.description]
            into = sql.SQL("COPY {} ({}) FROM STDIN").format(
                sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, names))
            )
            with target.cursor() as cursor, cursor.copy(into) as copy:
                for row in read:
                    copy.write_row(row)


def plain_back(url: str, path: Path) -> None:
    """Read the rows from PostgreSQL and write them in one transaction."""
    with contextlib.closing(sqlite3.connect(path)) as target, psycopg.connect(url) as source:
        for name in TABLES:
            with source.cursor("bench") as read:
                read.itersize = 5000
                read.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(name)))
                marks = ", ".join("?" * len(read.description or ()))
                target.executemany(f"INSERT INTO {name} VALUES ({marks})", map(_storable, read))
        target.commit()


def _storable(row: tuple[Any, ...]) -> list[Any]:
    return [
        value if value is None or isinstance(value, int | float) else str(value) for value in row
    ]


def pgloader(program: str, path: Path, url: str) -> None:
    command = [program, "--quiet", f"sqlite://{path}", url]
    subprocess.run(command, check=True, capture_output=True)


def measure(running: Any, folder: Path, taken: Taken, program: str | None) -> None:
    """Copy *folder*'s archive there and back once in every way."""
    path = folder / "source.db"
    back, plain = (folder / f"{name}{len(taken[TO][COPY])}.db" for name in ("back", "plain"))
    with running.fresh_database() as url:
        _ours(taken, TO, f"sqlite:///{path}", url)
        _ours(taken, BACK, url, f"sqlite:///{back}")
        again, compared, _ = fbsyncd(f"sqlite:///{path}", url)
        taken[TO]["fbsyncd, nothing new"].append(again + compared)
        set_up(f"sqlite:///{plain}")
        took = table.seconds(lambda: plain_back(url, plain))
        taken[BACK][MANY].append(took)
    with running.fresh_database() as url:
        set_up(url)
        taken[TO][COPY].append(table.seconds(lambda: plain_there(path, url)))
    if program:
        with running.fresh_database() as url:
            took = table.seconds(lambda: pgloader(program, path, url))
            taken[TO]["pgloader"].append(took)


def _ours(taken: Taken, way: str, source: str, target: str) -> None:
    copied, compared, memory = fbsyncd(source, target)
    taken[way]["fbsyncd, copying and comparing"].append(copied + compared)
    taken[way]["fbsyncd, of that comparing"].append(compared)
    taken[MEMORY][f"fbsyncd, {way}"].append(float(memory))


def compared(running: Any, count: int, rounds: int, program: str | None) -> Sequence[table.Table]:
    """Return the tables of an archive of about *count* rows."""
    taken: Taken = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as name:
        db = models.connect(f"sqlite:///{Path(name, 'source.db')}")
        migrate.apply(db)
        made = rows.fill(db, count)
        models.close(db)
        for done in range(rounds):
            measure(running, Path(name), taken, program)
            table.say(f"{made:,} rows, round {done + 1} of {rounds}")
    missing = {} if program else {"pgloader": "not measured, it is not installed"}
    peers = {TO: ("s", COPY, missing), BACK: ("s", MANY, {}), MEMORY: ("MB", "", {})}
    return [
        table.Table(f"{made:,} rows {way}", unit, dict(taken[way]), peer, missing=left_out)
        for way, (unit, peer, left_out) in peers.items()
    ]


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--pgloader", default=shutil.which("pgloader"), metavar="PROGRAM")
    table.options(parser, rounds=3)
    args = parser.parse_args()
    os.environ.pop("PGHOST", None)
    tables: list[table.Table] = []
    try:
        with databases.server() as running:
            tables += compared(running, args.rows // 10, 1, args.pgloader)
            tables += compared(running, args.rows, args.rounds, args.pgloader)
    except table.Missing as reason:
        table.leave_out("PostgreSQL", str(reason))
    table.tell("copy", tables, args)


if __name__ == "__main__":
    main()
