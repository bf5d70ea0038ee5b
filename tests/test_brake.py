"""An unplugged disk is no loss: the marker, the brake, and the two ways out."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Timer
from typing import Any
from uuid import UUID

import pytest
from peewee import Database
from plant import archive_of, config_text, everything, one, read
from shelf import NOW, Shelf, picture
from test_daemon import PATIENCE, Running, all_safe, running

from fbsyncd import facts, models
from fbsyncd.assets import Tally
from fbsyncd.brake import FEW, Brake, most
from fbsyncd.errors import Unavailable
from fbsyncd.media import MARKER
from fbsyncd.reconcile import Findings, Reconciler, Request
from fbsyncd.simulator import Simulator

ACCEPT = Request(accept_loss=True)


@pytest.fixture
def shelf(db: Database, tmp_path: Path) -> Shelf:
    return Shelf.make(db, tmp_path)


def scan(shelf: Shelf, request: Request | None = None) -> Findings:
    reconciler = Reconciler(shelf.db, shelf.media, shelf.backlog, shelf.brake, chunk_size=7)
    return reconciler.scan(NOW, request or Request())


def rows(shelf: Shelf) -> list[tuple[Any, ...]]:
    with models.session(shelf.db):
        return models.rows(shelf.db, "SELECT * FROM media_storage ORDER BY id")


def archived(shelf: Shelf) -> int:
    with models.session(shelf.db):
        sql = "SELECT count(*) FROM media_storage WHERE download_status = 'success'"
        return int(models.rows(shelf.db, sql)[0][0])


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_new_folder_is_marked_once(shelf: Shelf) -> None:
    """The marker holds the archive's id; setting up again leaves the file alone."""
    marker = shelf.media.root / MARKER
    with models.session(shelf.db):
        ((id_,),) = models.rows(shelf.db, "SELECT value FROM archive WHERE name = 'id'")
    assert marker.read_text().splitlines()[0] == id_
    before = marker.stat().st_mtime_ns
    Brake(shelf.db, shelf.media).setup()
    assert marker.stat().st_mtime_ns == before


def test_an_archive_with_files_gets_no_marker_by_setting_up(shelf: Shelf) -> None:
    """In an empty mount point neither marker nor folders are made."""
    id_ = shelf.add(1, picture(1))
    shutil.rmtree(shelf.media.root)
    shelf.media.root.mkdir()
    brake = Brake(shelf.db, shelf.media)
    brake.setup()
    assert tree(shelf.media.root) == []
    reason = brake.reason()
    assert reason is not None
    assert "mount its disk again" in reason
    assert "--accept-loss" in reason
    assert shelf.row(id_)["download_status"] == "success"


@pytest.mark.parametrize("content", [None, "another-archive\n", "", "\xff\x00"])
def test_nothing_is_changed_without_our_own_marker(shelf: Shelf, content: str | None) -> None:
    """A missing, foreign, empty or garbled marker stops scans and writes, and no row changes."""
    shelf.path(shelf.add(1, picture(1))).unlink()
    before = rows(shelf)
    marker = shelf.media.root / MARKER
    marker.unlink()
    if content is not None:
        marker.write_text(content, encoding="latin-1")
    for request in (Request(), Request(dry_run=True), Request(delete_orphans=True)):
        with pytest.raises(Unavailable, match="--accept-loss"):
            scan(shelf, request)
    with pytest.raises(Unavailable, match="mount its disk again"):
        shelf.media.stage(b"data", "posts", f"{'ab' * 32}.jpg")
    with pytest.raises(Unavailable, match="mount its disk again"):
        shelf.media.publish([])
    assert rows(shelf) == before


def test_a_folder_that_cannot_be_listed_has_lost_nothing(shelf: Shelf) -> None:
    """A folder replaced by a file is trouble of the disk, told as such."""
    shelf.add(1, picture(1))
    marker = shelf.media.root / MARKER
    marker.unlink()
    marker.mkdir()
    before = rows(shelf)
    with pytest.raises(Unavailable, match="cannot read"):
        scan(shelf)
    assert rows(shelf) == before


