"""From the queue to files, over a CDN that does everything CDNs do."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from PIL import Image
from plant import archive_of, everything, files, one, query, read

from fbsyncd import bounds, models
from fbsyncd.archive import Archive
from fbsyncd.assets import Tally
from fbsyncd.download import Orders, download_one, drain
from fbsyncd.errors import MediaTrouble, Offline
from fbsyncd.fetch import Fetcher, Picture
from fbsyncd.media import CATEGORIES, Media, Staged
from fbsyncd.simulator import Simulator

FAILED = "SELECT error_message FROM media_storage WHERE download_status = 'failed'"
WAITING = "SELECT count(*) FROM media_storage WHERE download_status <> 'success'"
LEASED = "SELECT count(*) FROM media_storage WHERE lease_owner IS NOT NULL"


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=15, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def archive(facebook: Simulator, tmp_path: Path, database_url: str) -> Iterator[Archive]:
    with archive_of(facebook, tmp_path, database_url) as opened:
        read(opened)
        yield opened


def test_rows_tell_the_truth_about_their_files(archive: Archive) -> None:
    """Size, hash, type and dimensions in a row are those of the file, and the name is the hash."""
    tally = archive.download()
    assert tally.archived > 10
    assert (tally.failed, one(archive, WAITING)) == (0, 0)
    rows = query(
        archive,
        "SELECT category, local_filename, local_path, file_size, sha256, mime_type, width, height"
        " FROM media_storage",
    )
    for category, name, local_path, size, sha256, mime_type, width, height in rows:
        path = archive.config.base / local_path
        data = path.read_bytes()
        assert path == archive.media.root / category / name
        assert (len(data), hashlib.sha256(data).hexdigest()) == (size, sha256)
        assert name.startswith(sha256)
        with Image.open(path) as image:
            assert image.size == (width, height)
            assert f"image/{(image.format or '').lower()}" == mime_type


def test_a_single_picture_that_gets_no_name_leaves_nothing_behind(archive: Archive) -> None:
    """With something else where its folder was, its bytes are removed and its row given back."""
    ((id_, category),) = query(archive, "SELECT id, category FROM media_storage LIMIT 1")
    job = archive.backlog.claim_one(UUID(str(id_)), archive.now())
    assert job is not None
    folder = archive.media.root / category
    folder.rmdir()
    folder.write_text("in the way")
    with pytest.raises(MediaTrouble, match="Not a directory"):
        download_one(archive.backlog, archive.fetcher, archive.media, job, archive.now)
    assert list((archive.media.root / ".incoming").iterdir()) == []
    assert one(archive, LEASED) == 0
    folder.unlink()
    folder.mkdir()
    job = archive.backlog.claim_one(UUID(str(id_)), archive.now())
    assert job is not None
    assert not download_one(archive.backlog, archive.fetcher, archive.media, job, archive.now)
    assert len(list(folder.iterdir())) == 1


def test_one_bad_picture_does_not_disturb_the_others(facebook: Simulator, archive: Archive) -> None:
    """Each failure is the row's own, with its reason; everything else is archived."""
    links = query(archive, "SELECT original_url FROM media_storage ORDER BY id LIMIT 3")
    first, second, third = (url.partition("?")[0].rpartition("/")[2] for (url,) in links)
    facebook.faults.cdn_status(500, times=1, match=first)
    facebook.faults.cdn_cut_body(times=1, match=second)
    facebook.faults.cdn_html(times=1, match=third)
    tally = archive.download()
    reasons = [reason for (reason,) in query(archive, FAILED)]
    assert len(reasons) == tally.failed == 3
    assert any("500" in reason for reason in reasons)
    assert one(archive, WAITING) == 3
    facebook.clock.move(timedelta(minutes=1))
    archive.download()
    assert one(archive, WAITING) == 0


def test_a_refused_signature_is_not_tried_again(facebook: Simulator, archive: Archive) -> None:
    """After a 403 the same link is left alone, and a fresh one is fetched at once."""
    facebook.faults.cdn_status(403, times=1)
    archive.download()
    fetched = facebook.calls["cdn"]
    facebook.clock.move(timedelta(hours=1))
    archive.download()
    assert facebook.calls["cdn"] == fetched
    assert one(archive, "SELECT count(*) FROM media_storage WHERE needs_link") == 1
    read(archive)
    archive.download()
    assert one(archive, WAITING) == 0


def test_expired_links_cost_no_request(facebook: Simulator, archive: Archive) -> None:
    """Links that died in the queue are not even tried."""
    facebook.clock.move(timedelta(days=40))
    archive.download()
    assert facebook.calls["cdn"] == 0


