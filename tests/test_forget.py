"""Removing on purpose: what goes, what stays, and that it does not come back."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from plant import archive_of, config_text, everything, files, one, query, read, sync
from test_cli import fbsyncd

from fbsyncd import condemned, forget, models
from fbsyncd.archive import Archive
from fbsyncd.errors import MediaTrouble, UsageError
from fbsyncd.forget import Subject, Toll
from fbsyncd.simulator import Simulator
from fbsyncd.walks import BEGINNING, Walk


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=8, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def archive(facebook: Simulator, tmp_path: Path, database_url: str) -> Iterator[Archive]:
    with archive_of(facebook, tmp_path, database_url) as opened:
        yield opened


def remove(archive: Archive, kind: str, id_: str) -> Toll:
    return forget.forget(archive.db, archive.media, Subject(kind, id_), archive.now())


def read_all(archive: Archive) -> None:
    """Read everything again, as ``fbsyncd sync --all`` does."""
    archive.stop.clear()
    for page in archive.config.facebook.pages:
        archive.sync(page, wanted=lambda now: Walk("full", BEGINNING, now))


def test_a_forgotten_post_leaves_nothing_but_a_note(facebook: Simulator, archive: Archive) -> None:
    """The archive is as it was before the post: rows, files, and what was once shown of it."""
    sync(archive)
    rows, there = everything(archive), files(archive)
    post_id = facebook.add_post("album", photos=3, message="a mistake")
    sync(archive)
    facebook.replace_photo(post_id)
    facebook.edit(post_id, "mended")
    sync(archive)
    gone = len(files(archive)) - len(there)
    toll = remove(archive, "post", post_id)
    assert everything(archive) == rows
    assert files(archive) == there
    assert (toll.posts, toll.files) == (1, gone)
    assert gone > 4
    assert archive.feed.history(post_id) is None
    assert query(archive, "SELECT 1 FROM former_pictures WHERE owner_id = ?", [post_id]) == []
    noted = query(archive, "SELECT kind, id, posts, files, bytes FROM forgotten")
    assert noted == [("post", post_id, 1, gone, toll.bytes)]


@pytest.mark.parametrize("kind", ["album", "reel"])
def test_a_forgotten_post_does_not_come_back(
    facebook: Simulator, archive: Archive, kind: str
) -> None:
    """Reading everything again brings neither the post nor its video nor their pictures."""
    post_id = facebook.add_post(kind)
    sync(archive)
    remove(archive, "post", post_id)
    rows, there = everything(archive), files(archive)
    facebook.edit(post_id, "changed meanwhile")
    read_all(archive)
    sync(archive)
    assert everything(archive) == rows
    assert files(archive) == there


def test_a_video_goes_with_its_post(facebook: Simulator, archive: Archive) -> None:
    """A reel is listed twice by Facebook, as post and as video: both go."""
    post_id = facebook.add_post("reel")
    sync(archive)
    shown = one(archive, "SELECT count(*) FROM facebook_video_posts WHERE post_id = ?", [post_id])
    assert remove(archive, "post", post_id).videos == shown == 1


def test_a_video_goes_with_its_post_that_was_never_read(archive: Archive) -> None:
    """A Page's videos are a list of their own, which may be read before the posts are."""
    with models.transaction(archive.db):
        models.change(
            archive.db,
            "INSERT INTO facebook_video_posts (video_id, page_id, post_id)"
            " VALUES ('v', '1', '1_1')",
        )
    assert remove(archive, "post", "1_1") == Toll(0, 0, 1)
    assert query(archive, "SELECT kind, id FROM forgotten ORDER BY 1") == [
        ("post", "1_1"),
        ("video", "v"),
    ]


