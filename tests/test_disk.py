"""Real trouble of real disks: full, read-only, out of descriptors. Nothing is lost by it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from plant import archive_of, config_text, files, one, query, read
from test_brake import hear
from test_daemon import all_safe, running

from fbsyncd.archive import Archive
from fbsyncd.download import download_one
from fbsyncd.errors import MediaTrouble
from fbsyncd.simulator import Simulator

FLOOR = "free_space_floor = 0"
UNSETTLED = "SELECT count(*) FROM media_storage WHERE lease_until IS NOT NULL"
BLAMED = "SELECT * FROM media_storage WHERE download_status = 'failed'"
ATTEMPTS = "SELECT id, attempts FROM media_storage WHERE download_status <> 'success' ORDER BY id"
WAITING = "SELECT count(*) FROM media_storage WHERE download_status <> 'success'"


class Disk:
    """A small file system of its own, mounted at *place*."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir(parents=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "fbsyncd-test", str(place)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")

    def remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.place)], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.place)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    try:
        disk = Disk(tmp_path / "media" / "facebook")
    except FileNotFoundError:
        pytest.skip("no mount command here")
    try:
        yield disk
    finally:
        disk.unmount()


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=12, seed=3, pictures="plain") as simulator:
        yield simulator


def nothing_is_lost(archive: Archive) -> bool:
    """No row is blamed or left leased, no file is half there."""
    assert query(archive, BLAMED) == []
    assert one(archive, UNSETTLED) == 0
    # What came too late for a download that failed is removed by the thread that fetched it.
    for thread in threading.enumerate():
        if thread.name.startswith("fetch"):
            thread.join()
    assert list((archive.media.root / ".incoming").iterdir()) == []
    rows = query(
        archive,
        "SELECT category, local_filename, file_size FROM media_storage"
        " WHERE download_status = 'success'",
    )
    for category, name, size in rows:
        assert archive.media.size(category, name) == size
    return True


def test_a_full_disk_stops_work_until_there_is_room(
    facebook: Simulator, disk: Disk, database_url: str, tmp_path: Path
) -> None:
    """The trouble names its remedy; with more room everything is fetched and whole."""
    with archive_of(facebook, tmp_path, database_url, FLOOR) as archive:
        read(archive)
        (disk.place / "ballast").write_bytes(bytes(200_000))
        with pytest.raises(MediaTrouble, match="No space left on device; free some space"):
            archive.download()
        assert nothing_is_lost(archive)
        assert one(archive, WAITING) > 0
        disk.remount("size=64m")
        archive.download()
        assert one(archive, WAITING) == 0
        assert nothing_is_lost(archive)


def test_a_full_disk_uses_up_no_attempt_of_any_picture(
    facebook: Simulator, disk: Disk, database_url: str, tmp_path: Path
) -> None:
    """However often it is full, and whatever failed before: the attempts stay as they were."""
    with archive_of(facebook, tmp_path, database_url, FLOOR) as archive:
        read(archive)
        facebook.faults.cdn_status(500)
        archive.download()
        assert {count for _, count in query(archive, ATTEMPTS)} == {1}
        facebook.faults.cdn_online()
        facebook.clock.move(timedelta(hours=1))
        (disk.place / "ballast").write_bytes(bytes(200_000))
        for _ in range(3):
            with pytest.raises(MediaTrouble, match="No space left on device"):
                archive.download()
        assert {count for _, count in query(archive, ATTEMPTS)} == {1}
        assert one(archive, UNSETTLED) == 0
        disk.remount("size=64m")
        archive.download()
        assert one(archive, WAITING) == 0


def test_one_picture_that_is_fetched_for_a_full_disk_keeps_its_attempts(
    facebook: Simulator, disk: Disk, database_url: str, tmp_path: Path
) -> None:
    """So does one that is asked for by itself: it is given back as it was."""
    with archive_of(facebook, tmp_path, database_url, FLOOR) as archive:
        read(archive)
        before = query(archive, ATTEMPTS)
        fill(disk)
        (job, *_) = archive.backlog.claim(1, archive.now())
        with pytest.raises(MediaTrouble, match="No space left on device"):
            download_one(archive.backlog, archive.fetcher, archive.media, job, archive.now)
        assert query(archive, ATTEMPTS) == before
        assert one(archive, UNSETTLED) == 0


