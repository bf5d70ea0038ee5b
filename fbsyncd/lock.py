"""One daemon an archive: a lock on a file in the media root that dies with its process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fbsyncd.errors import AlreadyRunning, MediaTrouble


@contextmanager
def held(root: Path) -> Iterator[None]:
    """Hold the archive's lock; raises AlreadyRunning, with the other one's pid, when it is taken.

    The file stays behind: removing it could free a name that another process has just locked.
    """
    path = root / ".lock"
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="ascii")
    except OSError as error:
        raise MediaTrouble(f"cannot write {path}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            pid = file.read(20).strip() or "unknown"
            raise AlreadyRunning(
                f"another fbsyncd runs on the archive {root} (pid {pid}); stop it first"
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def holder(root: Path) -> str | None:
    """Return the pid of the daemon that runs on the archive *root*, None when none does.

    It asks for the lock for an instant, shared with others who ask, and changes nothing.
    """
    try:
        file = (root / ".lock").open(encoding="ascii")
    except OSError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read(20).strip() or "unknown"
    return None
