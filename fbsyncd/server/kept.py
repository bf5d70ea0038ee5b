"""Answers kept for as long as they are true, so that asking again touches no row.

An answer depends on the rows, on what is mounted where the files should be, and on the time: a
link dies when its hour comes, and nobody writes a row for that. The first two are one mark, taken
before the answer is made; the third is read from the answer itself. A file that is cut in its place
leaves no mark: those that were seen while the answer was made are looked at again.
"""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from fbsyncd.feed.sight import state
from fbsyncd.media import CATEGORIES, MARKER

if TYPE_CHECKING:
    from fbsyncd.changes import Changes
    from fbsyncd.media import Media
    from fbsyncd.server.encoding import Ready

#: Bytes of all kept answers together.
SIZE: Final = 16 * 1024 * 1024
#: Seconds an answer is kept at most, whatever else says that it still holds.
LONGEST: Final = 60.0
#: Seconds for those that tell of the last hour, which passes while nothing happens.
_SHORTER: Final = {"/api/stats": 5.0, "/api/timeline": 5.0}
#: Seconds for which nobody looks again at the files of an answer.
LOOK: Final = 1.0
_OVERHEAD: Final = 2000  # bytes of headers and bookkeeping of one answer
_OF_FILE: Final = 400  # and of each file it names
# The parameters that fbsyncd.links reads an expiry from, and how they are written.
_EXPIRIES: Final = (
    (b"oe=", re.compile(rb"[0-9a-fA-F]{1,16}"), 16),
    (b"ext=", re.compile(rb"[0-9]{1,16}"), 10),
    (b"__gda__=", re.compile(rb"[0-9]{1,16}"), 10),
)

_NOTHING: Final[Mapping[str, Hashable]] = MappingProxyType({})

Key = tuple[str, str]
Look = Callable[[Iterable[str]], tuple[Hashable, ...]]


@dataclass(frozen=True, slots=True)
class _Entry:
    ready: Ready
    mark: Hashable
    until: float
    cost: int
    files: tuple[str, ...]
    seen: Hashable
    #: When they were looked at last. Never is longest ago: they may be altered before it is kept.
    looked: float = float("-inf")


class Kept:
    """Answers by path and query. *mark* tells what they depend on, *now* is the archive's clock.

    *look* tells the state of each of some files by their places (category/name).
    """

    def __init__(
        self,
        mark: Callable[[], Hashable],
        now: Callable[[], datetime],
        *,
        look: Look = lambda _: (),
        size: int = SIZE,
    ) -> None:
        self.mark = mark
        self._now = now
        self._look = look
        self._size = size
        self._used = 0
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key, mark: Hashable) -> Ready | None:
        """Return the answer to *key* if it holds at *mark* and now."""
        now = self._now().timestamp()
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            if entry.mark != mark or now >= entry.until:
                self._forget(key)
                return None
            self._entries.move_to_end(key)
        return entry.ready if self._has_its_files(key, entry, now) else None

    def _has_its_files(self, key: Key, entry: _Entry, now: float) -> bool:
        if not entry.files or abs(now - entry.looked) < LOOK:
            return True
        # Without the lock: a disk that does not answer must not keep all others waiting.
        is_same = self._look(entry.files) == entry.seen
        with self._lock:
            if self._entries.get(key) is entry:
                if is_same:
                    self._entries[key] = replace(entry, looked=now)
                else:
                    self._forget(key)
        return is_same

    def put(
        self, key: Key, mark: Hashable, ready: Ready, witnessed: Mapping[str, Hashable] = _NOTHING
    ) -> None:
        """Keep an answer that was made after *mark* was taken, unless it is too large.

        *witnessed* is the state in which files were met while it was made; they are looked at
        again before it is given to the next one who asks.
        """
        body = b"".join(ready.plain.body)
        now = self._now().timestamp()
        until = min(first_death(body, now), now + _SHORTER.get(key[0], LONGEST))
        # Twice: what is asked for compressed is kept in both forms.
        cost = 2 * len(body) + len(key[0]) + len(key[1]) + _OVERHEAD + _OF_FILE * len(witnessed)
        if cost > self._size // 4:
            return
        files, seen = tuple(witnessed), tuple(witnessed.values())
        with self._lock:
            self._forget(key)
            self._entries[key] = _Entry(ready, mark, until, cost, files, seen)
            self._used += cost
            while self._used > self._size:
                self._forget(next(iter(self._entries)))

    def _forget(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        self._used -= entry.cost if entry else 0


def first_death(body: bytes, now: float) -> float:
    """Return when the first link in *body* dies that is alive *now* (seconds since 1970).

    May be too early, when a text only looks like a link; never too late. Infinity without any.
    """
    return min((moment for moment in _moments(body) if moment > now), default=float("inf"))


def _moments(body: bytes) -> Iterator[int]:
    for name, digits, base in _EXPIRIES:
        # Not by one regular expression: it takes a millisecond for a page of posts.
        at = body.find(name)
        while at >= 0:
            at += len(name)
            if found := digits.match(body, at):
                yield int(found[0], base)
            at = body.find(name, at)


def looking(media: Media) -> Look:
    """Return what tells how files are; two equal ones are the same state."""
    root = str(media.root)

    def look(files: Iterable[str]) -> tuple[Hashable, ...]:
        return tuple(_seen(partial(os.lstat, f"{root}/{file}")) for file in files)

    return look


def marking(changes: Changes, media: Media) -> Callable[[], Hashable]:
    """Return what tells the state of rows and media folder; two equal ones are the same state."""
    marker, folders = media.root / MARKER, [media.root / name for name in CATEGORIES]

    def mark() -> Hashable:
        # Not what a link in the place of a folder leads to: that may be the very same folder.
        return changes.mark(), _seen(marker.stat), *(_seen(folder.lstat) for folder in folders)

    return mark


def _seen(look: Callable[[], os.stat_result]) -> Hashable:
    try:
        found = look()
    except OSError as error:
        return error.errno
    return state(found)
