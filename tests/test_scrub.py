"""Scrubbing: bytes that have changed are found, set aside and fetched again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peewee import Database
from shelf import NOW, Shelf

from fbsyncd import facts, models
from fbsyncd.brake import FEW, Brake
from fbsyncd.errors import Unavailable
from fbsyncd.media import CATEGORIES, MARKER
from fbsyncd.reconcile import Findings, Pace, Reconciler, Request
from fbsyncd.reconcile.scrub import CHUNK, Scrub
from fbsyncd.stats import stats
from fbsyncd.view import moment

MONTH = timedelta(days=30)


@pytest.fixture
def shelf(db: Database, tmp_path: Path) -> Shelf:
    return Shelf.make(db, tmp_path)


def reconciler(shelf: Shelf) -> Reconciler:
    return Reconciler(shelf.db, shelf.media, shelf.backlog, shelf.brake, chunk_size=3)


def fill(shelf: Shelf, count: int) -> list[UUID]:
    return [shelf.add(n, bytes([n % 251, n // 251]), CATEGORIES[n % 3]) for n in range(count)]


def after(files: int) -> Callable[[], bool]:
    """Return what has enough after so many files."""
    left = iter(range(files - 1, -1, -1))
    return lambda: next(left) == 0


def flip(path: Path) -> bytes:
    """Alter a file without altering its size; return its new bytes."""
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    return path.read_bytes()


def test_files_that_were_written_to_are_checked_alone(shelf: Shelf) -> None:
    """Damaged ones are set aside and queued; whole ones, unknown ones and others are left alone."""
    ids = fill(shelf, 9)
    harmed, unheard = shelf.path(ids[0]), shelf.path(ids[1])
    flip(harmed)
    flip(unheard)
    stranger = shelf.media.root / "posts" / "notes.txt"
    found = reconciler(shelf).check([harmed, shelf.path(ids[3]), stranger], NOW)
    assert found.queued == 1
    states = [shelf.row(id_)["download_status"] for id_ in ids]
    assert states == ["failed", *["success"] * 8]
    assert (harmed.exists(), unheard.exists()) == (False, True)
    assert reconciler(shelf).check([], NOW) == Findings()


@pytest.mark.parametrize("readers", [1, 2, 5])
def test_several_readers_find_what_one_finds(shelf: Shelf, readers: int) -> None:
    """The same files are found damaged or unreadable, in the same order, and each is read once."""
    ids = fill(shelf, 3 * CHUNK)
    shared = [shelf.add(1000 + n, b"shared") for n in range(3)]
    for id_ in (ids[0], ids[70], ids[-1], shared[0]):
        flip(shelf.path(id_))
    shelf.path(ids[5]).unlink()
    told: list[int] = []
    pace = Pace(heard=lambda findings: told.append(findings.wrong_content), readers=readers)
    found = reconciler(shelf).scrub(NOW, pace)
    assert (found.scrubbed, found.wrong_content, found.queued) == (len(ids) + 3, 6, 6)
    assert told == sorted(told)
    states = {id_: shelf.row(id_)["download_status"] for id_ in (*ids, *shared)}
    bad = {ids[0], ids[70], ids[-1], *shared}
    assert {id_ for id_, state in states.items() if state == "failed"} == bad


def test_several_readers_stop_when_it_is_enough(shelf: Shelf) -> None:
    """A pause in the middle of a handful keeps the place, and the next turn goes on from there."""
    fill(shelf, 2 * CHUNK)
    pace = Pace(enough=after(CHUNK + 7), readers=2)
    assert reconciler(shelf).scrub(NOW, pace).scrubbed == CHUNK + 7
    assert reconciler(shelf).scrub(NOW, Pace(readers=2)).scrubbed == 2 * CHUNK


def test_too_many_damaged_of_those_written_to_change_no_row(shelf: Shelf) -> None:
    """A script gone wild over a whole folder stops the work, as a loss of so many files would."""
    ids = fill(shelf, 2 * FEW)
    paths = [shelf.path(id_) for id_ in ids[:FEW]]
    for path in paths:
        flip(path)
    with pytest.raises(Unavailable, match=f"{FEW} of the last {FEW} files"):
        reconciler(shelf).check(paths, NOW)
    assert {shelf.row(id_)["download_status"] for id_ in ids} == {"success"}
    assert all(path.exists() for path in paths)


def test_whole_files_are_left_alone(shelf: Shelf) -> None:
    """A scrub of intact files changes no row."""
    ids = fill(shelf, 9)
    before = [shelf.row(id_) for id_ in ids]
    assert reconciler(shelf).scrub(NOW, Pace()) == Findings(scrubbed=9)
    assert [shelf.row(id_) for id_ in ids] == before


def test_altered_bytes_are_set_aside_and_fetched_again(shelf: Shelf) -> None:
    """The row says both hashes and can be claimed; the bytes lie in quarantine."""
    ids = fill(shelf, 9)
    path = shelf.path(ids[4])
    bad = flip(path)
    assert reconciler(shelf).scan(NOW).queued == 0
    found = reconciler(shelf).scrub(NOW, Pace())
    assert found == Findings(scrubbed=9, wrong_content=1, queued=1)
    row = shelf.row(ids[4])
    assert row["download_status"] == "failed"
    assert f"instead of {row['sha256']}" in row["error_message"]
    assert not path.exists()
    kept = shelf.media.root / ".quarantine" / f"{path.parent.name}-{path.name}"
    assert kept.read_bytes() == bad
    assert [job.id for job in shelf.backlog.claim(5, NOW)] == [ids[4]]


def test_a_picture_that_comes_back_otherwise_keeps_its_old_hash(shelf: Shelf) -> None:
    """A new rendition is recorded as one; the same bytes again are not."""
    same, other = shelf.add(1, b"one"), shelf.add(2, b"two")
    old = shelf.row(other)["sha256"]
    for id_ in (same, other):
        shelf.path(id_).unlink()
    reconciler(shelf).scan(NOW)
    shelf.add(1, b"one")
    shelf.add(2, b"rendered anew")
    assert shelf.row(same)["replaced_sha256"] is None
    assert shelf.row(other)["replaced_sha256"] == old


def test_rows_that_share_a_file_lose_it_together(shelf: Shelf) -> None:
    """Both are queued although the file is set aside once."""
    first, second = shelf.add(1, b"shared"), shelf.add(2, b"shared")
    flip(shelf.path(first))
    assert reconciler(shelf).scrub(NOW, Pace()).queued == 2
    assert {job.id for job in shelf.backlog.claim(5, NOW)} == {first, second}


def test_a_missing_file_is_left_to_the_scan(shelf: Shelf) -> None:
    """The scrub knows no share of files gone, so it queues none of them."""
    for id_ in fill(shelf, 12):
        shelf.path(id_).unlink()
    assert reconciler(shelf).scrub(NOW, Pace()).queued == 0


def test_a_dry_run_only_tells(shelf: Shelf) -> None:
    """Neither file nor row nor the place reached is touched."""
    (id_,) = fill(shelf, 1)
    flip(shelf.path(id_))
    found = reconciler(shelf).scrub(NOW, Pace(dry_run=True))
    assert (found.wrong_content, found.queued) == (1, 1)
    assert shelf.path(id_).exists()
    assert shelf.row(id_)["download_status"] == "success"
    assert facts.get(shelf.db, "scrub by hand") is None


def test_slices_go_on_where_the_last_one_stopped(shelf: Shelf) -> None:
    """Each file is hashed once, whichever process does the next slice, and damage is found."""
    ids = fill(shelf, 200)
    flip(shelf.path(ids[150]))
    counted = []
    for _ in range(5):
        reconciler(shelf).scrub_if_due(NOW, MONTH, Pace(after(40)))
        place = Scrub(shelf.db, shelf.media, shelf.backlog).run(
            NOW, shelf.brake, Pace(lambda: True, dry_run=True)
        )
        assert place.scrubbed == 1
        counted.append(shelf.row(ids[150])["download_status"])
    assert counted[-1] == "failed"
    assert '"checked": 200' in str(facts.get(shelf.db, "scrub"))


def test_the_next_scrub_waits_for_its_time(shelf: Shelf) -> None:
    """A finished one is begun again after the interval, an unfinished one goes on at once."""
    fill(shelf, 3)
    scrub = Scrub(shelf.db, shelf.media, shelf.backlog)
    assert scrub.is_due(NOW, MONTH)
    scrub.run(NOW, shelf.brake, Pace(after(2)))
    assert scrub.is_due(NOW, MONTH)
    scrub.run(NOW, shelf.brake, Pace())
    assert not scrub.is_due(NOW + MONTH - timedelta(seconds=1), MONTH)
    assert scrub.is_due(NOW + MONTH, MONTH)
    assert scrub.run(NOW + MONTH, shelf.brake, Pace()).scrubbed == 3


def test_a_scrub_of_a_wrong_clock_puts_off_no_other(shelf: Shelf) -> None:
    """One that seems to have begun next year was begun while the clock was ahead."""
    fill(shelf, 1)
    scrub = Scrub(shelf.db, shelf.media, shelf.backlog)
    scrub.run(NOW + timedelta(days=365), shelf.brake, Pace())
    assert scrub.is_due(NOW, MONTH)
    scrub.run(NOW, shelf.brake, Pace())
    assert not scrub.is_due(NOW, MONTH)


def test_a_scrub_by_hand_goes_on_within_a_day_and_not_later(shelf: Shelf) -> None:
    """What was interrupted this morning is not hashed again; what was last week is."""
    fill(shelf, 6)
    heard: list[int] = []

    def told(findings: Findings) -> None:
        heard.append(findings.scrubbed)

    station = reconciler(shelf)
    assert station.scrub(NOW, Pace(after(4))).scrubbed == 4
    assert station.scrub(NOW + timedelta(hours=3), Pace(heard=told)).scrubbed == 6
    station.scrub(NOW + timedelta(days=1), Pace(after(4)))
    later = station.scrub(NOW + timedelta(days=9), Pace(after(6)))
    assert later.scrubbed == 6
    assert heard[-1] == 6


def test_a_scrub_stops_where_the_disk_is_not_ours(shelf: Shelf) -> None:
    """Without the marker nothing is hashed, set aside or queued."""
    for id_ in fill(shelf, 3):
        flip(shelf.path(id_))
    (shelf.media.root / MARKER).unlink()
    with pytest.raises(Unavailable):
        reconciler(shelf).scrub(NOW, Pace())
    assert shelf.backlog.claim(5, NOW) == []


def states(shelf: Shelf, ids: list[UUID]) -> list[str]:
    return [shelf.row(id_)["download_status"] for id_ in ids]


def test_a_disk_that_reads_garbage_everywhere_changes_no_row(shelf: Shelf) -> None:
    """It is unavailable for every process, and work goes on once the files read well again."""
    ids = fill(shelf, 90)
    whole = {id_: shelf.path(id_).read_bytes() for id_ in ids}
    for id_ in ids:
        flip(shelf.path(id_))
    with pytest.raises(Unavailable, match=r"30 of the last 30 files .* are damaged.*accept-loss"):
        reconciler(shelf).scrub(NOW, Pace())
    assert set(states(shelf, ids)) == {"success"}
    assert not (shelf.media.root / ".quarantine").exists()
    elsewhere = Brake(shelf.db, shelf.media)
    with pytest.raises(Unavailable, match="damaged"):
        elsewhere.require()
    assert not elsewhere.look()
    with pytest.raises(Unavailable, match="damaged"):
        reconciler(shelf).scan(NOW)
    with pytest.raises(Unavailable, match="damaged"):
        reconciler(shelf).scrub_if_due(NOW, MONTH, Pace())
    for id_, data in whole.items():
        shelf.path(id_).write_bytes(data)
    assert elsewhere.look()
    assert reconciler(shelf).scan(NOW) == Findings(files=90)
    assert elsewhere.reason() is None
    assert reconciler(shelf).scrub(NOW, Pace()) == Findings(scrubbed=90)


def scrub_on(shelf: Shelf, slices: int) -> None:
    for _ in range(slices):
        reconciler(shelf).scrub_if_due(NOW, MONTH, Pace(after(7)))


def test_a_disk_that_begins_to_read_garbage_is_noticed_soon(shelf: Shelf) -> None:
    """However many files were whole before, hardly more than a dozen rows are queued."""
    ids = [shelf.add(n, bytes([n % 251, n // 251])) for n in range(400)]
    in_order = sorted(ids, key=lambda id_: shelf.path(id_).name)
    for id_ in in_order[250:]:
        flip(shelf.path(id_))
    for _ in range(250 // 7):
        assert reconciler(shelf).scrub_if_due(NOW, MONTH, Pace(after(7))).wrong_content == 0
    with pytest.raises(Unavailable, match="damaged"):
        scrub_on(shelf, 10)
    assert 0 < states(shelf, ids).count("failed") <= 12


def test_damage_that_is_accepted_is_fetched_again(shelf: Shelf) -> None:
    """A person's word lets a scan and a scrub queue all of it, and nothing is asked again."""
    ids = fill(shelf, 90)
    for id_ in ids[:80]:
        flip(shelf.path(id_))
    with pytest.raises(Unavailable):
        reconciler(shelf).scrub(NOW, Pace())
    with pytest.raises(Unavailable, match="accept-loss"):
        reconciler(shelf).scrub(NOW, Pace(dry_run=True))
    assert reconciler(shelf).scan(NOW, Request(accept_loss=True)).queued == 0
    assert shelf.brake.doubts_content
    assert "interrupted" in str(shelf.brake.reason())
    looked = reconciler(shelf).scrub(NOW, Pace(dry_run=True, accept_loss=True))
    assert (looked.wrong_content, looked.queued) == (80, 80)
    found = reconciler(shelf).scrub(NOW, Pace(accept_loss=True))
    assert (found.wrong_content, found.queued) == (80, 80)
    assert shelf.brake.reason() is None
    assert states(shelf, ids).count("success") == 10
    assert reconciler(shelf).scrub_if_due(NOW, MONTH, Pace()).scrubbed == 10


