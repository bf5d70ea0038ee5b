"""The folders of pictures: names, whole-file writes, and nothing about rows.

::

    media/facebook/
        posts/ attachments/ thumbnails/     <sha256>.<extension>, whole or not there
        .incoming/                          files being written, <pid>-<process>-<number>.part
        .quarantine/                        damaged bytes, kept for a look

A name is the SHA-256 of the bytes, so it never changes its content, and two assets with the same
bytes in one folder share the file. A file gets its name only after its bytes are on the disk, and
a caller may call it archived only after :meth:`Media.publish` has put the name on the disk too.
"""

from __future__ import annotations

import itertools
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fbsyncd.errors import MediaTrouble

CATEGORIES: Final = ("posts", "attachments", "thumbnails")
_NAME: Final = re.compile(r"[0-9a-f]{64}\.(?:jpg|png|gif|webp|avif)", re.ASCII)
_PART: Final = re.compile(r"(\d+)-([0-9a-f]{8})-\d+\.part", re.ASCII)
# Unlike a pid it is not used again by another process, here or on another machine.
_PROCESS: Final = secrets.token_hex(4)
_NUMBERS: Final = itertools.count(1)
_PUBLIC: Final = "/media/facebook"


@dataclass(frozen=True, slots=True)
class Staged:
    """Bytes that are safe on the disk under a temporary name, and the name they are to get."""

    part: Path
    category: str
    filename: str


def filename(sha256: str, extension: str) -> str:
    """Return the name of a file with this content."""
    return f"{sha256}.{extension}"


def is_filename(name: str) -> bool:
    """Tell whether *name* is one that :func:`filename` makes."""
    return _NAME.fullmatch(name) is not None


class Media:
    """The media folder *root*; local paths are told relative to *base*, the config's folder."""

    def __init__(self, root: Path, base: Path) -> None:
        self.root = root
        self._base = base
        self._incoming = root / ".incoming"
        self._quarantine = root / ".quarantine"

    def prepare(self) -> None:
        """Make the folders; a watch on one that appears later would miss its first files."""
        with _told(f"cannot make the media folder {self.root}"):
            for folder in (*(self.root / name for name in CATEGORIES), self._incoming):
                folder.mkdir(parents=True, exist_ok=True)

    def sweep(self) -> int:
        """Remove what dead processes left half-written; return how many files."""
        removed = 0
        with _told(f"cannot sweep {self._incoming}"):
            for part in self._incoming.glob("*.part"):
                match = _PART.fullmatch(part.name)
                if match and match[2] != _PROCESS and not _is_other(int(match[1])):
                    part.unlink(missing_ok=True)
                    removed += 1
        return removed

    def stage(self, data: bytes, category: str, name: str) -> Staged:
        """Write *data* under a temporary name and wait until the disk has it."""
        part = self._incoming / f"{os.getpid()}-{_PROCESS}-{next(_NUMBERS)}.part"
        with _told(f"cannot write a picture of {len(data):,} bytes to {self._incoming}"):
            try:
                with part.open("xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError:
                part.unlink(missing_ok=True)
                raise
        return Staged(part, category, name)

    def publish(self, batch: Iterable[Staged]) -> None:
        """Give staged files their names, and wait until the disk has the names.

        After a power cut in the middle each name is there with all its bytes or not at all.
        """
        folders = set()
        with _told(f"cannot move pictures into {self.root}"):
            for staged in batch:
                folder = self.root / staged.category
                staged.part.replace(folder / staged.filename)
                folders.add(folder)
            for folder in folders:
                _sync_folder(folder)

    def discard(self, batch: Iterable[Staged]) -> None:
        """Remove staged files that are not wanted after all."""
        for staged in batch:
            staged.part.unlink(missing_ok=True)

    def quarantine(self, category: str, name: str) -> None:
        """Move a damaged file out of the way, where a person can look at it."""
        with _told(f"cannot move {category}/{name} to quarantine"):
            self._quarantine.mkdir(exist_ok=True)
            try:
                (self.root / category / name).replace(self._quarantine / f"{category}-{name}")
            except FileNotFoundError:
                return

    def file(self, category: str, name: str) -> Path | None:
        """Return the path of an archived file, or None for anything that could not be one.

        Only names of our own form in our own folders count, so no text that a stranger sends
        can lead out of them; a link somebody put there is not followed.
        """
        if category not in CATEGORIES or not is_filename(name):
            return None
        path = self.root / category / name
        return path if path.is_file() and not path.is_symlink() else None

    def size(self, category: str, name: str) -> int | None:
        """Return the size of an archived file in bytes, or None when it is not there."""
        try:
            return (self.root / category / name).stat().st_size
        except OSError:
            return None

    def local_path(self, category: str, name: str) -> str:
        """Return the path as rows tell it: relative to the config's folder where it lies inside."""
        path = self.root / category / name
        if path.is_relative_to(self._base):
            path = path.relative_to(self._base)
        return path.as_posix()

    def names(self, category: str) -> Iterator[str]:
        """Yield the names of the files of one category, in no order."""
        with os.scandir(self.root / category) as entries:
            for entry in entries:
                if is_filename(entry.name):
                    yield entry.name

    def is_mounted(self) -> bool:
        """Tell whether all three folders are there; a disk that is unplugged leaves none."""
        return all((self.root / name).is_dir() for name in CATEGORIES)

    def free_bytes(self) -> int:
        """Return how many bytes the disk still takes."""
        with _told(f"cannot ask for the free space of {self.root}"):
            return shutil.disk_usage(self.root).free


def public_path(category: str, name: str) -> str:
    """Return the path under which the server hands out a file."""
    return f"{_PUBLIC}/{category}/{name}"


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MediaTrouble(f"{what}: {error.strerror or error}") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_other(pid: int) -> bool:
    """Tell whether *pid* is a running process, and not this one under a number used before."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
