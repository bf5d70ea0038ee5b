"""An earlier ``media_storage``: its rows keep their ids, its files are kept, the rest waits."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from dump import Dump, read_page
from plant import config_text, everything, query, sync
from shelf import picture
from test_adoption import archive_on, whole

from fbsyncd import adopt, config, links
from fbsyncd.archive import Archive
from fbsyncd.errors import SchemaError
from fbsyncd.reconcile import Request
from fbsyncd.simulator import Simulator

MEDIA = """
CREATE TABLE media_storage (
    id {uuid} PRIMARY KEY,
    original_url TEXT NOT NULL UNIQUE,
    local_filename VARCHAR(255),
    local_path TEXT,
    public_url TEXT,
    file_size INTEGER,
    mime_type VARCHAR(100),
    width INTEGER,
    height INTEGER,
    download_status VARCHAR(20),
    error_message TEXT,
    downloaded_at TIMESTAMP,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
)"""
ROW = (
    "INSERT INTO media_storage (id, original_url, local_filename, local_path, download_status,"
    " downloaded_at) VALUES (?, ?, ?, ?, ?, '2026-01-02 03:04:05')"
)
UNSAFE = "SELECT asset_key, error_message FROM media_storage WHERE download_status <> 'success'"


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=10, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def scripts(facebook: Simulator, database_url: str) -> Dump:
    told = Dump(database_url)
    told.make(MEDIA)
    read_page(told, facebook.url, facebook.page_id, facebook.token)
    return told


@contextmanager
def opened(facebook: Simulator, folder: Path, scripts: Dump) -> Iterator[Archive]:
    text = config_text(facebook, scripts.url)
    archive = Archive(config.parse(text, base=folder, environ={}), now=facebook.clock.now)
    try:
        yield archive
    finally:
        archive.close()


def stored(archive: Archive, id_: str) -> dict[str, object]:
    names = ("asset_key", "download_status", "local_path", "file_size", "sha256", "width")
    (row,) = query(archive, f"SELECT {', '.join(names)} FROM media_storage WHERE id = ?", [id_])
    return dict(zip(names, row, strict=True))


IDS = [str(uuid.UUID(int=number + 1)) for number in range(5)]


@pytest.fixture
def urls(scripts: Dump, tmp_path: Path) -> list[str]:
    """Five earlier rows: two files, one that is gone, one broken, and the first picture again."""
    found = [
        str(url)
        for (url,) in scripts.ask(
            "SELECT full_picture_url FROM facebook_posts WHERE full_picture_url IS NOT NULL"
            " ORDER BY id"
        )
    ]
    old = tmp_path / "downloads" / "posts"
    old.mkdir(parents=True)
    (old / "one.jpg").write_bytes(picture(1))
    (old / "two.jpg").write_bytes(picture(2))
    (old / "broken.jpg").write_bytes(picture(3)[:500])
    scripts.write(
        ROW,
        [
            (IDS[0], found[0], "one.jpg", "downloads/posts/one.jpg", "success"),
            (IDS[1], found[1], "two.jpg", str(old / "two.jpg"), "success"),
            (IDS[2], found[2], "gone.jpg", "downloads/posts/gone.jpg", "success"),
            (IDS[3], found[3], "broken.jpg", "downloads/posts/broken.jpg", "success"),
            (IDS[4], found[0] + "&again=1", None, None, "failed"),
        ],
    )
    return found


def test_files_are_kept_and_rows_keep_their_ids(
    facebook: Simulator, scripts: Dump, tmp_path: Path, urls: list[str]
) -> None:
    """A file that is there is archived under our name, beside the one that stays; others wait."""
    with opened(facebook, tmp_path, scripts) as archive:
        assert "2 files of earlier pictures" in str(archive.take_over())
        assert archive.setup() == []
        assert archive.brake.reason() is None
        for number, data in enumerate((picture(1), picture(2))):
            row, digest = stored(archive, IDS[number]), hashlib.sha256(data).hexdigest()
            assert row == {
                "asset_key": links.asset_key(urls[number]),
                "download_status": "success",
                "local_path": f"media/facebook/posts/{digest}.jpg",
                "file_size": len(data),
                "sha256": digest,
                "width": 640,
            }
            assert (tmp_path / str(row["local_path"])).read_bytes() == data
        statuses = [stored(archive, id_)["download_status"] for id_ in IDS[2:]]
        assert statuses == ["pending", "pending", "failed"]
        assert archive.reconcile(Request()).missing == 0
    old = tmp_path / "downloads" / "posts"
    assert sorted(path.name for path in old.iterdir()) == ["broken.jpg", "one.jpg", "two.jpg"]


def test_earlier_pictures_are_archived_once(
    facebook: Simulator, scripts: Dump, tmp_path: Path, urls: list[str]
) -> None:
    """The next syncs fetch what has no file, under the earlier rows, and nothing twice."""
    keys = [links.asset_key(url) for url in urls]
    with opened(facebook, tmp_path, scripts) as archive:
        assert archive.take_over()
        archive.setup()
        facebook.clock.move(timedelta(days=7))
        assert sync(archive).problems == []
        # What is left is the row of a picture that another row has.
        assert query(archive, UNSAFE) == [
            (f"{keys[0]}@{IDS[4]}", f"it is the same picture as media row {IDS[0]}")
        ]
        local = query(archive, "SELECT local_full_picture_id FROM facebook_posts")
        assert {str(id_) for (id_,) in local} >= set(IDS[:4])
        assert stored(archive, IDS[2])["download_status"] == "success"
        before = everything(archive)
        sync(archive)
        archive.setup()
        assert everything(archive) == before


def test_a_picture_of_an_earlier_row_that_changes_is_found_by_its_link(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """An id that is not the one its key gives stays the picture's, in syncs that bring news."""
    ((post, url),) = scripts.ask(
        "SELECT id, full_picture_url FROM facebook_posts WHERE full_picture_url IS NOT NULL"
        " ORDER BY id LIMIT 1"
    )
    own = str(uuid.UUID(int=77))
    scripts.write(ROW, [(own, url, None, None, "pending")])
    with opened(facebook, tmp_path, scripts) as archive:
        assert archive.take_over()
        archive.setup()
        facebook.clock.move(timedelta(days=7))
        sync(archive)
        facebook.edit(post, "another text")
        sync(archive)
        told = "SELECT local_full_picture_id, message FROM facebook_posts WHERE id = ?"
        ((id_, message),) = query(archive, told, [post])
        assert (str(id_), message) == (own, "another text")
        assert stored(archive, own)["download_status"] == "success"
        assert query(archive, "SELECT * FROM former_pictures") == []