def test_many_files_cut_at_once_change_no_row(shelf: Shelf) -> None:
    """A file system that came back with empty files is no reason to fetch everything again."""
    ids = fill(shelf, 30)
    for id_ in ids[:12]:
        shelf.path(id_).write_bytes(b"")
    with pytest.raises(Unavailable, match="12 of another size"):
        reconciler(shelf).scan(NOW, Request(dry_run=True))
    assert shelf.brake.reason() is None
    with pytest.raises(Unavailable, match="12 of the last 30 files looked at"):
        reconciler(shelf).scan(NOW)
    assert set(states(shelf, ids)) == {"success"}
    assert not shelf.brake.look()
    assert reconciler(shelf).scan(NOW, Request(accept_loss=True)).queued == 12
    reconciler(shelf).scrub(NOW, Pace(accept_loss=True))
    assert shelf.brake.reason() is None


HARM = st.sampled_from(["keep", "keep", "keep", "remove", "cut", "grow", "alter", "link", "folder"])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(harms=st.lists(HARM, min_size=1, max_size=24), strays=st.integers(0, 4))
def test_whatever_is_done_to_files_every_success_row_is_true(
    shelf: Shelf, harms: list[str], strays: int
) -> None:
    """After a scan and a scrub rows and files agree, and untouched ones are untouched."""
    _empty(shelf)
    ids = fill(shelf, len(harms))
    for id_, harm in zip(ids, harms, strict=True):
        _do(harm, shelf.path(id_))
    for number in range(strays):
        (shelf.media.root / "posts" / f"stray {number}.txt").write_bytes(b"mine")
    kept = [id_ for id_, harm in zip(ids, harms, strict=True) if harm == "keep"]
    before = {id_: (shelf.row(id_), shelf.path(id_).stat().st_mtime_ns) for id_ in kept}
    resized = sum(harm in {"cut", "grow", "link", "folder"} for harm in harms)
    if max(harms.count("remove"), resized) > max(FEW - 1, len(harms) // 5):
        with pytest.raises(Unavailable):
            reconciler(shelf).scan(NOW)
        assert {shelf.row(id_)["download_status"] for id_ in ids} == {"success"}
        return
    if harms.count("alter") > max(FEW - 1, len(harms) // 5):
        return
    found = reconciler(shelf).scan(NOW)
    hashed = reconciler(shelf).scrub(NOW, Pace())
    assert found.queued + hashed.queued == len(ids) - len(kept)
    assert found.foreign == strays
    for id_ in ids:
        assert (shelf.row(id_)["download_status"] == "success") == (id_ in before)
        assert shelf.path(id_).exists() == (id_ in before)
    assert {id_: (shelf.row(id_), shelf.path(id_).stat().st_mtime_ns) for id_ in kept} == before
    assert len(list((shelf.media.root / "posts").glob("stray*"))) == strays


def _do(harm: str, path: Path) -> None:
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:1])
    elif harm == "grow":
        path.write_bytes(path.read_bytes() * 2)
    elif harm == "alter":
        flip(path)
    elif harm != "keep":
        path.unlink()
        if harm == "link":
            path.symlink_to("/etc/hostname")
        elif harm == "folder":
            path.mkdir()


