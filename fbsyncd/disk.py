"""Single steps on the disk, and what must be true after each. Raises OSError; knows no names."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

#: What tells a file from another one under the same name, wherever it is moved: size and time.
Stamp = tuple[int, int]


def write(path: Path, data: bytes) -> None:
    """Write a new file and wait until the disk has its bytes; on failure nothing is left."""
    try:
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def sync(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file as the disk has it."""
    with path.open("rb", buffering=0) as file:
        # The page cache would answer for bytes that have rotted on the disk, and reading a whole
        # archive through it would push out everything else.
        _forget_cached(file.fileno())
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        _forget_cached(file.fileno())
    return sha256


def is_file(path: Path) -> bool:
    """Tell whether this is a file itself, not a link to one."""
    return path.is_file() and not path.is_symlink()


def stamp(path: Path) -> Stamp | None:
    """Return what tells this file from another one, None when there is none."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns


def set_aside(path: Path, seen: Stamp, place: Path) -> None:
    """Move *path* to *place*, or beside it when other bytes lie there; *seen* is its stamp.

    What came under the name since then is put back: nobody has looked at that.
    """
    place.parent.mkdir(exist_ok=True)
    if stamp(place) is not None and not _is_alike(path, place):
        place = place.with_name(f"{place.name}-{os.getpid()}-{seen[1]}")
    with suppress(FileNotFoundError):
        path.replace(place)
        if stamp(place) != seen and stamp(path) is None:
            place.replace(path)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; nothing is there afterwards."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _is_alike(path: Path, other: Path) -> bool:
    return is_file(path) and is_file(other) and digest(path) == digest(other)


def _forget_cached(descriptor: int) -> None:
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
