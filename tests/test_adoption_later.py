"""An older script goes on writing to its ``media_storage`` after it was adopted."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dump import Dump, read_page
from plant import config_text, one, query, sync
from shelf import picture
from test_adoption import archive_on
from test_adoption_media import MEDIA, opened, scripts, stored
from test_cli import fbsyncd

from fbsyncd import export, links, migrate, models, verify
from fbsyncd.archive import Archive
from fbsyncd.reconcile import Request
from fbsyncd.simulator import Simulator

__all__ = ["scripts"]

ID = str(uuid.UUID(int=99))
#: As such a script writes a picture it has downloaded, for the first time or again.
KEEP = (
    "INSERT INTO media_storage (id, original_url, local_filename, local_path, file_size,"
    " download_status, downloaded_at) VALUES (?, ?, ?, ?, ?, 'success', CURRENT_TIMESTAMP)"
    " ON CONFLICT (original_url) DO UPDATE SET local_filename = EXCLUDED.local_filename,"
    " local_path = EXCLUDED.local_path, file_size = EXCLUDED.file_size,"
    " download_status = EXCLUDED.download_status, updated_at = CURRENT_TIMESTAMP"
)
SUCCESSES = "SELECT count(*) FROM media_storage WHERE download_status = 'success'"


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=6, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def archive(facebook: Simulator, scripts: Dump, tmp_path: Path) -> Iterator[Archive]:
    """The archive of the scripts' database, adopted and not synced yet."""
    with opened(facebook, tmp_path, scripts) as opened_:
        assert opened_.take_over()
        opened_.setup()
        yield opened_


def file(folder: Path, shade: int, name: str = "one.jpg") -> bytes:
    """Put a picture where the scripts keep theirs."""
    place = folder / "downloads" / "attachments" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data := picture(shade))
    return data


def row(id_: str, url: str, name: str | None = "one.jpg") -> tuple[Any, ...]:
    return id_, url, name, name and f"downloads/attachments/{name}", 7 if name else None


def waiting(archive: Archive) -> tuple[str, str]:
    """Return the id and the link of a picture that waits."""
    ((id_, url),) = query(
        archive,
        "SELECT id, original_url FROM media_storage WHERE download_status = 'pending'"
        " ORDER BY id LIMIT 1",
    )
    return str(id_), str(url)


@pytest.mark.parametrize("name", [None, "gone.jpg"])
def test_a_row_that_says_success_is_not_safe_and_breaks_nothing(
    archive: Archive, scripts: Dump, tmp_path: Path, name: str | None
) -> None:
    """Before it is taken in and after, whatever looks at the archive; then it waits."""
    scripts.write(KEEP, [row(ID, "https://x.fbcdn.net/a.jpg?oh=1", name)])
    for _ in range(2):
        assert archive.feed.stats()["pictures"]["safe"] == 0
        assert one(archive, SUCCESSES) == 0
        assert verify.verify(archive.db, archive.media).total.archived == 0
        assert archive.reconcile(Request()).missing == 0
        assert archive.develop() == 0
        assert any(one["id"] == ID for one in archive.feed.media(limit=100)["media"])
        export.export(archive.db, archive.media, tmp_path / "out", archive.now())
        claimed = archive.backlog.claim(100, archive.now())
        archive.backlog.leases.give_back([job.id for job in claimed])
        archive.take_in()
    assert stored(archive, ID)["download_status"] == "pending"
    assert uuid.UUID(ID) in {job.id for job in archive.backlog.claim(100, archive.now())}


def test_commands_live_with_such_a_row(facebook: Simulator, scripts: Dump, tmp_path: Path) -> None:
    """A sync fetches its picture like any other, and a verification finds nothing lost."""
    (tmp_path / "config.toml").write_text(config_text(facebook, scripts.url))
    assert fbsyncd(tmp_path, "setup").returncode == 0
    url = scripts.one("SELECT min(full_picture_url) FROM facebook_posts")
    other = scripts.one(
        f"SELECT original_url FROM media_storage WHERE original_url <> '{url}' ORDER BY id LIMIT 1"
    )
    scripts.write(KEEP, [row(ID, f"{url}&again=1", None), row(ID, other, None)])
    for command in (["stats", "--json"], ["sync"], ["verify"], ["reconcile"], ["stats"]):
        done = fbsyncd(tmp_path, *command)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), (
            done.stdout + done.stderr
        )
    told = json.loads(fbsyncd(tmp_path, "stats", "--json").stdout)
    assert told["media"]["pending"] == 0