def _empty(shelf: Shelf) -> None:
    with models.transaction(shelf.db):
        models.change(shelf.db, "DELETE FROM media_storage")
        models.change(shelf.db, "DELETE FROM archive WHERE name <> 'id'")
    shutil.rmtree(shelf.media.root)
    shelf.brake.setup()


def test_files_put_back_are_adopted_without_a_download(shelf: Shelf) -> None:
    """A lost row whose very bytes are there again is archived as before."""
    ids = fill(shelf, 6)
    data = {id_: shelf.path(id_).read_bytes() for id_ in ids[:3]}
    before = {id_: shelf.row(id_) for id_ in data}
    for id_ in data:
        shelf.path(id_).unlink()
    reconciler(shelf).scan(NOW)
    for id_, content in data.items():
        shelf.path(id_).write_bytes(content)
    flip(shelf.path(ids[0]))
    found = reconciler(shelf).scan(NOW, Request(dry_run=True))
    assert (found.adopted, shelf.row(ids[1])["download_status"]) == (2, "failed")
    assert reconciler(shelf).scan(NOW).adopted == 2
    for id_ in ids[1:3]:
        changed = {"updated_at", "developed_at"}
        assert {k: v for k, v in shelf.row(id_).items() if k not in changed} == {
            k: v for k, v in before[id_].items() if k not in changed
        }
    assert [job.id for job in shelf.backlog.claim(9, NOW)] == [ids[0]]
    assert reconciler(shelf).scan(NOW).adopted == 0


