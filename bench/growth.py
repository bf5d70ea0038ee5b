"""What a sync, a scan, a page of posts and the statistics cost as an archive grows.

    python -m bench growth [--posts 3000 30000 300000] [--rounds 5] [--markdown] [--save FOLDER]

sync         an incremental one of a Page that has nothing new, from the simulated Facebook
page, first  20 posts with their attachments, the newest; page, last: the oldest
stats        what /api/stats tells
scan         every row held against its file and every file against the rows, nothing changed

Each post has two attachments, each of these a picture and its small version: seven rows, and four
files that have a size and no bytes. Rows are written straight into the database, so their texts
are in no index of words. Rounds of one size follow each other, those of the next come after it: a
machine that slows down meanwhile makes a step seem steeper. On PostgreSQL too where the tests'
binaries are there.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

from bench import plot, rows, table
from bench.archive import Facebook
from bench.databases import databases
from fbsyncd import config, models
from fbsyncd.archive import Archive
from fbsyncd.feed import keyset
from fbsyncd.media import CATEGORIES
from fbsyncd.reconcile import Request

SIZES: Final = (3000, 30_000, 300_000)
QUICK: Final = (300, 3000)
#: Posts the simulated Facebook shows; all others are older.
LISTED: Final = 100
#: What a step of ten times the posts may cost more: noise, and a page of the disk here and there.
FLAT, LINEAR = 1.5, 1.25
GROWS: Final = {"sync": False, "page, first": False, "page, last": False, "stats": True}
SCAN: Final = "scan"

Figures = dict[str, dict[int, list[float]]]


@contextmanager
def built(folder: Path, database: str, posts: int) -> Iterator[Archive]:
    """An archive of a Page that was read when it had few posts, and has many."""
    with Facebook.started(LISTED) as facebook:
        text = facebook.configure(folder, database)
        archive = Archive(config.parse(text, base=folder, environ={}))
        archive.setup()
        page = archive.config.facebook.pages[0]
        archive.sync(page)
        models.close(archive.db)
        rows.pour(archive.db, posts, page.id)
        yield archive
        archive.close()


def ways(archive: Archive) -> dict[str, Callable[[], object]]:
    """Return what is measured more than once."""
    oldest = keyset.encoded(rows.BEGAN + timedelta(minutes=20), "~")
    page = archive.config.facebook.pages[0]
    return {
        "sync": lambda: archive.sync(page),
        "page, first": lambda: archive.feed.posts(limit=20),
        "page, last": lambda: archive.feed.posts(limit=20, cursor=oldest),
        "stats": archive.feed.stats,
    }


def measure(archive: Archive, rounds: int) -> dict[str, list[float]]:
    """Return the seconds each way took, round by round, after one that counts for nothing."""
    found = ways(archive)
    for way in found.values():
        way()
    return {name: [table.seconds(way) for _ in range(rounds)] for name, way in found.items()}


def lay_out(archive: Archive, before: Path | None) -> None:
    """Make the files of all rows, or take those of the archive *before*, which has the same."""
    if before is not None:
        for category in CATEGORIES:
            (archive.media.root / category).rmdir()
            (before / category).rename(archive.media.root / category)
        return
    sql = "SELECT category, local_filename, file_size FROM media_storage WHERE file_size > 0"
    with models.snapshot(archive.db):
        for batch in models.stream(archive.db, sql, size=5000):
            for category, name, size in batch:
                with (archive.media.root / category / name).open("wb") as file:
                    file.truncate(size)


def scan(archive: Archive) -> float:
    """Return how long a scan takes that is to change nothing, and finds nothing."""
    found: list[int] = []

    def look() -> None:
        findings = archive.reconcile(Request(dry_run=True))
        found.append(findings.missing + findings.wrong_size + findings.orphans)

    taken = table.seconds(look)
    if found != [0]:
        raise table.Missing(f"the scan found {found[0]:,} faults where there are none")
    return taken


def scans(archive: Archive, rounds: int, what: str) -> dict[str, list[float]]:
    """Return how long scans took, or nothing and say so where one found faults."""
    try:
        return {SCAN: [scan(archive) for _ in range(min(rounds, table.ENOUGH))]}
    except table.Missing as reason:
        table.leave_out(what, str(reason))
        return {}


def grow(args: argparse.Namespace) -> dict[str, Figures]:
    """Return the figures of each engine, by way and number of posts."""
    taken: dict[str, Figures] = {}
    for posts in args.posts:
        with tempfile.TemporaryDirectory() as name, databases(None) as found:
            before: Path | None = None
            for engine, url in found:
                table.say(f"{posts:,} posts on {engine}")
                with built(Path(name, engine), url, posts) as archive:
                    # Before the pages: each of their pictures is looked for.
                    if not args.no_scan:
                        lay_out(archive, before)
                        before = archive.media.root
                    told = measure(archive, args.rounds)
                    if not args.no_scan:
                        told |= scans(archive, args.rounds, f"{SCAN}, {posts:,} posts, {engine}")
                for way, figures in told.items():
                    taken.setdefault(engine, {}).setdefault(way, {})[posts] = figures
    return taken


def tables(engine: str, figures: Figures, sizes: Sequence[int]) -> table.Table:
    """Return one engine's table: each way at each size, and how steep it may become."""
    found = {
        f"{way}, {posts:,} posts": [seconds * 1000 for seconds in many]
        for way, by_size in figures.items()
        for posts, many in by_size.items()
    }
    goals = [
        table.Goal(
            f"{way}, {more:,} posts",
            (LINEAR * more / less) if GROWS.get(way, True) else FLAT,
            f"{way}, {less:,} posts",
            aim=13,
        )
        for way in figures
        for less, more in pairwise(sizes)
    ]
    return table.Table(f"On {engine}", "ms", found, "", goals)


def picture(told: Sequence[table.Table]) -> str:
    """Return the curves of all ways on all engines."""
    curves: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for one in told:
        engine = one.title.removeprefix("On ")
        for row, many in one.rows.items():
            way, _, posts = row.removesuffix(" posts").rpartition(", ")
            point = int(posts.replace(",", "")), statistics.median(many)
            curves.setdefault(way, {}).setdefault(engine, []).append(point)
    return plot.draw("What an archive costs as it grows", curves, ("posts", "ms"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--posts", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument("--quick", action="store_true", help="of small archives")
    parser.add_argument("--no-scan", action="store_true", help="make no files: pages find none")
    table.options(parser)
    args = parser.parse_args()
    args.posts = QUICK if args.quick else sorted(args.posts)
    taken = grow(args)
    told = [tables(engine, figures, args.posts) for engine, figures in taken.items()]
    table.tell("growth", told, args)
    if args.save:
        (args.save / "growth.svg").write_text(picture(told), encoding="utf-8")


if __name__ == "__main__":
    main()
