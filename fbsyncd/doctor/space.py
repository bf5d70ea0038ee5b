"""The room on the disk against what is still to come."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from peewee import Database

from fbsyncd import terminal
from fbsyncd.doctor.findings import Finding, failed, ok, skipped, warning
from fbsyncd.models import rows, session

NAME: Final = "space"
_QUEUE: Final = """
SELECT coalesce(sum(CASE WHEN download_status = 'pending'
        OR (download_status = 'failed' AND next_attempt_at IS NOT NULL) THEN 1 ELSE 0 END), 0),
    coalesce(sum(CASE WHEN download_status = 'success' THEN 1 ELSE 0 END), 0),
    coalesce(sum(CASE WHEN download_status = 'success' THEN file_size ELSE 0 END), 0)
FROM media_storage"""


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that are *free* and that stay so (*floor*), and the queue with what one takes.

    *mean* is the size of an archived picture here, None while there is none.
    """

    free: int
    floor: int
    waiting: int = 0
    mean: float | None = None


def check(root: Path, floor: int, db: Database | None) -> Finding:
    """Tell whether what is queued fits on the disk; without *db*, only what is free."""
    place = next((folder for folder in (root, *root.parents) if folder.is_dir()), None)
    try:
        free = shutil.disk_usage(place or "/").free
    except OSError as error:
        return skipped(NAME, f"{root} does not say how much is free: {error.strerror}")
    if db is None:
        return judge(Room(free, floor))
    with session(db):
        ((waiting, files, size),) = rows(db, _QUEUE)
    mean = float(size) / int(files) if files else None
    return judge(Room(free, floor, int(waiting), mean))


def judge(room: Room) -> Finding:
    """Return the finding about the room there is."""
    free, floor = terminal.size(room.free), terminal.size(room.floor)
    remedy = "free some space, or lower media.free_space_floor"
    if room.free < room.floor:
        says = f"{free} free, and downloads stop at {floor}"
        return failed(NAME, says, remedy)
    if not room.waiting or room.mean is None:
        return ok(NAME, f"{free} free, downloads stop at {floor}")
    need = room.waiting * room.mean
    says = f"{free} free, {room.waiting:,} pictures wait for about {terminal.size(need)}"
    if room.free - need < room.floor:
        return warning(NAME, f"{says}, and downloads stop at {floor}", remedy)
    return ok(NAME, says)