def fill(disk: Disk) -> None:
    """Leave no byte of *disk*."""
    with (disk.place / "filling").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_read_only_disk_stops_work_until_it_is_writable(
    facebook: Simulator, disk: Disk, tmp_path: Path, database_url: str
) -> None:
    """What is archived stays readable meanwhile."""
    disk.remount("size=64m")
    with archive_of(facebook, tmp_path, database_url, FLOOR) as archive:
        read(archive)
        disk.remount("ro")
        with pytest.raises(MediaTrouble, match="read-only"):
            archive.download()
        assert nothing_is_lost(archive)
        assert archive.reconcile().queued == 0
        disk.remount("rw")
        archive.download()
        assert one(archive, WAITING) == 0


def test_a_daemon_waits_until_it_may_write(
    facebook: Simulator, tmp_path: Path, database_url: str
) -> None:
    """Folders it may not write to are said, no picture is blamed, and later it goes on."""
    text = config_text(facebook, database_url, FLOOR)
    (tmp_path / "config.toml").write_text(text.replace("[sync]\n", '[sync]\ninterval = "2s"\n'))
    incoming = tmp_path / "media" / "facebook" / ".incoming"
    with running(tmp_path) as daemon:
        daemon.until(all_safe)
        # Root may write where it has no right to; not so where nobody may.
        if subprocess.run(["chattr", "+i", incoming], capture_output=True, check=False).returncode:
            pytest.skip("no folder can be made immutable here")
        try:
            facebook.add_post("photo")
            hear(daemon, "give the user that runs fbsyncd the right to it")
            stats = daemon.until(lambda stats: stats["media"]["pending"] > 0)
            assert stats["media"]["failed"] == 0
        finally:
            subprocess.run(["chattr", "-i", incoming], check=True)
        hear(daemon, "no longer: ")
        daemon.until(lambda stats: stats["posts"] == 13 and all_safe(stats))
        daemon.stop()
    assert "Traceback" not in "".join(daemon.log)


def test_a_daemon_tells_of_a_full_disk_once_and_goes_on(
    facebook: Simulator, disk: Disk, tmp_path: Path, database_url: str
) -> None:
    """Seconds of trouble are one line; its end is another one."""
    (tmp_path / "config.toml").write_text(config_text(facebook, database_url, FLOOR))
    (disk.place / "ballast").write_bytes(bytes(220_000))
    with running(tmp_path) as daemon:
        hear(daemon, "No space left on device")
        (disk.place / "ballast").unlink()
        disk.remount("size=64m")
        hear(daemon, "no longer: ")
        daemon.until(all_safe)
        daemon.stop()
    told = [line for line in daemon.log if " error " in line]
    assert len(told) <= 2, told
    assert "Traceback" not in "".join(daemon.log)


def test_an_unmounted_disk_is_noticed_and_its_mount_point_stays_empty(
    facebook: Simulator, tmp_path: Path, database_url: str
) -> None:
    """A disk that goes away while the daemon runs is waited for, and nothing is written below."""
    (tmp_path / "config.toml").write_text(config_text(facebook, database_url, FLOOR))
    root, kept = tmp_path / "media" / "facebook", tmp_path / "kept"
    root.mkdir(parents=True)
    kept.mkdir()
    bind = ["mount", "--bind", str(kept), str(root)]
    if subprocess.run(bind, capture_output=True, check=False).returncode:
        pytest.skip("no folder can be mounted here")
    try:
        with running(tmp_path) as daemon:
            daemon.until(all_safe)
            subprocess.run(["umount", "--lazy", str(root)], check=True)
            hear(daemon, "unavailable: ")
            facebook.add_post("photo", message="while the disk is away")
            assert list(root.iterdir()) == []
            subprocess.run(bind, check=True)
            hear(daemon, "available again")
            daemon.until(all_safe)
            daemon.stop()
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=False)
    assert list(root.iterdir()) == []


def test_too_few_descriptors_are_one_line(facebook: Simulator, tmp_path: Path) -> None:
    """A command that runs out of open files ends with a sentence, and loses nothing."""
    (tmp_path / "config.toml").write_text(config_text(facebook, "", FLOOR))
    program = (
        "import resource, sys\n"
        "from fbsyncd.__main__ import main\n"
        "from fbsyncd import commands\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (13, 13))\n"
        "sys.exit(main(['sync']))\n"
    )
    starved = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert starved.returncode == 1
    assert "Traceback" not in starved.stderr
    with archive_of(facebook, tmp_path, "", FLOOR) as archive:
        facebook.clock.move(timedelta(minutes=1))
        read(archive)
        archive.download()
        assert one(archive, WAITING) == 0
        assert files(archive)
