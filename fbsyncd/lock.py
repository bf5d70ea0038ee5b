"""One daemon an archive: a lock on a file in the media root that dies with its process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Final, TextIO

from fbsyncd import process
from fbsyncd.errors import AlreadyRunning, MediaTrouble

# Ten seconds for whoever asks and is held up.
_PAUSE: Final = 0.02
_LOOKS: Final = 500


class Lock:
    """The lock of the archive in the folder *root*.

    The file stays behind: removing it could free a name that another process has just locked.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / ".lock"
        self._file: TextIO | None = None
        self._refused = 0

    def take(self) -> None:
        """Take it; raises AlreadyRunning, with the other one's pid, when it is taken."""
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            file = self._path.open("a+", encoding="ascii")
        except OSError as error:
            raise MediaTrouble(f"cannot write {self._path}: {error.strerror}") from error
        if not _locked(file):
            with file:
                file.seek(0)
                pid = _named(file)
            raise AlreadyRunning(
                f"another fbsyncd runs on the archive {self._root} (pid {pid}); stop it first"
            )
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self.release()
        self._file = file

    def keep(self) -> bool:
        """Take the lock of the folder that is there now; tell whether any is.

        A disk that was unplugged and is back holds another file than the one that is locked, and
        a second daemon could lock that. Raises AlreadyRunning when one has.
        """
        try:
            there = self._path.stat()
        except OSError:
            return False
        held = os.fstat(self._file.fileno()) if self._file else None
        if held is None or (there.st_dev, there.st_ino) != (held.st_dev, held.st_ino):
            self._take_anew()
        return True

    def release(self) -> None:
        """Let go of what is held."""
        file, self._file = self._file, None
        if file is not None:
            # Its disk may be gone.
            with suppress(OSError), file:
                file.truncate(0)

    def _take_anew(self) -> None:
        try:
            self.take()
        except AlreadyRunning:
            # Once may be another one on its way out; two looks at one that stays are no chance.
            self._refused += 1
            if self._refused > 1:
                raise
        else:
            self._refused = 0


@contextmanager
def held(root: Path) -> Iterator[Lock]:
    """Hold the archive's lock; raises AlreadyRunning, with the other one's pid, when it is taken.

    It has to be kept, see :meth:`Lock.keep`.
    """
    lock = Lock(root)
    lock.take()
    try:
        yield lock
    finally:
        lock.release()


def holder(root: Path) -> str | None:
    """Return the pid of the daemon that runs on the archive *root*, None when none does.

    It asks for the lock for an instant, shared with others who ask, and changes nothing.
    """
    try:
        file = (root / ".lock").open(encoding="ascii")
    except OSError:
        return None
    with file:
        return None if _tried(file, fcntl.LOCK_SH) else _named(file)


def _locked(file: TextIO) -> bool:
    """Lock *file* as a daemon does; tell whether no other one has.

    Only a daemon keeps others from sharing it: whoever shares it asks for the holder, and is done
    in an instant.
    """
    for _ in range(_LOOKS):
        if _tried(file, fcntl.LOCK_EX):
            return True
        if not _tried(file, fcntl.LOCK_SH):
            return False
        fcntl.flock(file, fcntl.LOCK_UN)
        Event().wait(_PAUSE)
    return False


def _tried(file: TextIO, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _named(file: TextIO) -> str:
    """Return the pid that a locked *file* tells; one that has just been locked tells an old one."""
    pid = file.read(20).strip()
    return pid if pid.isdecimal() and process.runs(int(pid)) else "unknown"