def test_a_picture_that_another_post_names_stays(facebook: Simulator, archive: Archive) -> None:
    """Only the row that nobody else needs goes; the other post shows what it showed."""
    first, second = facebook.add_post("photo"), facebook.add_post("photo")
    sync(archive)
    picture = "SELECT local_full_picture_id FROM facebook_posts WHERE id = ?"
    shared = one(archive, picture, [first])
    with models.transaction(archive.db):
        models.change(
            archive.db,
            "UPDATE facebook_posts SET local_full_picture_id = ? WHERE id = ?",
            [str(shared), second],
        )
    remove(archive, "post", first)
    ((category, name),) = query(
        archive, "SELECT category, local_filename FROM media_storage WHERE id = ?", [str(shared)]
    )
    assert archive.media.file(category, name) is not None


def test_a_file_that_another_row_has_stays(facebook: Simulator, archive: Archive) -> None:
    """Two pictures with the same bytes share a file; it goes with the last of them."""
    first, second = facebook.add_post("photo"), facebook.add_post("photo")
    sync(archive)
    with models.transaction(archive.db):
        models.change(
            archive.db,
            "UPDATE media_storage SET local_filename = (SELECT m.local_filename FROM"
            " media_storage m JOIN facebook_posts p ON p.local_full_picture_id = m.id"
            " WHERE p.id = ?) WHERE id = (SELECT local_full_picture_id FROM facebook_posts"
            " WHERE id = ?)",
            [first, second],
        )
    name = one(
        archive,
        "SELECT m.local_filename FROM media_storage m JOIN facebook_posts p"
        " ON p.local_full_picture_id = m.id WHERE p.id = ?",
        [second],
    )
    remove(archive, "post", first)
    assert archive.media.file("posts", name) is not None
    remove(archive, "post", second)
    assert archive.media.file("posts", name) is None


def test_a_forgotten_page_leaves_the_others(tmp_path: Path, database_url: str) -> None:
    """Everything of one Page goes and is not asked for again; the other Page is untouched."""
    with (
        Simulator(posts=5, pages=2, pictures="plain") as facebook,
        archive_of(facebook, tmp_path, database_url) as archive,
    ):
        sync(archive)
        first, second = (page.id for page in facebook.pages)
        toll = remove(archive, "page", first)
        assert toll.posts == 5
        for table in ("facebook_posts", "facebook_video_posts", "sync_state", "source_months"):
            pages = query(archive, f"SELECT DISTINCT page_id FROM {table}")
            assert pages in ([(second,)], []), table
        assert query(archive, "SELECT id FROM facebook_pages") == [(second,)]
        kept = query(archive, "SELECT DISTINCT category, local_filename FROM media_storage")
        assert {f"{category}/{name}" for category, name in kept} == set(files(archive))
        asked = facebook.count("graph", f"/{first}/")
        rows = everything(archive)
        read_all(archive)
        assert everything(archive) == rows
        assert facebook.count("graph", f"/{first}/") == asked


def test_what_is_not_archived_is_refused(facebook: Simulator, archive: Archive) -> None:
    """An unknown id, and one that is forgotten already, change nothing and are told apart."""
    post_id = facebook.add_post("photo")
    sync(archive)
    for kind in ("post", "page"):
        with pytest.raises(UsageError, match=f"no {kind} with the id 12 is archived"):
            remove(archive, kind, "12")
    remove(archive, "post", post_id)
    with pytest.raises(UsageError, match="was forgotten on 20"):
        remove(archive, "post", post_id)


def test_nothing_is_forgotten_while_the_disk_is_away(facebook: Simulator, archive: Archive) -> None:
    """The files could not be removed, so the rows stay too."""
    post_id = facebook.add_post("photo")
    sync(archive)
    rows = everything(archive)
    root = archive.config.media.root
    root.rename(root.with_name("unplugged"))
    with pytest.raises(MediaTrouble, match="mount its disk"):
        remove(archive, "post", post_id)
    assert everything(archive) == rows


