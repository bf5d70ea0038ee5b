"""What every measurement shares: interleaved rounds, medians, ratios, and how they are told.

A :class:`Table` holds one figure a round of each thing measured. Rounds are interleaved (all ways
once, then all ways again), so that a machine that slows down slows all of them. A ratio is the
median of the rounds' ratios everywhere, never the ratio of two medians, and its spread is the
lowest and the highest of the rounds' ratios. Whether an aim is reached is said from three rounds
on.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from bench import bars, machine

#: Of fewer rounds nobody can tell how far a figure strays, so no aim is called reached or missed.
ENOUGH: Final = 3
#: The load of an aim in seconds or MB, by the aim's number: any of these in the title or the row.
LOADS: Final = {
    5: ("1,600 posts there and 1,600 coming",),
    8: ("3,111 posts and 5,600 attachments",),
    10: ("3,111 posts and 100,000 files",),
    11: ("3,111 posts",),
}

#: What this process could not measure, and why: it is told and saved with whatever it measured.
_left_out: Final[dict[str, str]] = {}


class Missing(Exception):
    """Something is not installed here; the text says what and how to get it."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is aimed at: *row* in terms of *peer*, or in the table's unit where none is named.

    *aim* is its number in :data:`bench.goals.AIMS`, 0 for what is only of use where it stands. What
    is *exact* is counted, not timed: it is the same on each machine, and one round tells it.
    *bound* says in words what nobody can be quicker than, where that is known.
    """

    row: str
    limit: float
    peer: str = ""
    at_least: bool = False
    aim: int = 0
    exact: bool = False
    bound: str = ""

    @property
    def text(self) -> str:
        """Return the aim in words."""
        than, times = "at least" if self.at_least else "at most", f" x {self.peer}"
        return f"{self.row}: {than} {number(self.limit)}{times if self.peer else ''}"

    def holds(self, reached: float) -> bool:
        """Tell whether what was reached is what was aimed at."""
        return reached >= self.limit if self.at_least else reached <= self.limit


@dataclass(slots=True)
class Table:
    """Figures of one kind: *rows* by name with one figure a round, *base* is the row at 1.0.

    *missing* names what could not be measured, and why. *notes* are sentences below the table.
    """

    title: str
    unit: str
    rows: dict[str, list[float]]
    base: str
    goals: Sequence[Goal] = ()
    missing: dict[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def ratios(self, row: str, peer: str = "") -> list[float]:
        """Return each round's ratio; none where one of both was not measured."""
        mine, theirs = self.rows.get(row, ()), self.rows.get(peer or self.base, ())
        return [
            one / other if other else float("inf") for one, other in zip(mine, theirs, strict=False)
        ]

    def reached(self, goal: Goal) -> list[float]:
        """Return what was reached in each round, in the terms of the goal."""
        return self.ratios(goal.row, goal.peer) if goal.peer else list(self.rows.get(goal.row, ()))

    def verdict(self, goal: Goal) -> str:
        """Return in two words whether the median of the rounds is what was aimed at."""
        reached = self.reached(goal)
        if not reached:
            return "not measured"
        if not self.is_at_load(goal):
            return "another load than the aim's"
        if len(reached) < ENOUGH and not goal.exact:
            return "too few rounds to say"
        return "reached" if goal.holds(statistics.median(reached)) else "NOT REACHED"

    def is_at_load(self, goal: Goal) -> bool:
        """Tell whether it was measured at the goal's own load; a ratio holds at any."""
        where = f" {self.title}, {goal.row}"
        return bool(goal.peer) or any(f" {load}" in where for load in LOADS.get(goal.aim, ("",)))

    def verdicts(self) -> list[str]:
        """Return a line for each goal, each row that is missing and each note."""
        lines = []
        for goal in self.goals:
            reached = self.reached(goal)
            figure = f" {middle(reached)} ({spread(reached)})," if reached else ""
            lines.append(f"{goal.text}:{figure} {self.verdict(goal)}")
        missing = (f"{row}: {why}" for row, why in self.missing.items())
        return [*lines, *missing, *filter(None, self.notes)]

    @property
    def heading(self) -> str:
        """Return the title, which names the load, with the unit and how often it was measured."""
        rounds = sorted({len(figures) for figures in self.rows.values()}) or [0]
        many = " to ".join(map(str, dict.fromkeys([rounds[0], rounds[-1]])))
        return f"{self.title}, {self.unit}, {many} round{'s' if rounds != [1] else ''}"


def leave_out(name: str, why: str) -> None:
    """Let :func:`tell` say that something was not measured."""
    _left_out[name] = why


Measured = tuple[dict[str, list[float]], dict[str, str]]


def measure(ways: Mapping[str, Callable[[], float]], rounds: int) -> Measured:
    """Return the figures of all ways, round by round, and the reasons of those that are missing."""
    rows: dict[str, list[float]] = {name: [] for name in ways}
    missing: dict[str, str] = {}
    for done in range(rounds):
        for name, way in ways.items():
            if name in missing:
                continue
            try:
                rows[name].append(way())
            except Missing as reason:
                missing[name] = f"not measured, {reason}"
        say(f"round {done + 1} of {rounds}")
    return {name: figures for name, figures in rows.items() if figures}, missing


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes by the clock."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def megabytes(line: str) -> float:
    """Return the megabytes (10^6 bytes) of a line of /proc/PID/status, which has units of 1,024."""
    return int(line.split()[1]) * 1024 / 1e6