def test_stopping_keeps_or_gives_back(facebook: Simulator, archive: Archive) -> None:
    """What is on its way is kept, the rest is free for the next claim."""
    facebook.faults.cdn_delay(0.2)
    stopped = threading.Timer(0.5, archive.stop.set)
    stopped.start()
    tally = archive.download()
    stopped.join()
    assert one(archive, LEASED) == 0
    assert len(files(archive)) == one(
        archive, "SELECT count(*) FROM media_storage WHERE download_status = 'success'"
    )
    assert tally.archived > 0


def test_fetching_goes_on_while_a_group_is_committed(facebook: Simulator, archive: Archive) -> None:
    """Whoever has fetched a picture takes the next one, also while nobody claims any."""
    workers, total = 2, one(archive, WAITING)
    went_on: list[bool] = []

    def heard(tally: Tally) -> None:
        if not went_on and tally.archived + 2 * workers < total:
            wanted = tally.archived + workers + 1
            deadline = time.monotonic() + 60
            while facebook.calls["cdn"] < wanted and time.monotonic() < deadline:
                threading.Event().wait(0.01)
            went_on.append(facebook.calls["cdn"] >= wanted)

    facebook.faults.cdn_delay(0.3)
    orders = Orders(workers=workers, floor=0, stop=archive.stop, now=archive.now, heard=heard)
    drain(archive.backlog, archive.fetcher, archive.media, orders)
    assert went_on == [True]
    assert one(archive, WAITING) == 0


class _Crowded(Fetcher):
    """Notes how many pictures were fetched at once, and how many in all."""

    lock = threading.Lock()
    now = most = fetched = 0

    def fetch(self, url: str) -> Picture:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            return super().fetch(url)
        finally:
            with self.lock:
                self.now -= 1
                self.fetched += 1


class _Slow(Media):
    """A disk that takes nothing in before *is_ready*, and notes whether that came."""

    is_ready: Callable[[], bool] = staticmethod(lambda: True)
    was_ready = True

    def stage(self, data: bytes, category: str, name: str) -> Staged:
        deadline = time.monotonic() + 60
        while not self.is_ready():
            if time.monotonic() > deadline:
                self.was_ready = False
                break
            threading.Event().wait(0.01)
        return super().stage(data, category, name)


def test_the_next_picture_is_fetched_while_the_disk_takes_one_in(
    facebook: Simulator, archive: Archive
) -> None:
    """A disk that waits for one picture more than are fetched at once gets it."""
    workers = 2
    fetcher = _Crowded(bounds.limits(archive.config), user_agent="a test")
    media = _Slow(archive.media.root, archive.config.base)
    media.is_ready = lambda: fetcher.fetched > workers
    orders = Orders(workers=workers, floor=0, stop=archive.stop, now=archive.now)
    facebook.faults.cdn_delay(0.05)
    try:
        tally = drain(archive.backlog, fetcher, media, orders)
    finally:
        fetcher.close()
    assert media.was_ready
    assert fetcher.most == workers
    assert tally.archived == fetcher.fetched
    assert one(archive, WAITING) == 0


def test_what_is_lined_up_is_not_fetched_after_a_stop(
    facebook: Simulator, archive: Archive
) -> None:
    """Only what is on its way is waited for; the rest is given back unasked for."""
    workers = 2
    asked: list[int] = []

    def heard(_: Tally) -> None:
        asked.append(facebook.calls["cdn"])
        archive.stop.set()

    facebook.faults.cdn_delay(0.3)
    orders = Orders(workers=workers, floor=0, stop=archive.stop, now=archive.now, heard=heard)
    tally = drain(archive.backlog, archive.fetcher, archive.media, orders)
    # Who ends just then may begin one more.
    assert facebook.calls["cdn"] <= asked[0] + workers
    assert tally.archived == facebook.calls["cdn"]
    assert one(archive, LEASED) == 0
    assert query(archive, FAILED) == []


def test_a_folder_that_cannot_be_written_loses_nothing(
    facebook: Simulator, archive: Archive
) -> None:
    """The trouble is told, no row is blamed for it, and work goes on when it ends."""
    before = everything(archive)["media_storage"]
    incoming = archive.media.root / ".incoming"
    incoming.rmdir()
    incoming.touch()
    with pytest.raises(MediaTrouble, match=r"cannot .*media"):
        archive.download()
    assert everything(archive)["media_storage"] == before or one(archive, LEASED) == 0
    assert query(archive, FAILED) == []
    incoming.unlink()
    archive.download()
    assert one(archive, WAITING) == 0


