"""Findings on a terminal, as they come: aligned, in colour where there is any; plain elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, TextIO

from fbsyncd.doctor.findings import Finding, State

_WIDTH: Final = 10
_COLOURS: Final = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}


def line(finding: Finding) -> str:
    """Return a finding as one line: state, check, what was found, then the remedy."""
    says = " ".join(finding.says.split())
    remedy = f" -> {' '.join(finding.remedy.split())}" if finding.remedy else ""
    return f"{finding.state:<{_WIDTH}}{finding.check:<{_WIDTH}}{says}{remedy}"


def summary(findings: Iterable[Finding]) -> str:
    """Return how many findings there are of each state, the bad ones first."""
    counts = Counter(finding.state for finding in findings)
    order: tuple[State, ...] = ("failed", "warning", "ok", "skipped")
    return ", ".join(f"{counts[state]} {state}" for state in order if counts[state])


def printer(out: TextIO) -> Callable[[Finding], None]:
    """Return a function that shows one finding on *out*."""
    if out.isatty():
        return _coloured(out)

    def show(finding: Finding) -> None:
        out.write(f"{line(finding)}\n")
        out.flush()

    return show


def _coloured(out: TextIO) -> Callable[[Finding], None]:
    # Late: rich costs a third of a second, and no pipe needs it.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=out)

    def show(finding: Finding) -> None:
        row = Table.grid(padding=(0, 2, 0, 0))
        row.add_column(width=_WIDTH - 2)
        row.add_column(width=_WIDTH - 2)
        # Paths and commands are copied from here: folded anywhere rather than cut.
        row.add_column(overflow="fold")
        says = Text(finding.says)
        if finding.remedy:
            says.append(f"\n{finding.remedy}", style="bold")
        row.add_row(Text(finding.state, _COLOURS[finding.state]), finding.check, says)
        console.print(row)

    return show
