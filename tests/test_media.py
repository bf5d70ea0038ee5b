"""Files on disk: whole or not there, and never outside the three folders."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fbsyncd import media as names
from fbsyncd.errors import MediaTrouble, Unavailable
from fbsyncd.media import MARKER, Media

DATA = b"a picture"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NAME = names.filename(hashlib.sha256(DATA).hexdigest(), "jpg")


@pytest.fixture
def media(tmp_path: Path) -> Media:
    media = Media(tmp_path / "media" / "facebook", tmp_path)
    media.prepare()
    return media


def test_a_published_file_has_its_name_and_all_its_bytes(media: Media) -> None:
    """Staging alone shows nothing; publishing shows everything."""
    staged = media.stage(DATA, "posts", NAME)
    assert media.file("posts", NAME) is None
    media.publish([staged])
    path = media.file("posts", NAME)
    assert path is not None
    assert path.read_bytes() == DATA
    assert media.size("posts", NAME) == len(DATA)
    assert list(media.names("posts")) == [NAME]


def test_paths_are_told_relative_to_the_config(media: Media, tmp_path: Path) -> None:
    """An archive that is moved as a whole finds its files again."""
    assert media.local_path("posts", NAME) == f"media/facebook/posts/{NAME}"
    elsewhere = Media(Path("/srv/pictures"), tmp_path)
    assert elsewhere.local_path("posts", NAME) == f"/srv/pictures/posts/{NAME}"


def test_many_sizes_are_those_of_each_file(media: Media, tmp_path: Path) -> None:
    """What is missing has none, a link has its own, and without the folder nothing is there."""
    media.publish([media.stage(DATA, "posts", NAME)])
    (media.root / "posts" / "linked.jpg").symlink_to(media.root / "posts" / NAME)
    names_ = [NAME, "missing.jpg", "linked.jpg", f"{NAME}/no-folder.jpg"]
    found = media.sizes("posts", names_)
    assert found == [media.size("posts", name) for name in names_]
    assert found[:2] == [len(DATA), None]
    assert found[2] != len(DATA)
    (media.root / "attachments").rmdir()
    assert media.sizes("attachments", names_) == [None] * 4


def test_another_disk_is_noticed_before_the_next_write(media: Media) -> None:
    """A marker that was read is not believed any more once it is another file or gone."""
    media.archive_id = "mine"
    media.mark()
    media.discard([media.stage(DATA, "posts", NAME)])
    marker = media.root / MARKER
    marker.rename(media.root / "put away")
    with pytest.raises(Unavailable):
        media.stage(DATA, "posts", NAME)
    marker.write_text("another\n")
    with pytest.raises(Unavailable):
        media.stage(DATA, "posts", NAME)
    (media.root / "put away").replace(marker)
    media.discard([media.stage(DATA, "posts", NAME)])


def test_only_leftovers_of_dead_processes_are_swept(media: Media) -> None:
    """A living process keeps the file it is writing."""
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (media.root / ".incoming" / f"{dead}-0badcafe-1.part").write_bytes(b"half")
    (media.root / ".incoming" / f"{os.getpid()}-0badcafe-1.part").write_bytes(b"a reused pid")
    # The pid of a process that was killed before the machine started again may be anybody's.
    old = media.root / ".incoming" / f"{os.getppid()}-0badcafe-1.part"
    young = media.root / ".incoming" / f"{os.getppid()}-0badcafe-2.part"
    for part, age in ((old, DAY), (young, timedelta(hours=1))):
        part.write_bytes(b"of a living process")
        stamp = (NOW - age).timestamp()
        os.utime(part, (stamp, stamp))
    mine = media.stage(DATA, "posts", NAME)
    assert media.sweep(NOW) == 3
    assert mine.part.exists()
    assert young.exists()
    assert not old.exists()
    young.unlink()
    media.discard([mine])
    assert list((media.root / ".incoming").iterdir()) == []


def test_a_damaged_file_goes_to_quarantine(media: Media) -> None:
    """The bytes stay for a look, and the name is free again."""
    media.publish([media.stage(DATA, "posts", NAME)])
    (media.root / "posts" / NAME).write_bytes(b"damaged")
    media.quarantine("posts", NAME)
    media.quarantine("posts", NAME)
    assert media.file("posts", NAME) is None
    assert (media.root / ".quarantine" / f"posts-{NAME}").read_bytes() == b"damaged"


@pytest.mark.skipif(shutil.which("fincore") is None, reason="fincore of util-linux is not here")
def test_hashing_leaves_no_file_in_the_page_cache(media: Media) -> None:
    """A scrub of a whole archive must not push out what others have read."""
    data = bytes(300_000)
    name = names.filename(hashlib.sha256(data).hexdigest(), "jpg")
    media.publish([media.stage(data, "posts", name)])
    path = media.root / "posts" / name
    assert path.read_bytes() == data
    before = cached(path)
    assert media.digest("posts", name) == name.partition(".")[0]
    assert cached(path) == 0 < before


def cached(path: Path) -> int:
    """How many bytes of a file are in the page cache."""
    command = ["fincore", "--bytes", "--noheadings", "--output", "RES", str(path)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_a_folder_that_cannot_be_written_is_told(media: Media) -> None:
    """The error names the folder and is worth another try."""
    (media.root / ".incoming").rmdir()
    with pytest.raises(MediaTrouble, match=r"cannot write a picture of 9 bytes to .*incoming"):
        media.stage(DATA, "posts", NAME)


def test_a_link_inside_the_folder_is_not_followed(media: Media, tmp_path: Path) -> None:
    """A symlink with a perfect name leads nowhere."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (media.root / "posts" / NAME).symlink_to(secret)
    assert media.file("posts", NAME) is None


@given(category=st.text(), name=st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_leads_out_of_the_folders(media: Media, category: str, name: str) -> None:
    """Whatever is asked for, the answer is a file of ours or nothing."""
    found = media.file(category, name)
    assert found is None or found.parent.parent == media.root


def test_an_unplugged_disk_is_noticed(media: Media) -> None:
    """Without its folders the archive is not there."""
    assert media.is_mounted()
    (media.root / "posts").rmdir()
    assert not media.is_mounted()