def test_what_comes_too_late_leaves_nothing_behind(facebook: Simulator, archive: Archive) -> None:
    """Pictures still on their way when the archive fails are removed once they are there."""
    facebook.faults.cdn_delay(4.0, times=4)
    for category in CATEGORIES:
        (archive.media.root / category).rmdir()
        (archive.media.root / category).touch()
    orders = Orders(workers=8, floor=0, stop=archive.stop, now=archive.now)
    with pytest.raises(MediaTrouble, match="Not a directory"):
        drain(archive.backlog, archive.fetcher, archive.media, orders)
    late = [thread for thread in threading.enumerate() if thread.name.startswith("fetch")]
    for thread in late:
        thread.join()
    assert late
    assert list((archive.media.root / ".incoming").iterdir()) == []
    assert one(archive, LEASED) == 0


def test_downloads_stop_above_a_full_disk(
    facebook: Simulator, tmp_path: Path, database_url: str
) -> None:
    """Below the floor of free space nothing is claimed, and the message says what to do."""
    full = 'free_space_floor = "900TB"'
    with archive_of(facebook, tmp_path, database_url, full) as archive:
        read(archive)
        with pytest.raises(MediaTrouble, match="free some space"):
            archive.download()
        assert facebook.calls["cdn"] == 0
        assert one(archive, LEASED) == 0


def test_a_machine_without_a_network_uses_up_no_attempt(
    facebook: Simulator, archive: Archive
) -> None:
    """Cut off from everything, nothing is recorded against any picture, however often it tries."""
    before = everything(archive)["media_storage"]
    with models.transaction(archive.db):
        models.change(
            archive.db,
            "UPDATE media_storage SET original_url = replace(original_url, ?, ?)",
            [facebook.url, "http://127.0.0.1:9"],
        )
    for _ in range(20):
        facebook.clock.move(timedelta(minutes=10))
        with pytest.raises(Offline, match="cannot be reached"):
            archive.download()
    assert query(archive, FAILED) == []
    assert one(archive, LEASED) == 0
    assert len(everything(archive)["media_storage"]) == len(before)


def test_one_host_that_is_down_waits_without_being_given_up(
    facebook: Simulator, archive: Archive
) -> None:
    """Others are fetched; the unreachable one is tried again and again, uncounted."""
    ((id_,),) = query(archive, "SELECT id FROM media_storage ORDER BY id LIMIT 1")
    with models.transaction(archive.db):
        models.change(
            archive.db,
            "UPDATE media_storage SET original_url = replace(original_url, ?, ?) WHERE id = ?",
            [facebook.url, "http://127.0.0.1:9", str(id_)],
        )
    for _ in range(15):
        archive.download()
        facebook.clock.move(timedelta(minutes=1))
    ((attempts, again),) = query(
        archive, "SELECT attempts, next_attempt_at FROM media_storage WHERE id = ?", [str(id_)]
    )
    assert attempts == 0
    assert again is not None
    assert one(archive, WAITING) == 1


def test_a_dead_host_at_the_head_of_the_queue_keeps_nobody_waiting(
    facebook: Simulator, archive: Archive
) -> None:
    """However many of its links die first, the pictures of other hosts are fetched in one go."""
    dying = "SELECT id FROM media_storage ORDER BY link_expires_at, id LIMIT 20"
    ids = [str(id_) for (id_,) in query(archive, dying)]
    with models.transaction(archive.db):
        models.change_many(
            archive.db,
            "UPDATE media_storage SET original_url = replace(original_url, ?, ?) WHERE id = ?",
            [(facebook.url, "http://127.0.0.1:9", id_) for id_ in ids],
        )
    archive.download()
    waiting = query(archive, "SELECT id FROM media_storage WHERE download_status <> 'success'")
    assert {str(id_) for (id_,) in waiting} == set(ids)
    counted = "SELECT count(*) FROM media_storage WHERE attempts > 0 OR lease_owner IS NOT NULL"
    assert one(archive, counted) == 0


def test_two_processes_share_the_queue(
    facebook: Simulator, tmp_path: Path, database_url: str
) -> None:
    """Two drains at once fetch every picture once."""
    with (
        archive_of(facebook, tmp_path, database_url) as first,
        archive_of(facebook, tmp_path, database_url) as second,
    ):
        read(first)
        threads = [threading.Thread(target=each.download) for each in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert one(first, WAITING) == 0
        assert facebook.calls["cdn"] == one(first, "SELECT count(*) FROM media_storage")


def test_neither_token_nor_cookie_goes_to_the_cdn(facebook: Simulator, archive: Archive) -> None:
    """The CDN learns nothing but which picture is wanted."""
    archive.download()
    asked = [request for request in facebook.requests if request.kind == "cdn"]
    assert asked
    for request in asked:
        names = {name.lower() for name in request.headers}
        assert not names & {"authorization", "cookie", "referer"}
        assert facebook.token not in str(request.headers) + request.path
