"""An archive that is moved to another path, and the paths its rows tell."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from peewee import Database
from plant import archive_of, config_text, query, sync
from shelf import Shelf, picture
from test_daemon import running
from torture import Death, Gallows

from fbsyncd import models, relocate
from fbsyncd.brake import Brake
from fbsyncd.media import Media
from fbsyncd.simulator import Simulator

PATHS = "SELECT local_path FROM media_storage WHERE download_status = 'success'"


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=8, seed=3, pictures="plain") as simulator:
        yield simulator


def fbsyncd(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "fbsyncd", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def paths(folder: Path) -> list[str]:
    """Return what an older script reads that opens the file by itself."""
    with closing(sqlite3.connect(folder / "fbsyncd.db")) as connection:
        return [str(path) for (path,) in connection.execute(PATHS)]


def all_there(folder: Path) -> bool:
    found = paths(folder)
    return bool(found) and all((folder / path).is_file() for path in found)


def test_one_folder_works_at_another_path(facebook: Simulator, tmp_path: Path) -> None:
    """Config, database and media moved together: every command goes on, and nothing is fetched."""
    old, new = tmp_path / "old", tmp_path / "of a friend" / "new"
    old.mkdir()
    (old / "config.toml").write_text(config_text(facebook))
    fbsyncd(old, "sync")
    before, fetched = paths(old), facebook.calls["cdn"]
    new.parent.mkdir()
    shutil.move(old, new)
    assert all_there(new)
    assert "\n0 missing\n" in fbsyncd(new, "reconcile", "--scrub")
    with running(new) as daemon:
        daemon.until(lambda stats: stats["media"]["success"] == len(before))
        daemon.stop()
    fbsyncd(new, "sync")
    assert sorted(paths(new)) == sorted(before)
    assert facebook.calls["cdn"] == fetched


def test_media_beside_the_config_moves_with_it(facebook: Simulator, tmp_path: Path) -> None:
    """A folder next to the config's own is told by the way from there too."""
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "etc").mkdir(parents=True)
    text = config_text(facebook, media='root = "../pictures"\nfree_space_floor = "1MB"')
    (old / "etc" / "config.toml").write_text(text)
    fbsyncd(old / "etc", "sync")
    shutil.move(old, new)
    assert all_there(new / "etc")
    fbsyncd(new / "etc", "reconcile")
    assert all_there(new / "etc")


def test_media_moved_alone_is_followed(
    facebook: Simulator, tmp_path: Path, database_url: str
) -> None:
    """Another disk in config.toml is enough; the next command makes the paths true."""
    places = [tmp_path / "media" / "facebook", tmp_path / "disk"]
    for place in places:
        if place == places[1]:
            shutil.move(places[0], place)
        root = f'root = "{place}"\nfree_space_floor = "1MB"'
        with archive_of(facebook, tmp_path, database_url, media=root) as archive:
            sync(archive)
            told = [tmp_path / str(path) for (path,) in query(archive, PATHS)]
        assert told
        assert all(path.is_file() and path.is_relative_to(place) for path in told)


def shelf_elsewhere(db: Database, folder: Path, number: int) -> Media:
    """Archive pictures, and return their folder after a move."""
    shelf = Shelf.make(db, folder)
    for one in range(number):
        shelf.add(one, picture(one))
    relocate.follow(db, shelf.media)
    shutil.move(shelf.media.root, folder / "moved")
    return Media(folder / "moved", folder)


def test_paths_are_looked_through_once(db: Database, tmp_path: Path) -> None:
    """A second start finds the record of the first and reads no row."""
    media = shelf_elsewhere(db, tmp_path, 3)
    assert relocate.follow(db, media) == 3
    assert relocate.follow(db, media) == 0
    with models.transaction(db):
        models.change(db, "UPDATE media_storage SET local_path = 'by hand'")
    assert relocate.follow(db, media) == 0


def test_a_folder_that_is_not_ours_changes_no_path(
    facebook: Simulator, tmp_path: Path, database_url: str
) -> None:
    """While the disk is away, the empty folder in its place must not be written into the rows."""
    with archive_of(facebook, tmp_path, database_url) as archive:
        sync(archive)
        before = query(archive, PATHS)
    away = 'root = "elsewhere"\nfree_space_floor = "1MB"'
    with archive_of(facebook, tmp_path, database_url, media=away) as archive:
        assert Brake(archive.db, archive.media).reason() is not None
        assert query(archive, PATHS) == before


def test_killed_half_way_it_is_gone_on_with(tmp_path: Path, database_url: str) -> None:
    """After a kill at any commit the next command makes every path true."""
    (tmp_path / "config.toml").write_text(f'[database]\nurl = "{database_url}"\n')
    gallows = Gallows(tmp_path / "log")
    stale = "SELECT count(*) FROM media_storage WHERE local_path LIKE 'old/%'"
    try:
        assert gallows.run(tmp_path, ["setup"], Death())[1] == 0
        db = models.connect(database_url)
        many = [
            (
                f"00000000-0000-4000-8000-{number:012}",
                f"k{number}",
                f"{number}",
                f"{number}.jpg",
                f"old/{number}",
            )
            for number in range(3500)
        ]
        with models.transaction(db):
            models.change(db, "DELETE FROM archive WHERE name = ?", [relocate.FACT])
            models.change_many(
                db,
                "INSERT INTO media_storage (id, asset_key, sha256, local_filename, local_path,"
                " category, original_url) VALUES (?, ?, ?, ?, ?, 'posts', 'x')",
                many,
            )
        left = [3500]
        for nth in range(1, 30):
            status = gallows.run(tmp_path, ["posts"], Death("commit", nth))[1]
            with models.session(db):
                left.append(models.rows(db, stale)[0][0])
            if status == 0:
                break
        models.close(db)
    finally:
        gallows.close()
    assert len(set(left)) >= 4, left
    assert left == sorted(left, reverse=True)
    assert left[-1] == 0
