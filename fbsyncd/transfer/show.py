"""What `fbsyncd copy` prints: a bar on a terminal, some lines elsewhere, the tables at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from fbsyncd.transfer import Copied, Heard, Tally

#: Without a terminal a line is printed each time so many more rows are done.
_PLAIN_STEP: Final = 50_000
_SHOWN: Final = 12
_HEAD: Final = (
    f"{'table':<25}{'here':>10}{'there':>10}{'written':>10}{'newer there':>13}"
    f"  {'SHA-256 here':<14}there"
)


def report(copied: Copied, url: str, root: object) -> str:
    """Return the tables on both sides, and what is left to do; *url* holds no password."""
    written = sum(tally.written for tally in copied.tallies)
    lines = [_HEAD, *map(_row, copied.tallies), f"wrote {written:,} rows to {url}"]
    if copied.is_same_archive:
        lines.append(f"It is the same archive: it goes with {root}, or with a whole copy of that")
    else:
        lines.append(
            f"The target stays another archive: put the files of {root} into its media folder too"
            " (not .fbsyncd-archive), then run `fbsyncd reconcile` there"
        )
    lines += [
        f"forgotten here, still there: run `fbsyncd forget {kind} {id_}` there"
        for kind, id_ in copied.lingering
    ]
    return "\n".join(lines)


def _row(tally: Tally) -> str:
    counts = f"{tally.here:>10,}{tally.there:>10,}{tally.written:>10,}{tally.kept:>13,}"
    digests = f"{tally.digest_here[:_SHOWN]}  {tally.digest_there[:_SHOWN]}"
    return f"{tally.name:<25}{counts}  {digests}  {'same' if tally.agrees else 'DIFFERS'}"


@contextmanager
def display(out: TextIO) -> Iterator[Heard]:
    """Yield a function that shows how far a copy is."""
    if out.isatty():
        with _bars(out) as heard:
            yield heard
        return
    told = 0

    def heard_plainly(what: str, done: int, total: int) -> None:
        nonlocal told
        if done == 0:
            told = 0
        if done - told >= _PLAIN_STEP:
            told = done
            out.write(f"{what}: {done:,} of {total:,} rows\n")
            out.flush()

    yield heard_plainly


@contextmanager
def _bars(out: TextIO) -> Iterator[Heard]:
    # Late: rich costs a third of a second, and no service needs it.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(file=out)) as bars:
        tasks: dict[str, Callable[..., None]] = {}

        def heard(what: str, done: int, total: int) -> None:
            if what not in tasks:
                task = bars.add_task(what, total=total)
                tasks[what] = lambda **how: bars.update(task, **how)
            tasks[what](completed=done, total=total)

        yield heard
