"""Pages of posts by keyset, one post, and what a post said earlier.

Three statements a page, and two more when texts are searched, however many posts it holds. A page
far down costs what the first one costs, and posts that arrive meanwhile move nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from peewee import Database

from fbsyncd import search, view
from fbsyncd.feed import keyset
from fbsyncd.feed.clauses import Clause, joined, local, span, status_of
from fbsyncd.feed.sight import Sight, columns
from fbsyncd.models import Row, engine, marks, rows, session
from fbsyncd.search import Search

_OWN: Final = (
    "id",
    "page_id",
    "type",
    "message",
    "story",
    "permalink_url",
    "created_time",
    "updated_time",
    "deleted_at",
    "picture_url",
    "full_picture_url",
    "local_picture_id",
    "local_full_picture_id",
)
_NAMES: Final = (*_OWN, "edits")
_ATTACHMENT: Final = (
    "post_id",
    "type",
    "title",
    "description",
    "media_url",
    "thumbnail_url",
    "width",
    "height",
    "local_media_id",
    "local_thumbnail_id",
)
_EDITS: Final = "(SELECT count(*) FROM facebook_post_history h WHERE h.post_id = p.id)"
_POSTS: Final = f"SELECT {columns('p', _OWN)}, {_EDITS} FROM facebook_posts p"
#: So many of the newest posts are looked into before the index is asked.
_NEAR: Final = 400
_NTH: Final = (
    "SELECT p.created_time, p.id FROM facebook_posts p WHERE {}"
    " ORDER BY p.created_time DESC, p.id DESC LIMIT 1 OFFSET ?"
)
_STATUSES: Final = f"({status_of('p.local_picture_id')}, {status_of('p.local_full_picture_id')})"
_ATTACHMENTS: Final = (
    f"SELECT {columns('a', _ATTACHMENT)} FROM facebook_post_attachments a"
    " WHERE a.removed_at IS NULL AND a.post_id IN ({})"
    # Tables of older programs may hold attachments without an id.
    " ORDER BY a.post_id, a.position, a.id, a.attachment_key"
)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which posts are wanted; None means no matter. *q* is looked for in their texts."""

    page_id: str | None = None
    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    q: str | None = None
    has_local_image: bool | None = None

    def place(self, placed: str) -> list[Clause]:
        """Return the SQL conditions that an index on the order of posts answers.

        *placed* is what an engine says of times that have a place among others.
        """
        found = span("p.created_time", self.since, self.until)
        # Rows of older programs may have none, or an empty one, or no id; on PostgreSQL those
        # without a time would come before all others.
        found.append(("p.created_time > '0001-01-01' AND p.id IS NOT NULL", []))
        found.append((placed.format("p.created_time"), []))
        if self.page_id is not None:
            found.append(("p.page_id = ?", [self.page_id]))
        return found

    def kind(self, *, is_away: bool) -> list[Clause]:
        """Return the other SQL conditions; without the disk no picture is local."""
        found: list[Clause] = []
        if self.type is not None:
            found.append(("p.type = ?", [self.type]))
        if self.has_local_image is not None:
            found.append((local(_STATUSES, self.has_local_image, is_away=is_away), []))
        return found


