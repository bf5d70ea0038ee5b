"""Further rows of a picture that an earlier program kept: what names them is led to the first."""

from __future__ import annotations

from typing import Final

from peewee import Database

from fbsyncd.models import change, rows

#: Where rows of pictures are named that are shown.
SHOWING: Final = (
    ("facebook_posts", "local_picture_id"),
    ("facebook_posts", "local_full_picture_id"),
    ("facebook_post_attachments", "local_media_id"),
    ("facebook_post_attachments", "local_thumbnail_id"),
    ("facebook_video_posts", "local_picture_id"),
)
#: Further rows of a picture, which never get a file, and the row that has its key: that of a
#: further row has its id behind.
_AGAIN: Final = (
    "FROM media_storage m JOIN media_storage h"
    " ON h.asset_key = substr(m.asset_key, 1, length(m.asset_key) - 37)"
    " WHERE m.download_status = 'failed' AND m.asset_key LIKE '%@' || CAST(m.id AS TEXT)"
)


def show_holders(db: Database) -> None:
    """Let what names a further row of a picture name the one that has, or gets, the file."""
    if not rows(db, f"SELECT 1 {_AGAIN} LIMIT 1"):
        return
    for table, column in SHOWING:
        change(
            db,
            f"UPDATE {table} SET {column} = (SELECT h.id {_AGAIN} AND m.id = {table}.{column})"
            f" WHERE {column} IN (SELECT m.id {_AGAIN})",
        )