def test_files_left_by_a_kill_go_later(facebook: Simulator, archive: Archive) -> None:
    """What was noted and not removed is removed by the next sweep, unless a row needs it again."""
    sync(archive)
    stays, goes = sorted(files(archive))[:2]
    gone = archive.media.root / goes
    with models.transaction(archive.db):
        models.change(
            archive.db,
            "UPDATE media_storage SET local_filename = 'elsewhere.jpg' WHERE local_filename = ?",
            [gone.name],
        )
        for number, path in enumerate((stays, goes)):
            models.change(
                archive.db,
                "INSERT INTO condemned_files (media_id, category, filename) VALUES (?, ?, ?)",
                [f"00000000-0000-0000-0000-00000000000{number}", *path.split("/")],
            )
    assert condemned.sweep(archive.db, archive.media) == 1
    assert not gone.exists()
    assert (archive.media.root / stays).exists()
    assert query(archive, "SELECT 1 FROM condemned_files") == []


def test_a_start_removes_what_a_kill_left(facebook: Simulator, archive: Archive) -> None:
    """The daemon finishes at its start what a forget could not, but not while the disk is away."""
    sync(archive)
    stray = "ab" * 32 + ".jpg"
    root = archive.media.root
    (root / "posts" / stray).write_bytes(b"x")
    with models.transaction(archive.db):
        models.change(
            archive.db,
            "INSERT INTO condemned_files (media_id, category, filename) VALUES (?, ?, ?)",
            ["00000000-0000-0000-0000-000000000001", "posts", stray],
        )
    root.rename(root.with_name("unplugged"))
    archive.tidy()
    root.with_name("unplugged").rename(root)
    assert (root / "posts" / stray).exists()
    archive.tidy()
    assert not (root / "posts" / stray).exists()


def test_a_picture_forgotten_while_it_is_developed_leaves_no_small_one(
    facebook: Simulator, archive: Archive
) -> None:
    """The worker that hands in the small version finds no parent and writes nothing."""
    sync(archive)
    rows = everything(archive)
    nobody, small = uuid4(), uuid4()
    archive.backlog.put_derived([(small, "key@320", nobody)])
    assert everything(archive) == rows


def test_the_source_is_not_said_to_have_more_than_is_wanted(
    facebook: Simulator, archive: Archive
) -> None:
    """A forgotten post is taken out of what the source listed."""
    post_id = facebook.add_post("photo")
    read(archive)
    before = one(archive, "SELECT sum(posts) FROM source_months")
    remove(archive, "post", post_id)
    assert one(archive, "SELECT sum(posts) FROM source_months") == before - 1
    facebook.clock.move(timedelta(hours=1))
    read_all(archive)
    assert one(archive, "SELECT sum(posts) FROM source_months") == before - 1


def test_a_post_the_source_did_not_list_is_not_taken_out_of_what_it_did(
    facebook: Simulator, archive: Archive
) -> None:
    """One that was missed is in the archive still, and not in the count of that reading."""
    post_id = facebook.add_post("photo")
    read(archive)
    before = one(archive, "SELECT sum(posts) FROM source_months")
    facebook.remove(post_id)
    facebook.clock.move(timedelta(hours=1))
    read_all(archive)
    assert one(archive, "SELECT sum(posts) FROM source_months") == before - 1
    remove(archive, "post", post_id)
    assert one(archive, "SELECT sum(posts) FROM source_months") == before - 1


def test_the_command_removes_and_says_what_went(tmp_path: Path) -> None:
    """Status 0 and a sentence; an unknown id is status 1 and one line; a wrong kind is usage."""
    with Simulator(posts=4, seed=3, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook))
        fbsyncd(tmp_path, "sync")
        post_id = facebook.world.posts(facebook.page_id)[0].id
        done = fbsyncd(tmp_path, "forget", "post", post_id, "--yes")
        assert done.returncode == 0
        assert "1 post," in done.stdout
        again = fbsyncd(tmp_path, "forget", "post", post_id, "--yes")
        assert (again.returncode, len(again.stderr.splitlines())) == (1, 1)
        assert fbsyncd(tmp_path, "forget", "video", "1").returncode == 2
        assert fbsyncd(tmp_path, "sync", "--all").returncode == 0
        assert post_id not in fbsyncd(tmp_path, "posts", "--json").stdout
        assert fbsyncd(tmp_path, "forget", "page", facebook.page_id).returncode == 0
        assert fbsyncd(tmp_path, "sync", "--all").returncode == 1
        assert fbsyncd(tmp_path, "posts", "--json").stdout == "[]\n"