def test_its_file_is_taken_in(archive: Archive, scripts: Dump, tmp_path: Path) -> None:
    """A whole picture where the row says is copied and archived, and the row keeps its id."""
    data, url = file(tmp_path, 1), "https://x.fbcdn.net/a.jpg?oh=1"
    digest = hashlib.sha256(data).hexdigest()
    scripts.write(KEEP, [row(ID, url)])
    archive.take_in()
    assert stored(archive, ID) == {
        "asset_key": links.asset_key(url),
        "download_status": "success",
        "local_path": f"media/facebook/attachments/{digest}.jpg",
        "file_size": len(data),
        "sha256": digest,
        "width": 640,
    }
    assert (tmp_path / "downloads" / "attachments" / "one.jpg").read_bytes() == data
    assert archive.reconcile(Request()).missing == 0
    # A second row of the same picture is not fetched.
    scripts.write(KEEP, [row(str(uuid.UUID(int=98)), url.replace("oh=1", "oh=2"))])
    archive.take_in()
    assert one(archive, SUCCESSES) == 1
    assert stored(archive, str(uuid.UUID(int=98)))["download_status"] == "failed"


def test_a_file_for_a_picture_that_waits_is_taken_in(
    archive: Archive, scripts: Dump, tmp_path: Path
) -> None:
    """Whether the script writes to the row that waits or adds another one for its picture."""
    id_, url = waiting(archive)
    file(tmp_path, 1)
    scripts.write(KEEP, [row(ID, url)])
    assert one(archive, SUCCESSES) == 0
    archive.take_in()
    assert stored(archive, id_)["download_status"] == "success"
    id_, url = waiting(archive)
    file(tmp_path, 2)
    scripts.write(KEEP, [row(ID, f"{url}&again=1")])
    archive.take_in()
    assert stored(archive, id_)["download_status"] == "success"
    assert stored(archive, ID)["download_status"] == "failed"
    assert archive.reconcile(Request()).missing == 0
    assert verify.verify(archive.db, archive.media).total.archived == 2


def test_what_is_archived_stays_so(archive: Archive, scripts: Dump, tmp_path: Path) -> None:
    """A script that downloads the picture once more changes nothing of what the row says."""
    sync(archive)
    before = query(
        archive,
        "SELECT id, local_path, sha256, file_size, download_status FROM media_storage ORDER BY id",
    )
    urls = query(archive, "SELECT original_url FROM media_storage WHERE derived_from IS NULL")
    file(tmp_path, 1)
    scripts.write(KEEP, [row(ID, url) for (url,) in urls])
    scripts.write(KEEP, [row(ID, url, None) for (url,) in urls])
    archive.take_in()
    assert before == query(
        archive,
        "SELECT id, local_path, sha256, file_size, download_status FROM media_storage ORDER BY id",
    )
    assert archive.reconcile(Request()).missing == 0


REPLACE = KEEP.split(" ON CONFLICT")[0].replace("INSERT", "INSERT OR REPLACE")
PICTURES = (
    "SELECT id, asset_key, sha256, local_path, download_status FROM media_storage"
    " WHERE derived_from IS NULL ORDER BY id"
)
SAVED = "SELECT name FROM archive WHERE name LIKE 'replaced:%'"


@pytest.fixture
def replacing(facebook: Simulator, tmp_path: Path) -> Dump:
    """Scripts that replace rows, which they can in SQLite alone."""
    told = Dump(f"sqlite:///{tmp_path / 'fbsyncd.db'}")
    told.make(MEDIA)
    read_page(told, facebook.url, facebook.page_id, facebook.token)
    return told


def rows_of(archive: Archive) -> list[tuple[Any, ...]]:
    """Return what a script knows of each picture it has downloaded."""
    sql = "SELECT id, original_url FROM media_storage WHERE derived_from IS NULL ORDER BY id"
    return [row(str(id_), str(url)) for id_, url in query(archive, sql)]


