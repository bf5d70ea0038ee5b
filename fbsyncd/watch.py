"""Hear of files that vanish from the media folders or are altered.

Of what vanished it says only that something did; of what was altered it keeps the paths, since a
scan looks at sizes and not at bytes.

The library leaves several things unsaid, all found by trying it: the thread behind a watched
folder ends when the folder is deleted, a folder that is moved away goes on being reported under
its old path, and an overflow of the kernel's queue is a line in a log. So the watches are held
against the folders every few seconds (:meth:`Watch.check`), and any doubt asks for a full scan.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import Event, Lock
from typing import Final

from watchdog.events import (
    DirDeletedEvent,
    DirMovedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

log = logging.getLogger(__name__)

# Our own writes arrive as files created by a rename; hearing those would scan after each picture.
_LOSSES: Final[list[type[FileSystemEvent]]] = [
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    DirDeletedEvent,
    DirMovedEvent,
]
_OVERFLOW_LOGGER: Final = "watchdog.observers.inotify_c"
#: Paths that are kept at the most. Of more, the sizes alone are looked at until the next scrub.
MOST_ALTERED: Final = 256

Identity = tuple[int, int] | None


class _Altered:
    """The files that were written to, or took another's name, since they were last asked for."""

    def __init__(self) -> None:
        self._paths: set[Path] = set()
        self._lock = Lock()

    def put(self, path: Path) -> None:
        with self._lock:
            if len(self._paths) < MOST_ALTERED:
                self._paths.add(path)

    @contextmanager
    def taken(self) -> Iterator[list[Path]]:
        """Hand them out; they stay noted when what is done with them fails."""
        with self._lock:
            taken, self._paths = self._paths, set()
        left = taken
        try:
            yield sorted(taken)
            left = set()
        finally:
            with self._lock:
                self._paths |= left


class _Flag(FileSystemEventHandler):
    """Sets an event. An exception in here would end the observer's thread for good."""

    def __init__(self, changed: Event, altered: _Altered) -> None:
        self._changed = changed
        self._altered = altered

    def on_any_event(self, event: FileSystemEvent) -> None:
        if isinstance(event, FileModifiedEvent):
            self._altered.put(Path(os.fsdecode(event.src_path)))
        elif isinstance(event, FileMovedEvent):
            self._altered.put(Path(os.fsdecode(event.dest_path)))
        self._changed.set()


class _Overflow(logging.Handler):
    """Hears the library say that the kernel dropped events."""

    def __init__(self, changed: Event) -> None:
        super().__init__()
        self._changed = changed

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage():
            self._changed.set()


class Watch:
    """Watches on *folders*, each for itself: a recursive one skips what it cannot have silently."""

    def __init__(self, folders: Sequence[Path], changed: Event) -> None:
        self._folders = folders
        self._changed = changed
        self._altered = _Altered()
        self._observer: BaseObserver | None = None
        self._seen: dict[Path, Identity] = {}
        self._is_refused = False
        # Whoever tries again and whoever checks are two jobs; each would leave a thread behind.
        self._lock = Lock()

    def start(self) -> None:
        """Begin to watch; a limit of the system is told with its remedy, and scans remain."""
        # The identities first: a folder replaced in between is noticed by the next check.
        self._seen = self._identities()
        try:
            self._observer = Observer()
            self._observer.start()
            self._schedule(self._observer)
        except OSError as error:
            self.stop()
            self._tell_refused(error)
        else:
            if self._is_refused:
                log.info("the media folders are watched again")
            self._is_refused = False

    def check(self) -> None:
        """Watch anew, and ask for a scan, when a watch has died or its folder is another one."""
        with self._lock:
            is_settled = self._is_refused and self._identities() == self._seen
            if not is_settled and self._is_stale():
                self._restart()

    def retry(self) -> None:
        """Try what the system refused once more; for now and then, since each try costs files."""
        with self._lock:
            if self._is_refused:
                self._restart()

    def altered(self) -> AbstractContextManager[list[Path]]:
        """Hand out the files that were altered since; they stay noted when that fails."""
        return self._altered.taken()

    def stop(self) -> None:
        """Stop watching."""
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.unschedule_all()
            if observer.is_alive():
                observer.stop()
                observer.join()

    def _restart(self) -> None:
        self.stop()
        self.start()
        if not self._is_refused:
            self._changed.set()

    def _tell_refused(self, error: OSError) -> None:
        if not self._is_refused:
            log.warning(
                "cannot watch the media folders (%s): relying on scans; raise"
                " fs.inotify.max_user_watches, fs.inotify.max_user_instances or the limit of open"
                " files; it is tried again at each scan",
                error.strerror,
            )
        self._is_refused = True

    def _identities(self) -> dict[Path, Identity]:
        return {folder: _identity(folder) for folder in self._folders}

    def _schedule(self, observer: BaseObserver) -> None:
        flag = _Flag(self._changed, self._altered)
        for folder, identity in self._seen.items():
            # A folder that is not there, or gone in between, is watched once it is back.
            with suppress(FileNotFoundError):
                if identity:
                    observer.schedule(flag, str(folder), event_filter=_LOSSES)

    def _is_stale(self) -> bool:
        if self._observer is None or not self._observer.is_alive():
            return True
        if self._identities() != self._seen:
            return True
        alive = sum(emitter.is_alive() for emitter in self._observer.emitters)
        return alive < sum(identity is not None for identity in self._seen.values())


@contextmanager
def watching(folders: Sequence[Path], changed: Event) -> Iterator[Watch]:
    """Set *changed* whenever a file in *folders* vanishes or is altered, as long as this lasts.

    Without watches (a limit of the system) the periodic scans still find everything.
    """
    overflow = _Overflow(changed)
    heard = logging.getLogger(_OVERFLOW_LOGGER)
    heard.addHandler(overflow)
    watch = Watch(folders, changed)
    try:
        watch.start()
        yield watch
    finally:
        watch.stop()
        heard.removeHandler(overflow)


def _identity(folder: Path) -> Identity:
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
