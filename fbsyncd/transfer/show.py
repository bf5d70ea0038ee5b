"""What `fbsyncd copy` prints: a bar on a terminal, some lines elsewhere, the tables at the end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from fbsyncd.plural import counted
from fbsyncd.transfer import COMPARING, COPYING, Copied, Heard, Tally
from fbsyncd.transfer.forgotten import Lingering

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
        f"{how} to fit there: {counted(count, 'value')} of {tally.name}"
        for tally in copied.tallies
        for how, count in tally.losses.items()
    ]
    lines += [str(left) for left in copied.left]
    lines += [
        f"forgotten here, still there: run `fbsyncd forget {kind} {id_}` there"
        for kind, id_ in copied.lingering
    ]
    lines += map(_lingering, copied.videos)
    return "\n".join(lines)


def fault(copied: Copied) -> str | None:
    """Return what is not as it should be after a copy, in one line; None when all is."""
    if copied.differing:
        return f"the copy is not the same in {', '.join(copied.differing)}; run it again"
    if copied.refused:
        return (
            f"{counted(copied.refused, 'row')} could not be copied, as said above; all others are"
            " there and the same"
        )
    return None


def _row(tally: Tally) -> str:
    counts = f"{tally.here:>10,}{tally.there:>10,}{tally.written:>10,}{tally.kept:>13,}"
    if not tally.is_compared:
        return f"{tally.name:<25}{counts}  {'-':<{_SHOWN}}  {'-':<{_SHOWN}}  not compared"
    digests = f"{tally.digest_here[:_SHOWN]}  {tally.digest_there[:_SHOWN]}"
    return f"{tally.name:<25}{counts}  {digests}  {'same' if tally.agrees else 'DIFFERS'}"


def _lingering(video: Lingering) -> str:
    told = f"forgotten here, still there: video {video.video_id}"
    if not video.posts:
        return f"{told}, which is of no post there"
    return (
        f"{told}; it goes with the last of its posts there, {', '.join(video.posts)}:"
        " run `fbsyncd forget post ID` there for each"
    )


@contextmanager
def display(out: TextIO) -> Iterator[Heard]:
    """Yield a function that shows how far a copy is, and when it is stopped says how far it was.

    SIGTERM stops it as Ctrl-C does, until the end of the context.
    """
    last = _Last()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _bars(out) if out.isatty() else _lines(out) as heard:
            yield last.hearing(heard)
    except KeyboardInterrupt:
        if last.words:
            out.write(f"{last.words}\n")
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


class _Last:
    """Keeps for the end what a copy says when it is stopped."""

    def __init__(self) -> None:
        self.words = ""

    def hearing(self, heard: Heard) -> Heard:
        def hear(what: str, done: int, total: int) -> None:
            if what in (COPYING, COMPARING):
                heard(what, done, total)
            else:
                self.words = what

        return hear


@contextmanager
def _lines(out: TextIO) -> Iterator[Heard]:
    told = 0

    def heard(what: str, done: int, total: int) -> None:
        nonlocal told
        if done == 0:
            told = 0
        if done - told >= _PLAIN_STEP:
            told = done
            out.write(f"{what}: {done:,} of {total:,} rows\n")
            out.flush()

    yield heard


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
