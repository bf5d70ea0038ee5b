"""What commands print: a live line on a terminal, plain lines elsewhere, tables of numbers."""

from __future__ import annotations

import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TextIO

from fbsyncd.errors import UsageError
from fbsyncd.plural import counted

if TYPE_CHECKING:
    from fbsyncd.oneshot import Progress
    from fbsyncd.reconcile import Findings, Request

_UNITS: Final = ("B", "KB", "MB", "GB", "TB")
#: Without a terminal a line is printed when so many more pictures are settled.
_PLAIN_STEP: Final = 250
#: So long a program on the other side of a pipe has to answer a question.
_ANSWER_SECONDS: Final = 1.0


def size(count: float) -> str:
    """Return a number of bytes as a person says it: ``1.2 GB``."""
    unit = 0
    while count >= 1000 and unit < len(_UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.0f} {_UNITS[unit]}" if unit == 0 else f"{count:.1f} {_UNITS[unit]}"


def storage(stats: dict[str, Any]) -> str:
    """Return the statistics of an archive as a small table."""
    media = stats["media"]
    lines = ["Archive"]
    for kind in ("posts", "attachments", "videos"):
        local = stats[f"{kind}_with_local_pictures"]
        lines.append(f"  {kind:<12}{stats[kind]:>9,}   {local:,} with local pictures")
    lines.append(f"  {'files':<12}{media['files']:>9,}   {size(media['bytes'])}")
    for name, held in media["by_category"].items():
        lines.append(f"    {name:<11}{held['files']:>8,}   {size(held['bytes'])}")
    lines.append(
        f"  {'waiting':<12}{media['pending']:>9,}   {media['failed']:,} tried again later,"
        f" {media['given_up']:,} given up"
    )
    if stats["deadlines"]["pending"]:
        lines.append(_forecast(stats["deadlines"], is_tried=media["failed"] > 0))
    lines += [_token(one) for one in stats["tokens"] if one["state"] in {"ending", "dead"}]
    lines += [_budget(one) for one in stats["budgets"] if one["back_at"] or one["percent"] >= 50]
    return "\n".join(lines)


def _token(one: dict[str, Any]) -> str:
    """Return what is wrong with a Page's token."""
    if one["state"] == "dead":
        return f"  {'token':<12}{'dead':>9}   Page {one['page_id']}: {one['message']}"
    left = counted(one["days_left"], "day")
    return f"  {'token':<12}{left:>9}   until that of Page {one['page_id']} ends: `fbsyncd token`"


def _budget(one: dict[str, Any]) -> str:
    """Return how much of a budget of calls is used up, and when calls are made again."""
    whose = f"Page {one['page_id']}" if one["page_id"] else "the app"
    back = f", none before {one['back_at']}" if one["back_at"] else ""
    return f"  {'calls':<12}{one['percent']:>8.0f}%   of {whose} are used up{back}"


def _forecast(waits: dict[str, Any], *, is_tried: bool) -> str:
    """Return whether the queue is fast enough for the links in it, if anything was tried."""
    late, dead = waits["will_die"], waits["dead"]
    told = f"  {'pace':<12}{waits['pace_per_hour']:>9,.0f}   pictures an hour: "
    if not waits["pace_per_hour"] and not is_tried:
        told = f"  {'pace':<12}{'-':>9}   not known yet: nothing was fetched in the last hour"
    elif late:
        told += f"too slow for {counted(late, 'link')}, dead before then"
    elif dead:
        told += "what has a link is fetched before it dies"
    else:
        told += "every picture is fetched before its link dies"
    return f"{told}; {counted(dead, 'picture')} waiting for a fresh link" if dead else told


def post(told: dict[str, Any]) -> str:
    """Return one post as three lines: when, what and its id; its text; which picture."""
    text = " ".join((told["message"] or told["story"] or "").split())
    text = text if len(text) <= 76 else f"{text[:75]}…"
    picture = told["display_image_url"] or f"no picture ({told['image_state'] or 'none named'})"
    created, kind = told["created_time"] or "no time yet", told["type"] or "-"
    return f"{created:<20}  {kind:<7} {told['id']}\n    {text or '(no text)'}\n    {picture}"


def findings(found: Findings, request: Request) -> str:
    """Return what a reconcile found: a line for each kind there is."""
    would = "would be " if request.dry_run else ""
    who = ", for fbsyncd sync or a running daemon to bring back"
    back = who if found.queued and not would else ""
    removed = "removed" if request.delete_orphans else "--delete-orphans removes such files"
    if request.delete_orphans and request.dry_run:
        removed = "would be removed"
    lines = [
        (True, f"{counted(found.files, 'file')} checked"),
        (True, f"{found.missing:,} missing"),
        (True, f"{found.wrong_size:,} of the wrong size"),
        (found.scrubbed, f"{found.wrong_content:,} of {found.scrubbed:,} with other content"),
        (found.unreadable, f"{found.unreadable:,} that could not be read"),
        (True, f"{counted(found.queued, 'picture')} {would}queued again{back}"),
        (found.adopted, f"{counted(found.adopted, 'file')} put back by hand {would}adopted"),
        (
            found.orphans,
            f"{counted(found.orphans, 'file')} that no row knows ({size(found.orphan_bytes)}):"
            f" {removed}",
        ),
        (found.young, f"{counted(found.young, 'file')} too young to tell"),
        (found.foreign, _foreign(found)),
    ]
    return "\n".join(line for is_told, line in lines if is_told)


