"""What was removed on purpose in one archive and is still in another.

A post or a Page can be forgotten wherever it is. A video cannot, while a post that is wanted shows
it: then it is left out, and so are the pictures that nothing else names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from peewee import Database

from fbsyncd.models import Row, marks, rows, session

_CHUNK: Final = 500
#: Where a table names what was removed. A Page may have videos alone, or nothing but its name.
_HOLDERS: Final = (
    ("post", "facebook_posts", "id"),
    ("page", "facebook_posts", "page_id"),
    ("page", "facebook_video_posts", "page_id"),
    ("page", "facebook_pages", "id"),
    ("page", "sync_state", "page_id"),
)
_VIDEOS: Final = "facebook_video_posts"
_FORMER: Final = "former_pictures"
#: Every column that names a picture, beside the one that says whose it is.
_NAMING: Final = (
    ("facebook_posts", "id", "local_picture_id"),
    ("facebook_posts", "id", "local_full_picture_id"),
    ("facebook_post_attachments", "post_id", "local_media_id"),
    ("facebook_post_attachments", "post_id", "local_thumbnail_id"),
    (_VIDEOS, "video_id", "local_picture_id"),
    (_FORMER, "owner_id", "media_id"),
)


@dataclass(frozen=True, slots=True)
class Lingering:
    """A video that was forgotten in one archive, and the *posts* that hold it in another."""

    video_id: str
    posts: tuple[str, ...]


def still_held(forgot: Database, holder: Database) -> list[tuple[str, str]]:
    """Return kind and id of the posts and Pages *forgot* has forgotten and *holder* has."""
    held: dict[tuple[str, str], None] = {}
    for kind, table, column in _HOLDERS:
        there = sorted(str(id_) for (id_,) in _among(holder, table, column, _ids(forgot, kind)))
        held |= dict.fromkeys((kind, id_) for id_ in there)
    return list(held)


def lingering(forgot: Database, holder: Database) -> list[Lingering]:
    """Return the videos that *forgot* has forgotten and *holder* has."""
    return [Lingering(id_, _posts(holder, id_)) for id_ in _videos(forgot, holder)]


def left_out(source: Database, target: Database) -> Mapping[str, Collection[str]]:
    """Return by table whose rows of *source* stay behind, as their first columns name them."""
    videos = {id_ for forgot in (source, target) for id_ in _videos(forgot, source)}
    if not videos:
        return {}
    named = {
        str(picture)
        for table, owner, column in _NAMING
        if table in {_VIDEOS, _FORMER}
        for (picture,) in _among(source, table, owner, videos, column)
        if picture is not None
    }
    return {"media_storage": _alone(source, named, videos), _VIDEOS: videos, _FORMER: videos}


def _alone(db: Database, named: set[str], videos: Collection[str]) -> set[str]:
    """Return the pictures, with what was made of them, that nothing but these videos names."""
    made = [
        (str(id_), str(parent))
        for id_, parent in _among(db, "media_storage", "derived_from", named, "id, derived_from")
    ]
    family = {*named, *(id_ for id_, _ in made)}
    spared = {
        str(picture)
        for table, owner, column in _NAMING
        for picture, whose in _among(db, table, column, family, f"{column}, {owner}")
        if table not in {_VIDEOS, _FORMER} or str(whose) not in videos
    }
    # A picture and its small version go together or stay together.
    spared |= {parent for id_, parent in made if id_ in spared}
    gone = named - spared
    return gone | {id_ for id_, parent in made if parent in gone}


def _posts(db: Database, video_id: str) -> tuple[str, ...]:
    """Return the posts that show a video, or the one that it names where none does."""
    shown = _among(db, "facebook_post_attachments", "target_id", [video_id], "post_id")
    posts = {str(id_) for (id_,) in shown if id_ is not None}
    of = [str(id_) for (id_,) in _among(db, _VIDEOS, "video_id", [video_id], "post_id") if id_]
    if posts:
        of = [str(id_) for (id_,) in _among(db, "facebook_posts", "id", of)]
    return tuple(sorted(posts.union(of)))


def _videos(forgot: Database, holder: Database) -> list[str]:
    ids = _ids(forgot, "video")
    return sorted(str(id_) for (id_,) in _among(holder, _VIDEOS, "video_id", ids))


def _ids(db: Database, kind: str) -> list[str]:
    with session(db):
        found = rows(db, "SELECT id FROM forgotten WHERE kind = ? ORDER BY id", [kind])
    return [str(id_) for (id_,) in found]


def _among(
    db: Database, table: str, column: str, values: Collection[str], asked: str = ""
) -> Iterator[Row]:
    """Yield the rows of which *column* has one of *values*, each once."""
    ids = sorted(values)
    for at in range(0, len(ids), _CHUNK):
        some = ids[at : at + _CHUNK]
        sql = (
            f"SELECT DISTINCT {asked or column} FROM {table} WHERE {column} IN ({marks(len(some))})"
        )
        with session(db):
            yield from rows(db, sql, some)
