"""Damaged bytes: the row says so first, then they are set aside, and none are lost on the way."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from peewee import Database
from shelf import NOW, Shelf, picture
from torture import Death, Ordeal, ordeal

from fbsyncd import condemned, models
from fbsyncd import media as names
from fbsyncd.develop import Darkroom
from fbsyncd.errors import MediaTrouble
from fbsyncd.reconcile import Pace, Reconciler, Request


@pytest.fixture
def shelf(db: Database, tmp_path: Path) -> Shelf:
    return Shelf.make(db, tmp_path)


def reconciler(shelf: Shelf) -> Reconciler:
    return Reconciler(shelf.db, shelf.media, shelf.backlog, shelf.brake)


def kept(shelf: Shelf) -> list[bytes]:
    """What lies in quarantine."""
    folder = shelf.media.root / ".quarantine"
    return sorted(path.read_bytes() for path in folder.iterdir()) if folder.is_dir() else []


def name_of(data: bytes) -> str:
    return names.filename(hashlib.sha256(data).hexdigest(), "jpg")


def publish(shelf: Shelf, data: bytes) -> Path:
    """Put whole bytes under their name, as a download does."""
    shelf.media.publish([shelf.media.stage(data, "posts", name_of(data))])
    return shelf.media.root / "posts" / name_of(data)


@pytest.fixture
def doomed(tmp_path: Path, database_url: str) -> Iterator[Ordeal]:
    with ordeal(tmp_path, database_url, posts=6, seed=5) as one:
        one.run("sync")
        yield one


@pytest.mark.parametrize("point", ["replace", "replaced"])
def test_a_kill_beside_the_quarantine_leaves_no_row_without_its_file(
    doomed: Ordeal, point: str
) -> None:
    """Killed right before and right after a damaged file is moved, no row claims it any more."""
    cut, altered = sorted(path for path in doomed.files() if path.parent.name == "posts")[:2]
    cut.write_bytes(cut.read_bytes()[:-1])
    altered.write_bytes(b"\0" + altered.read_bytes()[1:])
    doomed.harmed = {cut, altered}
    for path in (cut, altered):
        assert doomed.run("reconcile", "--scrub", death=Death(point, 1))
        claimed = "SELECT download_status FROM media_storage WHERE local_filename = '{}'"
        assert set(doomed.rows(claimed.format(path.name))) == {("failed",)}
    assert not doomed.run("sync")
    doomed.check()
    assert doomed.harmed == set()
    left = [path.stat().st_size for path in (doomed.root / ".quarantine").iterdir()]
    assert len(left) == 2


def test_a_new_download_sets_a_damaged_leftover_aside(shelf: Shelf) -> None:
    """The damaged bytes are neither overwritten nor taken for the picture."""
    data = picture(1)
    path = publish(shelf, data)
    path.write_bytes(b"leftover")
    publish(shelf, data)
    assert path.read_bytes() == data
    assert kept(shelf) == [b"leftover"]


def test_a_second_picture_with_the_same_bytes_is_no_damage(shelf: Shelf) -> None:
    """Two assets share a file, and nothing goes to quarantine."""
    publish(shelf, picture(1))
    publish(shelf, picture(1))
    assert kept(shelf) == []


def test_what_was_fetched_anew_in_between_is_not_set_aside(shelf: Shelf) -> None:
    """The row is queued before the bytes are moved, so good ones may be there already."""
    path = publish(shelf, picture(1))
    shelf.media.quarantine("posts", path.name)
    assert path.exists()
    assert kept(shelf) == []


def test_damaged_twice_both_are_kept(shelf: Shelf) -> None:
    """Other damage under the same name does not overwrite the first; the same damage does."""
    for damage in (b"one", b"two", b"one"):
        path = publish(shelf, picture(1))
        path.write_bytes(damage)
        shelf.media.quarantine("posts", path.name)
        assert not path.exists()
    assert kept(shelf) == [b"one", b"two"]


def test_a_quarantine_that_refuses_leaves_a_true_row(shelf: Shelf) -> None:
    """The scrub and the scan say so and go no further, and the row is queued all the same."""
    cut, altered = shelf.add(1, picture(1)), shelf.add(2, picture(2))
    shelf.path(cut).write_bytes(b"cut")
    shelf.path(altered).write_bytes(b"\0" + picture(2)[1:])
    (shelf.media.root / ".quarantine").touch()
    with pytest.raises(MediaTrouble, match="quarantine"):
        reconciler(shelf).scan(NOW)
    with pytest.raises(MediaTrouble, match="quarantine"):
        reconciler(shelf).scrub(NOW, Pace())
    assert {shelf.row(id_)["download_status"] for id_ in (cut, altered)} == {"failed"}
    assert shelf.path(altered).exists()


def test_a_picture_that_does_not_decode_is_queued_before_it_is_moved(shelf: Shelf) -> None:
    """Developing keeps the same order."""
    id_ = shelf.add(1, picture(1)[:2000])
    (shelf.media.root / ".quarantine").touch()
    room = Darkroom(shelf.db, shelf.backlog, shelf.media, shelf.brake, max_pixels=10**7)
    try:
        with pytest.raises(MediaTrouble, match="quarantine"):
            room.drain(lambda: NOW, Event())
    finally:
        room.close()
    assert shelf.row(id_)["download_status"] == "failed"


def test_rows_that_share_a_damaged_file_are_queued_at_once(shelf: Shelf) -> None:
    """None of them goes on claiming what has been moved for the other."""
    ids = [shelf.add(number, picture(1)[:2000]) for number in (1, 2)]
    assert shelf.backlog.lose([(ids[0], "damaged")], NOW) == 2
    for id_ in ids:
        assert shelf.row(id_)["download_status"] == "failed"
    ids = [shelf.add(number, picture(2)[:2000]) for number in (3, 4)]
    shelf.backlog.spoil(ids[0], "senseless", NOW)
    for id_ in ids:
        assert shelf.row(id_)["error_message"] == "senseless"


def test_a_folder_in_a_picture_s_place_goes_with_it(shelf: Shelf) -> None:
    """Whatever stands under a forgotten name, or stood there, is removed; nothing else is."""
    kept_too, id_ = shelf.add(1, picture(1)), shelf.add(2, picture(2))
    path = shelf.path(id_)
    for _ in range(2):
        path.unlink()
        path.mkdir()
        (path / "inside").touch()
        shelf.media.quarantine("posts", path.name)
        path.touch()
    path.unlink()
    path.mkdir()
    with models.transaction(shelf.db):
        models.change(shelf.db, "DELETE FROM media_storage WHERE id = ?", [str(id_)])
        models.change(
            shelf.db,
            "INSERT INTO condemned_files (media_id, category, filename, size) VALUES (?, ?, ?, 1)",
            [str(id_), "posts", path.name],
        )
    assert condemned.sweep(shelf.db, shelf.media) == 1
    assert not path.exists()
    assert list((shelf.media.root / ".quarantine").iterdir()) == []
    assert shelf.path(kept_too).exists()


def test_a_folder_with_a_picture_s_name_is_no_orphan(shelf: Shelf) -> None:
    """It is none of ours, and stays."""
    folder = shelf.media.root / "posts" / f"{'ab' * 32}.jpg"
    folder.mkdir()
    os.utime(folder, (0, 0))
    found = reconciler(shelf).scan(NOW, Request(delete_orphans=True))
    assert (found.orphans, found.foreign) == (0, 1)
    assert folder.is_dir()


def test_a_dry_run_claims_nothing_in_the_log(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    """What was done is logged, what would be done is the command's to say."""
    shelf.path(shelf.add(1, picture(1))).unlink()
    orphan = shelf.media.root / "posts" / name_of(b"nobody's")
    orphan.write_bytes(b"nobody's")
    os.utime(orphan, (0, 0))
    caplog.set_level(logging.INFO)
    reconciler(shelf).scan(NOW, Request(dry_run=True, delete_orphans=True))
    assert caplog.messages == []
    reconciler(shelf).scan(NOW, Request(delete_orphans=True))
    assert caplog.messages == [
        "1 file missing and 0 of the wrong size, 1 picture queued again",
        "removed: 1 file that no row knew (8 bytes)",
    ]


def test_a_damaged_leftover_is_set_aside_by_a_scan(shelf: Shelf) -> None:
    """A kill may leave one under the name of a lost row; a young one may still be growing."""
    id_ = shelf.add(1, picture(1))
    path = shelf.path(id_)
    shelf.backlog.lose([(id_, "damaged")], NOW)
    path.write_bytes(b"half of what somebody puts back")
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    reconciler(shelf).scan(NOW)
    assert path.exists()
    os.utime(path, (0, 0))
    reconciler(shelf).scan(NOW, Request(dry_run=True))
    assert path.exists()
    reconciler(shelf).scan(NOW)
    assert not path.exists()
    assert kept(shelf) == [b"half of what somebody puts back"]
