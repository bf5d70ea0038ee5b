"""Copies out of a database that older scripts filled, and into one."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dump
import pytest
from dump import PAGE, Dump, Years
from peewee import Database
from test_adoption import archive_on, theirs, whole
from test_copy import ask, copy, other, other_url, put, written

from fbsyncd import migrate, models, transfer
from fbsyncd.errors import SchemaError
from fbsyncd.models import Row
from fbsyncd.transfer.shapes import SHAPES

__all__ = ["other", "other_url"]


def adopt(scripts: Dump, folder: Path, posts: int, attachments: int) -> None:
    """Let the scripts work for years, and fbsyncd take over."""
    scripts.make(*dump.STRANGERS)
    Years(posts=posts, attachments=attachments, again=attachments // 3, videos=9).fill(scripts)
    with archive_on(scripts.url, folder) as archive:
        archive.take_over()
        archive.setup()


def everything(db: Database) -> dict[str, list[Row]]:
    """Return all rows in plain values: what the scripts wrote has no zone and no microseconds."""
    with models.session(db):
        return {
            shape.name: sorted(
                shape.read(models.rows(db, f"SELECT {', '.join(shape.columns)} FROM {shape.name}")),
                key=repr,
            )
            for shape in SHAPES
        }


def test_an_adopted_database_is_copied_whole(
    database_url: str, other_url: str, tmp_path: Path
) -> None:
    """3,111 posts and 5,600 attachments, those added again included; theirs stays as it was."""
    scripts = Dump(database_url)
    adopt(scripts, tmp_path, dump.POSTS, dump.ATTACHMENTS)
    before = theirs(scripts)
    source, target = models.connect(database_url), models.connect(other_url)
    tallies = {tally.name: tally for tally in copy(source, target).tallies}
    assert tallies["facebook_posts"].there == 3111
    assert tallies["facebook_post_attachments"].there == 5600
    assert everything(source) == everything(target)
    assert written(copy(source, target)) == written(copy(target, source)) == 0
    assert theirs(scripts) == before
    models.close(source)
    models.close(target)


def test_an_archive_is_merged_into_an_adopted_database(
    database_url: str, other_url: str, tmp_path: Path
) -> None:
    """What is longer than its columns take is cut as a sync would; the scripts go on working."""
    scripts = Dump(database_url)
    adopt(scripts, tmp_path, 40, 90)
    target, source = models.connect(database_url), models.connect(other_url)
    copy(target, source)
    at = models.to_text(datetime(2100, 1, 1, tzinfo=UTC))
    with models.transaction(source):
        models.change(
            source,
            "UPDATE facebook_posts SET message = 'edited', type = ?, updated_at = ? WHERE id = ?",
            ["t" * 80, at, f"{PAGE}_1"],
        )
    put(source, "facebook_posts", id=f"{PAGE}_new", page_id=PAGE, created_time=at)
    put(source, "facebook_post_attachments", post_id=f"{PAGE}_new", attachment_key="k", title="t")
    assert written(copy(source, target)) == 3
    edited: list[tuple[Any, ...]] = scripts.ask(
        f"SELECT message, type FROM facebook_posts WHERE id = '{PAGE}_1'"
    )
    assert edited == [("edited", "t" * (80 if scripts.is_file else 50))]
    assert len(ask(target, "SELECT id FROM facebook_posts")) == 41
    scripts.write(dump.ATTACHMENT, [(f"{PAGE}_new", "photo", "https://x/1", None, None, None)])
    assert scripts.one("SELECT count(*) FROM facebook_post_attachments") == 92
    models.close(source)
    models.close(target)


def test_a_database_that_nobody_took_over_is_no_target(database_url: str, other_url: str) -> None:
    """It is refused with the way out, and stays as it was."""
    scripts = Dump(database_url)
    scripts.make()
    source, target = models.connect(other_url), models.connect(database_url)
    migrate.apply(source)
    with pytest.raises(SchemaError, match=r"^--to: .*made by another program.*setup"):
        transfer.copy(source, target, lambda *_: None)
    assert "media_storage" not in {name for name, *_ in whole(scripts)}
    models.close(source)
    models.close(target)


def test_two_databases_that_know_a_picture_by_different_ids_become_one(
    database_url: str, tmp_path: Path
) -> None:
    """The scripts gave their pictures ids of their own; the union has each picture once."""
    adopt(Dump(database_url), tmp_path, 12, 20)
    with closing(_Second(tmp_path / "second")) as second:
        target = models.connect(database_url)
        own = ask(target, "SELECT id, asset_key FROM media_storage ORDER BY asset_key")
        copied = copy(second.db, target)
        assert not copied.is_same_archive
        assert ask(target, "SELECT id, asset_key FROM media_storage ORDER BY asset_key") == own
        models.close(target)


class _Second:
    """An archive whose pictures, the very same, go by other ids."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        url = f"sqlite:///{folder / 'fbsyncd.db'}"
        adopt(Dump(url), folder, 12, 20)
        self.db = models.connect(url)
        with models.transaction(self.db):
            models.change(self.db, "PRAGMA defer_foreign_keys = 1")
            for (id_,) in models.rows(self.db, "SELECT id FROM media_storage"):
                other = f"{str(id_)[:-4]}ffff"
                for table, column in (
                    ("facebook_posts", "local_picture_id"),
                    ("facebook_posts", "local_full_picture_id"),
                    ("facebook_post_attachments", "local_media_id"),
                    ("facebook_video_posts", "local_picture_id"),
                ):
                    sql = f"UPDATE {table} SET {column} = ? WHERE {column} = ?"
                    models.change(self.db, sql, [other, id_])
                sql = "UPDATE media_storage SET id = ?, key_id = ? WHERE id = ?"
                models.change(self.db, sql, [other, id_, id_])

    def close(self) -> None:
        models.close(self.db)
