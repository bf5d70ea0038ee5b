"""A script takes pictures out of ``media_storage`` after its database was adopted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dump
import psycopg
import pytest
from dump import Dump, read_page
from plant import archive_of, config_text, one, query, sync
from postgres import PostgresServer
from test_adoption import check_links
from test_adoption_later import archive
from test_adoption_media import MEDIA, opened
from test_cli import fbsyncd

from fbsyncd import models, verify
from fbsyncd.archive import Archive
from fbsyncd.errors import RowRefused
from fbsyncd.reconcile import Request
from fbsyncd.simulator import Simulator
from fbsyncd.walks import BEGINNING, Walk

__all__ = ["archive"]

PICTURES = "SELECT count(*) FROM media_storage WHERE derived_from IS NULL"
#: What names a picture that is not there.
DANGLING = " UNION ALL ".join(
    f"SELECT {column} FROM {table} t WHERE {column} IS NOT NULL"
    f" AND NOT EXISTS (SELECT 1 FROM media_storage m WHERE m.id = t.{column})"
    for table, column in (
        ("facebook_posts", "local_picture_id"),
        ("facebook_posts", "local_full_picture_id"),
        ("facebook_post_attachments", "local_media_id"),
        ("facebook_post_attachments", "local_thumbnail_id"),
        ("facebook_video_posts", "local_picture_id"),
        ("media_storage", "derived_from"),
        ("former_pictures", "media_id"),
    )
)
SHOWN = (
    "SELECT id, post_id, attachment_key, duplicate_of, removed_at IS NULL"
    " FROM facebook_post_attachments ORDER BY id"
)


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=6, seed=3, pictures="plain") as simulator:
        yield simulator


def read_twice(facebook: Simulator, database_url: str, *strangers: str) -> Dump:
    """Return the scripts' database with *strangers* beside, after two readings of the Page."""
    told = Dump(database_url)
    told.make(*strangers)
    for _ in range(2):
        read_page(told, facebook.url, facebook.page_id, facebook.token)
        facebook.clock.move(timedelta(hours=1))
    return told


@pytest.fixture(params=["theirs", "ours"])
def scripts(request: pytest.FixtureRequest, facebook: Simulator, database_url: str) -> Dump:
    """The scripts' database; its ``media_storage`` is theirs, or fbsyncd makes it."""
    return read_twice(facebook, database_url, *([MEDIA] if request.param == "theirs" else []))


