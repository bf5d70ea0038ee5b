"""Servers side by side: how often each answers, how long it takes, and what that costs.

An ``x`` is a row's figure against that of the first row, as all ratios of :mod:`bench.table` are:
the median of the rounds' ratios, with the lowest and the highest of them. Answers a second are told
as they are, processor time the other way round, as a saving.
"""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench import load, table
from bench.peers import Contender

_CONNECTIONS: Final = {1: "1 connection", 8: "8 connections"}
#: What each run tells, in this order.
_KINDS: Final = ("requests/s", "median us", "p99 us", "CPU us/request", "bytes/answer")
_RATE, _CPU, _SIZE = _KINDS[0], _KINDS[3], _KINDS[4]
_COLUMNS: Final = (_RATE, "x", "median us", "p99 us", _CPU, "x", _SIZE)
#: So many answers are waited for at the least, however slow a server is.
_LEAST: Final = 200
#: How much of the seconds it is asked before that, which counts for nothing.
_WARM: Final = 0.1
_AIMED: Final = (_RATE, "", "CPU")


@dataclass(frozen=True, slots=True)
class Case:
    """One thing asked of one server."""

    name: str
    contender: Contender
    requests: Callable[[], Iterator[bytes]]
    statuses: frozenset[int] = frozenset({200})


@dataclass(frozen=True, slots=True)
class Aim:
    """*row* is to answer at least *times* as often as *peer*; *number* is that of the aim."""

    row: str
    peer: str
    times: float
    number: int

    @property
    def goal(self) -> table.Goal:
        """Return this as a goal of the table of requests a second."""
        return table.Goal(self.row, self.times, self.peer, at_least=True, aim=self.number)


@dataclass(slots=True)
class Measured:
    """All runs of one case, by connections: the figures of each kind."""

    case: Case
    runs: dict[int, list[tuple[float, ...]]] = field(default_factory=lambda: defaultdict(list))


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
    # All that was asked is answered when this ends, so none of its work is counted below.
    load.run(case.contender.port, case.requests(), connections=connections, seconds=seconds * _WARM)
    before = sum(map(load.cpu_seconds, processes))
    figures = load.run(
        case.contender.port,
        case.requests(),
        connections=connections,
        seconds=seconds,
        least=_LEAST if seconds >= 1 else 1,
    )
    used = sum(map(load.cpu_seconds, processes)) - before
    if not figures.statuses <= case.statuses:
        sys.exit(f"{case.name} answered {set(figures.statuses)}")
    cpu = used / figures.answers * 1e6
    return figures.rate, figures.median, figures.p99, cpu, figures.size


def tables(title: str, part: Sequence[Measured], aims: Sequence[Aim]) -> list[table.Table]:
    """Return a table of each kind of figure, with one connection and with eight."""
    goals = [aim.goal for aim in aims]
    return [
        table.Table(
            f"{title}, {name}",
            kind,
            {one.case.name: [run[column] for run in one.runs[count]] for one in part},
            part[0].case.name,
            goals if kind == _RATE else (),
        )
        for count, name in _CONNECTIONS.items()
        for column, kind in enumerate(_KINDS)
    ]


def page(title: str, kept: Sequence[table.Table]) -> str:
    """Return the :func:`tables` of one title as Markdown: one for each number of connections."""
    lines, aims = [f"### {title}"], []
    for at in range(0, len(kept), len(_KINDS)):
        of = {one.unit: one for one in kept[at : at + len(_KINDS)]}
        name = of[_RATE].title.rpartition(", ")[2]
        rows = [[row, *_cells(of, row)] for row in of[_RATE].rows]
        lines += ["", *table.grid([name, *_COLUMNS], rows)]
        aims += [[goal.text, name, *_aimed(of, goal)] for goal in of[_RATE].goals]
    return "\n".join([*lines, "", *table.grid(["aimed at", "connections", *_AIMED], aims)])


def _cells(of: dict[str, table.Table], row: str) -> list[str]:
    middles = (statistics.median(of[kind].rows[row]) for kind in _KINDS)
    rate, median, p99, cpu, size = (f"{middle:,.0f}" for middle in middles)
    base = of[_CPU].base
    times, saved = of[_RATE].ratios(row), of[_CPU].ratios(base, row)
    if row == base:
        return [rate, "1", median, p99, cpu, "1", size]
    return [rate, _times(times), median, p99, cpu, _times(saved), size]


def _aimed(of: dict[str, table.Table], goal: table.Goal) -> list[str]:
    reached = of[_RATE].reached(goal)
    saved = of[_CPU].ratios(goal.peer, goal.row)
    return [_times(reached), of[_RATE].verdict(goal), _times(saved)]


def _times(ratios: Sequence[float]) -> str:
    return f"{table.middle(ratios)} ({table.spread(ratios)})" if ratios else ""
