"""An archive of any size as rows alone, written straight into a database."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice

from peewee import Database

from fbsyncd import links, models

BEGAN = datetime(2016, 1, 1, tzinfo=UTC)
TEXT = "สวัสดีครับ 🎉 the market is open again, come and see what the morning brought. "
#: Rows made for each post: itself, two attachments, and a picture and its small version for each.
PER_POST = 7


def fill(db: Database, rows: int) -> int:
    """Write about *rows* rows and return how many they are."""
    posts = max(rows // PER_POST, 1)
    with models.transaction(db):
        _write(db, posts)
    return posts * PER_POST


def pour(db: Database, posts: int, page_id: str = "100") -> None:
    """Write many *posts* of one Page into an empty archive, the quick way.

    Indexes are made afterwards, and triggers see nothing of it: the texts cannot be searched.
    """
    with models.session(db):
        if models.file(db) is not None:
            for pragma in _HASTE:
                models.rows(db, f"PRAGMA {pragma}")
        with models.transaction(db), _bare(db):
            _write(db, posts, page_id)
    models.close(db)
    # As a database is that has been in use: the planner knows its tables.
    with models.session(db):
        models.literally(db, "ANALYZE" if models.file(db) else "VACUUM (ANALYZE)")


def _write(db: Database, posts: int, page_id: str = "100") -> None:
    for table, columns, many in (
        ("media_storage", _MEDIA, _media(posts)),
        ("facebook_posts", _POST, _posts(posts, page_id)),
        ("facebook_post_attachments", _ATTACHMENT, _attachments(posts)),
    ):
        if models.file(db) is None:
            with db.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in many:
                    copy.write_row(row)
            continue
        sql = f"INSERT INTO {table} ({columns}) VALUES ({models.marks(columns.count(',') + 1)})"
        while batch := list(islice(many, 5000)):
            models.change_many(db, sql, batch)


@contextmanager
def _bare(db: Database) -> Iterator[None]:
    """The tables without what every row would have to be put into, or be told to."""
    if models.file(db) is None:
        models.change(db, "SET LOCAL session_replication_role = replica")
        found = models.rows(db, _INDEXES)
    else:
        found = models.rows(db, _PARTS)
    for kind, name, _ in found:
        models.change(db, f"DROP {kind} {name}")
    yield
    for _, _, sql in found:
        models.literally(db, sql)


# The keys come in no order: with the few that are kept, each row would be a page of the disk.
_HASTE = ("journal_mode = off", "synchronous = off", "foreign_keys = off", "cache_size = -800000")
_PARTS = """
SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL
    AND (tbl_name LIKE 'facebook_post%' OR tbl_name = 'media_storage') ORDER BY rootpage"""
_INDEXES = """
SELECT 'INDEX', indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
    AND (tablename LIKE 'facebook_post%' OR tablename = 'media_storage')
    AND indexname NOT IN (SELECT conname FROM pg_constraint)"""


_MEDIA = (
    "id, asset_key, category, derived_from, original_url, link_expires_at, local_filename,"
    " local_path, public_url, file_size, mime_type, width, height, sha256, download_status,"
    " downloaded_at, developed_at"
)
_POST = (
    "id, page_id, message, type, permalink_url, full_picture_url, created_time, updated_time,"
    " is_published, is_hidden, local_full_picture_id"
)
_ATTACHMENT = (
    "post_id, attachment_key, position, type, media_url, title, width, height, local_media_id,"
    " local_thumbnail_id"
)


def link(number: int) -> str:
    """Return a link as Facebook signs them."""
    path = f"v/t39.30808-6/{number}_{number * 7}_{number * 13}_n.jpg"
    query = "stp=dst-jpg_s720x720&_nc_cat=101&ccb=1-7&_nc_sid=5f2048&_nc_ohc=kJ3zq8mYw1"
    return f"https://scontent.xx.fbcdn.net/{path}?{query}&oh=00_AfC&oe=6A1B2C3D"


_SIZE = links.asset_key(link(1)).partition("#")[2]


def _key(number: int) -> str:
    """Return the asset key of a link, without looking at it."""
    return f"{number}_{number * 7}_{number * 13}#{_SIZE}"


def _media(posts: int) -> Iterator[tuple[object, ...]]:
    for number in range(posts * 2):
        key = _key(number)
        id_ = str(links.asset_id(key))
        at = models.to_text(BEGAN + timedelta(minutes=number))
        yield (id_, key, "attachments", None, link(number), at, *_archived(key, number, at))
        key = f"{key}/thumbnail"
        small = str(links.asset_id(key))
        yield (small, key, "thumbnails", id_, None, None, *_archived(key, number, at))


def _archived(key: str, number: int, at: str) -> tuple[object, ...]:
    sha256 = uuid.uuid5(links.NAMESPACE, key).hex * 2
    name = f"{sha256}.jpg"
    place = (name, f"media/facebook/posts/{name}", f"/media/facebook/posts/{name}")
    return (*place, 190_000 + number, "image/jpeg", 1080, 1080, sha256, "success", at, at)


def _posts(posts: int, page_id: str) -> Iterator[tuple[object, ...]]:
    for number in range(posts):
        at = models.to_text(BEGAN + timedelta(minutes=number))
        picture = str(links.asset_id(_key(number * 2)))
        text = TEXT * (1 + number % 4)
        address = f"https://www.facebook.com/100/posts/{number}"
        values = (text, "photo", address, link(number * 2), at, at, True, False, picture)
        yield (f"100_{number:09}", page_id, *values)


def _attachments(posts: int) -> Iterator[tuple[object, ...]]:
    for number in range(posts * 2):
        key = _key(number)
        small = str(links.asset_id(f"{key}/thumbnail"))
        values = (number % 2, "photo", link(number), None, 1080, 1080)
        yield (f"100_{number // 2:09}", key, *values, str(links.asset_id(key)), small)
