"""Pictures on their way out: noted first, then their rows go, then their files.

``condemned_files`` is the note. It is written and thinned out in the transaction that removes the
rows, and emptied file by file afterwards, so that a kill in between loses track of no file.
"""

from __future__ import annotations

from typing import Final

from peewee import Database

from fbsyncd.errors import MediaTrouble
from fbsyncd.media import Media
from fbsyncd.models import Row, change, marks, rows, transaction

CHUNK: Final = 500

#: A query for ids, with its parameters.
Query = tuple[str, list[str]]

_NAMED: Final = " OR ".join(
    f"EXISTS (SELECT 1 FROM {table} t WHERE t.{column} = condemned_files.media_id)"
    for table, column in (
        ("facebook_posts", "local_picture_id"),
        ("facebook_posts", "local_full_picture_id"),
        ("facebook_post_attachments", "local_media_id"),
        ("facebook_post_attachments", "local_thumbnail_id"),
        ("facebook_video_posts", "local_picture_id"),
        ("former_pictures", "media_id"),
    )
)
_CONDEMNED: Final = "(SELECT 1 FROM condemned_files other WHERE other.media_id = {})"
_SPARED: Final = (
    _NAMED,
    # A picture and the small version developed from it go together or stay together.
    "EXISTS (SELECT 1 FROM media_storage m WHERE m.derived_from = condemned_files.media_id"
    f" AND NOT EXISTS {_CONDEMNED.format('m.id')})",
    "EXISTS (SELECT 1 FROM media_storage m WHERE m.id = condemned_files.media_id"
    f" AND m.derived_from IS NOT NULL AND NOT EXISTS {_CONDEMNED.format('m.derived_from')})",
)
_SHARED: Final = (
    "filename IS NULL OR EXISTS (SELECT 1 FROM media_storage m WHERE"
    " m.category = condemned_files.category AND m.local_filename = condemned_files.filename)"
)


def note(db: Database, of_posts: Query, of_videos: Query) -> None:
    """Note every picture these posts and videos name or named, and what was developed from it."""
    (posts, post_ids), (videos, video_ids) = of_posts, of_videos
    named = (
        (f"SELECT local_picture_id FROM facebook_posts WHERE id IN ({posts})", post_ids),
        (f"SELECT local_full_picture_id FROM facebook_posts WHERE id IN ({posts})", post_ids),
        (
            f"SELECT local_media_id FROM facebook_post_attachments WHERE post_id IN ({posts})",
            post_ids,
        ),
        (
            f"SELECT local_thumbnail_id FROM facebook_post_attachments WHERE post_id IN ({posts})",
            post_ids,
        ),
        (
            f"SELECT local_picture_id FROM facebook_video_posts WHERE video_id IN ({videos})",
            video_ids,
        ),
        (f"SELECT media_id FROM former_pictures WHERE owner_id IN ({posts})", post_ids),
        (f"SELECT media_id FROM former_pictures WHERE owner_id IN ({videos})", video_ids),
    )
    insert = (
        "INSERT INTO condemned_files (media_id, category, filename, size)"
        " SELECT m.id, m.category, m.local_filename, m.file_size FROM media_storage m"
        " WHERE {} ON CONFLICT DO NOTHING"
    )
    change(
        db,
        insert.format(f"m.id IN ({' UNION '.join(sql for sql, _ in named)})"),
        [param for _, params in named for param in params],
    )
    change(db, insert.format("m.derived_from IN (SELECT media_id FROM condemned_files)"))


def remove_rows(db: Database) -> tuple[int, int, int]:
    """Remove the rows of condemned pictures that nothing else names.

    Returns how many there were, and how many files of how many bytes are to go with them.
    """
    for spared in _SPARED:
        change(db, f"DELETE FROM condemned_files WHERE {spared}")
    pictures = change(
        db, "DELETE FROM media_storage WHERE id IN (SELECT media_id FROM condemned_files)"
    )
    change(db, f"DELETE FROM condemned_files WHERE {_SHARED}")
    ((files, size),) = rows(
        db,
        "SELECT count(*), coalesce(sum(size), 0) FROM"
        " (SELECT DISTINCT category, filename, size FROM condemned_files) counted",
    )
    return pictures, int(files), int(size)


def sweep(db: Database, media: Media) -> int:
    """Remove the files whose rows were forgotten; return how many there were to remove.

    Raises MediaTrouble when the folders are not there: a missing disk has lost nothing yet.
    """
    removed = 0
    while batch := _condemned(db):
        require(media)
        for _, category, filename in batch:
            media.forget(category, filename)
        with transaction(db):
            ids = [str(media_id) for media_id, _, _ in batch]
            change(db, f"DELETE FROM condemned_files WHERE media_id IN ({marks(len(ids))})", ids)
        removed += len(batch)
    return removed


def require(media: Media) -> None:
    """Raise MediaTrouble when the folders are not there."""
    if not media.is_mounted():
        raise MediaTrouble(f"the media folder {media.root} is not there: mount its disk again")


def _condemned(db: Database) -> list[Row]:
    with transaction(db):
        # What has been archived anew since then is somebody's again.
        change(db, f"DELETE FROM condemned_files WHERE {_SHARED}")
        return rows(
            db,
            "SELECT media_id, category, filename FROM condemned_files ORDER BY media_id LIMIT ?",
            [CHUNK],
        )
