"""The folder of an export: whose it is, files that are whole or not there, and their sums."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final, Self, TextIO

from fbsyncd.errors import MediaTrouble, UsageError
from fbsyncd.media import CATEGORIES, is_filename

log = logging.getLogger(__name__)

SUMS: Final = "SHA256SUMS"
_FOLDERS: Final = ("posts", "months", *(f"pictures/{name}" for name in CATEGORIES))
_MONTHLY: Final = re.compile(r"\d{4}-\d\d\.(?:json|html)", re.ASCII)
#: What a new file system, or an export killed in its first moment, leaves in an empty folder.
_NOBODYS: Final = {"lost+found", "README.txt.part"}
_CHUNK: Final = 500

Write = Callable[[str], object]


class Folder:
    """An export being written; only :meth:`opened` makes one."""

    def __init__(self, root: Path, sums: TextIO) -> None:
        self._root = root
        self._sums = sums
        self._written: set[str] = set()

    @classmethod
    @contextmanager
    def opened(cls, root: Path, mark: str) -> Iterator[Self]:
        """Begin or go on with an export; it counts as finished when the block ends well.

        Raises UsageError when the folder holds anything but an export that begins with *mark*, or
        when another one is being written there.
        """
        with _told(root):
            _claim(root, mark)
            with _alone(root), (root / f"{SUMS}.part").open("w", encoding="utf-8") as sums:
                (root / SUMS).unlink(missing_ok=True)
                for name in _FOLDERS:
                    (root / name).mkdir(parents=True, exist_ok=True)
                yield cls(root, sums)
                sums.flush()
                os.fsync(sums.fileno())
                (root / f"{SUMS}.part").replace(root / SUMS)

    @contextmanager
    def writing(self, name: str) -> Iterator[Write]:
        """Yield what writes text into the file *name*, which appears when the block ends well."""
        part, digest = self._root / f"{name}.part", hashlib.sha256()
        with part.open("wb") as file:

            def write(text: str) -> None:
                data = text.encode()
                digest.update(data)
                file.write(data)

            yield write
        part.replace(self._root / name)
        self._written.add(name)
        self._note(digest.hexdigest(), name)

    def put(self, name: str, text: str) -> None:
        """Write a whole file."""
        with self.writing(name) as write:
            write(text)

    def place(self, path: Path, category: str, sha256: str) -> bool:
        """Bring a picture in, as a link or a copy; False when its bytes are not *sha256*.

        One that is there already is only read again.
        """
        name = f"pictures/{category}/{path.name}"
        target, part = self._root / name, self._root / f"{name}.part"
        if not (target.exists() and _digest(target) == sha256):
            target.unlink(missing_ok=True)
            part.unlink(missing_ok=True)
            try:
                part.hardlink_to(path)
            except OSError:
                # Another disk, or one that knows no links; of other faults the copy tells.
                shutil.copyfile(path, part)
            if _digest(part) != sha256:
                part.unlink()
                return False
            part.replace(target)
        self._note(sha256, name)
        return True

    def has(self, category: str, filename: str) -> bool:
        """Tell whether a picture is in the export."""
        return (self._root / "pictures" / category / filename).exists()

    def sweep(self, known: Callable[[str, Collection[str]], Collection[str]]) -> None:
        """Remove what an earlier export wrote and this one did not.

        *known* tells which of some names of a category the archive still has.
        """
        for folder in ("posts", "months"):
            for path in (self._root / folder).iterdir():
                ours = _MONTHLY.fullmatch(path.name.removesuffix(".part"))
                if ours and f"{folder}/{path.name}" not in self._written:
                    path.unlink()
        for category in CATEGORIES:
            names = _names(self._root / "pictures" / category)
            while some := set(islice(names, _CHUNK)):
                for name in some - set(known(category, some)):
                    (self._root / "pictures" / category / name).unlink()

    def _note(self, sha256: str, name: str) -> None:
        self._sums.write(f"{sha256}  {name}\n")


def _claim(root: Path, mark: str) -> None:
    """Make the folder ours, or refuse what holds other things."""
    if root.exists() and not root.is_dir():
        raise UsageError(f"{root} is a file; name a folder")
    root.mkdir(parents=True, exist_ok=True)
    readme = root / "README.txt"
    if set(os.listdir(root)) - _NOBODYS:  # noqa: PTH208
        if not _begins_with(readme, mark):
            raise UsageError(f"{root} holds other things: name a new or empty folder")
        return
    part = root / "README.txt.part"
    part.write_text(f"{mark}\n", encoding="utf-8")
    part.replace(readme)


def _begins_with(path: Path, mark: str) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline(len(mark) + 1).rstrip("\n") == mark
    except FileNotFoundError:
        return False


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    descriptor = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise UsageError(f"another export is being written to {root}") from error
    except OSError:
        # Some network file systems know no locks; that is no reason to export nothing.
        log.debug("no lock on %s", root)
    try:
        yield
    finally:
        os.close(descriptor)


def _digest(path: Path) -> str:
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _names(folder: Path) -> Iterator[str]:
    """Yield the names of pictures, half-written ones too; what else is there is not ours."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_filename(entry.name.removesuffix(".part")):
                yield entry.name


@contextmanager
def _told(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = error.filename or root
        raise MediaTrouble(f"the export stopped at {what}: {error.strerror or error}") from error