@pytest.mark.parametrize(("files", "gone"), [(9, 9), (30, 9), (60, 12)])
def test_few_files_heal_without_a_word(shelf: Shelf, files: int, gone: int) -> None:
    """Up to a fifth, and always a handful, is queued again."""
    ids = [shelf.add(number, bytes([number])) for number in range(files)]
    for id_ in ids[:gone]:
        shelf.path(id_).unlink()
    assert scan(shelf).queued == gone


@pytest.mark.parametrize(("files", "gone"), [(10, 10), (30, 10), (60, 13)])
def test_too_many_files_gone_at_once_change_no_row(shelf: Shelf, files: int, gone: int) -> None:
    """More than a fifth is unavailable, for every process; put back, work goes on by itself."""
    ids = [shelf.add(number, bytes([number])) for number in range(files)]
    before = rows(shelf)
    away = shelf.media.root.parent / "away"
    away.mkdir()
    for id_ in ids[:gone]:
        shutil.move(shelf.path(id_), away)
    with pytest.raises(Unavailable, match=f"{gone} of {files} archived files are gone"):
        scan(shelf)
    assert rows(shelf) == before
    elsewhere = Brake(shelf.db, shelf.media)
    with pytest.raises(Unavailable, match=f"{gone} of {files}"):
        elsewhere.require()
    assert not elsewhere.look()
    for path in away.iterdir():
        shutil.move(path, shelf.media.root / "posts")
    assert elsewhere.look()
    assert scan(shelf) == Findings(files=files)
    assert elsewhere.reason() is None
    assert rows(shelf) == before


def test_some_files_back_are_noticed_and_the_rest_heals(shelf: Shelf) -> None:
    """A disk that comes back nearly whole is taken; what it still lacks is queued again."""
    ids = [shelf.add(number, bytes([number])) for number in range(40)]
    kept = {id_: shelf.path(id_).read_bytes() for id_ in ids[:20]}
    for id_ in kept:
        shelf.path(id_).unlink()
    with pytest.raises(Unavailable):
        scan(shelf)
    for id_ in ids[:15]:
        shelf.path(id_).write_bytes(kept[id_])
    assert shelf.brake.look()
    assert scan(shelf).queued == 5
    assert shelf.brake.reason() is None


def test_a_loss_stays_one_however_many_files_are_added(shelf: Shelf) -> None:
    """Of more files it would be less than a fifth; files that come back end it, or a person."""
    ids = [shelf.add(n, picture(n)) for n in range(60)]
    paths = [shelf.path(id_) for id_ in ids]
    kept = {path: path.read_bytes() for path in paths[:13]}
    for path in kept:
        path.unlink()
    with pytest.raises(Unavailable, match="13 of 60"):
        scan(shelf)
    for n in range(60, 80):
        shelf.add(n, picture(n))
    before = rows(shelf)
    for request in (None, Request(dry_run=True)):
        with pytest.raises(Unavailable, match="13 of 80"):
            scan(shelf, request)
    assert rows(shelf) == before
    assert shelf.brake.reason()
    first = paths[0]
    first.write_bytes(kept[first])
    assert scan(shelf).queued == 12
    assert shelf.brake.reason() is None


def test_a_dry_run_tells_of_too_many_and_remembers_nothing(shelf: Shelf) -> None:
    """Looking does not pull the brake."""
    for number in range(12):
        shelf.path(shelf.add(number, bytes([number]))).unlink()
    with pytest.raises(Unavailable, match="12 of 12"):
        scan(shelf, Request(dry_run=True))
    assert shelf.brake.reason() is None
    assert scan(shelf, Request(dry_run=True, accept_loss=True)).missing == 12
    assert archived(shelf) == 12


@pytest.mark.parametrize("what", ["files", "root", "marker", "foreign"])
def test_an_accepted_loss_is_fetched_again(shelf: Shelf, what: str) -> None:
    """A person's word queues everything that is missing and marks the folder as ours."""
    ids = [shelf.add(number, bytes([number])) for number in range(12)]
    if what == "foreign":
        (shelf.media.root / MARKER).write_text("other\n")
    elif what == "marker":
        (shelf.media.root / MARKER).unlink()
    elif what == "root":
        shutil.rmtree(shelf.media.root)
    else:
        for id_ in ids:
            shelf.path(id_).unlink()
    with pytest.raises(Unavailable):
        scan(shelf)
    gone = 12 if what in {"files", "root"} else 0
    assert scan(shelf, ACCEPT) == Findings(files=12, missing=gone, queued=gone)
    assert shelf.brake.reason() is None
    assert archived(shelf) == 12 - gone
    assert {job.id for job in shelf.backlog.claim(50, NOW)} == set(ids if gone else ())
    scan(shelf)


