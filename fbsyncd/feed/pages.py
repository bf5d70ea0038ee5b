"""The Pages: how each describes itself, how much of it is archived, and how its reading goes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from peewee import Database

from fbsyncd import known, stats
from fbsyncd.feed import keyset
from fbsyncd.models import engine, rows, session
from fbsyncd.view import moment

_DESCRIBED: Final = ("name", "username", "category", "about", "website", "fan_count")
# Those the feed shows: older programs write posts without an id, and no time as an empty one.
_DATED: Final = "(t.created_time > '0001-01-01' AND {placed})"
_OF_PAGE: Final = f"t.page_id = k.id AND {_DATED} AND t.id IS NOT NULL"
# A Page that may not be described, or has not been read once, is a Page all the same.
_PAGES: Final = f"""
SELECT k.id, {", ".join(f"p.{name}" for name in _DESCRIBED)},
    (SELECT count(*) FROM facebook_posts t WHERE {_OF_PAGE}),
    (SELECT count(*) FROM facebook_posts t WHERE t.page_id = k.id AND t.id IS NOT NULL
        AND (t.created_time IS NULL OR NOT {_DATED})),
    (SELECT count(*) FROM facebook_video_posts t
        WHERE t.page_id = k.id AND t.video_id IS NOT NULL),
    (SELECT min(t.created_time) FROM facebook_posts t WHERE {_OF_PAGE}),
    (SELECT max(t.created_time) FROM facebook_posts t WHERE {_OF_PAGE})
FROM (SELECT CAST(id AS TEXT) AS id FROM facebook_pages
    UNION SELECT s.page_id FROM sync_state s WHERE {{listed}}{{also}}) AS k
LEFT JOIN facebook_pages p ON p.id = k.id WHERE k.id > ? ORDER BY k.id LIMIT ?"""
_UNREAD: Final[dict[str, Any]] = {"last_sync": None, "state": None, "message": None, "streams": {}}


def page(
    db: Database,
    limit: int,
    cursor: str | None,
    also: Collection[str] = (),
    ours: Collection[str] | None = None,
) -> dict[str, Any]:
    """Return ``{"pages": [...], "next_cursor": ...}``, by id. Raises BadCursor.

    *also* are Pages that are listed though they were never read; *ours* those that are
    configured, None where that is not known.
    """
    unread = " UNION SELECT CAST(? AS TEXT)" * len(also)
    listed, params = known.listed("s.page_id", ours)
    behind = keyset.decoded(cursor)[1] if cursor is not None else ""
    placed = engine(db).placed.format("t.created_time")
    sql = _PAGES.format(listed=listed, also=unread, placed=placed)
    with session(db):
        found = rows(db, sql, [*params, *also, behind, limit + 1])
        kept, following = keyset.cut(found, limit, None)
        read = {told["id"]: told for told in stats.pages(db, ours=ours)}
    told = []
    for id_, *described, posts, undated, videos, first, last in kept:
        reading = {key: read.get(id_, _UNREAD)[key] for key in _UNREAD}
        told.append(
            {"id": id_, **dict(zip(_DESCRIBED, described, strict=True))}
            | {"posts": int(posts), "undated_posts": int(undated), "videos": int(videos)}
            | {"oldest_post": moment(first), "newest_post": moment(last), **reading}
        )
    return {"pages": told, "next_cursor": following}
