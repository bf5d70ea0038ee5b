"""Copies into databases whose tables older programs made: as those tables take it, and once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import dump
import pytest
from dump import Dump
from peewee import Database
from test_adoption import archive_on
from test_adoption_media import MEDIA
from test_copy import SUCCESS, ask, copy, other, other_url, picture, post, put, written

from fbsyncd import migrate, models

__all__ = ["other", "other_url"]

#: Makes a database that scripts made, with some of their tables otherwise, ready to be filled.
Making = Callable[..., Database]


@pytest.fixture
def making(database_url: str, tmp_path: Path) -> Iterator[Making]:
    opened: list[Database] = []

    def make(*strangers: str, **changes: str) -> Database:
        tables = dump.TABLES
        for before, after in changes.items():
            tables = {
                name: re.sub(rf"\b{before} (\w+)", f"{before} {after}", sql)
                for name, sql in tables.items()
            }
        Dump(database_url).make(*strangers, tables=tables)
        with archive_on(database_url, tmp_path) as archive:
            archive.take_over()
            archive.setup()
        opened.append(models.connect(database_url))
        return opened[0]

    yield make
    for db in opened:
        models.close(db)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Database]:
    """An archive of our own making."""
    db = models.connect(f"sqlite:///{tmp_path / 'source.db'}")
    migrate.apply(db)
    yield db
    models.close(db)


def test_pictures_without_links_get_some_where_all_must_have_one(
    making: Making, source: Database
) -> None:
    """A picture made here has a dead link there and none here, and so do attachments with it."""
    target = making(MEDIA)
    large = picture(source, "p", **SUCCESS)
    made = {"derived_from": large, "category": "thumbnails", "original_url": None}
    small = picture(source, "p/small", **made, **SUCCESS)
    post(source, "1_1", local_picture_id=large)
    values = {"local_media_id": large, "local_thumbnail_id": small}
    put(source, "facebook_post_attachments", post_id="1_1", attachment_key="k", **values)
    copied = copy(source, target)
    assert copied.refused == 0
    found = "SELECT original_url, link_expires_at FROM media_storage WHERE id = '{}'"
    ((link, expires),) = ask(target, found.format(small))
    assert link == "made-here:p/small"
    assert expires < "2005"
    named = "SELECT local_thumbnail_id FROM facebook_post_attachments"
    assert ask(target, named) == [(small,)]
    assert written(copy(source, target)) == written(copy(target, source)) == 0
    assert ask(source, found.format(small)) == [(None, None)]