def say(what: str) -> None:
    """Tell the one who waits how far it is, beside the tables."""
    print(what, file=sys.stderr, flush=True)


# --- how it is told -------------------------------------------------------------------------------

number = bars.number
COLUMNS: Final = ("median", "lowest", "highest")
RATIO: Final = ("x", "x, lowest to highest")


def options(parser: argparse.ArgumentParser, rounds: int = 5) -> None:
    """Add the options that all measurements have, and note how busy the machine is before them."""
    parser.add_argument("--rounds", type=at_least_one, default=rounds)
    parser.add_argument("--markdown", action="store_true", help="print tables for a web page")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="keep figures and pictures")
    parser.set_defaults(machine=machine.described())


def at_least_one(given: str) -> int:
    """Return a number that was asked for. Raises ArgumentTypeError where it is none."""
    if not given.isdecimal() or int(given) < 1:
        raise argparse.ArgumentTypeError(f"one or more, not {given}")
    return int(given)


def tell(name: str, tables: Sequence[Table], args: argparse.Namespace, page: str = "") -> None:
    """Print the tables of a measurement, and save them if that was asked for.

    *page* is told in place of the tables where they would say less.
    """
    kept = {
        "machine": args.machine,
        "not measured": _left_out,
        "tables": [asdict(table) for table in tables],
    }
    told = document(kept, [page] if page else list(map(markdown, tables)))
    is_page = args.markdown or page
    print(told if is_page else document(kept, list(map(text, tables))), end="\n\n", flush=True)
    if args.save:
        args.save.mkdir(parents=True, exist_ok=True)
        (args.save / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        (args.save / f"{name}.md").write_text(told + "\n", encoding="utf-8")
        compared = [table for table in tables if table.base in table.rows]
        if compared:
            (args.save / f"{name}.svg").write_text(picture(compared), encoding="utf-8")


def document(kept: Mapping[str, Any], shown: Sequence[str]) -> str:
    """Return what was *shown* of a measurement, with what it was made on and what it left out."""
    where = f"Measured on {machine.line(kept['machine'])}."
    lacking = [f"- {what}: not measured, {why}" for what, why in kept["not measured"].items()]
    return "\n\n".join([where, *shown, *(["\n".join(lacking)] if lacking else [])])


def saved(path: Path) -> list[Table]:
    """Read the tables that :func:`tell` saved."""
    tables = []
    for kept in json.loads(path.read_text(encoding="utf-8"))["tables"]:
        goals = [Goal(**goal) for goal in kept.pop("goals")]
        tables.append(Table(**kept, goals=goals))
    return tables


def text(table: Table) -> str:
    """Return a table for a terminal."""
    lines = [["", *columns(table)], *([row, *_cells(table, row)] for row in table.rows)]
    verdicts = (f"  {verdict}" for verdict in table.verdicts())
    return "\n".join([table.heading, *aligned(lines), *verdicts])


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return cells as lines for a terminal: the first column to the left, the others right."""
    wide = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(["", line[0].ljust(wide[0]), *map(str.rjust, line[1:], wide[1:])]).rstrip()
        for line in lines
    ]


def markdown(table: Table) -> str:
    """Return a table as Markdown; what follows it is a list."""
    rows = [[row, *_cells(table, row)] for row in table.rows]
    lines = grid([table.heading, *columns(table)], rows)
    return "\n".join([*lines, "", *(f"- {verdict}" for verdict in table.verdicts())]).rstrip()


def grid(head: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table in Markdown, the first column to the left."""
    return [
        f"| {' | '.join(head)} |",
        f"|---|{'---:|' * (len(head) - 1)}",
        *(f"| {' | '.join(line)} |" for line in lines),
    ]


def columns(table: Table) -> tuple[str, ...]:
    """Return what is told of each row: no ratios where there is nothing to compare with."""
    return (*COLUMNS, *(RATIO if table.base in table.rows else ()))


def _cells(table: Table, row: str) -> tuple[str, ...]:
    figures = table.rows[row]
    told = tuple(map(number, (statistics.median(figures), min(figures), max(figures))))
    if table.base not in table.rows:
        return told
    ratios = table.ratios(row)
    return (*told, middle(ratios), "" if row == table.base else spread(ratios))


def middle(figures: Sequence[float]) -> str:
    """Return the median of what was measured."""
    return number(statistics.median(figures)) if figures else ""


def spread(figures: Sequence[float]) -> str:
    """Return the lowest and the highest of what was measured."""
    return f"{number(min(figures))} to {number(max(figures))}" if figures else ""


def picture(tables: Sequence[Table]) -> str:
    """Return an SVG of all tables, the base of each at 1.0."""
    charts = []
    for table in tables:
        rows = [
            (row, statistics.median(table.ratios(row) or [0.0]), row == table.base)
            for row in table.rows
        ]
        charts.append(bars.Chart(f"{table.title} ({table.base} = 1.0)", rows))
    return bars.draw(charts)
