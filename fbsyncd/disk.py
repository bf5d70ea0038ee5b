"""Single steps on the disk, and what must be true after each. Raises OSError; knows no names."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

#: What tells a file from another one under the same name, wherever it is moved: size and time.
Stamp = tuple[int, int]
#: What tells that nothing was put in a file's place, nor written to it: device, inode and times.
Identity = tuple[int, ...]

#: So many bytes are read before they are hashed: they stay in the processor's own cache.
_BLOCK: Final = 1 << 18
#: So many files the disk is asked for before their turn.
_AHEAD: Final = 8
# Without O_NONBLOCK a pipe that somebody put there would be waited for.
_PLAIN: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
#: No file, or none of its own: a link, or a socket.
_NO_FILE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO})


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


def digests(folder: Path, wanted: Sequence[tuple[str, int]]) -> list[str | OSError | None]:
    """Return the SHA-256 of files of a folder, by name and size, as the disk has them.

    None where there is no file, or none of that size; what the system says where one cannot be
    read. While one is hashed, the disk is reading the next ones.
    """
    found: list[str | OSError | None] = []
    try:
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        return [None if error.errno in _NO_FILE else error for _ in wanted]
    block = memoryview(bytearray(_BLOCK))
    try:
        for opened, (_, size) in zip(_opened(directory, wanted), wanted, strict=True):
            found.append(_digest(opened, size, block) if isinstance(opened, int) else opened)
    finally:
        os.close(directory)
    return found


def _opened(directory: int, wanted: Iterable[tuple[str, int]]) -> Iterator[int | OSError | None]:
    """Yield a descriptor of each file, the caller's to close; the next are open by then."""
    coming: deque[int | OSError | None] = deque()
    rest = iter(wanted)
    try:
        while True:
            coming += [_open(directory, *one) for one in islice(rest, _AHEAD + 1 - len(coming))]
            if not coming:
                return
            yield coming.popleft()
    finally:
        for opened in coming:
            if isinstance(opened, int):
                os.close(opened)


def _open(directory: int, name: str, size: int) -> int | OSError | None:
    try:
        descriptor = os.open(name, _PLAIN, dir_fd=directory)
    except OSError as error:
        return None if error.errno in _NO_FILE else error
    try:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_size == size:
            _forget_cached(descriptor)
            _want(descriptor)
            return descriptor
    except OSError as error:
        os.close(descriptor)
        return error
    os.close(descriptor)
    return None


def _digest(descriptor: int, size: int, block: memoryview) -> str | OSError:
    """Return the SHA-256 of the first *size* bytes, and close it."""
    sha256 = hashlib.sha256()
    try:
        while size > 0 and (count := os.readv(descriptor, [block])):
            sha256.update(block[:count])
            size -= count
        _forget_cached(descriptor)
    except OSError as error:
        return error
    finally:
        os.close(descriptor)
    return sha256.hexdigest()


def is_whole(path: Path) -> bool:
    """Tell whether a file is what its name says; one the disk cannot read is not."""
    try:
        return is_file(path) and digest(path) == path.name.partition(".")[0]
    except OSError as error:
        if error.errno == errno.EIO:
            return False
        raise


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


def identity(path: Path) -> Identity | None:
    """Return what is another one after any change of the file, None when it cannot be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def sizes(folder: Path, names: Iterable[str]) -> list[int | None]:
    """Return the size of each of these files of a folder, None where it is not there.

    The folder is looked up once and not for each of them, which is most of the time for a million.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return [None for _ in names]
    found: list[int | None] = []
    try:
        for name in names:
            try:
                found.append(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_size)
            except (FileNotFoundError, NotADirectoryError):
                found.append(None)
    finally:
        os.close(descriptor)
    return found


def set_aside(path: Path, seen: Stamp, place: Path) -> None:
    """Move *path* to *place*, or beside it when other bytes lie there; *seen* is its stamp.

    What came under the name since then is put back: nobody has looked at that. Raises
    FileNotFoundError where somebody else was first.
    """
    place.parent.mkdir(exist_ok=True)
    # First to a name that no other process moves anything to.
    mine = place.with_name(f"{place.name}-{os.getpid()}-{time.monotonic_ns()}")
    path.replace(mine)
    if stamp(mine) != seen:
        _rename_if_free(mine, path)
    elif not _rename_if_free(mine, place) and _is_alike(mine, place):
        remove(mine)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; nothing is there afterwards."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _rename_if_free(path: Path, other: Path) -> bool:
    """Give a file another name, unless there is something by that name."""
    try:
        # A rename would take the name from whoever got it in this very moment.
        os.link(path, other, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError:
        # A folder, or a file system without such links.
        is_free = stamp(other) is None
        if is_free:
            path.replace(other)
        return is_free
    path.unlink()
    return True


def _is_alike(path: Path, other: Path) -> bool:
    return is_file(path) and is_file(other) and digest(path) == digest(other)


def _want(descriptor: int) -> None:
    """Have the disk read a file from now on; nobody waits."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_WILLNEED)


def _forget_cached(descriptor: int) -> None:
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
