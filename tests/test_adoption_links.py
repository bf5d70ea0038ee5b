"""An earlier ``media_storage`` that takes no link twice, and has a row for each link."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dump import NOW, Dump, read_page
from plant import config_text, one, query, sync
from postgres import PostgresServer
from test_adoption_later import KEEP, row
from test_adoption_media import MEDIA, ROW, opened, stored
from test_cli import fbsyncd

from fbsyncd import intake, links, models, verify
from fbsyncd.archive import Archive
from fbsyncd.assets import Asset
from fbsyncd.metrics import measures
from fbsyncd.simulator import Simulator

LINK = "https://scontent-1.xx.fbcdn.net/v/t39.30808-6/{}_n.jpg?stp=dst-jpg_s720x720&oh={}&oe={}"
DEAD, ALIVE = LINK.format("1_2_3", "aa", "65000000"), LINK.format("1_2_3", "bb", "7E000000")
OTHER = LINK.format("5_5_5", "cc", "7E000000")
FIRST, SECOND = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
POST = (
    "INSERT INTO facebook_posts (id, page_id, created_time, full_picture_url)"
    " VALUES (?, '1045', '2026-01-01 00:00:00', ?)"
    " ON CONFLICT (id) DO UPDATE SET full_picture_url = EXCLUDED.full_picture_url"
)
ATTACHMENT = (
    "INSERT INTO facebook_post_attachments (post_id, type, media_url) VALUES (?, 'photo', ?)"
)
UNADOPTED = "SELECT id FROM facebook_posts WHERE local_full_picture_id IS NULL"


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=6, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def scripts(database_url: str) -> Dump:
    told = Dump(database_url)
    told.make(MEDIA)
    return told


@contextmanager
def taken_over(facebook: Simulator, folder: Path, scripts: Dump) -> Iterator[Archive]:
    with opened(facebook, folder, scripts) as archive:
        assert archive.take_over()
        archive.setup()
        yield archive


def test_setup_takes_a_picture_with_a_row_for_each_of_its_links(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """The row that shows it gets the link that is alive, which another row has already."""
    scripts.write(POST, [("1045_1", DEAD)])
    scripts.write(ATTACHMENT, [("1045_1", DEAD), ("1045_1", ALIVE)])
    scripts.write(ROW, [(FIRST, DEAD, None, None, "failed"), (SECOND, ALIVE, None, None, "failed")])
    (tmp_path / "config.toml").write_text(config_text(facebook, scripts.url))
    done = fbsyncd(tmp_path, "setup")
    assert done.returncode == 0, done.stderr
    told = dict(scripts.ask("SELECT CAST(id AS TEXT), original_url FROM media_storage"))
    assert told == {FIRST: f"{ALIVE}#{FIRST}", SECOND: ALIVE}


def test_a_link_that_a_script_wrote_first_holds_up_no_post(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """Of a picture that is known, of one that is not, and where the row's id is no UUID."""
    id_ = "7" if scripts.is_file else SECOND
    scripts.write(ROW, [(FIRST, DEAD, None, None, "failed")])
    with taken_over(facebook, tmp_path, scripts) as archive:
        scripts.write(KEEP, [row(id_, ALIVE, None), row(str(uuid.uuid4()), OTHER, None)])
        posts = [("1045_1", ALIVE), ("1045_2", OTHER), ("1045_3", LINK.format("8_8_8", "d", "1"))]
        scripts.write(POST, posts)
        archive.take_in()
        assert query(archive, UNADOPTED) == []
        assert one(archive, "SELECT count(*) FROM media_storage WHERE asset_key IS NULL") == (
            1 if scripts.is_file else 0
        )


@pytest.mark.parametrize("is_taken_in", [False, True])
def test_a_picture_gets_its_row_though_another_one_has_its_link(
    facebook: Simulator, scripts: Dump, tmp_path: Path, is_taken_in: bool
) -> None:
    """What names the picture finds it, and writing the same link again changes nothing."""
    with taken_over(facebook, tmp_path, scripts) as archive:
        scripts.write(KEEP, [row(FIRST, ALIVE, None)])
        if is_taken_in:
            archive.take_in()
        asset = Asset(ALIVE, "posts")
        for _ in range(2):
            intake.put(archive.db, [asset], archive.now())
        ids = [str(asset.id)]
        found = query(
            archive,
            "SELECT CAST(id AS TEXT), original_url FROM media_storage WHERE id = ? OR key_id = ?",
            ids * 2,
        )
        assert found == [(FIRST, ALIVE) if is_taken_in else (ids[0], f"{ALIVE}#{ids[0]}")]
        archive.take_in()
        # And the same again does not call a link new that was tried in vain.
        with models.transaction(archive.db):
            models.change(archive.db, "UPDATE media_storage SET needs_link = TRUE")
        intake.put(archive.db, [asset], archive.now())
        assert one(archive, "SELECT count(*) FROM media_storage WHERE needs_link") == len(
            query(archive, "SELECT id FROM media_storage")
        )


