"""Hear of files that vanish from the media folders. Says only that something did, not what."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

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

log = logging.getLogger(__name__)

# Our own writes arrive as files created by a rename; hearing those would scan after each picture.
_LOSSES: list[type[FileSystemEvent]] = [
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    DirDeletedEvent,
    DirMovedEvent,
]


class _Flag(FileSystemEventHandler):
    """Sets an event. An exception in here would end the observer's thread for good."""

    def __init__(self, changed: Event) -> None:
        self._changed = changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        self._changed.set()


@contextmanager
def watching(folders: list[Path], changed: Event) -> Iterator[None]:
    """Set *changed* whenever a file in *folders* vanishes or is altered, as long as this lasts.

    Each folder is watched for itself: a recursive watch skips subfolders it cannot have without
    a word. Without watches (a limit of the system) the periodic scans still find everything.
    """
    observer = Observer()
    try:
        for folder in folders:
            observer.schedule(_Flag(changed), str(folder), event_filter=_LOSSES)
        observer.start()
    except OSError as error:
        observer.unschedule_all()
        log.warning(
            "cannot watch the media folders (%s): relying on scans; raise"
            " fs.inotify.max_user_watches and fs.inotify.max_user_instances",
            error.strerror,
        )
        yield
        return
    try:
        yield
    finally:
        observer.stop()
        observer.join()