@pytest.mark.parametrize("words", [str.upper, lambda id_: id_.replace("-", ""), "{{{}}}".format])
def test_a_uuid_in_other_words_is_the_same_picture(
    database_url: str, tmp_path: Path, words: Callable[[str], str]
) -> None:
    """The row is written as ours are, wherever it is named, and its file is kept."""
    scripts, id_ = Dump(database_url), "0ad5a3f6-9f4c-4d3b-8d59-0c9f0e6d2aaa"
    scripts.make(MEDIA.replace("{uuid}", "TEXT"))
    reference = "REFERENCES media_storage (id)" if scripts.is_file else ""
    scripts.run(f"ALTER TABLE facebook_posts ADD COLUMN local_picture_id TEXT {reference}")
    scripts.write(ROW, [(words(id_), "https://x.fbcdn.net/a.jpg", "a.jpg", "a.jpg", "success")])
    scripts.write(
        "INSERT INTO facebook_posts (id, picture_url, local_picture_id, created_time)"
        " VALUES (?, ?, ?, ?)",
        [("1_2", "https://x.fbcdn.net/a.jpg?oh=2", words(id_), "2026-01-01")],
    )
    (tmp_path / "a.jpg").write_bytes(picture(1))
    with archive_on(database_url, tmp_path) as archive:
        assert "1 file of earlier pictures" in str(archive.take_over())
        archive.setup()
        assert stored(archive, id_)["download_status"] == "success"
        assert query(archive, "SELECT local_picture_id FROM facebook_posts") == [(id_,)]
        (post,) = archive.feed.newest(9)
        assert post["has_local_image"]


NOTES = "CREATE TABLE notes (media_id TEXT REFERENCES media_storage (id){follow}, note TEXT)"