def test_pictures_are_fetched_by_such_links_and_nobody_is_shown_the_mark(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """Each picture has a row with a dead link, which shows it, and one with a live link."""
    read_page(scripts, facebook.url, facebook.page_id, facebook.token)
    alive = [
        str(url)
        for (url,) in scripts.ask(
            "SELECT full_picture_url FROM facebook_posts WHERE full_picture_url IS NOT NULL"
            " UNION SELECT media_url FROM facebook_post_attachments WHERE media_url IS NOT NULL"
        )
    ]
    dead = [re.sub("oe=[0-9A-F]+", "oe=5F000000", url) for url in alive]
    scripts.write(
        ROW,
        [
            (str(uuid.UUID(int=number)), url, None, None, "failed")
            for number, url in enumerate([*dead, *alive], 1)
        ],
    )
    with taken_over(facebook, tmp_path, scripts) as archive:
        marked = query(archive, "SELECT id FROM media_storage WHERE original_url LIKE '%#%'")
        assert len(marked) >= 3
        shown = [archive.feed.posts(limit=100), archive.feed.media(limit=100)]
        assert len(_links(shown)) > 10
        assert not [link for link in _links(shown) if "#" in link]
        archive.download()
        for (id_,) in marked:
            assert stored(archive, str(id_))["download_status"] == "success"


def test_a_picture_with_two_rows_is_neither_given_up_nor_fetched_twice(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """The second row stays as it is, whoever asks for what was given up; others are counted."""
    read_page(scripts, facebook.url, facebook.page_id, facebook.token)
    with taken_over(facebook, tmp_path, scripts) as archive:
        assert sync(archive).problems == []
        urls = query(archive, "SELECT original_url FROM media_storage WHERE derived_from IS NULL")
        again = [(str(uuid.uuid4()), f"{url}&_nc_gid=again") for (url,) in urls]
        scripts.write(KEEP, [row(id_, url, None) for id_, url in again])
        scripts.write(KEEP, [row(FIRST, "https://elsewhere.example/a.jpg", None)])
        archive.take_in()
        sync(archive)
        stats = archive.feed.stats()
        assert stats["media"]["given_up"] == 1
        assert stats["pictures"]["all"] == stats["pictures"]["safe"] + 1 == len(urls) + 1
        assert measures.queue(archive.db, archive.now()).pictures["given_up"] == 1
        assert archive.backlog.retry([uuid.UUID(id_) for id_, _ in again]) == 0
        assert archive.backlog.retry(None) == 1
        sync(archive)
        for id_, _ in again:
            assert stored(archive, id_)["download_status"] == "failed"


@pytest.mark.postgresql
@pytest.mark.parametrize("is_known", [False, True])
def test_a_link_that_a_script_writes_at_the_same_moment_costs_no_picture(
    facebook: Simulator, postgres_server: PostgresServer, tmp_path: Path, is_known: bool
) -> None:
    """It is looked for before the script commits and written after; then all is taken in."""
    with postgres_server.fresh_database() as url:
        scripts = Dump(url)
        scripts.make(MEDIA)
        if is_known:
            scripts.write(ROW, [(FIRST, DEAD, None, None, "failed")])
        with taken_over(facebook, tmp_path, scripts) as archive, ThreadPoolExecutor(1) as pool:
            with scripts.connection() as script:
                script.execute(KEEP.replace("?", "%s"), row(SECOND, ALIVE, None))
                putting = pool.submit(intake.put, archive.db, [Asset(ALIVE, "posts")], NOW)
                await_waiting(scripts)
            assert putting.result() == (0 if is_known else 1)
            own = FIRST if is_known else str(Asset(ALIVE, "posts").id)
            told = "SELECT CAST(id AS TEXT), original_url FROM media_storage"
            assert dict(scripts.ask(told)) == {own: f"{ALIVE}#{own}", SECOND: ALIVE}
            archive.take_in()
            assert stored(archive, SECOND)["asset_key"] == f"{links.asset_key(ALIVE)}@{SECOND}"


def await_waiting(scripts: Dump) -> None:
    """Return once some connection waits for what another one holds."""
    deadline = time.monotonic() + 60
    while not scripts.one("SELECT count(*) FROM pg_locks WHERE NOT granted"):
        assert time.monotonic() < deadline


def test_rows_that_a_script_writes_during_a_sync_are_settled_with_it(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """When the sync returns they are taken in, as rows of pictures that are there."""
    full = Dump(f"sqlite:///{tmp_path / 'full.db'}")
    full.make()
    read_page(full, facebook.url, facebook.page_id, facebook.token)
    urls = full.ask(
        "SELECT DISTINCT full_picture_url FROM facebook_posts WHERE full_picture_url IS NOT NULL"
    )
    with taken_over(facebook, tmp_path, scripts) as archive:
        scripts.write(KEEP, [row(str(uuid.uuid4()), url, None) for (url,) in urls])
        assert sync(archive).problems == []
        assert one(archive, "SELECT count(*) FROM media_storage WHERE asset_key IS NULL") == 0
        verdict = verify.verify(archive.db, archive.media)
        assert verdict.is_whole, verdict.reasons


def test_lists_of_what_failed_show_each_picture_once(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """A second row is in none of them, and is not called given up where all rows are listed."""
    scripts.write(ROW, [(FIRST, DEAD, None, None, "failed"), (SECOND, ALIVE, None, None, "failed")])
    with taken_over(facebook, tmp_path, scripts) as archive:
        lost = [(uuid.UUID(FIRST), "deleted there")]
        with models.transaction(archive.db):
            models.change(archive.db, "UPDATE media_storage SET needs_link = TRUE")
        assert archive.backlog.surrender(lost, archive.now()) == 1

        def listed(**wanted: Any) -> list[tuple[str, bool, str | None]]:
            told = archive.feed.media(limit=100, **wanted)["media"]
            return sorted((row["id"], row["given_up"], row["image_state"]) for row in told)

        first = (FIRST, True, "lost: deleted there")
        assert listed(given_up=True) == listed(status="failed") == [first]
        assert listed(given_up=False) == []
        assert listed() == [first, (SECOND, False, None)]
        row = archive.feed.media_row(uuid.UUID(SECOND))
        assert row is not None
        assert (row["given_up"], row["image_state"]) == (False, None)


def test_a_row_that_cannot_be_written_to_holds_up_no_other(
    facebook: Simulator, scripts: Dump, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A trigger of the scripts refuses it: that is said once, and all others are taken in."""
    caplog.set_level(logging.WARNING)
    with taken_over(facebook, tmp_path, scripts) as archive:
        scripts.run(*_REFUSING["sqlite" if scripts.is_file else "postgresql"])
        posts = [(f"1045_{number}", LINK.format(f"{number}_1_1", "a", "1")) for number in range(7)]
        scripts.write(POST, posts)
        scripts.write(ATTACHMENT, posts)
        for _ in range(2):
            archive.take_in()
        assert query(archive, UNADOPTED) == [("1045_3",)]
        assert one(archive, "SELECT count(*) FROM media_storage") == len(posts)
        unadopted = "SELECT count(*) FROM facebook_post_attachments WHERE attachment_key IS NULL"
        assert one(archive, unadopted) == 0
    assert [text for text in caplog.messages if "not this one" in text] == [
        text for text in caplog.messages if "one of the posts, 1045_3, cannot be taken in" in text
    ]
    assert caplog.text.count("1045_3") == 1


_REFUSING = {
    "sqlite": (
        "CREATE TRIGGER refusing BEFORE UPDATE ON facebook_posts WHEN OLD.id = '1045_3'"
        " BEGIN SELECT RAISE(ABORT, 'not this one'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION refuse() RETURNS TRIGGER LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'not this one'; END $$",
        "CREATE TRIGGER refusing BEFORE UPDATE ON facebook_posts FOR EACH ROW"
        " WHEN (OLD.id = '1045_3') EXECUTE FUNCTION refuse()",
    ),
}


def _links(told: object) -> list[str]:
    """Return all texts in an answer that are links."""
    if isinstance(told, dict):
        return [link for value in told.values() for link in _links(value)]
    if isinstance(told, list):
        return [link for value in told for link in _links(value)]
    return [told] if isinstance(told, str) and told.startswith("http") else []