def test_a_person_at_a_terminal_is_asked_first(tmp_path: Path) -> None:
    """Anything but yes removes nothing."""
    with Simulator(posts=2, seed=3, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook))
        fbsyncd(tmp_path, "sync", "--no-media")
        post_id = facebook.world.posts(facebook.page_id)[0].id
        assert at_terminal(tmp_path, "n\n", "forget", "post", post_id) == 1
        assert post_id in fbsyncd(tmp_path, "posts", "--json").stdout
        assert piped(tmp_path, "n\n", "forget", "post", post_id) == 1
        assert post_id in fbsyncd(tmp_path, "posts", "--json").stdout
        assert at_terminal(tmp_path, "y\n", "forget", "post", post_id) == 0
        assert post_id not in fbsyncd(tmp_path, "posts", "--json").stdout


def piped(folder: Path, typed: str, *arguments: str) -> int:
    """Return the status of a command that is given its answer by another program."""
    command = [sys.executable, "-m", "fbsyncd", *arguments]
    done = subprocess.run(
        command, cwd=folder, input=typed, text=True, capture_output=True, check=False
    )
    return done.returncode


def at_terminal(folder: Path, typed: str, *arguments: str) -> int:
    """Return the status of a command whose standard input is a terminal."""
    ours, its = pty.openpty()
    try:
        os.write(ours, typed.encode())
        done = subprocess.run(
            [sys.executable, "-m", "fbsyncd", *arguments],
            cwd=folder,
            stdin=its,
            capture_output=True,
            check=False,
        )
        return done.returncode
    finally:
        os.close(ours)
        os.close(its)


def test_a_forgotten_page_that_is_configured_is_told_of(
    facebook: Simulator, tmp_path: Path
) -> None:
    """A sync that reads no other Page fails and says so; doctor warns, and asks nothing for it."""
    (tmp_path / "config.toml").write_text(config_text(facebook))
    assert fbsyncd(tmp_path, "sync").returncode == 0
    assert fbsyncd(tmp_path, "forget", "--yes", "page", facebook.page_id).returncode == 0
    calls = facebook.calls["graph"]
    done = fbsyncd(tmp_path, "sync")
    assert done.returncode == 1
    told = f"page {facebook.page_id}: it was forgotten on purpose and is not read; take it out of"
    assert told in done.stderr.splitlines()[-1]
    seen = fbsyncd(tmp_path, "doctor").stdout
    words = f"Page {facebook.page_id} was forgotten on purpose on "
    (line,) = [one for one in seen.splitlines() if words in one]
    assert "take it out of config.toml" in line
    assert "its posts can be read" not in seen
    assert facebook.calls["graph"] == calls


@pytest.mark.parametrize("kind", ["post", "page"])
def test_a_note_taken_out_by_hand_lets_it_come_back(
    facebook: Simulator, archive: Archive, kind: str
) -> None:
    """No command does that; what Facebook still shows is then read again as a whole."""
    sync(archive)
    before = set(query(archive, "SELECT id FROM facebook_posts"))
    id_ = facebook.page_id if kind == "page" else min(before)[0]
    remove(archive, kind, id_)
    assert set(query(archive, "SELECT id FROM facebook_posts")) < before
    with models.transaction(archive.db):
        models.change(archive.db, "DELETE FROM forgotten WHERE kind = ? AND id = ?", [kind, id_])
    read_all(archive)
    assert set(query(archive, "SELECT id FROM facebook_posts")) == before
