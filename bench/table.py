"""What every measurement shares: interleaved rounds, medians, ratios, and how they are told.

A :class:`Table` holds one figure a round of each thing measured. Rounds are interleaved (all ways
once, then all ways again), so that a machine that slows down slows all of them; ratios are the
median of the rounds' ratios, not the ratio of the medians.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench import bars


class Missing(Exception):
    """Something is not installed here; the text says what and how to get it."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is aimed at: *row* in terms of *peer*, or in the table's unit where none is named."""

    row: str
    limit: float
    peer: str = ""
    at_least: bool = False

    @property
    def text(self) -> str:
        """Return the aim in words."""
        times = f" x {self.peer}" if self.peer else ""
        return f"{self.row}: {'at least' if self.at_least else 'at most'} {self.limit:g}{times}"

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

    def ratio(self, row: str, peer: str = "") -> float | None:
        """Return the median of the rounds' ratios; None where one of both was not measured."""
        mine, theirs = self.rows.get(row), self.rows.get(peer or self.base)
        if not mine or not theirs:
            return None
        return statistics.median(
            one / other if other else float("inf") for one, other in zip(mine, theirs, strict=False)
        )

    def reached(self, goal: Goal) -> float | None:
        """Return what was reached in the terms of the goal."""
        if goal.peer:
            return self.ratio(goal.row, goal.peer)
        figures = self.rows.get(goal.row)
        return statistics.median(figures) if figures else None

    def verdicts(self) -> list[str]:
        """Return a line for each goal, each row that is missing and each note."""
        lines = []
        for goal in self.goals:
            reached = self.reached(goal)
            if reached is None:
                lines.append(f"{goal.text}: not measured")
            else:
                verdict = "reached" if goal.holds(reached) else "NOT REACHED"
                lines.append(f"{goal.text}: {number(reached)}, {verdict}")
        return [*lines, *(f"{row}: {why}" for row, why in self.missing.items()), *self.notes]


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
                missing[name] = f"left out, {reason}"
        say(f"round {done + 1} of {rounds}")
    return {name: figures for name, figures in rows.items() if figures}, missing


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes by the clock."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def say(what: str) -> None:
    """Tell the one who waits how far it is, beside the tables."""
    print(what, file=sys.stderr, flush=True)


# --- how it is told -------------------------------------------------------------------------------

COLUMNS = ("median", "lowest", "highest", "x")


def options(parser: argparse.ArgumentParser, rounds: int = 5) -> None:
    """Add the options that all measurements have."""
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--markdown", action="store_true", help="print tables for a web page")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="keep figures and pictures")


def tell(name: str, tables: Sequence[Table], args: argparse.Namespace) -> None:
    """Print the tables of a measurement, and save them if that was asked for."""
    for table in tables:
        print(markdown(table) if args.markdown else text(table), end="\n\n", flush=True)
    if args.save:
        args.save.mkdir(parents=True, exist_ok=True)
        kept = {"machine": machine(), "tables": [asdict(table) for table in tables]}
        told = json.dumps(kept, indent=1)
        (args.save / f"{name}.json").write_text(told + "\n", encoding="utf-8")
        (args.save / f"{name}.md").write_text(
            "\n\n".join(map(markdown, tables)) + "\n", encoding="utf-8"
        )
        (args.save / f"{name}.svg").write_text(picture(tables), encoding="utf-8")


def saved(path: Path) -> list[Table]:
    """Read the tables that :func:`tell` saved."""
    tables = []
    for kept in json.loads(path.read_text(encoding="utf-8"))["tables"]:
        goals = [Goal(**goal) for goal in kept.pop("goals")]
        tables.append(Table(**kept, goals=goals))
    return tables


def text(table: Table) -> str:
    """Return a table for a terminal."""
    wide = max(map(len, table.rows), default=0)
    lines = [f"{table.title} ({table.unit})"]
    lines.append(" " * (wide + 2) + "".join(f"{column:>12}" for column in COLUMNS))
    for row in table.rows:
        lines.append(f"  {row:<{wide}}" + "".join(f"{cell:>12}" for cell in _cells(table, row)))
    return "\n".join([*lines, *(f"  {verdict}" for verdict in table.verdicts())])


def markdown(table: Table) -> str:
    """Return a table as Markdown; what follows it is a list."""
    lines = [f"| {table.title}, {table.unit} | {' | '.join(COLUMNS)} |"]
    lines.append(f"|---|{'---:|' * len(COLUMNS)}")
    lines += [f"| {row} | {' | '.join(_cells(table, row))} |" for row in table.rows]
    return "\n".join([*lines, "", *(f"- {verdict}" for verdict in table.verdicts())]).rstrip()


def _cells(table: Table, row: str) -> tuple[str, ...]:
    figures, ratio = table.rows[row], table.ratio(row)
    told = statistics.median(figures), min(figures), max(figures)
    return (*map(number, told), "" if ratio is None else f"{ratio:.2f}")


def number(value: float) -> str:
    """Return a figure with as many digits as can mean something."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"


def picture(tables: Sequence[Table]) -> str:
    """Return an SVG of all tables, the base of each at 1.0."""
    charts = []
    for table in tables:
        rows = [(row, table.ratio(row) or 0.0, row == table.base) for row in table.rows]
        charts.append(bars.Chart(f"{table.title} ({table.base} = 1.0)", rows))
    return bars.draw(charts)


def machine() -> dict[str, Any]:
    """Say what was measured on, and how busy it was."""
    model = ""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = models[0] if models else ""
    return {
        "processors": os.cpu_count(),
        "model": model,
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def machine_line() -> str:
    """Return :func:`machine` as one sentence for above the tables."""
    told = machine()
    return (
        f"{told['processors']} cores ({told['model'] or platform.machine()}), {told['system']},"
        f" Python {told['Python']}, load {told['load']} when it began ({told['at']})"
    )
