"""Copies between databases of other scripts' making, both ways: the second finds all there."""

from __future__ import annotations

import re
from pathlib import Path

import dump
import pytest
from dump import Dump, Years
from peewee import Database
from test_adoption import archive_on
from test_copy import copy, other_url, written

from fbsyncd import migrate, models
from fbsyncd.transfer import show

__all__ = ["other_url"]

#: How scripts may have declared their columns.
VARIANTS: dict[str, dict[str, str]] = {
    "decimal lengths": {
        "length": "NUMERIC(10,2)",
        "page_id": "VARCHAR(64)",
        "post_id": "VARCHAR(64)",
        "created_time": "TIMESTAMP WITH TIME ZONE",
    },
    "ids of digits": {"length": "INTEGER", "page_id": "BIGINT", "video_id": "BIGINT UNIQUE"},
    "narrow": {
        "length": "REAL",
        "title": "VARCHAR(9)",
        "permalink_url": "VARCHAR(60)",
        "is_published": "SMALLINT",
        "is_hidden": "SMALLINT",
    },
    "texts": {"length": "VARCHAR(40)", "created_time": "{time}", "updated_time": "{time}"},
}
OURS = "fbsyncd's own"


def made(url: str, folder: Path, variant: str, seed: int) -> Database:
    """Let scripts fill tables of a *variant*, and fbsyncd take over; or make an empty archive."""
    if variant == OURS:
        db = models.connect(url)
        migrate.apply(db)
        return db
    # PostgreSQL's times are times.
    time = "TEXT" if url.startswith("sqlite") else "TIMESTAMP"
    tables = dict(dump.TABLES)
    for column, declared in VARIANTS[variant].items():
        told = f"{column} {declared.format(time=time)}"
        for name, sql in tables.items():
            tables[name] = re.sub(rf"\b{column} (?!TIMESTAMP DEF)[^,\n]*(?=,|\n)", told, sql)
    scripts = Dump(url, has_flags="is_hidden" not in VARIANTS[variant])
    scripts.make(tables=tables)
    Years(posts=20, attachments=40, again=9, videos=7, seed=seed).fill(scripts)
    scripts.run("UPDATE facebook_video_posts SET length = 12.3456789 WHERE video_id = '770'")
    if variant != "narrow":
        scripts.run("UPDATE facebook_post_attachments SET title = title || ' and more'")
    folder.mkdir()
    with archive_on(url, folder) as archive:
        archive.take_over()
        archive.setup()
    return models.connect(url)


@pytest.mark.parametrize("there", [OURS, "decimal lengths"])
@pytest.mark.parametrize("here", list(VARIANTS))
def test_a_second_copy_finds_all_of_the_first(
    database_url: str, other_url: str, tmp_path: Path, here: str, there: str
) -> None:
    """Whatever their columns are, and whichever way it goes; nothing is refused or said to differ.

    Where both were filled by scripts, they read the same Page, and got other links.
    """
    source = made(database_url, tmp_path / "here", here, seed=4)
    target = made(other_url, tmp_path / "there", there, seed=5)
    for one, two in ((source, target), (target, source), (source, target)):
        first, second = copy(one, two), copy(one, two)
        assert (show.fault(first), show.fault(second)) == (None, None)
        assert list(second.left) == []
        assert written(second) == 0
    models.close(source)
    models.close(target)
