"""An adopted database goes on living: syncs, healing, downloads, and the older scripts beside."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import dump
import psycopg
import pytest
from dump import STRANGERS, Dump, read_page
from plant import archive_of, config_text, everything, one, query, sync
from test_cli import fbsyncd
from test_daemon import all_safe, running

from fbsyncd import config, export, forget, models, verify
from fbsyncd.adopt import rows
from fbsyncd.archive import Archive
from fbsyncd.errors import UsageError
from fbsyncd.reconcile import Request
from fbsyncd.simulator import Simulator

WEEK = timedelta(days=7)
UNSAFE = (
    "SELECT asset_key, error_message FROM media_storage WHERE download_status <> 'success'"
    " OR developed_at IS NULL"
)


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=24, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def scripts(facebook: Simulator, database_url: str) -> Dump:
    """A database the scripts have read the Page into three times, a week apart and a week ago."""
    told = Dump(database_url)
    told.make(*STRANGERS)
    for _ in range(3):
        read_page(told, facebook.url, facebook.page_id, facebook.token)
        facebook.clock.move(WEEK)
    return told


@contextmanager
def taken_over(facebook: Simulator, folder: Path, scripts: Dump) -> Iterator[Archive]:
    """Open the archive of the scripts' database, adopted first."""
    text = config_text(facebook, scripts.url)
    archive = Archive(config.parse(text, base=folder, environ={}), now=facebook.clock.now)
    try:
        assert archive.take_over()
        archive.setup()
        yield archive
    finally:
        archive.close()


def told(archive: Archive) -> dict[str, list[str | None]]:
    """Return the attachments of each post as the API shows them, by their pictures."""
    return {
        post["id"]: [attachment["local_media_url"] for attachment in post["attachments"]]
        for post in archive.feed.newest(1000)
    }