@pytest.mark.postgresql
def test_truncate_is_refused_by_the_server_and_takes_nothing(
    facebook: Simulator, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """Other tables refer to posts and pictures; with CASCADE they would be emptied as well."""
    with postgres_server.fresh_database() as url:
        scripts = Dump(url)
        scripts.make(MEDIA)
        read_page(scripts, facebook.url, facebook.page_id, facebook.token)
        with opened(facebook, tmp_path, scripts) as archive:
            assert archive.take_over()
            archive.setup()
            before = {name: one(archive, f"SELECT count(*) FROM {name}") for name in EMPTIED}
            for name in ("facebook_posts", "media_storage"):
                with pytest.raises(psycopg.errors.FeatureNotSupported):
                    scripts.run(f"TRUNCATE {name}")
            for name, count in before.items():
                assert one(archive, f"SELECT count(*) FROM {name}") == count > 0
            scripts.run("TRUNCATE media_storage CASCADE")
            assert {one(archive, f"SELECT count(*) FROM {name}") for name in EMPTIED} == {0}
            assert sync(archive).problems == []
            posts = one(archive, "SELECT count(*) FROM facebook_posts")
            assert posts == before["facebook_posts"]


EMPTIED = (
    "media_storage",
    "facebook_posts",
    "facebook_post_attachments",
    "facebook_video_posts",
)


def test_a_link_that_a_script_changes_costs_no_picture(
    facebook: Simulator, archive: Archive, scripts: Dump
) -> None:
    """The one that was archived is shown on, and a sync that reads the posts puts all right."""
    assert sync(archive).problems == []
    told = "SELECT id, sha256 FROM media_storage WHERE download_status = 'success' ORDER BY id"
    safe, shown = query(archive, told), _shown(archive)
    link = f"'{facebook.url}/v/t39.30808-6/9_' || id || '_9_n.jpg?oh=a&oe=7E000000'"
    scripts.run(
        "DELETE FROM facebook_post_attachments WHERE duplicate_of IS NOT NULL",
        f"UPDATE facebook_post_attachments SET media_url = {link} WHERE media_url <> ''",
        f"UPDATE facebook_posts SET full_picture_url = {link} WHERE full_picture_url <> ''",
    )
    archive.take_in()
    assert (query(archive, told), _shown(archive)) == (safe, shown)
    archive.sync(archive.config.facebook.pages[0], wanted=lambda now: Walk("full", BEGINNING, now))
    assert all("could be fetched" in told for told in sync(archive).problems)
    assert set(safe) <= set(query(archive, told))
    assert _shown(archive) == shown
    check_links(archive)


def _shown(archive: Archive) -> list[tuple[str, str | None]]:
    return [(post["id"], post["display_image_url"]) for post in archive.feed.newest(100)]


@pytest.mark.parametrize("which", ["", " WHERE download_status = 'pending'"])
def test_what_a_script_takes_away_is_queued_again(
    archive: Archive, scripts: Dump, which: str
) -> None:
    """Nothing names what is not there, and each link gets its picture, as it was."""
    pictures, shown = one(archive, PICTURES), query(archive, SHOWN)
    assert pictures
    assert any(row[3] for row in shown)
    scripts.run(f"DELETE FROM media_storage{which}")
    assert one(archive, PICTURES) == 0
    assert query(archive, DANGLING) == []
    archive.take_in()
    assert one(archive, PICTURES) == pictures
    assert query(archive, SHOWN) == shown
    check_links(archive)
    assert sync(archive).problems == []
    assert verify.verify(archive.db, archive.media).is_whole


def test_archived_pictures_are_fetched_again(archive: Archive, scripts: Dump) -> None:
    """One by one, and what was made of them goes with them."""
    sync(archive)
    archive.develop()
    ids = query(archive, "SELECT id FROM media_storage WHERE derived_from IS NULL")
    scripts.write("DELETE FROM media_storage WHERE id = ?", ids)
    assert query(archive, "SELECT id FROM media_storage") == []
    assert query(archive, DANGLING) == []
    archive.take_in()
    assert one(archive, PICTURES) == len(ids)
    assert sync(archive).problems == []
    assert verify.verify(archive.db, archive.media).is_whole
    assert archive.reconcile(Request()).missing == 0


def test_verify_counts_them(facebook: Simulator, scripts: Dump, tmp_path: Path) -> None:
    """A verification right afterwards knows how many there are, and that none is safe."""
    (tmp_path / "config.toml").write_text(config_text(facebook, scripts.url))
    assert fbsyncd(tmp_path, "setup").returncode == 0
    before = fbsyncd(tmp_path, "verify")
    scripts.run("DELETE FROM media_storage")
    after = fbsyncd(tmp_path, "verify")
    assert (after.returncode, after.stdout) == (before.returncode, before.stdout), after.stderr


def test_attachments_that_were_made_here_keep_their_keys(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """Where only posts are the scripts', the others' pictures come with the next reading."""
    scripts = Dump(database_url)
    scripts.make(MEDIA, tables={"facebook_posts": dump.TABLES["facebook_posts"]})
    with opened(facebook, tmp_path, scripts) as archive:
        assert archive.take_over()
        archive.setup()
        sync(archive)
        pictures = one(archive, PICTURES)
        scripts.run("DELETE FROM media_storage")
        assert query(archive, DANGLING) == []
        assert sync(archive).problems == []
        assert one(archive, PICTURES) == pictures


def test_an_archive_of_our_own_stays_as_strict_as_it_was(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """Where nothing was adopted, a picture is not taken from its post."""
    with archive_of(facebook, tmp_path, database_url) as archive:
        sync(archive)
        with pytest.raises(RowRefused), models.transaction(archive.db):
            models.change(archive.db, "DELETE FROM media_storage")
