"""Counts by month and by day, for charts: posts, what was archived, which links die next."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from peewee import Database

from fbsyncd.models import rows, session, to_text

# Both engines write times alike, so a month is the first seven characters of one.
_MONTH: Final = "substr(CAST({} AS TEXT), 1, 7)"
_DAY: Final = "substr(CAST({} AS TEXT), 1, 10)"
_POSTS: Final = (
    f"SELECT {_MONTH.format('created_time')}, count(*) FROM facebook_posts"
    " WHERE created_time IS NOT NULL AND {} GROUP BY 1 ORDER BY 1"
)
_TYPES: Final = (
    "SELECT type, count(*) FROM facebook_posts WHERE type IS NOT NULL AND {}"
    " GROUP BY 1 ORDER BY 2 DESC, 1"
)
_ARCHIVED: Final = (
    f"SELECT {_DAY.format('downloaded_at')}, count(*), coalesce(sum(file_size), 0)"
    " FROM media_storage WHERE download_status = 'success' AND derived_from IS NULL"
    " AND downloaded_at IS NOT NULL GROUP BY 1 ORDER BY 1"
)
_DYING: Final = (
    f"SELECT {_DAY.format('link_expires_at')}, count(*) FROM media_storage"
    " WHERE download_status <> 'success' AND derived_from IS NULL AND link_expires_at > ?"
    " AND (download_status = 'pending' OR next_attempt_at IS NOT NULL) GROUP BY 1 ORDER BY 1"
)


def timeline(db: Database, now: datetime, page_id: str | None = None) -> dict[str, Any]:
    """Return posts by month and by type, and of all Pages, by day, pictures.

    ``archived`` are pictures by the day of their download (developed ones are not counted),
    ``dying`` are pictures not archived by the day their link dies. Months and days are UTC's;
    those with none are left out.
    """
    of_page = ("page_id = ?", [page_id]) if page_id is not None else ("TRUE", [])
    with session(db):
        posts = rows(db, _POSTS.format(of_page[0]), of_page[1])
        types = rows(db, _TYPES.format(of_page[0]), of_page[1])
        archived = rows(db, _ARCHIVED)
        dying = rows(db, _DYING, [to_text(now)])
    return {
        "posts": [{"month": month, "posts": int(count)} for month, count in posts],
        "types": [{"type": kind, "posts": int(count)} for kind, count in types],
        "archived": [
            {"day": day, "pictures": int(count), "bytes": int(size)}
            for day, count, size in archived
        ],
        "dying": [{"day": day, "pictures": int(count)} for day, count in dying],
    }