@pytest.fixture
def noted(database_url: str) -> Callable[[str], Dump]:
    """Returns scripts whose own table has a foreign key to an id in capitals."""

    def make(follow: str) -> Dump:
        scripts = Dump(database_url)
        scripts.make(MEDIA.replace("{uuid}", "TEXT"))
        scripts.write(ROW, [(CAPITALS, "https://x.fbcdn.net/a.jpg", None, None, "pending")])
        scripts.run(NOTES.format(follow=follow))
        scripts.write("INSERT INTO notes (media_id, note) VALUES (?, ?)", [(CAPITALS, "mine")])
        return scripts

    return make


CAPITALS = "0AD5A3F6-9F4C-4D3B-8D59-0C9F0E6D2AAA"


@pytest.mark.parametrize("follow", ["", " ON UPDATE SET NULL", " DEFERRABLE INITIALLY DEFERRED"])
def test_a_foreign_key_that_holds_an_id_in_capitals_is_named(
    noted: Callable[[str], Dump], tmp_path: Path, follow: str
) -> None:
    """The rehearsal refuses what the setup refuses, with the same words and what to do."""
    scripts = noted(follow)
    before = whole(scripts)
    name = "" if scripts.is_file else " notes_media_id_fkey"
    refused = rf"notes.media_id is held to UUIDs in other words by the foreign key{name} for 1 id"
    with archive_on(scripts.url, tmp_path) as archive:
        with pytest.raises(SchemaError, match=refused) as rehearsed:
            adopt.rehearse(scripts.url)
        with pytest.raises(SchemaError, match="ON UPDATE CASCADE") as told:
            archive.take_over()
        assert str(told.value) == str(rehearsed.value)
    assert [row for row in whole(scripts) if "schema_migrations" not in row[0]] == before
    if scripts.is_file:
        return
    # What it says to do is what helps.
    scripts.run(str(told.value).partition(f"{CAPITALS}): ")[2])
    with archive_on(scripts.url, tmp_path) as archive:
        assert archive.take_over()


def test_a_foreign_key_that_follows_is_followed(
    noted: Callable[[str], Dump], tmp_path: Path
) -> None:
    """The database writes the id in the scripts' own table too."""
    scripts = noted(" ON UPDATE CASCADE")
    adopt.rehearse(scripts.url)
    with archive_on(scripts.url, tmp_path) as archive:
        assert archive.take_over()
    assert scripts.ask("SELECT media_id, note FROM notes") == [(CAPITALS.lower(), "mine")]


def test_ids_that_are_no_uuids_are_refused(database_url: str, tmp_path: Path) -> None:
    """What is to be done about it is told, and nothing is changed."""
    scripts = Dump(database_url)
    scripts.run(MEDIA.replace("{uuid}", "TEXT"))
    scripts.write(ROW, [("7", "https://x.fbcdn.net/a.jpg", None, None, "success")])
    before = whole(scripts)
    refused = pytest.raises(SchemaError, match=r"media_storage.id is no UUID in 1 row \(id 7\)")
    with archive_on(database_url, tmp_path) as archive, refused:
        archive.take_over()
    assert [row for row in whole(scripts) if "schema_migrations" not in row[0]] == before


def test_the_folder_of_another_archive_is_not_taken(database_url: str, tmp_path: Path) -> None:
    """A marked media folder belongs to somebody; the adoption says so before it begins."""
    scripts = Dump(database_url)
    scripts.make()
    folder = tmp_path / "media" / "facebook"
    folder.mkdir(parents=True)
    (folder / ".fbsyncd-archive").write_text("somebody\n")
    before = whole(scripts)
    refused = pytest.raises(SchemaError, match="belongs to another archive: name an empty one")
    with archive_on(database_url, tmp_path) as archive, refused:
        archive.take_over()
    assert whole(scripts) == before


def test_the_database_holds_rows_to_the_three_statuses(database_url: str, tmp_path: Path) -> None:
    """As in a table made here, no other status can be written."""
    scripts = Dump(database_url)
    scripts.make(MEDIA)
    with archive_on(database_url, tmp_path) as archive:
        assert archive.take_over()
        archive.setup()
    with pytest.raises(Exception, match="status"):
        scripts.write(ROW, [(str(uuid.UUID(int=1)), "a", None, None, "done")])
