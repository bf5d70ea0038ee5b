"""Files against rows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from peewee import Database
from shelf import NOW, Shelf, picture

from fbsyncd.errors import MediaTrouble
from fbsyncd.media import CATEGORIES
from fbsyncd.reconcile import Findings, Reconciler, Request


@pytest.fixture
def shelf(db: Database, tmp_path: Path) -> Shelf:
    return Shelf.make(db, tmp_path)


def scan(shelf: Shelf, *, dry_run: bool = False) -> Findings:
    reconciler = Reconciler(shelf.db, shelf.media, shelf.backlog, shelf.brake)
    return reconciler.scan(NOW, Request(dry_run=dry_run))


def test_a_whole_archive_is_left_alone(shelf: Shelf) -> None:
    """A scan of intact files changes no row."""
    ids = [shelf.add(n, picture(n), CATEGORIES[n % 3]) for n in range(6)]
    before = [shelf.row(id_) for id_ in ids]
    assert scan(shelf) == Findings(files=6)
    assert [shelf.row(id_) for id_ in ids] == before


def test_a_missing_file_is_queued_again(shelf: Shelf) -> None:
    """The row says what happened and can be claimed at once."""
    kept, lost = shelf.add(1, picture(1)), shelf.add(2, picture(2))
    shelf.path(lost).unlink()
    assert scan(shelf) == Findings(files=2, missing=1, queued=1)
    row = shelf.row(lost)
    assert row["download_status"] == "failed"
    assert row["error_message"] == "the file is missing on disk"
    assert [job.id for job in shelf.backlog.claim(5, NOW)] == [lost]
    assert shelf.row(kept)["download_status"] == "success"


def test_a_cut_file_is_queued_again(shelf: Shelf) -> None:
    """Another size than the recorded one is damage."""
    id_ = shelf.add(1, picture(1))
    size = shelf.path(id_).stat().st_size
    with shelf.path(id_).open("r+b") as file:
        file.truncate(size - 1)
    assert scan(shelf) == Findings(files=1, wrong_size=1, queued=1)
    assert shelf.row(id_)["error_message"] == f"the file has {size - 1:,} bytes instead of {size:,}"


def test_a_dry_run_only_counts(shelf: Shelf) -> None:
    """Nothing is queued when a person only wants to know."""
    id_ = shelf.add(1, picture(1))
    shelf.path(id_).unlink()
    assert scan(shelf, dry_run=True) == Findings(files=1, missing=1, queued=1)
    assert shelf.row(id_)["download_status"] == "success"


def test_two_rows_of_one_file_are_both_queued(shelf: Shelf) -> None:
    """Assets with the same bytes share a file and lose it together."""
    first, second = shelf.add(1, picture(1)), shelf.add(2, picture(1))
    shelf.path(first).unlink()
    assert scan(shelf).queued == 2
    assert {job.id for job in shelf.backlog.claim(5, NOW)} == {first, second}


def test_an_unplugged_disk_is_no_loss(shelf: Shelf) -> None:
    """Without the folders no row is touched, and the message says what to do."""
    id_ = shelf.add(1, picture(1))
    shutil.rmtree(shelf.media.root)
    with pytest.raises(MediaTrouble, match="mount its disk again"):
        scan(shelf)
    assert shelf.row(id_)["download_status"] == "success"


def test_an_archive_larger_than_a_chunk_is_read_to_its_end(shelf: Shelf) -> None:
    """Chunks meet without a gap or an overlap, also where rows share a name."""
    for number in range(7):
        shelf.add(number, picture(number // 2))
    reconciler = Reconciler(shelf.db, shelf.media, shelf.backlog, shelf.brake, chunk_size=2)
    assert reconciler.scan(NOW).files == 7
