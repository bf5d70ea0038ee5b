"""A folder of very many files and the rows that name them, made the quick way."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

from peewee import Database

from bench.photos import photos
from fbsyncd import config, links, models
from fbsyncd.archive import Archive

CONFIG: Final = '[database]\nurl = "sqlite:///fbsyncd.db"\n'
CATEGORY: Final = "attachments"
_COLUMNS: Final = (
    "id, asset_key, category, original_url, local_filename, local_path, public_url, file_size,"
    " mime_type, width, height, sha256, download_status, downloaded_at, developed_at"
)
_AT: Final = models.to_text(datetime(2026, 3, 1, tzinfo=UTC))


def opened(folder: Path) -> Archive:
    """Open the archive of *folder*."""
    return Archive(config.parse(CONFIG, base=folder, environ={}))


def heap(folder: Path, count: int, *, whole: bool = False) -> Path:
    """Make an archive of *count* files and return their folder.

    They have a size and no bytes, or with *whole* are photographs of 190 KB.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    archive = opened(folder)
    archive.setup()
    place = archive.media.root / CATEGORY
    _fill(archive.db, _whole(place, count) if whole else _hollow(place, count))
    archive.close()
    os.sync()
    return place


def _hollow(place: Path, count: int) -> Iterator[tuple[str, int]]:
    for number in range(count):
        sha256 = hashlib.sha256(b"%d" % number).hexdigest()
        size = 100_000 + number % 100_000
        descriptor = os.open(f"{place}/{sha256}.jpg", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.ftruncate(descriptor, size)
        os.close(descriptor)
        yield sha256, size


def _whole(place: Path, count: int) -> Iterator[tuple[str, int]]:
    for data in photos(count):
        sha256 = hashlib.sha256(data).hexdigest()
        (place / f"{sha256}.jpg").write_bytes(data)
        yield sha256, len(data)


def _fill(db: Database, made: Iterator[tuple[str, int]]) -> None:
    """Write the rows without indexes and triggers, and make these afterwards."""
    sql = f"INSERT INTO media_storage ({_COLUMNS}) VALUES ({models.marks(15)})"
    with models.transaction(db):
        parts = models.rows(
            db,
            "SELECT type, name, sql FROM sqlite_master WHERE tbl_name = 'media_storage'"
            " AND type IN ('index', 'trigger') AND sql IS NOT NULL",
        )
        for kind, name, _ in parts:
            models.change(db, f"DROP {kind} {name}")
        values = (_row(sha256, size) for sha256, size in made)
        while batch := list(islice(values, 5000)):
            models.change_many(db, sql, batch)
        for _, _, making in parts:
            models.change(db, making)
        models.change(db, "ANALYZE media_storage")


def _row(sha256: str, size: int) -> tuple[object, ...]:
    key = sha256[:24]
    name = f"{sha256}.jpg"
    return (
        *(str(uuid.uuid5(links.NAMESPACE, key)), key, CATEGORY, f"https://a.fbcdn.net/{key}"),
        *(name, f"media/facebook/{CATEGORY}/{name}", f"/media/facebook/{CATEGORY}/{name}"),
        *(size, "image/jpeg", 1080, 1080, sha256, "success", _AT, _AT),
    )