@pytest.mark.parametrize("has_other_id", [False, True])
def test_a_row_that_a_script_replaces_keeps_its_picture(
    facebook: Simulator, replacing: Dump, tmp_path: Path, has_other_id: bool
) -> None:
    """That takes the archived row away unseen; it is put back, and nothing is fetched."""
    with opened(facebook, tmp_path, replacing) as archive:
        assert archive.take_over()
        archive.setup()
        sync(archive)
        before = query(archive, PICTURES)
        many = [
            (str(uuid.uuid4()) if has_other_id else id_, *rest) for id_, *rest in rows_of(archive)
        ]
        replacing.write(REPLACE, many)
        assert one(archive, f"{SUCCESSES} AND derived_from IS NULL") == 0
        archive.take_in()
        kept, ids = query(archive, PICTURES), {id_ for id_, *_ in before}
        assert [line for line in kept if line[0] in ids] == before
        assert len(kept) == len(before) * (1 + has_other_id)
        assert archive.reconcile(Request()).missing == 0
        assert archive.backlog.claim(100, archive.now()) == []
        verdict = verify.verify(archive.db, archive.media)
        assert verdict.is_whole, verdict.reasons
        assert query(archive, SAVED) == []


def test_statements_that_replace_nothing_leave_nothing_behind(
    facebook: Simulator, replacing: Dump, tmp_path: Path
) -> None:
    """And a database that was adopted before this was known is watched from the next start on."""
    with opened(facebook, tmp_path, replacing) as archive:
        assert archive.take_over()
        archive.setup()
        sync(archive)
        before, many = query(archive, PICTURES), rows_of(archive)
        replacing.write(KEEP, many)
        replacing.run("DROP TRIGGER media_storage_replacing")
        archive.setup()
        assert query(archive, SAVED) == []
        replacing.write(REPLACE, many[:1])
        archive.take_in()
        assert query(archive, PICTURES) == before


def test_without_the_folder_it_waits(archive: Archive, scripts: Dump, tmp_path: Path) -> None:
    """Nothing is written into a folder that is not the archive's, and nothing is claimed."""
    file(tmp_path, 1)
    scripts.write(KEEP, [row(ID, "https://x.fbcdn.net/a.jpg?oh=1")])
    marker = archive.media.root / ".fbsyncd-archive"
    own = marker.read_text()
    marker.write_text("somebody\n")
    archive.take_in()
    assert archive.backlog.retry(None) == 1
    assert uuid.UUID(ID) not in {job.id for job in archive.backlog.claim(100, archive.now())}
    marker.write_text(own)
    archive.take_in()
    assert stored(archive, ID)["download_status"] == "success"


def test_a_row_whose_id_is_no_uuid_is_left_alone(database_url: str, tmp_path: Path) -> None:
    """It is said why, and the others are taken in."""
    scripts = Dump(database_url)
    scripts.make(MEDIA.replace("{uuid}", "TEXT"))
    with archive_on(database_url, tmp_path) as archive:
        assert archive.take_over()
        archive.setup()
        scripts.write(KEEP, [row("7", "https://x.fbcdn.net/a.jpg"), row(ID, "https://b/c.jpg")])
        archive.take_in()
        archive.take_in()
        assert stored(archive, ID)["download_status"] == "pending"
        assert stored(archive, "7")["download_status"] == "failed"
        assert archive.backlog.retry(None) == 1
        assert {str(job.id) for job in archive.backlog.claim(9, archive.now())} == {ID}


def test_rows_from_before_are_taken_in_with_the_upgrade(database_url: str, tmp_path: Path) -> None:
    """What an older script wrote to a database that an earlier version had adopted."""
    scripts, url = Dump(database_url), "https://x.fbcdn.net/a.jpg"
    scripts.make(MEDIA)
    with archive_on(database_url, tmp_path) as archive:
        assert archive.take_over()
        archive.setup()
        engine = models.engine(archive.db).name
        for trigger in ("told", "told_again", "kept", "gone"):
            on = "" if scripts.is_file else " ON media_storage"
            scripts.run(f"DROP TRIGGER IF EXISTS media_storage_{trigger}{on}")
        if not scripts.is_file:
            scripts.run(
                *(
                    f"DROP FUNCTION fbsyncd_{name}()"
                    for name in ("told", "told_first", "kept", "gone")
                )
            )
        scripts.run("DELETE FROM schema_migrations WHERE version = 12")
        assert 12 in [one.version for one in migrate.known(engine)]
        scripts.write(KEEP, [row(ID, url, None), row(str(uuid.UUID(int=5)), "https://b/c.jpg")])
        with models.transaction(archive.db):
            models.change(archive.db, "UPDATE media_storage SET asset_key = 'k' WHERE id = ?", [ID])
        archive.setup()
        assert stored(archive, ID)["download_status"] == "pending"
        assert stored(archive, ID)["asset_key"] == links.asset_key(url)
        assert one(archive, SUCCESSES) == 0