def test_files_that_return_are_welcomed_between_scans(shelf: Shelf) -> None:
    """Only what has its very bytes again is adopted, and archived rows are not looked at."""
    ids = fill(shelf, 8)
    data = {id_: shelf.path(id_).read_bytes() for id_ in ids[:4]}
    for id_ in data:
        shelf.path(id_).unlink()
    reconciler(shelf).scan(NOW)
    for id_ in ids[:3]:
        shelf.path(id_).write_bytes(data[id_])
    flip(shelf.path(ids[0]))
    assert reconciler(shelf).welcome() == 2
    assert reconciler(shelf).welcome() == 0
    assert {job.id for job in shelf.backlog.claim(9, NOW)} == {ids[0], ids[3]}


def test_a_file_put_into_another_folder_is_brought_home(shelf: Shelf) -> None:
    """By its content it is known whose it is; a shared one is put wherever it is missing."""
    one, other = shelf.add(1, b"same", "posts"), shelf.add(2, b"same", "attachments")
    name = shelf.path(one).name
    shelf.path(one).rename(shelf.media.root / "thumbnails" / name)
    shelf.path(other).unlink()
    found = reconciler(shelf).scan(NOW)
    assert (found.missing, found.adopted, found.orphans) == (2, 2, 0)
    assert shelf.path(one).read_bytes() == shelf.path(other).read_bytes() == b"same"
    assert not (shelf.media.root / "thumbnails" / name).exists()
    assert reconciler(shelf).scan(NOW) == Findings(files=2)