def _foreign(found: Findings) -> str:
    # Whoever named them may have meant to write on this terminal.
    names = ["".join(c if c.isprintable() else "?" for c in one) for one in found.foreign_names]
    more = found.foreign - len(names)
    told = ", ".join(names) + (f" and {more:,} more" if names and more else "")
    line = f"{counted(found.foreign, 'name')} not ours, left alone"
    return f"{line}: {told}" if told else line


def agreed(question: str) -> bool:
    """Ask a person at the terminal. A piped answer is one too; where nobody answers, it was meant.

    A script has nothing to say, and named what it means in the command.
    """
    if sys.stdin.isatty():
        sys.stdout.write(question)
        sys.stdout.flush()
        with asking():
            return _is_yes(sys.stdin.readline())
    is_told, _, _ = select.select([sys.stdin], [], [], _ANSWER_SECONDS)
    answer = sys.stdin.readline() if is_told else ""
    return not answer or _is_yes(answer)


def _is_yes(answer: str) -> bool:
    return answer.strip().lower() in {"y", "yes"}


@contextmanager
def asking() -> Iterator[None]:
    """Let a person end the command at a question: nothing was begun that could go on.

    Raises UsageError on the end of input, and KeyboardInterrupt with what to say of it.
    """
    try:
        yield
    except EOFError as error:
        sys.stderr.write("\n")
        raise UsageError("nothing was typed") from error
    except KeyboardInterrupt:
        # What is said next must not stand behind the question.
        sys.stderr.write("\n")
        raise KeyboardInterrupt("stopped") from None


@contextmanager
def live_line(out: TextIO = sys.stdout) -> Iterator[Callable[[str], None]]:
    """Yield a function that shows a sentence: replaced in place on a terminal, else printed.

    Elsewhere than on a terminal a sentence is printed only when it differs from the last one.
    """
    if out.isatty():
        # Late: rich costs a third of a second, and no service needs it.
        from rich.console import Console

        with Console(file=out).status("starting") as status:
            yield status.update
        return
    last = ""

    def show(text: str) -> None:
        nonlocal last
        if text != last:
            last = text
            out.write(f"{text}\n")
            out.flush()

    yield show


@contextmanager
def progress_display(out: TextIO = sys.stdout) -> Iterator[Callable[[Progress], None]]:
    """Yield a function that shows how far a sync is: bars on a terminal, some lines elsewhere."""
    if out.isatty():
        with _bars(out) as heard:
            yield heard
        return
    told = 0
    with live_line(out) as show:

        def heard_plainly(progress: Progress) -> None:
            nonlocal told
            settled = progress.archived + progress.failed
            if settled - told >= _PLAIN_STEP:
                told = settled
                show(_line(progress))

        yield heard_plainly


@contextmanager
def _bars(out: TextIO) -> Iterator[Callable[[Progress], None]]:
    # Late: rich costs a third of a second, and no service needs it.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description:<10}"), BarColumn())
    told = (MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
    with Bars(*columns, *told, console=Console(file=out)) as bars:
        reading = bars.add_task("posts", total=None, note="")
        pictures = bars.add_task("pictures", total=None, note="")
        developed = bars.add_task("developed", total=None, note="")

        def heard(progress: Progress) -> None:
            done = progress.archived + progress.failed
            # What is archived and not developed counts as outstanding too.
            undeveloped = max(progress.archived - progress.developed, 0)
            everything = done + max(progress.waiting - undeveloped, 0)
            posts = progress.posts
            bars.update(reading, completed=posts, total=None if progress.is_reading else posts)
            failed = f", {progress.failed:,} failed" if progress.failed else ""
            note = f"{size(progress.bytes)}{failed}"
            bars.update(pictures, completed=done, total=everything or None, note=note)
            bars.update(developed, completed=progress.developed, total=progress.archived or None)

        yield heard


def arrivals(stats: dict[str, Any]) -> str:
    """Return how many of the pictures named are safe."""
    pictures, media = stats["pictures"], stats["media"]
    safe = f"{pictures['safe']:,} of {counted(pictures['all'], 'picture')} are safe"
    return f"{safe} ({counted(media['files'], 'file')}, {size(media['bytes'])})"


def _line(progress: Progress) -> str:
    doing = "reading" if progress.is_reading else "fetching"
    return (
        f"{doing}: {counted(progress.posts, 'post')},"
        f" {counted(progress.archived, 'picture')} archived"
        f" ({size(progress.bytes)}), {progress.developed:,} developed, {progress.failed:,} failed"
    )
