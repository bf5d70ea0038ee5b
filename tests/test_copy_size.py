"""An archive of the size and width of a real one, there and back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import highwater
import pytest
from peewee import Database
from test_copy import copy, everything, other, other_url, written
from test_copy_rows import MEASURED

from fbsyncd import links, migrate, models

__all__ = ["other", "other_url"]

POSTS: Final = 3111
ATTACHMENTS: Final = 5600
AT: Final = "2026-01-01 00:00:00.000000+00:00"
#: As wide as rows are on real feeds: about 400 characters of text, links of 500.
TEXT: Final = "สวัสดีครับ 🎉 the market is open again, come and see what the morning brought.\n" * 5
SIGNED: Final = "&".join(f"_nc_{name}={name * 40}" for name in ("cat", "sid", "ohc", "oc"))


def link(number: int) -> str:
    path = f"v/t39.30808-6/{number}_{number * 7}_{number * 13}_n.jpg?stp=dst-jpg_s720x720"
    return f"https://scontent.xx.fbcdn.net/{path}&{SIGNED}&oh=00_AfC&oe=6A1B2C3D"


def _pictures(count: int) -> Iterator[tuple[object, ...]]:
    for number in range(count):
        key, name = links.asset_key(link(number)), f"{number:064x}.jpg"
        place = (name, f"media/facebook/attachments/{name}", 190_000 + number, f"{number:064x}")
        yield links.link_id(link(number)), key, "attachments", link(number), "success", *place


def _posts(first: int, last: int) -> Iterator[tuple[object, ...]]:
    for number in range(first, last):
        picture = links.link_id(link(number))
        yield f"1_{number:06}", "1", f"{number} {TEXT}", link(number), AT, picture


def _attachments(posts: int, count: int) -> Iterator[tuple[object, ...]]:
    for number in range(count):
        key = links.asset_key(link(number))
        yield f"1_{number % posts:06}", key, "photo", link(number), links.link_id(link(number))


def _texts(posts: int) -> Iterator[tuple[object, ...]]:
    for number in range(0, posts, 10):
        yield f"1_{number:06}", AT, AT.replace("01-01", "01-02"), f"{number} before"


PICTURES: Final = (
    "media_storage (id, asset_key, category, original_url, download_status, local_filename,"
    " local_path, file_size, sha256)"
)
POST: Final = "facebook_posts (id, page_id, message, full_picture_url, created_time,"
ATTACHMENT: Final = "facebook_post_attachments (post_id, attachment_key, type, media_url,"


def fill(db: Database, posts: int, attachments: int) -> None:
    """Write so many posts, attachments and pictures, and an earlier text of every tenth post."""
    for into, many in (
        (PICTURES, _pictures(attachments)),
        (f"{POST} local_full_picture_id)", _posts(0, posts)),
        (f"{ATTACHMENT} local_media_id)", _attachments(posts, attachments)),
        ("facebook_post_history (post_id, seen_from, seen_until, message)", _texts(posts)),
    ):
        sql = f"INSERT INTO {into} VALUES ({models.marks(into.count(',') + 1)})"
        sql += " ON CONFLICT DO NOTHING"
        with models.transaction(db):
            while batch := list(islice(many, 2000)):
                models.change_many(db, sql, batch)


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_whole_archive_goes_there_and_back(db: Database, other: Database, tmp_path: Path) -> None:
    """3,111 posts and 5,600 attachments come back from PostgreSQL as they went, row by row."""
    fill(db, POSTS, ATTACHMENTS)
    there = {tally.name: tally.there for tally in copy(db, other).tallies}
    assert (there["facebook_posts"], there["facebook_post_attachments"]) == (POSTS, ATTACHMENTS)
    back = models.connect(f"sqlite:///{tmp_path / 'back.db'}")
    migrate.apply(back)
    again = {tally.name: tally.there for tally in copy(other, back).tallies}
    assert again == there
    assert everything(back) == everything(db)
    assert written(copy(db, other)) == written(copy(back, other)) == 0
    models.close(back)


@highwater.needs_proc
def test_wide_rows_take_no_more_memory_than_narrow_ones(
    db: Database, database_url: str, other_url: str
) -> None:
    """Ten times the posts and pictures, with texts and links as long as real ones (kilobytes)."""
    most = []
    for posts in (700, 7000):
        fill(db, posts, posts * 2)
        most += highwater.told_by(MEASURED, database_url, other_url)
    # Read at once, the rows of each table, they took 75 MB more.
    assert most[1] < most[0] + 15_000
