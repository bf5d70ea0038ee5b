"""Developing: the last proof and the small version."""

from __future__ import annotations

import hashlib
import io
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from uuid import UUID

import pytest
from peewee import Database
from PIL import Image
from shelf import NOW, Shelf, picture

from fbsyncd import models
from fbsyncd.darkroom import NICE, Print, Spoilt, Unread, develop
from fbsyncd.develop import Darkroom
from fbsyncd.errors import MediaTrouble, Unavailable
from fbsyncd.media import MARKER
from fbsyncd.reconcile import Reconciler


@pytest.fixture
def shelf(db: Database, tmp_path: Path) -> Shelf:
    return Shelf.make(db, tmp_path)


@pytest.fixture
def darkroom(shelf: Shelf) -> Iterator[Darkroom]:
    room = Darkroom(shelf.db, shelf.backlog, shelf.media, shelf.brake, max_pixels=10**7)
    yield room
    room.close()


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(darkroom: Darkroom) -> int:
    return darkroom.drain(lambda: NOW, Event())


def derived(shelf: Shelf, parent: UUID) -> UUID:
    with models.session(shelf.db):
        ((id_,),) = models.rows(
            shelf.db, "SELECT id FROM media_storage WHERE derived_from = ?", [str(parent)]
        )
    return UUID(str(id_))


def attach(shelf: Shelf, media: UUID) -> None:
    with models.transaction(shelf.db):
        models.change(
            shelf.db,
            "INSERT INTO facebook_posts (id, page_id, created_time) VALUES ('1_2', '1', ?)",
            [models.to_text(NOW)],
        )
        models.change(
            shelf.db,
            "INSERT INTO facebook_post_attachments (post_id, attachment_key, local_media_id)"
            " VALUES ('1_2', 'k', ?)",
            [str(media)],
        )


def thumbnail_of_attachment(shelf: Shelf) -> UUID:
    with models.session(shelf.db):
        ((id_,),) = models.rows(
            shelf.db, "SELECT local_thumbnail_id FROM facebook_post_attachments"
        )
    return UUID(str(id_))


def test_an_archived_picture_gets_a_small_version_that_posts_show(
    shelf: Shelf, darkroom: Darkroom
) -> None:
    """The small version is a file, a row of its own, and the attachment's thumbnail."""
    parent = shelf.add(1, picture(1))
    attach(shelf, parent)
    assert run(darkroom) == 1
    small = derived(shelf, parent)
    row = shelf.row(small)
    assert (row["download_status"], row["category"], row["width"]) == ("success", "thumbnails", 320)
    with Image.open(shelf.path(small)) as image:
        assert image.size == (320, 240)
    assert thumbnail_of_attachment(shelf) == small
    assert shelf.row(parent)["developed_at"] is not None
    assert run(darkroom) == 0


def test_a_small_picture_is_its_own_thumbnail(shelf: Shelf, darkroom: Darkroom) -> None:
    """Nothing is made larger."""
    parent = shelf.add(1, picture(1, (130, 90)))
    attach(shelf, parent)
    run(darkroom)
    assert thumbnail_of_attachment(shelf) == parent


