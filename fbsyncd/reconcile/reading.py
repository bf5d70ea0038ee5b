"""The SHA-256 of files that rows claim, read one by one or by several threads ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from fbsyncd.errors import MediaTrouble
from fbsyncd.media import Media
from fbsyncd.reconcile.claims import Claimed

#: So many files at once where a person waits: hashing leaves the interpreter to the others.
READERS: Final = 2
#: Files a thread reads before it reports: to report costs a fifth of reading one.
_RUN: Final = 32

#: What came of reading a file: None for one that is not there or of another size.
Digest = str | None | MediaTrouble
#: Tells it of one of the files that are looked at.
Digests = Callable[[Claimed], Digest]


def one_by_one(media: Media) -> Digests:
    """Return what reads a file when it is asked for.

    Rows that share a file come one after the other: it is read once.
    """
    last: tuple[str, Digest] = ("", None)

    def digest(claimed: Claimed) -> Digest:
        nonlocal last
        if last[0] != claimed.path:
            found = media.digests(claimed.category, [(claimed.filename, claimed.size)])
            last = (claimed.path, found[0])
        return last[1]

    return digest


def ahead(
    media: Media, chunks: Iterable[Sequence[Claimed]], readers: int
) -> Iterator[tuple[Sequence[Claimed], Digests]]:
    """Yield handfuls of files of a category with their digests; the next is being read by then."""
    pool = ThreadPoolExecutor(readers, thread_name_prefix="scrub")
    waiting: deque[tuple[Sequence[Claimed], Digests]] = deque()
    try:
        for chunk in chunks:
            runs = [chunk[at : at + _RUN] for at in range(0, len(chunk), _RUN)]
            waiting.append((chunk, _found([pool.submit(_read, media, run) for run in runs])))
            if len(waiting) > 1:
                yield waiting.popleft()
        yield from waiting
    finally:
        pool.shutdown(cancel_futures=True)


def _found(runs: Sequence[Future[dict[str, Digest]]]) -> Digests:
    """Return what waits for the run that a file is in, which are asked for in their order."""
    known: dict[str, Digest] = {}
    coming = iter(runs)

    def digest(claimed: Claimed) -> Digest:
        while claimed.filename not in known:
            known.update(next(coming).result())
        return known[claimed.filename]

    return digest


def _read(media: Media, run: Sequence[Claimed]) -> dict[str, Digest]:
    """Return the digests of files by name, of those that rows share one."""
    sizes = {claimed.filename: claimed.size for claimed in run}
    return dict(zip(sizes, media.digests(run[0].category, list(sizes.items())), strict=True))
