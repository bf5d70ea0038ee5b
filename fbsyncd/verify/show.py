"""What `fbsyncd verify` prints: how far it is, the table of months, and what is lost and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from fbsyncd.plural import counted
from fbsyncd.verify.verdict import DISK_FAULTS, NO_ROW, OTHER_HOST, Count, Verdict

#: Told how many pictures are done.
Heard = Callable[[int], None]

_UNNAMED: Final = "without a post"
_COLUMNS: Final = {
    "on Facebook": "posts_at_source",
    "posts": "posts",
    "pictures": "pictures",
    "archived": "archived",
    "waiting": "waiting",
    "lost": "lost",
}
_SHOWN_REASONS: Final = 20
_MORE: Final = "More posts than on Facebook: what it shows no longer, or did not list, is kept."
_UNREAD: Final = "Only sizes were compared: what is in the files was not read."


def table(verdict: Verdict) -> str:
    """Return the verdict as a table with its reasons."""
    lines = [_line("month", list(_COLUMNS))]
    lines += [_line(month, _cells(verdict.months[month])) for month in verdict.sorted()]
    if verdict.unnamed.pictures:
        lines.append(_line(_UNNAMED, ["", "", *_cells(verdict.unnamed)[2:]]))
    lines += [_line("all", _cells(verdict.total)), ""]
    for page, at in sorted(verdict.pages.items()):
        when = f"Facebook listed its posts on {at}" if at else "not listed yet"
        lines.append(f"page {page}: {when}")
    if any(_is_more(count) for count in verdict.months.values()):
        lines.append(_MORE)
    return "\n".join([*lines, *_sentences(verdict)])


@contextmanager
def display(out: TextIO) -> Iterator[Heard]:
    """Yield a function that shows how many pictures are done; elsewhere than on a terminal none."""
    if not out.isatty():
        yield lambda _: None
        return
    # Late: rich costs a third of a second, and no service needs it.
    from rich.console import Console

    with Console(file=out).status("looking at the pictures") as status:
        yield lambda done: status.update(f"looking at the pictures: {done:,} done")


def _sentences(verdict: Verdict) -> list[str]:
    total = verdict.total
    archived, lost = counted(total.archived, "picture"), sum(verdict.reasons.values())
    waiting = f"{total.waiting:,} still wait" if total.waiting else "none waits"
    if not verdict.is_whole:
        said = [f"Lost: {lost:,}", *_reasons(verdict), "", *_remedies(verdict)]
    elif verdict.is_quick:
        said = [f"No archived file is missing: {archived} archived, {waiting}."]
    else:
        said = [f"Nothing is lost: {archived} archived and whole, {waiting}."]
    return [*said, _UNREAD] if verdict.is_quick else said


def _remedies(verdict: Verdict) -> list[str]:
    """Return what may bring each kind of loss back; a running daemon does the first two itself."""
    files = sum(verdict.reasons[reason] for reason in DISK_FAULTS)
    posts = verdict.reasons[NO_ROW]
    hosts = sum(count for why, count in verdict.reasons.items() if OTHER_HOST in why)
    given_up = verdict.reasons.total() - files - posts - hosts
    scrub = "" if verdict.is_quick else " --scrub"
    told = (
        (files, f"files: fbsyncd reconcile{scrub} queues them, fbsyncd sync fetches them again"),
        (posts, "posts: fbsyncd sync --full reads them again"),
        (hosts, "hosts: name those you trust in media.allowed_hosts, then fbsyncd retry --all"),
        (given_up, "given up: fbsyncd retry --all, fbsyncd sync"),
    )
    return ["What may bring them back:", *(f"  {remedy}" for count, remedy in told if count)]


def _reasons(verdict: Verdict) -> list[str]:
    shown = verdict.reasons.most_common(_SHOWN_REASONS)
    lines = [f"{count:>9,}  {reason}" for reason, count in shown]
    hidden = len(verdict.reasons) - len(shown)
    if not hidden:
        return lines
    more = sum(verdict.reasons.values()) - sum(count for _, count in shown)
    return [*lines, f"{more:>9,}  and {counted(hidden, 'other reason')}"]


def _is_more(count: Count) -> bool:
    return count.posts_at_source is not None and count.posts > count.posts_at_source


def _cells(count: Count) -> list[str]:
    values = [getattr(count, name) for name in _COLUMNS.values()]
    return ["-" if value is None else f"{value:,}" for value in values]


def _line(first: str, cells: list[str]) -> str:
    return f"{first:<14}" + "".join(f"{cell:>11}" for cell in cells)