def test_orphans_are_told_and_removed_only_when_asked(shelf: Shelf) -> None:
    """Young files may still get their row, and strange names are nobody's business of ours."""
    old = (NOW - timedelta(hours=1)).timestamp()
    folder = shelf.media.root / "posts"
    kept = shelf.add(1, b"kept")
    names = [f"{n:064x}.jpg" for n in range(4)]
    for name in [*names, "holiday.jpg", f"{'A' * 64}.jpg"]:
        (folder / name).write_bytes(b"12345")
    for name in names[:3]:
        os.utime(folder / name, (old, old))
    expected = Findings(files=1, orphans=3, orphan_bytes=15, young=1, foreign=2)
    for request in (Request(), Request(dry_run=True, delete_orphans=True)):
        assert reconciler(shelf).scan(NOW, request) == expected
    found = reconciler(shelf).scan(NOW, Request(delete_orphans=True))
    assert found.orphans_deleted == 3
    assert found.foreign_names == [f"posts/{'A' * 64}.jpg", "posts/holiday.jpg"]
    left = {path.name for path in folder.iterdir()}
    assert left == {names[3], "holiday.jpg", f"{'A' * 64}.jpg", shelf.path(kept).name}


def test_the_statistics_tell_of_the_last_looks(shelf: Shelf) -> None:
    """When all rows were last held against all files, and when every byte was checked."""
    assert stats(shelf.db, NOW)["reconcile"] == {"last_scan": None, "last_scrub": None}
    shelf.brake.setup()
    reconciler(shelf).scan(NOW, Request(dry_run=True))
    reconciler(shelf).scrub_if_due(NOW, timedelta(days=30), Pace())
    told = stats(shelf.db, NOW)["reconcile"]
    assert told == {"last_scan": None, "last_scrub": moment(NOW)}
    reconciler(shelf).scan(NOW)
    assert stats(shelf.db, NOW)["reconcile"]["last_scan"] == moment(NOW)


