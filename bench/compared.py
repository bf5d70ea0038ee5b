"""Servers side by side: how often each answers, how long it takes, and what that costs.

An ``x`` is always a row's figure against that of the first row, so that it can be read from the
table itself: answers a second as they are, processor time the other way round, as a saving.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from bench import load, table
from bench.peers import Contender

_CONNECTIONS: Final = {1: "1 connection", 8: "8 connections"}
_COLUMNS: Final = ("requests/s", "x", "median us", "p99 us", "CPU us/request", "x")
_RATE, _CPU = 0, 3


@dataclass(frozen=True, slots=True)
class Case:
    """One thing asked of one server."""

    name: str
    contender: Contender
    requests: Callable[[], Iterator[bytes]]
    statuses: frozenset[int] = frozenset({200})


@dataclass(frozen=True, slots=True)
class Aim:
    """*row* is to be at least *times* as good as *peer*."""

    row: str
    peer: str
    times: float


@dataclass(slots=True)
class Measured:
    """All runs of one case, by connections: rate, median, p99, processor time a request."""

    case: Case
    runs: dict[int, list[tuple[float, ...]]] = field(default_factory=lambda: defaultdict(list))

    def median(self, connections: int) -> list[float]:
        """Return the median of each figure."""
        return [statistics.median(column) for column in zip(*self.runs[connections], strict=True)]

    def times(self, base: Measured, connections: int) -> tuple[float, float]:
        """Return how many times the rate of *base* this is, and its saving of processor time."""
        mine, theirs = self.median(connections), base.median(connections)
        return mine[_RATE] / theirs[_RATE], theirs[_CPU] / mine[_CPU]


def measure(cases: Sequence[Case], rounds: int, seconds: float) -> list[Measured]:
    """Return what was measured of each case, the rounds of all interleaved."""
    seen = [Measured(case) for case in cases]
    for done in range(rounds):
        for measured in seen:
            for connections in _CONNECTIONS:
                run = _run(measured.case, connections, seconds)
                measured.runs[connections].append(run)
        table.say(f"round {done + 1} of {rounds}")
    return seen


def _run(case: Case, connections: int, seconds: float) -> tuple[float, ...]:
    processes = case.contender.processes
    before = sum(map(load.cpu_seconds, processes))
    figures = load.run(
        case.contender.port, case.requests(), connections=connections, seconds=seconds
    )
    used = sum(map(load.cpu_seconds, processes)) - before
    if not figures.statuses <= case.statuses:
        sys.exit(f"{case.name} answered {set(figures.statuses)}")
    return figures.rate, figures.median, figures.p99, used / (figures.rate * seconds) * 1e6


def told(title: str, part: Sequence[Measured], aims: Sequence[Aim]) -> str:
    """Return a heading, the figures as Markdown tables, and what of the *aims* was reached."""
    lines = [f"### {title}"]
    for connections, name in _CONNECTIONS.items():
        lines += ["", f"| {name} | {' | '.join(_COLUMNS)} |", f"|---|{'---:|' * len(_COLUMNS)}"]
        for one in part:
            rate, median, p99, cpu = one.median(connections)
            times, saved = one.times(part[0], connections)
            cells = f"{rate:,.0f} | {times:.1f} | {median:,.0f} | {p99:,.0f} | {cpu:,.0f}"
            lines.append(f"| {one.case.name} | {cells} | {saved:.1f} |")
    return "\n".join([*lines, "", *_reached(part, aims)])


def _reached(part: Sequence[Measured], aims: Sequence[Aim]) -> Iterator[str]:
    of = {one.case.name: one for one in part}
    kinds = [f"{kind}, {count}" for count in _CONNECTIONS for kind in ("requests/s", "CPU")]
    yield f"| aimed at | times | {' | '.join(kinds)} |"
    yield f"|---|---:|{'---:|' * len(kinds)}"
    for aim in aims:
        if aim.row in of and aim.peer in of:
            times = [of[aim.row].times(of[aim.peer], count) for count in _CONNECTIONS]
            cells = " | ".join(f"{one:.2f}" for pair in times for one in pair)
            yield f"| {aim.row} / {aim.peer} | {aim.times:.3g} | {cells} |"


def tables(title: str, part: Sequence[Measured], aims: Sequence[Aim]) -> list[table.Table]:
    """Return the rates as the tables that all measurements can be drawn from."""
    names = {one.case.name for one in part}
    goals = [
        table.Goal(aim.row, aim.times, aim.peer, at_least=True)
        for aim in aims
        if {aim.row, aim.peer} <= names
    ]
    return [
        table.Table(
            f"{title}, {name}",
            "requests/s",
            {one.case.name: [run[_RATE] for run in one.runs[count]] for one in part},
            part[0].case.name,
            goals if count > 1 else (),
        )
        for count, name in _CONNECTIONS.items()
    ]


def save(name: str, kept: Sequence[table.Table], folder: Path) -> None:
    """Keep the figures and a picture of them in *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    all_ = {"machine": table.machine(), "tables": [asdict(one) for one in kept]}
    (folder / f"{name}.json").write_text(json.dumps(all_, indent=1) + "\n", encoding="utf-8")
    (folder / f"{name}.svg").write_text(table.picture(kept), encoding="utf-8")