def test_bytes_that_do_not_decode_go_to_quarantine_and_back_to_the_queue(
    shelf: Shelf, darkroom: Darkroom
) -> None:
    """The row is failed with the decoder's words, and the damaged bytes are kept for a look."""
    data = bytearray(picture(1))
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    id_ = shelf.add(1, bytes(data[: len(data) // 2]))
    run(darkroom)
    row = shelf.row(id_)
    assert row["download_status"] == "failed"
    assert row["next_attempt_at"] is not None
    assert row["error_message"].startswith("the picture cannot be decoded")
    assert not shelf.path(id_).exists()
    assert len(list((shelf.media.root / ".quarantine").iterdir())) == 1


def test_a_lost_small_version_is_made_again(shelf: Shelf, darkroom: Darkroom) -> None:
    """Developing a second time brings the same file and the same row back."""
    parent = shelf.add(1, picture(1))
    run(darkroom)
    small = derived(shelf, parent)
    before = shelf.path(small).read_bytes()
    shelf.path(small).unlink()
    shelf.backlog.lose([(small, "missing")], NOW)
    assert run(darkroom) == 1
    assert shelf.row(small)["download_status"] == "success"
    assert shelf.path(small).read_bytes() == before


def test_a_file_that_vanished_before_developing_is_queued_again(
    shelf: Shelf, darkroom: Darkroom
) -> None:
    """A missing file is no crash."""
    id_ = shelf.add(1, picture(1))
    shelf.path(id_).unlink()
    run(darkroom)
    assert shelf.row(id_)["download_status"] == "failed"


def test_transparency_survives(tmp_path: Path) -> None:
    """A see-through picture has a see-through small version."""
    path = tmp_path / "a.png"
    Image.new("RGBA", (640, 640), (255, 0, 0, 10)).save(path)
    made = develop(str(path), sha256_of(path), 10**7)
    assert isinstance(made, Print)
    with Image.open(io.BytesIO(made.data)) as image:
        assert image.has_transparency_data


def test_a_picture_on_its_side_is_developed_upright(tmp_path: Path) -> None:
    """The orientation in EXIF is applied."""
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (800, 400)).save(path, exif=exif)
    made = develop(str(path), sha256_of(path), 10**7)
    assert isinstance(made, Print)
    assert (made.width, made.height) == (320, 640)


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [(2000, 10, (320, 2)), (10, 2000, (5, 960)), (400, 300, (320, 240))],
)
def test_small_versions_keep_their_shape(
    tmp_path: Path, width: int, height: int, expected: tuple[int, int]
) -> None:
    """Panoramas and towers fit too."""
    path = tmp_path / "a.jpg"
    Image.new("RGB", (width, height)).save(path)
    made = develop(str(path), sha256_of(path), 10**7)
    assert isinstance(made, Print)
    assert (made.width, made.height) == expected


def test_too_many_pixels_are_not_decoded(tmp_path: Path) -> None:
    """The limit holds here too, should it have been lowered since."""
    path = tmp_path / "a.png"
    Image.new("1", (4000, 4000)).save(path)
    assert develop(str(path), sha256_of(path), 1_000_000) == Spoilt(
        "4000 x 4000 pixels are more than 1000000"
    )


def test_bytes_altered_on_disk_are_no_fault_of_the_source(shelf: Shelf, darkroom: Darkroom) -> None:
    """A picture damaged here is fetched again without counting as a failed attempt."""
    id_ = shelf.add(1, picture(1))
    shelf.path(id_).write_bytes(picture(1)[:500])
    run(darkroom)
    row = shelf.row(id_)
    assert (row["download_status"], row["attempts"]) == ("failed", 0)
    assert [job.id for job in shelf.backlog.claim(1, NOW)] == [id_]


@pytest.mark.parametrize("files", [12, 80])
def test_many_missing_files_are_a_scan_s_business(
    shelf: Shelf, darkroom: Darkroom, files: int
) -> None:
    """No row is changed by developing; a scan, asked for at once, tells a loss from a lost disk."""
    ids = [shelf.add(number, picture(number % 200, (8, 8 + number))) for number in range(files)]
    gone = sorted(ids, key=str)[:12]
    for id_ in gone:
        shelf.path(id_).unlink()
    with pytest.raises(Unavailable, match="12 of"):
        run(darkroom)
    assert {shelf.row(id_)["download_status"] for id_ in ids} == {"success"}
    assert {shelf.row(id_)["lease_owner"] for id_ in ids} == {None}
    assert shelf.brake.look()
    reconciler = Reconciler(shelf.db, shelf.media, shelf.backlog, shelf.brake)
    if files == 12:
        with pytest.raises(Unavailable, match="accept-loss"):
            reconciler.scan(NOW)
    else:
        assert reconciler.scan(NOW).queued == 12
        run(darkroom)


def test_a_disk_that_vanishes_amid_a_handful_loses_no_row(shelf: Shelf, darkroom: Darkroom) -> None:
    """Some were read and some were not there any more: without the marker that says nothing."""
    ids = [shelf.add(number, picture(number)) for number in range(3)]
    negatives = darkroom._claim(NOW)
    (shelf.media.root / MARKER).unlink()
    missing = Unread("the file is missing on disk", is_missing=True)
    with pytest.raises(Unavailable, match="marker"):
        darkroom._settle([(negative, missing) for negative in negatives], NOW)
    assert {shelf.row(id_)["download_status"] for id_ in ids} == {"success"}


def test_a_disk_that_gives_back_other_bytes_stops_developing(
    shelf: Shelf, darkroom: Darkroom
) -> None:
    """Else every picture would be fetched again and again."""
    ids = [shelf.add(number, picture(number)) for number in range(12)]
    for id_ in ids:
        shelf.path(id_).write_bytes(b"garbage")
    with pytest.raises(Unavailable, match="damaged"):
        run(darkroom)
    assert {shelf.row(id_)["download_status"] for id_ in ids} == {"success"}


def test_developing_leaves_the_processor_to_others(shelf: Shelf, darkroom: Darkroom) -> None:
    """Workers stand further back in the queue than the process that serves."""
    shelf.add(1, picture(1))
    run(darkroom)
    pool = darkroom._pool
    assert pool is not None
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    for pid in list(pool._processes):
        assert os.getpriority(os.PRIO_PROCESS, pid) == min(mine + NICE, 19)


def test_a_worker_that_was_killed_does_not_end_developing(shelf: Shelf, darkroom: Darkroom) -> None:
    """The next turn starts new workers, whether the old ones died idle or at work."""
    shelf.add(1, picture(1))
    run(darkroom)
    pool = darkroom._pool
    assert pool is not None
    for pid in list(pool._processes):
        os.kill(pid, signal.SIGKILL)
    second = shelf.add(2, picture(2))
    run(darkroom)
    assert shelf.row(second)["developed_at"] is not None
    assert shelf.row(second)["lease_owner"] is None


@pytest.mark.parametrize("seed", range(40))
def test_senseless_exif_spoils_no_picture(tmp_path: Path, seed: int) -> None:
    """Pixels count; a camera's mistake in the notes beside them does not."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "description" * 5
    exif.get_ifd(0x8769)[0x9003] = "2026:01:01 00:00:00"
    path = tmp_path / "a.jpg"
    Image.new("RGB", (800, 400)).save(path, exif=exif)
    data = bytearray(path.read_bytes())
    start = data.index(b"Exif")
    length = int.from_bytes(data[start - 2 : start])
    chance = random.Random(seed)
    for _ in range(8):
        data[start + 14 + chance.randrange(length - 24)] = chance.randrange(256)
    path.write_bytes(data)
    assert isinstance(develop(str(path), sha256_of(path), 10**7), Print)


def test_every_frame_of_an_animation_is_decoded(tmp_path: Path) -> None:
    """Damage in the last frame is damage."""
    frames = [Image.linear_gradient("L").rotate(90 * turn) for turn in range(4)]
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    whole = path.read_bytes()
    assert isinstance(develop(str(path), sha256_of(path), 10**7), Print)
    path.write_bytes(whole[: len(whole) * 9 // 10])
    assert isinstance(develop(str(path), "", 10**7), Spoilt)


def test_a_file_that_cannot_be_read_is_no_damage(tmp_path: Path) -> None:
    """A folder in its place stands for any trouble of this machine."""
    assert isinstance(develop(str(tmp_path), "", 10**7), Unread)
    assert develop(str(tmp_path / "a.jpg"), "", 10**7) == Unread(
        "the file is missing on disk", is_missing=True
    )


def test_a_file_that_cannot_be_read_keeps_no_other_waiting(
    shelf: Shelf, darkroom: Darkroom
) -> None:
    """It is told and left for later, its row untouched; the others are developed."""
    ids = [shelf.add(number, picture(number)) for number in range(4)]
    shelf.path(ids[0]).unlink()
    shelf.path(ids[0]).mkdir()
    with pytest.raises(MediaTrouble, match="cannot read"):
        run(darkroom)
    developed = [shelf.row(id_)["developed_at"] is not None for id_ in ids]
    assert developed == [False, True, True, True]
    assert shelf.row(ids[0])["download_status"] == "success"
    later = shelf.add(9, picture(9))
    assert run(darkroom) == 1
    assert shelf.row(later)["developed_at"] is not None
    assert list((shelf.media.root / ".incoming").iterdir()) == []