def test_the_next_sync_archives_all_and_doubles_nothing(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """All that Facebook still has is archived, as it is in an archive that began empty."""
    posts = scripts.one("SELECT count(*) FROM facebook_posts")
    attachments = scripts.one("SELECT count(*) FROM facebook_post_attachments")
    (tmp_path / "other").mkdir()
    with archive_of(facebook, tmp_path / "other") as fresh:
        sync(fresh)
        wanted = told(fresh)
    with taken_over(facebook, tmp_path, scripts) as archive:
        progress = sync(archive)
        assert progress.problems == []
        assert query(archive, UNSAFE) == []
        assert told(archive) == wanted
        assert scripts.one("SELECT count(*) FROM facebook_posts") == posts == 24
        assert scripts.one("SELECT count(*) FROM facebook_post_attachments") == attachments
        before = everything(archive)
        for _ in range(2):
            sync(archive)
            archive.setup()
        assert everything(archive) == before
        # What an older script adds once more changes nothing that is shown.
        read_page(scripts, facebook.url, facebook.page_id, facebook.token)
        sync(archive)
        archive.take_in()
        assert told(archive) == wanted
        assert query(archive, UNSAFE) == []


def test_posts_outside_the_window_are_healed_by_asking_for_them(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """Without reading the Page at all, each picture's owner is asked and the picture archived."""
    with taken_over(facebook, tmp_path, scripts) as archive:
        assert one(archive, "SELECT count(*) FROM media_storage WHERE download_status = 'pending'")
        for _ in range(4):
            archive.heal()
            archive.download()
            archive.develop()
        assert query(archive, UNSAFE) == []
        assert query(archive, "SELECT * FROM sync_state") == []


def test_everything_else_works_on_an_adopted_database(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """Verify, export, reconcile, history, forget and the statistics take it for any other."""
    with taken_over(facebook, tmp_path, scripts) as archive:
        sync(archive)
        verdict = verify.verify(archive.db, archive.media)
        assert verdict.is_whole, verdict.reasons
        assert verdict.total.posts == 24
        assert archive.reconcile(Request()).missing == 0
        done = export.export(archive.db, archive.media, tmp_path / "out", archive.now())
        assert (done.posts, done.damaged) == (24, set())
        stats = archive.feed.stats()
        assert stats["pictures"]["safe"] == stats["pictures"]["all"] > 24
        (edited, gone, *_) = told(archive)
        facebook.edit(edited, "another text")
        sync(archive)
        assert archive.feed.history(edited)
        toll = forget.forget(archive.db, archive.media, forget.Subject("post", gone), archive.now())
        assert toll.posts == 1
        assert archive.feed.post(gone) is None
        # The scripts know nothing of that, but their pictures of it are not fetched again.
        pictures = one(archive, "SELECT count(*) FROM media_storage")
        read_page(scripts, facebook.url, facebook.page_id, facebook.token)
        archive.take_in()
        sync(archive)
        assert one(archive, "SELECT count(*) FROM media_storage") == pictures


def test_a_post_that_insights_refer_to_is_not_torn_from_them(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """Forgetting says what stands in the way and removes nothing."""
    post = scripts.one("SELECT min(id) FROM facebook_posts")
    scripts.write(
        "INSERT INTO facebook_post_insights (post_id, metric, value, day) VALUES (?, 'a', 1, ?)",
        [(post, dump.NOW.replace(tzinfo=None))],
    )
    with taken_over(facebook, tmp_path, scripts) as archive:
        sync(archive)
        before = everything(archive)
        with pytest.raises(UsageError, match="refers to it"):
            forget.forget(archive.db, archive.media, forget.Subject("post", post), archive.now())
        assert everything(archive) == before


def test_the_times_of_the_scripts_are_utc_whatever_zone_they_run_in(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """A time without a zone is told as it stands, and our stamps beside theirs are UTC too."""
    with taken_over(facebook, tmp_path, scripts) as archive:
        (post,) = archive.feed.newest(1)
        stored = scripts.ask("SELECT max(created_time) FROM facebook_posts")[0][0]
        assert str(stored)[:19].replace(" ", "T") + "Z" == post["created_time"]
        scripts.run(f"UPDATE facebook_posts SET story = 'x' WHERE id = '{post['id']}'")
        stamp = scripts.one(f"SELECT updated_at FROM facebook_posts WHERE id = '{post['id']}'")
        at = models.from_text(stamp)
        assert at is not None
        # The scripts' session is seven hours ahead; the machine's own clock counts, in UTC.
        assert abs(at - (archive.now() - 3 * WEEK)) < timedelta(minutes=5)


def test_a_running_daemon_takes_in_what_a_script_adds(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """No sync is due: the script's new rows alone bring the picture, within seconds."""
    scripts = Dump(database_url)
    scripts.make()
    read_page(scripts, facebook.url, facebook.page_id, facebook.token)
    (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
    assert fbsyncd(tmp_path, "setup").returncode == 0
    with running(tmp_path) as daemon:
        daemon.until(all_safe)
        new = facebook.add_post("photo")
        read_page(scripts, facebook.url, facebook.page_id, facebook.token)
        assert scripts.one("SELECT count(*) FROM facebook_posts") == 25
        daemon.until(lambda _: daemon.get(f"/api/posts/{new}")["has_local_image"])


def test_stats_alone_leaves_what_a_script_adds_to_the_next_command(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """It only reads, so that nobody waits for it; the row is counted all the same."""
    (tmp_path / "config.toml").write_text(config_text(facebook, scripts.url))
    assert fbsyncd(tmp_path, "setup").returncode == 0
    facebook.add_post("photo")
    read_page(scripts, facebook.url, facebook.page_id, facebook.token)
    done = fbsyncd(tmp_path, "stats", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["posts"] == 25
    db = models.connect(scripts.url)
    with models.session(db):
        assert rows.is_any(db)
    assert fbsyncd(tmp_path, "posts").returncode == 0
    with models.session(db):
        assert not rows.is_any(db)
    models.close(db)


def test_an_index_of_ours_that_is_gone_stops_nothing(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """It costs time, no more: what the scripts add is taken in all the same."""
    with taken_over(facebook, tmp_path, scripts) as archive:
        scripts.run(
            "DROP INDEX facebook_posts_unadopted",
            "DROP INDEX facebook_post_attachments_unadopted",
            "DROP INDEX facebook_video_posts_unadopted",
        )
        facebook.add_post("photo")
        read_page(scripts, facebook.url, facebook.page_id, facebook.token)
        with models.session(archive.db):
            assert rows.is_any(archive.db)
        archive.take_in()
        with models.session(archive.db):
            assert not rows.is_any(archive.db)


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_no_script_moves_a_row_that_is_being_taken_in(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """Rows are found again by their place, where another one could stand by then."""
    refused: list[str] = []

    class Script(logging.Handler):
        """Writes to every post at the moment when those to be taken in were read."""

        def emit(self, record: logging.LogRecord) -> None:
            if "FROM media_storage" in str(record.msg) and not refused:
                with psycopg.connect(scripts.url, options="-c lock_timeout=100") as connection:
                    try:
                        connection.execute("UPDATE facebook_posts SET message = 'moved'")
                    except psycopg.errors.LockNotAvailable as error:
                        refused.append(str(error))

    with taken_over(facebook, tmp_path, scripts) as archive:
        facebook.add_post("photo")
        read_page(scripts, facebook.url, facebook.page_id, facebook.token)
        script, logger = Script(), logging.getLogger("peewee")
        logger.addHandler(script)
        logger.setLevel(logging.DEBUG)
        try:
            archive.take_in()
        finally:
            logger.removeHandler(script)
            logger.setLevel(logging.NOTSET)
        assert refused


def test_a_post_that_is_looked_for_in_vain_is_not_changed_by_it(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """A dashboard that asks for what has changed is given no missed post, whoever keeps stamps."""
    if not scripts.is_file:
        scripts.run(
            "CREATE FUNCTION stamped() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " NEW.updated_at = CURRENT_TIMESTAMP; RETURN NEW; END $$",
            "CREATE TRIGGER set_updated_at BEFORE UPDATE ON facebook_posts"
            " FOR EACH ROW EXECUTE FUNCTION stamped()",
        )
    with taken_over(facebook, tmp_path, scripts) as archive:
        for post in facebook.world.posts(facebook.page_id).copy():
            facebook.remove(post.id)
        stamps = "SELECT id, updated_at FROM facebook_posts ORDER BY id"
        before = scripts.ask(stamps)
        archive.heal()
        missed = "SELECT count(*) FROM facebook_posts WHERE misses > 0"
        assert scripts.one(missed) > 10
        assert scripts.ask(stamps) == before