def test_one_in_five_and_always_a_few() -> None:
    """The limit grows with the archive and never falls below a handful."""
    assert [most(files) for files in (0, 10, 49, 50, 1000)] == [FEW - 1, FEW - 1, 9, 10, 200]


def test_downloads_do_not_fill_an_empty_mount_point(tmp_path: Path, database_url: str) -> None:
    """Without the disk nothing is claimed, fetched or written; with it everything is."""
    with (
        Simulator(posts=6, seed=3, pictures="plain") as facebook,
        archive_of(facebook, tmp_path, database_url) as archive,
    ):
        read(archive)
        archive.download()
        facebook.add_post("photo", message="one more")
        read(archive)
        before = everything(archive)
        root = archive.media.root
        away = root.rename(root.with_name("away"))
        root.mkdir()
        for job in (archive.download, archive.develop):
            with pytest.raises(Unavailable):
                job()
        assert tree(root) == []
        assert everything(archive) == before
        root.rmdir()
        away.rename(root)
        assert archive.download().archived > 0
        assert one(archive, "SELECT count(*) FROM media_storage WHERE lease_until IS NOT NULL") == 0


def test_a_long_drain_stops_when_the_brake_is_pulled(tmp_path: Path, database_url: str) -> None:
    """It is looked at before each handful, not only at the start."""
    with (
        Simulator(posts=40, seed=3, pictures="plain") as facebook,
        archive_of(facebook, tmp_path, database_url) as archive,
    ):
        read(archive)

        def heard(tally: Tally) -> None:
            with suppress(Unavailable):
                archive.brake.pull(["posts/x.jpg"], 1, 1)

        with pytest.raises(Unavailable):
            archive.download(heard)
        assert one(archive, "SELECT count(*) FROM media_storage WHERE lease_until IS NOT NULL") == 0
        assert one(archive, "SELECT count(*) FROM media_storage WHERE attempts > 0") == 0
        waiting = "SELECT count(*) FROM media_storage WHERE download_status = 'pending'"
        assert one(archive, waiting) > 0


def fbsyncd(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fbsyncd", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def ready(daemon: Running) -> dict[str, Any]:
    try:
        found: dict[str, Any] = daemon.get("/readyz")
    except urllib.error.HTTPError as error:
        with error:
            found = json.load(error)
    return found


def becomes(daemon: Running, state: str, seconds: float = PATIENCE) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := ready(daemon))["status"] == state:
            return found
    raise AssertionError(f"{found}\n{''.join(daemon.log)}")


def hear(daemon: Running, text: str) -> None:
    """Wait for a line in the daemon's log; a daemon that does not say it is killed."""
    assert daemon.process.stderr is not None
    impatience = Timer(PATIENCE, daemon.process.kill)
    impatience.start()
    try:
        for line in daemon.process.stderr:
            daemon.log.append(line)
            if text in line:
                return
    finally:
        impatience.cancel()
    raise AssertionError("".join(daemon.log))


def fill(shelf: Shelf, count: int) -> list[UUID]:
    """Archive many tiny files at once, as if they had been developed too."""
    ids = [UUID(int=number + 1) for number in range(count)]
    names = {}
    for id_ in ids:
        names[id_] = f"{hashlib.sha256(id_.bytes).hexdigest()}.jpg"
        (shelf.media.root / "posts" / names[id_]).write_bytes(id_.bytes)
    with models.transaction(shelf.db):
        models.change_many(
            shelf.db,
            "INSERT INTO media_storage (id, asset_key, category, original_url, local_filename,"
            " file_size, sha256, download_status, developed_at) VALUES (?, ?, 'posts', 'http://x',"
            " ?, 16, ?, 'success', ?)",
            [
                (str(id_), name, name, name.removesuffix(".jpg"), models.to_text(NOW))
                for id_, name in names.items()
            ],
        )
    return ids


def empty_at_once(folder: Path, daemon: Running) -> None:
    """Delete all of it, as *daemon* sees it in a moment.

    A scan in the midst of it would rightly queue again the few that are gone by then.
    """
    daemon.process.send_signal(signal.SIGSTOP)
    for path in folder.iterdir():
        path.unlink()
    daemon.process.send_signal(signal.SIGCONT)