def test_what_is_no_file_of_its_size_is_left_to_the_scan(shelf: Shelf) -> None:
    """A link, a pipe, a folder, a file that grew and one that is gone are neither read nor waited
    for, and the files beside them are checked."""
    ids = [shelf.add(n, b"%d" % n) for n in range(7)]
    paths = [shelf.path(id_) for id_ in ids]
    for path in paths[:5]:
        path.unlink()
    paths[0].symlink_to(paths[6])
    os.mkfifo(paths[1])
    paths[2].mkdir()
    paths[3].write_bytes(b"longer")
    flip(paths[5])
    for readers in (2, 1):
        found = reconciler(shelf).scrub(NOW, Pace(dry_run=True, readers=readers))
        assert (found.scrubbed, found.wrong_content, found.unreadable) == (7, 1, 0)


@pytest.mark.parametrize("readers", [1, 2])
def test_no_files_are_left_open(shelf: Shelf, readers: int) -> None:
    """A scrub that stops in the middle closes what it had opened ahead."""
    fill(shelf, 2 * CHUNK)
    open_before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - its own descriptor counts in both
    assert reconciler(shelf).scrub(NOW, Pace(enough=after(3), readers=readers)).scrubbed == 3
    assert len(os.listdir("/proc/self/fd")) == open_before  # noqa: PTH208


def test_what_was_damaged_counts_after_a_kill_too(shelf: Shelf) -> None:
    """Several readers note their place seldom, and at once where they have queued a file."""
    ids = fill(shelf, 3 * CHUNK)
    first = min(
        ids, key=lambda id_: (CATEGORIES.index(shelf.path(id_).parent.name), shelf.path(id_).name)
    )
    flip(shelf.path(first))

    def die(findings: Findings) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reconciler(shelf).scrub(NOW, Pace(heard=die, readers=2))
    found = reconciler(shelf).scrub(NOW, Pace(readers=2))
    assert (found.scrubbed, found.wrong_content) == (len(ids), 1)
