"""The room on the disk against what waits, and against what new posts bring in the months ahead."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from peewee import Database

from fbsyncd import terminal
from fbsyncd.doctor.findings import Finding, failed, ok, skipped, warning
from fbsyncd.models import rows, session, to_text

NAME: Final = "space"
#: The pace of new posts is that of so long, and so much room ahead is enough.
LOOKED_BACK: Final = timedelta(days=90)
MONTHS_AHEAD: Final = 3
_QUEUE: Final = """
SELECT coalesce(sum(CASE WHEN download_status = 'pending'
        OR (download_status = 'failed' AND next_attempt_at IS NOT NULL) THEN 1 ELSE 0 END), 0),
    coalesce(sum(CASE WHEN download_status = 'success' THEN 1 ELSE 0 END), 0),
    coalesce(sum(CASE WHEN download_status = 'success' THEN file_size ELSE 0 END), 0)
FROM media_storage"""
# Files of older posts came all at once when the archive began: they tell nothing of the pace.
_POSTS: Final = """
SELECT count(*),
    coalesce(sum(CASE WHEN created_time >= ? AND created_time <= ? THEN 1 ELSE 0 END), 0)
FROM facebook_posts"""


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that are *free* and that stay so (*floor*), and the queue with what one takes.

    *mean* is the size of an archived picture here, None while there is none; *monthly* is how many
    bytes the pictures of a month's new posts take.
    """

    free: int
    floor: int
    waiting: int = 0
    mean: float | None = None
    monthly: float = 0


def check(root: Path, floor: int, db: Database | None, now: datetime) -> Finding:
    """Tell whether what is queued and what will come fits; without *db*, only what is free."""
    place = next((folder for folder in (root, *root.parents) if folder.is_dir()), None)
    try:
        free = shutil.disk_usage(place or "/").free
    except OSError as error:
        return skipped(NAME, f"{root} does not say how much is free: {error.strerror}")
    if db is None:
        return judge(Room(free, floor))
    with session(db):
        ((waiting, files, size),) = rows(db, _QUEUE)
        ((posts, new),) = rows(db, _POSTS, [to_text(now - LOOKED_BACK), to_text(now)])
    mean = float(size) / int(files) if files else None
    months = LOOKED_BACK / timedelta(days=30)
    monthly = float(size) / int(posts) * int(new) / months if posts else 0
    return judge(Room(free, floor, int(waiting), mean, monthly))


def judge(room: Room) -> Finding:
    """Return the finding about the room there is."""
    free, floor = terminal.size(room.free), terminal.size(room.floor)
    remedy = "free some space, or lower media.free_space_floor"
    if room.free < room.floor:
        says = f"{free} free, and downloads stop at {floor}"
        return failed(NAME, says, remedy)
    need = room.waiting * (room.mean or 0)
    said = [f"{free} free, downloads stop at {floor}"]
    if need:
        said.append(f"{room.waiting:,} pictures wait for about {terminal.size(need)}")
    if room.monthly:
        said.append(f"new posts bring about {terminal.size(room.monthly)} a month")
    spare = room.free - need - room.floor
    is_enough = spare >= MONTHS_AHEAD * room.monthly and spare >= 0
    says = "; ".join(said)
    return ok(NAME, says) if is_enough else warning(NAME, says, remedy)