def test_ten_thousand_files_deleted_at_once_stop_the_daemon_s_hand(
    tmp_path: Path, database_url: str
) -> None:
    """The daemon says it is unavailable and changes no row, until a person accepts the loss."""
    with Simulator(posts=0, seed=3, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
        with archive_of(facebook, tmp_path, database_url) as archive:
            shelf = Shelf(archive.db, archive.media, archive.backlog, archive.brake)
            fill(shelf, 10_000)
            with running(tmp_path) as daemon:
                becomes(daemon, "ready")
                daemon.until(lambda stats: stats["reconcile"]["last_scan"] is not None)
                before = rows(shelf)
                empty_at_once(archive.media.root / "posts", daemon)
                told = becomes(daemon, "not ready")
                assert "files are gone" in told["parts"]["media"]
                assert "10,000 archived files are gone" in str(archive.brake.reason())
                assert rows(shelf) == before
                by_hand = fbsyncd(tmp_path, "reconcile")
                assert by_hand.returncode == 1
                (said,) = by_hand.stderr.splitlines()
                assert "--accept-loss" in said
                accepted = fbsyncd(tmp_path, "reconcile", "--accept-loss")
                assert accepted.returncode == 0, accepted.stderr
                assert "10,000 pictures queued again" in accepted.stdout
                becomes(daemon, "ready")
                daemon.stop()
            assert sum("unavailable: 10,000" in line for line in daemon.log) <= 1, daemon.log


def test_a_disk_that_is_unplugged_and_back_is_noticed(tmp_path: Path, database_url: str) -> None:
    """The daemon waits while the folder is away and goes on by itself; a file gone then heals."""
    with Simulator(posts=8, seed=3, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
        with running(tmp_path) as daemon:
            daemon.until(lambda stats: stats["media"]["success"] > 8)
            daemon.until(lambda stats: stats["media"]["pending"] + stats["media"]["failed"] == 0)
            root = tmp_path / "media" / "facebook"
            away = root.rename(tmp_path / "away")
            root.mkdir()
            assert "disk is not there" in becomes(daemon, "not ready")["parts"]["media"]
            hear(daemon, "unavailable: ")
            lost = next((away / "attachments").iterdir())
            lost.unlink()
            assert tree(root) == []
            root.rmdir()
            away.rename(root)
            hear(daemon, "available again")
            becomes(daemon, "ready")
            back = root / "attachments" / lost.name
            daemon.until(lambda stats: back.exists() and stats["media"]["failed"] == 0)
            daemon.stop()
        assert "Traceback" not in "".join(daemon.log)


def harmed(shelf: Shelf) -> Path:
    """Harm three of forty files and leave two strays; return the orphan among them."""
    missing, cut, altered = (shelf.path(id_) for id_ in fill(shelf, 40)[:3])
    missing.unlink()
    cut.write_bytes(b"cut")
    altered.write_bytes(b"0123456789abcdef")
    missing.with_name("notes.txt").touch()
    orphan = missing.with_name(f"{'ab' * 32}.png")
    orphan.write_bytes(b"orphan")
    os.utime(orphan, (0, 0))
    return orphan


def test_reconcile_tells_each_kind_in_a_line(tmp_path: Path, database_url: str) -> None:
    """Looking changes nothing; doing removes what was asked for and queues the rest."""
    with Simulator(posts=0, seed=3, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
        with archive_of(facebook, tmp_path, database_url) as archive:
            shelf = Shelf(archive.db, archive.media, archive.backlog, archive.brake)
            orphan, before = harmed(shelf), rows(shelf)
            looked = fbsyncd(tmp_path, "reconcile", "--scrub", "--dry-run", "--delete-orphans")
            assert looked.returncode == 0, looked.stderr
            assert looked.stdout.splitlines() == [
                "40 files checked",
                "1 missing",
                "1 of the wrong size",
                "1 of 40 with other content",
                "3 pictures would be queued again",
                "1 file that no row knows (6 B): would be removed",
                "1 name not ours, left alone: posts/notes.txt",
            ]
            assert rows(shelf) == before
            assert orphan.exists()
            done = fbsyncd(tmp_path, "reconcile", "--scrub", "--delete-orphans")
            assert done.stdout.splitlines()[3:6] == [
                "1 of 38 with other content",
                "3 pictures queued again, for fbsyncd sync or a running daemon to bring back",
                "1 file that no row knows (6 B): removed",
            ]
            assert not orphan.exists()
            assert "hashing: 38 of 40 files" in done.stderr


def test_a_scrub_is_never_further_than_its_end(tmp_path: Path, database_url: str) -> None:
    """Files that came while it was interrupted count on both sides."""
    with Simulator(posts=0, seed=3, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
        with archive_of(facebook, tmp_path, database_url) as archive:
            shelf = Shelf(archive.db, archive.media, archive.backlog, archive.brake)
            for number in range(3):
                shelf.add(number, picture(number))
            place = {"began_at": models.to_text(datetime.now(UTC)), "checked": 70}
            facts.put(archive.db, "scrub by hand", json.dumps(place))
        done = fbsyncd(tmp_path, "reconcile", "--scrub")
        assert "hashing: 73 of 73 files" in done.stderr, done.stderr


def test_setting_up_without_the_disk_is_said(
    shelf: Shelf, tmp_path: Path, database_url: str
) -> None:
    """The schema is brought up to date, and the exit status tells that the folder is not there."""
    shelf.add(1, picture(1))
    (tmp_path / "config.toml").write_text(
        f'[database]\nurl = "{database_url}"\n[media]\nroot = "media/facebook"\n'
    )
    assert fbsyncd(tmp_path, "setup").returncode == 0
    (shelf.media.root / MARKER).unlink()
    refused = fbsyncd(tmp_path, "setup")
    assert refused.returncode == 1
    (said,) = refused.stderr.splitlines()
    assert "--accept-loss" in said


def niceness(pid: int) -> list[int]:
    """Of each thread of a process."""
    stats = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    return [int(stat.rpartition(")")[2].split()[16]) for stat in stats]


def test_a_byte_rewritten_in_place_comes_back_whole_by_itself(
    tmp_path: Path, database_url: str
) -> None:
    """The watch tells which file was written to, and it is hashed although its size is as before.

    The scrub, which would find it too, is made once at the start and then not for years.
    """
    with Simulator(posts=4, seed=3, pictures="plain") as facebook:
        config = config_text(facebook, database_url) + '[reconcile]\nscrub_interval = "3650d"\n'
        (tmp_path / "config.toml").write_text(config)
        with running(tmp_path) as daemon:
            daemon.until(all_safe)
            root = tmp_path / "media/facebook"
            one, other, *_ = sorted((root / "attachments").iterdir())
            wholes = one.read_bytes(), other.read_bytes()
            with one.open("r+b") as file:
                file.write(b"\0")
            (one.parent / "new").write_bytes(b"\0" + wholes[1][1:])
            (one.parent / "new").rename(other)
            kept = [root / ".quarantine" / f"attachments-{path.name}" for path in (one, other)]
            daemon.until(lambda _: all(path.exists() for path in kept))
            daemon.until(lambda _: one.exists() and one.read_bytes() == wholes[0])
            daemon.until(lambda _: other.exists() and other.read_bytes() == wholes[1])
            daemon.until(all_safe)
            daemon.stop()


def test_rot_is_found_and_mended_while_the_daemon_runs(tmp_path: Path, database_url: str) -> None:
    """A byte altered on disk is noticed by the scrub and the picture fetched again."""
    with Simulator(posts=4, seed=3, pictures="plain") as facebook:
        config = config_text(facebook, database_url)
        config += '[reconcile]\nwatch = false\nscrub_interval = "1s"\n'
        (tmp_path / "config.toml").write_text(config)
        with running(tmp_path) as daemon:
            daemon.until(all_safe)
            path = next((tmp_path / "media/facebook/attachments").iterdir())
            whole = path.read_bytes()
            path.write_bytes(b"\0" + whole[1:])
            daemon.until(lambda stats: path.exists() and path.read_bytes() == whole)
            mine = os.getpriority(os.PRIO_PROCESS, 0)
            if sys.platform == "linux" and mine < 19:
                found = niceness(daemon.process.pid)
                assert len([nice for nice in found if nice > mine]) == 1, found
            daemon.until(all_safe)
            daemon.stop()
