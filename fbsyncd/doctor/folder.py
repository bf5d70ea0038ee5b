"""The media folder: writable, on one disk, this archive's own, and with its files in it."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from peewee import Database

from fbsyncd.brake import Brake
from fbsyncd.doctor.findings import Finding, failed, ok, skipped, told_by, warning
from fbsyncd.errors import ArchiveError, MediaTrouble
from fbsyncd.media import CATEGORIES, Media
from fbsyncd.writers import Writers

NAME: Final = "folder"
BRAKE: Final = "brake"
USER: Final = "user"
#: systemd's users of services with DynamicUser=; nobody can log in as one, nor sees what it sees.
DYNAMIC: Final = range(61184, 65520)


def check(media: Media) -> Finding:
    """Tell whether pictures can be written; leaves nothing behind."""
    root = media.root
    if not root.is_dir():
        return judge_missing(root)
    linked = [name for name in CATEGORIES if (root / name).is_symlink()]
    if linked:
        return judge_linked(root / linked[0])
    try:
        media.try_writing()
        return judge_disks(root, _disks(root))
    except MediaTrouble as error:
        return told_by(NAME, str(error))


def judge_missing(root: Path) -> Finding:
    """Return the finding about a folder that is not there."""
    parent = next(folder for folder in root.parents if folder.exists())
    if parent.is_dir() and os.access(parent, os.W_OK):
        return skipped(NAME, f"{root} is not there: not made yet by `fbsyncd sync`, or not mounted")
    says = f"{root} is not there, and this user cannot make it in {parent}"
    return failed(NAME, says, "make it and give it to the user that runs fbsyncd")


def judge_linked(folder: Path) -> Finding:
    """Return the finding about a link in the place of a folder of pictures."""
    says = f"{folder} is a link, and no picture outside of the media folder is served"
    remedy = "put the folder itself there; media.root as a whole may be a link or another disk"
    return failed(NAME, says, remedy)


def judge_disks(root: Path, disks: Mapping[str, int]) -> Finding:
    """Return the finding about a writable folder; *disks* tells the device of each part."""
    if len(set(disks.values())) > 1:
        names = ", ".join(disks)
        says = f"{root}: {names} are not all on one disk, and pictures are moved between them"
        return failed(NAME, says, "put the whole folder on one disk")
    return ok(NAME, f"{root} can be written")


def brake(db: Database, media: Media) -> Finding:
    """Tell whether the archive is available, and if not, the ways out."""
    try:
        reason = Brake(db, media).reason()
    except ArchiveError as error:
        return told_by(BRAKE, str(error))
    if reason and (there := _elsewhere(db, media)):
        # What this folder lacks is no loss: it lies there.
        says = f"{there}, and {media.root} is not that folder"
        return failed(BRAKE, says, "work with its folder there, or name another database here")
    if reason:
        return told_by(BRAKE, reason)
    marked = "is this archive's" if media.marker() else "is new"
    return ok(BRAKE, f"off; {media.root} {marked}")


def user(paths: list[Path], uid: int) -> Finding:
    """Tell whether *uid* sees what the owner of *paths* sees: root may write everywhere."""
    owners = {path.stat().st_uid for path in paths if path.exists()} - {uid}
    if uid != 0 or not owners:
        return ok(USER, f"{_name(uid)} looks at it")
    if owners <= set(DYNAMIC):
        return ok(USER, "root looks at it, for a user that is there only while the service runs")
    owner = _name(min(owners))
    says = f"root looks at it, but the archive is {owner}'s, who may do less"
    return warning(USER, says, f"sudo -u {owner} fbsyncd doctor")


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def _elsewhere(db: Database, media: Media) -> str | None:
    # Who may only look cannot ask.
    with suppress(ArchiveError):
        return Writers(db, media.root).elsewhere()
    return None


def _disks(root: Path) -> dict[str, int]:
    return {part.name: part.stat().st_dev for part in root.iterdir() if part.is_dir()}
