"""Rows that another program wrote: each link gets its asset, and its place in the queue.

Works on what has not been adopted yet, a handful at a time, so it is the same for a database of
years and for the few rows an older script added since the last turn. Only columns of ours are
written. Empty-handed it costs three looks at indexes that are empty.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

from peewee import Database

from fbsyncd import borne, intake, links, read
from fbsyncd.adopt import catalogue
from fbsyncd.adopt.attached import Attached, Place, places
from fbsyncd.assets import Asset
from fbsyncd.errors import SchemaError, scrub
from fbsyncd.intake import aliases
from fbsyncd.models import Row, change_many, engine, marks, rows, to_text

CHUNK: Final = 500

FORGOTTEN: Final = (
    "EXISTS (SELECT 1 FROM forgotten f WHERE (f.kind = 'page' AND f.id = CAST({}.page_id AS TEXT))"
    " OR (f.kind = '{}' AND f.id = CAST({} AS TEXT)))"
)
_POSTS: Final = (
    "SELECT p.{place}, p.id, p.picture_url, p.full_picture_url FROM facebook_posts p{by_index}"
    " WHERE p.id IS NOT NULL AND ((picture_url <> '' AND local_picture_id IS NULL)"
    " OR (full_picture_url <> '' AND local_full_picture_id IS NULL))"
    f" AND NOT {FORGOTTEN.format('p', 'post', 'p.id')}"
)
_VIDEOS: Final = (
    "SELECT v.{place}, v.video_id, v.picture FROM facebook_video_posts v{by_index}"
    " WHERE v.video_id IS NOT NULL AND picture <> '' AND local_picture_id IS NULL"
    f" AND NOT {FORGOTTEN.format('v', 'video', 'v.video_id')}"
)
_ATTACHMENTS: Final = (
    "SELECT a.{place}, a.id, a.post_id, a.type, a.media_url, a.thumbnail_url, a.title,"
    " a.description"
    " FROM facebook_post_attachments a{by_index} WHERE attachment_key IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM facebook_posts p WHERE p.id = a.post_id"
    f" AND {FORGOTTEN.format('p', 'post', 'p.id')})"
)


@dataclass(slots=True)
class Tally:
    """What was adopted: rows of each kind, and the *pictures* that nobody had named before.

    *duplicates* are attachments that show the same picture as another one of their post.
    """

    posts: int = 0
    attachments: int = 0
    duplicates: int = 0
    videos: int = 0
    pictures: int = 0

    def __bool__(self) -> bool:
        return bool(self.posts or self.attachments or self.videos)

    def add(self, other: Tally) -> None:
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


_Take = Callable[[Database, Sequence[Row], datetime, Tally], None]
#: Is given of a row the kind, the id, and why the database does not let it be written to.
Leave = Callable[[str, str, str], None]

_TABLES: Final = {
    "pictures": "media_storage",
    "posts": "facebook_posts",
    "attachments": "facebook_post_attachments",
    "videos": "facebook_video_posts",
}


def refuse(kind: str, id_: str, why: str) -> None:
    """Raise SchemaError for a row that cannot be adopted."""
    raise SchemaError(
        f"nothing was changed: row {id_} of {_TABLES[kind]} cannot be taken in, the database said:"
        f" {why}; put that row right or drop that rule, then run 'fbsyncd setup' again"
    )


def adopt(db: Database, now: datetime, leave: Leave | None = None) -> Tally:
    """Adopt what has not been; must be called inside a transaction.

    *leave* is given each row that the database does not let be written to, and the others are
    adopted; without it such a row ends the whole with the error the database gave.
    """
    tally, place = Tally(), catalogue.of(engine(db)).place
    posts, attachments, videos = queries(db)

    def through(sql: str, key: Sequence[str], take: _Take) -> None:
        chosen = _bearing(take, leave) if leave else take
        _through(db, sql, key, lambda found: chosen(db, found, now, tally))

    through(posts, ("p.id", place), _take_posts)
    for sql, key in (
        (f"{attachments} AND a.id IS NOT NULL", ("a.id", place)),
        # Their table may give its rows no numbers.
        (f"{attachments} AND a.id IS NULL", (place,)),
    ):
        through(sql, key, _take_attachments)
    through(videos, ("v.video_id", place), _take_videos)
    return tally


def is_any(db: Database) -> bool:
    """Tell whether there is anything to adopt."""
    return any(rows(db, f"{sql} LIMIT 1") for sql in queries(db))


def queries(db: Database) -> list[str]:
    """Return the queries for posts, attachments and videos that have not been adopted."""
    book = catalogue.of(engine(db))
    return [
        sql.format(by_index=_by_index(db, book, f"{table}_unadopted"), place=book.place)
        for table, sql in (
            ("facebook_posts", _POSTS),
            ("facebook_post_attachments", _ATTACHMENTS),
            ("facebook_video_posts", _VIDEOS),
        )
    ]


def _by_index(db: Database, book: catalogue.Catalogue, name: str) -> str:
    is_there = book.has_index and rows(db, book.has_index, [name])
    return book.by_index.format(name) if is_there else ""


def _through(db: Database, sql: str, key: Sequence[str], take: Callable[[list[Row]], None]) -> None:
    """Hand all that *sql* finds to *take*, some at a time in the order of *key*.

    The first two columns are where a row is, and its id. A script that wrote to one meanwhile
    would move it, and another row may come to where it was: so they are locked.
    """
    order = f"ORDER BY {', '.join(key)} LIMIT ? {engine(db).lock_rows}"
    after = f"AND ({', '.join(key)}) > ({marks(len(key))})"
    found = rows(db, f"{sql} {order}", [CHUNK])
    while found:
        place, id_ = found[-1][:2]
        take(found)
        last = [id_, place][-len(key) :]
        found = rows(db, f"{sql} {after} {order}", [*last, CHUNK])


def _bearing(take: _Take, leave: Leave) -> _Take:
    """Return *take* so that a row that cannot be taken in keeps no other one waiting."""
    kind = take.__name__.rpartition("_")[2]

    def taken(db: Database, found: Sequence[Row], now: datetime, tally: Tally) -> None:
        def part(some: Sequence[Row]) -> Tally:
            took = Tally()
            take(db, some, now, took)
            return took

        def left(one: Row, why: str) -> None:
            leave(kind, str(one[1]), why)

        for took in borne.by_halves(db, found, part, left):
            tally.add(took)

    return taken


def _take_posts(db: Database, found: Sequence[Row], now: datetime, tally: Tally) -> None:
    pictures = [(_asset(one, "posts"), _asset(full, "posts"), row) for *row, one, full in found]
    named = [asset for one, full, _ in pictures for asset in (full, one) if asset]
    true = queue(db, named, now, tally)
    tally.posts += change_many(
        db,
        "UPDATE facebook_posts SET local_picture_id = coalesce(local_picture_id, ?),"
        " local_full_picture_id = coalesce(local_full_picture_id, ?)"
        f" WHERE {catalogue.of(engine(db)).is_at.format('id')}",
        [(true(one), true(full), *row) for one, full, row in pictures],
    )


def _take_videos(db: Database, found: Sequence[Row], now: datetime, tally: Tally) -> None:
    pictures = [(_asset(picture, "thumbnails"), row) for *row, picture in found]
    true = queue(db, [asset for asset, _ in pictures if asset], now, tally)
    tally.videos += change_many(
        db,
        "UPDATE facebook_video_posts SET local_picture_id = ?"
        f" WHERE {catalogue.of(engine(db)).is_at.format('video_id')}",
        [(true(asset), *row) for asset, row in pictures],
    )


def _take_attachments(db: Database, found: Sequence[Row], now: datetime, tally: Tally) -> None:
    attached = [Attached(at, *told) for at, _, *told in found]
    placed = _placed(db, attached)
    named = {
        one.place: (
            Asset(one.media, "attachments") if one.media else None,
            Asset(one.thumbnail, "thumbnails") if one.thumbnail else None,
        )
        for one in attached
    }
    true = queue(db, [asset for pair in named.values() for asset in pair if asset], now, tally)
    tally.attachments += change_many(
        db,
        "UPDATE facebook_post_attachments SET attachment_key = ?, duplicate_of = ?,"
        " removed_at = coalesce(removed_at, ?), local_media_id = coalesce(local_media_id, ?),"
        " local_thumbnail_id = coalesce(local_thumbnail_id, ?)"
        f" WHERE {catalogue.of(engine(db)).place} = ? AND attachment_key IS NULL",
        [
            (
                placed[one.place].key,
                placed[one.place].duplicate_of,
                to_text(now) if placed[one.place].duplicate_of else None,
                *map(true, named[one.place]),
                one.place,
            )
            for one in attached
        ],
    )
    tally.duplicates += sum(place.duplicate_of is not None for place in placed.values())


def _placed(db: Database, attached: Sequence[Attached]) -> dict[Any, Place]:
    posts: dict[str | None, list[Attached]] = defaultdict(list)
    for one in attached:
        posts[one.post_id].append(one)
    ids = sorted(str(post_id) for post_id in posts if post_id is not None)
    where = catalogue.of(engine(db)).place
    taken: dict[str | None, dict[str, Attached]] = defaultdict(dict)
    keys: dict[str | None, list[str]] = defaultdict(list)
    if ids:
        for key, duplicate_of, *values in rows(
            db,
            f"SELECT attachment_key, duplicate_of, {where}, post_id, type, media_url,"
            " thumbnail_url, title, description FROM facebook_post_attachments"
            f" WHERE post_id IN ({marks(len(ids))}) AND attachment_key IS NOT NULL",
            ids,
        ):
            one = Attached(*values)
            keys[one.post_id].append(key)
            if duplicate_of is None:
                taken[one.post_id][key] = one
    return {
        one.place: place
        for post_id, mine in posts.items()
        for one, place in zip(mine, places(mine, taken[post_id], keys[post_id]), strict=True)
    }


def queue(
    db: Database, assets: Sequence[Asset], now: datetime, tally: Tally
) -> Callable[[Asset | None], str | None]:
    """Queue *assets*, each by the link that lives longest; return what gives their rows' ids."""
    tally.pictures += intake.add(db, sorted(assets, key=_end, reverse=True), now).new
    true = aliases(db, {str(asset.id) for asset in assets})
    return lambda asset: true.get(str(asset.id), str(asset.id)) if asset else None


def _end(asset: Asset) -> datetime:
    return links.expires_at(asset.url) or datetime.min.replace(tzinfo=UTC)


def _asset(link: object, category: str) -> Asset | None:
    """Return the asset of any text that stands where a link should, so that it is looked at once.

    What is no link of a picture is refused when it is to be fetched, with the reason.
    """
    if not link:
        return None
    return Asset(
        read.picture({"link": link}, "link") or scrub(str(link).replace("\0", "")), category
    )
