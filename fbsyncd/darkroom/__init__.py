"""Decode one picture in full and make a small one of it. Runs in worker processes.

Kept apart from everything else so that a worker imports Pillow and nothing more, and so that
decoding, which holds the interpreter for milliseconds at a time, never slows the server.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: So much further back in the queue for the processor.
NICE: Final = 10


@dataclass(frozen=True, slots=True)
class Print:
    """A developed picture; *data* is empty when the original is small enough itself."""

    data: bytes
    extension: str
    mime_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Spoilt:
    """The original cannot be decoded; *is_altered* tells that its bytes are not those archived."""

    reason: str
    is_altered: bool = False


@dataclass(frozen=True, slots=True)
class Unread:
    """The original could not be read, which says nothing about it; *is_missing*: not there."""

    reason: str
    is_missing: bool = False


def begin() -> None:
    """Prepare a worker process: it ends when its parent ends it, or with its parent.

    It leaves the processor to whoever is served. Ctrl-C reaches it too and is left to the parent;
    a parent that was killed can end nothing.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):
        os.nice(NICE)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def develop(path: str, sha256: str, max_pixels: int) -> Print | Spoilt | Unread:
    """Decode every pixel of *path* and return its small version.

    Raises nothing for a file that cannot be read or whose bytes make no sense.
    """
    # Late: whoever only hands out the work needs no Pillow, and it takes long to load.
    from fbsyncd.darkroom import enlarger

    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        return Unread("the file is missing on disk", is_missing=True)
    except OSError as error:
        return Unread(f"cannot read {path}: {error.strerror}")
    return enlarger.enlarged(data, sha256, max_pixels)
