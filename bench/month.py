"""A month of a hundred Pages on one app: calls against their limits, pictures against their links.

    python -m bench.month [--pages 100] [--days 30] [--posts 3111] [--app-calls 4800 1200 400 200]
                          [--save FOLDER]

The model is tests/sharing.py: its decisions are the product's, its Facebook refuses what is beyond
a budget. Prints a table in Markdown; takes a few minutes, and is the same on every machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from sharing import Month, Outcome, World


def table(world: World, app_calls: Sequence[int]) -> str:
    """Return what *world* comes to, for budgets from ample to scarce."""
    rows = [
        "| app's calls an hour | calls made | most in an hour: app, a Page |"
        " of its budget: app, a Page | refused | new post seen after: median, p99, latest |"
        " pictures | late | least time left to a link | all Pages begun, all read |"
        " whole readings, longest gap |",
        "| --- " * 11 + "|",
    ]
    for calls in app_calls:
        one = Month(replace(world, app_calls=calls)).run()
        rows.append(_row(calls, one))
        sys.stderr.write(f"{rows[-1]}\n")
    return "\n".join(rows)


def _row(calls: int, one: Outcome) -> str:
    return (
        f"| {calls:,} | {one.calls:,} | {one.app_hour:,}, {one.page_hour:,} |"
        f" {one.app_percent} %, {one.page_percent} % | {one.refused} |"
        f" {_waited(sorted(one.delays))} | {one.pictures:,} | {one.late} |"
        f" {one.slack:.1f} h | {one.first_look * 60:.0f} min, {one.backfill:.1f} h |"
        f" {one.full_readings:,}, {one.full_gap / 24:.1f} d |"
    )


def _waited(delays: Sequence[float]) -> str:
    if not delays:
        return "no post is new"
    median, p99 = (delays[int(len(delays) * part)] for part in (0.5, 0.99))
    return f"{median * 60:.0f} min, {p99:.1f} h, {delays[-1]:.1f} h"


def main() -> None:
    """Read the options and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.month",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--posts", type=int, default=3111)
    parser.add_argument("--app-calls", type=int, nargs="+", default=[4800, 1200, 400, 200])
    parser.add_argument("--markdown", action="store_true", help="it is so always")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="keep the table")
    args = parser.parse_args()
    world = World(pages=args.pages, days=args.days, posts=args.posts)
    told = table(world, args.app_calls)
    print(told)
    if args.save:
        args.save.mkdir(parents=True, exist_ok=True)
        (args.save / "month.md").write_text(f"{told}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
