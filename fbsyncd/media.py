"""The folders of pictures: names, whole-file writes, and nothing about rows.

::

    media/facebook/
        posts/ attachments/ thumbnails/     <sha256>.<extension>, whole or not there
        .incoming/                          files being written, <pid>-<process>-<number>.part
        .quarantine/                        damaged bytes, kept for a look
        .fbsyncd-archive                    the id of the archive this folder belongs to

A name is the SHA-256 of the bytes, so it never changes its content, and two assets with the same
bytes in one folder share the file. A file gets its name only after its bytes are on the disk, and
a caller may call it archived only after :meth:`Media.publish` has put the name on the disk too.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from fbsyncd import disk, process
from fbsyncd.errors import MediaTrouble, Unavailable

CATEGORIES: Final = ("posts", "attachments", "thumbnails")
_NAME: Final = re.compile(r"[0-9a-f]{64}\.(?:jpg|png|gif|webp|avif)", re.ASCII)
_PART: Final = re.compile(r"(\d+-[0-9a-f]{8})-\d+\.part", re.ASCII)
_ABANDONED: Final = timedelta(days=1)
_NUMBERS: Final = itertools.count(1)
_PUBLIC: Final = "/media/facebook"
MARKER: Final = ".fbsyncd-archive"
_MARKER_NOTE: Final = "By this file fbsyncd knows that the right disk is mounted here. Keep it."


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
        #: Whose folder this must be for anything to be written; None: nobody asked for a check.
        self.archive_id: str | None = None
        told = root.relative_to(base) if root.is_relative_to(base) else root
        self._told = "" if told == Path() else told.as_posix()
        #: The id that was last read in the marker, and what that file was.
        self._marked: tuple[str | None, disk.Identity | None] = (None, None)
        self._incoming = root / ".incoming"
        self._quarantine = root / ".quarantine"

    def prepare(self) -> None:
        """Make the folders; a watch on one that appears later would miss its first files."""
        with _told(f"cannot make the media folder {self.root}"):
            for folder in (*(self.root / name for name in CATEGORIES), self._incoming):
                folder.mkdir(parents=True, exist_ok=True)

    def marker(self) -> str | None:
        """Return the id of the archive the folder belongs to, None when it is not marked."""
        try:
            with _told(f"cannot read {self.root / MARKER}"):
                text = (self.root / MARKER).read_text(encoding="utf-8", errors="replace")
        except MediaTrouble as trouble:
            if isinstance(trouble.__cause__, FileNotFoundError | NotADirectoryError):
                return None
            raise
        return text.partition("\n")[0].strip()

    def mark(self) -> None:
        """Write down that the folder belongs to *archive_id*, in place of what stood there."""
        with _told(f"cannot write {self.root / MARKER}"):
            part = self._incoming / f"{process.name()}-{next(_NUMBERS)}.part"
            disk.write(part, f"{self.archive_id}\n{_MARKER_NOTE}\n".encode())
            part.replace(self.root / MARKER)
            disk.sync(self.root)

    def sweep(self, now: datetime) -> int:
        """Remove what dead processes left half-written; return how many files.

        A process writes for seconds, so what is a day old belongs to none, whoever has its pid now.
        """
        removed = 0
        with _told(f"cannot sweep {self._incoming}"):
            for part in self._incoming.glob("*.part"):
                match = _PART.fullmatch(part.name)
                if match and (process.is_gone(match[1]) or _age(part, now) >= _ABANDONED):
                    part.unlink(missing_ok=True)
                    removed += 1
        return removed

    def stage(self, data: bytes, category: str, name: str) -> Staged:
        """Write *data* under a temporary name and wait until the disk has it."""
        part = self._incoming / f"{process.name()}-{next(_NUMBERS)}.part"
        self._require_marker()
        with _told(f"cannot write a picture of {len(data):,} bytes to {self._incoming}"):
            disk.write(part, data)
        return Staged(part, category, name)

    def publish(self, batch: Iterable[Staged]) -> None:
        """Give staged files their names, and wait until the disk has the names.

        After a power cut in the middle each name is there with all its bytes or not at all. A
        damaged file that has kept its name goes to quarantine first.
        """
        folders = set()
        self._require_marker()
        with _told(f"cannot move pictures into {self.root}"):
            for staged in batch:
                self.quarantine(staged.category, staged.filename)
                folder = self.root / staged.category
                staged.part.replace(folder / staged.filename)
                folders.add(folder)
            for folder in folders:
                disk.sync(folder)

    def discard(self, batch: Iterable[Staged]) -> None:
        """Remove staged files that are not wanted after all."""
        for staged in batch:
            staged.part.unlink(missing_ok=True)

    def quarantine(self, category: str, name: str, *, even_whole: bool = False) -> None:
        """Move a damaged file out of the way, where a person can look at it.

        Its row is queued before that, so a new download may have brought whole bytes by now:
        these stay, unless even what is whole is not wanted.
        """
        # Another process may have moved it in this very moment.
        with _told(f"cannot move {category}/{name} to quarantine"), suppress(FileNotFoundError):
            path = self.root / category / name
            seen = disk.stamp(path)
            if seen is not None and (even_whole or not disk.is_whole(path)):
                disk.set_aside(path, seen, self._quarantine / f"{category}-{name}")

    def remove(self, category: str, name: str) -> None:
        """Remove a file for good."""
        with _told(f"cannot remove {category}/{name}"):
            (self.root / category / name).unlink(missing_ok=True)

    def forget(self, category: str, name: str) -> None:
        """Remove for good whatever stands under a name, and what stood there and was damaged."""
        with _told(f"cannot remove {category}/{name}"):
            disk.remove(self.root / category / name)
            for damaged in self._quarantine.glob(f"{category}-{name}*"):
                disk.remove(damaged)

    def copy(self, category: str, name: str, other: str) -> None:
        """Put the same file into the *other* category too."""
        with _told(f"cannot read {category}/{name}"):
            data = (self.root / category / name).read_bytes()
        self.publish([self.stage(data, other, name)])

    def secure(self, category: str, name: str) -> None:
        """Wait until the disk has a file that somebody else wrote, and its name."""
        folder = self.root / category
        with _told(f"cannot write {category}/{name}"):
            disk.sync(folder / name)
            disk.sync(folder)

    def digest(self, category: str, name: str) -> str | None:
        """Return the SHA-256 of a file as the disk has it, or None when it is not there."""
        with _told(f"cannot read {category}/{name}"):
            try:
                return disk.digest(self.root / category / name)
            except FileNotFoundError:
                return None

    def digests(
        self, category: str, wanted: Sequence[tuple[str, int]]
    ) -> list[str | MediaTrouble | None]:
        """Return the SHA-256 of files of one folder, by name and size, as the disk has them.

        None where there is none of that size; trouble with one says nothing of the others.
        """
        found = zip(wanted, disk.digests(self.root / category, wanted), strict=True)
        return [
            MediaTrouble.of(it, f"cannot read {category}/{name}") if isinstance(it, OSError) else it
            for (name, _), it in found
        ]

    def file(self, category: str, name: str) -> Path | None:
        """Return the path of an archived file, or None for anything that could not be one.

        Only names of our own form in our own folders count, so no text that a stranger sends
        can lead out of them; a link somebody put there is not followed.
        """
        path = self.root / category / name
        known = category in CATEGORIES and is_filename(name)
        return path if known and disk.is_file(path) else None

    def size(self, category: str, name: str) -> int | None:
        """Return the size of an archived file in bytes, or None when it is not there.

        A link in its place has another size. Raises MediaTrouble when the disk does not say: a
        folder that cannot be read has lost nothing.
        """
        with _told(f"cannot look at {category}/{name}"):
            try:
                return (self.root / category / name).lstat().st_size
            except (FileNotFoundError, NotADirectoryError):
                return None

    def sizes(self, category: str, names: Iterable[str]) -> list[int | None]:
        """Return :meth:`size` of many files of one folder."""
        with _told(f"cannot look at the files of {self.root / category}"):
            return disk.sizes(self.root / category, names)

    def written_at(self, category: str, name: str) -> float | None:
        """Return when a file was last written (seconds since 1970), None when it is not there."""
        with _told(f"cannot look at {category}/{name}"), suppress(FileNotFoundError):
            return (self.root / category / name).lstat().st_mtime
        return None

    def local_path(self, category: str, name: str) -> str:
        """Return the path as rows tell it: relative to the config's folder where it lies inside."""
        return "/".join(filter(None, (self._told, category, name))) or "."

    def names(self, category: str) -> Iterator[str]:
        """Yield every name in the folder of one category, ours or not, in no order."""
        with _told(f"cannot list {self.root / category}"), os.scandir(self.root / category) as all_:
            for entry in all_:
                yield entry.name

    def is_mounted(self) -> bool:
        """Tell whether all three folders are there; a disk that is unplugged leaves none."""
        return all((self.root / name).is_dir() for name in CATEGORIES)

    def try_writing(self) -> None:
        """Write a block to the disk and leave nothing behind; raises MediaTrouble."""
        folder = self._incoming if self._incoming.is_dir() else self.root
        with _told(f"cannot write to {folder}"), tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())

    def free_bytes(self) -> int:
        """Return how many bytes the disk still takes."""
        with _told(f"cannot ask for the free space of {self.root}"):
            return shutil.disk_usage(self.root).free

    def disk_bytes(self) -> int:
        """Return how large the disk is, in bytes."""
        with _told(f"cannot ask for the size of {self.root}"):
            return shutil.disk_usage(self.root).total

    def _require_marker(self) -> None:
        """Look each time: an empty mount point must not fill up after the disk went away.

        What was read in the very same file need not be read again.
        """
        if self.archive_id is None:
            return
        found = self.archive_id, disk.identity(self.root / MARKER)
        if found[1] is None or found != self._marked:
            if self.marker() != self.archive_id:
                raise Unavailable(f"{self.root} is not this archive's folder: mount its disk again")
            self._marked = found


def public_path(category: str, name: str) -> str:
    """Return the path under which the server hands out a file."""
    return f"{_PUBLIC}/{category}/{name}"


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MediaTrouble.of(error, what) from error


def _age(path: Path, now: datetime) -> timedelta:
    with suppress(FileNotFoundError):
        return now - datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return timedelta()
