"""An older script removes the attachment that shows a picture; another one shows it at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dump
import pytest
from dump import Dump, read_page
from plant import config_text, everything, one, sync
from test_adoption import adopted
from test_adoption_life import facebook, scripts, taken_over, told
from test_cli import fbsyncd
from test_daemon import all_safe, running

from fbsyncd import heirs, models
from fbsyncd.archive import Archive
from fbsyncd.simulator import Simulator

__all__ = ["facebook", "scripts"]

SHOWN = (
    "DELETE FROM facebook_post_attachments WHERE id IN (SELECT s.id"
    " FROM facebook_post_attachments s JOIN facebook_post_attachments d"
    " ON d.post_id = s.post_id AND d.duplicate_of = s.attachment_key)"
)
AGAIN = "SELECT count(*) FROM facebook_post_attachments WHERE duplicate_of IS NOT NULL"
DOUBLED = (
    "SELECT post_id, duplicate_of FROM facebook_post_attachments"
    " WHERE duplicate_of IS NOT NULL ORDER BY id"
)
OLD_KEY = "SELECT min(attachment_key) FROM facebook_post_attachments WHERE duplicate_of IS NULL"


def pictures(archive: Archive) -> dict[str, list[str]]:
    """Return the pictures of each post, in no order: the heir comes without its place."""
    return {post: sorted(map(str, urls)) for post, urls in told(archive).items()}


def test_another_one_shows_the_picture_with_the_next_turn(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """Also when that one is removed; nothing is fetched for it, and the next sync agrees."""
    with taken_over(facebook, tmp_path, scripts) as archive:
        sync(archive)
        wanted, in_order = pictures(archive), told(archive)
        fetched = facebook.count("cdn")
        for _ in range(2):
            again = one(archive, AGAIN)
            assert again > 0
            scripts.run(SHOWN)
            assert pictures(archive) != wanted
            archive.take_in()
            assert pictures(archive) == wanted
            assert one(archive, AGAIN) < again
        assert facebook.count("cdn") == fetched
        rows = one(archive, "SELECT count(*) FROM facebook_post_attachments")
        sync(archive)
        assert told(archive) == in_order
        assert one(archive, "SELECT count(*) FROM facebook_post_attachments") == rows
        assert facebook.count("cdn") == fetched


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
def test_a_sync_that_shows_the_picture_first_is_left_to_it(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """Its row stays the shown one, and it costs no other; on SQLite they take turns."""
    with taken_over(facebook, tmp_path, scripts) as archive:
        sync(archive)
        before = one(archive, AGAIN)
        doubled = scripts.ask(DOUBLED)
        post_id, key = doubled[0]
        pictures = len(set(doubled))
        assert pictures > 1
        scripts.run(SHOWN)

        def show(event: Any) -> None:
            if "d.duplicate_of" in event.sql:
                archive.db.query_hooks.clear()
                scripts.run(
                    "INSERT INTO facebook_post_attachments (post_id, type, attachment_key)"
                    f" VALUES ('{post_id}', 'photo', '{key}')"
                )

        archive.db.query_hooks[:] = [show]
        assert heirs.turn(archive.db) == pictures - 1
        assert one(archive, AGAIN) == before - pictures + 1
        archive.take_in()
        shown = f"post_id = '{post_id}' AND attachment_key = '{key}' AND duplicate_of IS NULL"
        assert one(archive, f"SELECT count(*) FROM facebook_post_attachments WHERE {shown}") == 1
        assert 0 < one(archive, AGAIN) < before


def test_where_nothing_was_removed_nothing_is_written(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """Rows that are shown, or that belong to no post, stay as they are."""
    with taken_over(facebook, tmp_path, scripts) as archive:
        sync(archive)
        key = one(archive, OLD_KEY)
        with models.transaction(archive.db):
            models.change(
                archive.db,
                "INSERT INTO facebook_post_attachments (type, media_url, attachment_key,"
                " duplicate_of) VALUES ('photo', 'https://a.example/1', ?, ?)",
                [f"{key}@of-no-post", f"{key}-gone"],
            )
        before = everything(archive)
        assert heirs.turn(archive.db) == 0
        assert heirs.turn(archive.db) == 0
        assert everything(archive) == before


KINDS = {
    "texts": {
        True: "TEXT PRIMARY KEY",
        False: "VARCHAR(40) PRIMARY KEY DEFAULT CAST(gen_random_uuid() AS TEXT)",
    },
    "uuids": {True: "TEXT PRIMARY KEY", False: "UUID PRIMARY KEY DEFAULT gen_random_uuid()"},
    "numbers that come again": {
        True: "INTEGER PRIMARY KEY",
        False: "INTEGER PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY",
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_comes_as_another_goes_hides_nothing(
    database_url: str, tmp_path: Path, kind: str
) -> None:
    """There are as many rows as before, and the last one by its id has the same id."""
    scripts = Dump(database_url)
    table = "facebook_post_attachments"
    made = dump.TABLES | {
        table: dump.TABLES[table].replace("{serial}", KINDS[kind][scripts.is_file])
    }
    scripts.make(tables=made)
    post = "INSERT INTO facebook_posts (id, page_id, created_time) VALUES (?, '1', ?)"
    scripts.write(post, [("1_1", "2026-01-01"), ("1_2", "2026-01-01")])
    attachment = f"INSERT INTO {table} (id, post_id, type, media_url) VALUES (?, ?, 'photo', ?)"
    low, middle, new, last = _ids(kind)
    link = "https://a.fbcdn.net/v/t39.30808-6/{}_n.jpg?oh={}"
    scripts.write(
        attachment,
        [(low, "1_1", link.format(1, 1)), (last, "1_2", link.format(2, 1))],
    )
    with adopted(database_url, tmp_path) as archive:
        scripts.write(attachment, [(middle, "1_1", link.format(1, 2))])
        archive.take_in()
        archive.take_in()
        assert one(archive, AGAIN) == 1
        scripts.run(f"DELETE FROM {table} WHERE duplicate_of IS NULL AND post_id = '1_1'")
        if new == last:
            scripts.run(f"DELETE FROM {table} WHERE id = {last}")
            scripts.write(post, [("1_3", "2026-01-01")])
            scripts.write(attachment, [(low, "1_3", link.format(4, 1))])
        scripts.write(attachment, [(new, "1_2", link.format(3, 1))])
        archive.take_in()
        assert one(archive, AGAIN) == 0
        assert len(told(archive)["1_1"]) == 1


def _ids(kind: str) -> list[Any]:
    if kind.startswith("numbers"):
        return [1, 2, 7, 7]
    ids = [f"{number}0000000-0000-4000-8000-000000000000" for number in (1, 2, 3, 9)]
    return ids if kind == "uuids" else [id_[:9] for id_ in ids]


def test_a_turn_without_news_asks_three_questions(
    facebook: Simulator,
    scripts: Dump,
    tmp_path: Path,
    counted: Callable[[Archive, Callable[[], object]], int],
) -> None:
    """However many rows there are."""
    with taken_over(facebook, tmp_path, scripts) as archive:
        heirs.turn(archive.db)
        assert counted(archive, lambda: heirs.turn(archive.db)) == 3


@pytest.fixture
def counted() -> Callable[[Archive, Callable[[], object]], int]:
    """Returns how many statements something takes."""

    def count(archive: Archive, what: Callable[[], object]) -> int:
        seen: list[object] = []
        archive.db.query_hooks.append(lambda *told: seen.append(told))
        what()
        archive.db.query_hooks.clear()
        return len(seen)

    return count


def test_a_daemon_sees_it_within_seconds(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """No sync is due."""
    scripts = Dump(database_url)
    scripts.make()
    for _ in range(2):
        read_page(scripts, facebook.url, facebook.page_id, facebook.token)
    (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
    assert fbsyncd(tmp_path, "setup").returncode == 0
    with running(tmp_path) as daemon:
        daemon.until(all_safe)
        shown = "SELECT count(*) FROM facebook_post_attachments WHERE duplicate_of IS NULL"
        before = scripts.one(shown)
        scripts.run(SHOWN)
        daemon.until(lambda _: scripts.one(shown) == before)
        daemon.stop()