class Posts:
    """The posts of one archive, as the API tells them."""

    def __init__(self, db: Database, sight: Sight) -> None:
        self._db = db
        self._sight = sight

    def page(self, limit: int, cursor: str | None, wanted: Filter) -> dict[str, Any]:
        """Return ``{"posts": [...], "next_cursor": ...}``, newest first.

        A cursor may be used with other filters than it came with. Raises BadCursor.
        """
        place = wanted.place(engine(self._db).placed)
        if cursor is not None:
            # First: SQLite begins at the first bound there is, and would walk from `until` to here.
            behind = keyset.decoded(cursor, worded=engine(self._db).worded)
            place.insert(0, ("(p.created_time, p.id) < (?, ?)", list(behind)))
        with session(self._db):
            is_away = wanted.has_local_image is not None and self._sight.reason() is not None
            kind = wanted.kind(is_away=is_away)
            asked = search.of(self._db, wanted.q) if wanted.q else None
            if asked:
                found = self._search(asked, place, kind, limit)
            else:
                found = self._select([*place, *kind], limit)
            kept, following = keyset.cut(found, limit, _OWN.index("created_time"))
            return {"posts": self._told(kept), "next_cursor": following}

    def one(self, id_: str) -> dict[str, Any] | None:
        """Return one post, or None when there is none."""
        with session(self._db):
            told = self._told(rows(self._db, f"{_POSTS} WHERE p.id = ?", [id_]))
        return told[0] if told else None

    def history(self, id_: str) -> list[dict[str, Any]] | None:
        """Return the earlier texts of a post, the oldest first, or None when there is no post.

        ``from`` is when this archive first had the text, ``until`` when it found another one.
        """
        with session(self._db):
            found = rows(
                self._db,
                "SELECT h.message, h.story, h.seen_from, h.seen_until FROM facebook_posts p"
                " LEFT JOIN facebook_post_history h ON h.post_id = p.id WHERE p.id = ?"
                " ORDER BY h.seen_from",
                [id_],
            )
        told = [view.earlier_text(*row) for row in found if row[3] is not None]
        return told if found else None

    def _search(
        self, asked: Search, place: list[Clause], kind: list[Clause], limit: int
    ) -> Sequence[Row]:
        """Look into the newest posts, and unless they fill the page ask the index of all."""
        if asked.indexed is None:
            return self._select([*place, *kind, asked.scanned], limit)
        where, params = joined(place)
        end = rows(self._db, _NTH.format(where), [*params, _NEAR])
        near: list[Clause] = []
        for at, id_ in end:
            near.append(("(p.created_time, p.id) > (?, ?)", [at, id_]))
        found = self._select([*place, *kind, asked.scanned, *near], limit)
        if len(found) > limit or not end:
            return found
        return self._select([*place, *kind, asked.indexed], limit)

    def _select(self, clauses: Sequence[Clause], limit: int) -> Sequence[Row]:
        where, params = joined(clauses)
        sql = f"{_POSTS} WHERE {where} ORDER BY p.created_time DESC, p.id DESC LIMIT ?"
        return rows(self._db, sql, [*params, limit + 1])

    def _told(self, found: Sequence[Row]) -> list[dict[str, Any]]:
        posts = [dict(zip(_NAMES, row, strict=True)) for row in found]
        attached = self._attached([post["id"] for post in posts])
        pictures = self._sight.pictures(_pictures_of(posts, attached))
        hung: dict[str, list[dict[str, Any]]] = defaultdict(list)
        page_of = {post["id"]: post["page_id"] for post in posts}
        for own in attached:
            page = page_of[own["post_id"]]
            media = pictures.shot(own["local_media_id"], own["media_url"], page)
            thumbnail = pictures.shot(own["local_thumbnail_id"], own["thumbnail_url"], page)
            hung[own["post_id"]].append(view.attachment(own, media, thumbnail))
        told = []
        for own in posts:
            page = own["page_id"]
            picture = pictures.shot(own["local_picture_id"], own["picture_url"], page)
            full = pictures.shot(own["local_full_picture_id"], own["full_picture_url"], page)
            told.append(view.post(own, picture, full) | {"attachments": hung[own["id"]]})
        return told

    def _attached(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        if not ids:
            return []
        found = rows(self._db, _ATTACHMENTS.format(marks(len(ids))), ids)
        return [dict(zip(_ATTACHMENT, row, strict=True)) for row in found]


def _pictures_of(
    posts: Iterable[Mapping[str, Any]], attached: Iterable[Mapping[str, Any]]
) -> Iterator[str | None]:
    for post in posts:
        yield post["local_picture_id"]
        yield post["local_full_picture_id"]
    for attachment in attached:
        yield attachment["local_media_id"]
        yield attachment["local_thumbnail_id"]
