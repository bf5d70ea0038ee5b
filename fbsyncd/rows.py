"""Records into the tables of the Page: a constant number of statements for a page of results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from peewee import Database

from fbsyncd import adopted, bulk, merge, models
from fbsyncd.adopted import Custom, Limits
from fbsyncd.backlog import Backlog
from fbsyncd.intake import Taken
from fbsyncd.merge import ATTACHMENT_COLUMNS, POST_COLUMNS, VIDEO_COLUMNS, Values
from fbsyncd.models import change, change_many, rows, to_text
from fbsyncd.records import PageInfo, Post, Video


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one page of results.

    *written* rows changed, *pictures_new* pictures nobody had named before, and *kept* are the
    records this archive keeps: neither unpublished nor forgotten on purpose.
    """

    written: int
    pictures_new: int
    kept: Sequence[Post | Video]


class Rows:
    """Writes records; must be called inside a transaction."""

    def __init__(self, db: Database, backlog: Backlog) -> None:
        self._db = db
        self._backlog = backlog
        self._limits: Limits | None = None

    def put(self, records: Sequence[Post] | Sequence[Video], now: datetime) -> Stored:
        """Write what is news in *records* and queue every picture they name."""
        kept = remembered(_published(records), self._forgotten(records))
        named = (asset for one in kept for asset in merge.assets(one))
        taken = self._backlog.add(named, now)
        posts = sorted((one for one in kept if isinstance(one, Post)), key=lambda one: one.id)
        videos = [one for one in kept if isinstance(one, Video)]
        written = self._put_posts(posts, now, taken) + self._put_videos(videos, now)
        return Stored(written, taken.new, kept)

    def put_page(self, page: PageInfo) -> None:
        """Write how a Page describes itself."""
        values = {name: getattr(page, name) for name in ("id", "name", "username", "category")}
        values |= {name: getattr(page, name) for name in ("about", "website", "fan_count")}
        self._upsert("facebook_pages", ("id",), tuple(values), [values])

    def is_forgotten_page(self, page_id: str) -> bool:
        """Tell whether a person had this Page removed on purpose."""
        known = "SELECT 1 FROM forgotten WHERE kind = 'page' AND id = ?"
        with models.session(self._db):
            return bool(rows(self._db, known, [page_id]))

    def join_videos(self, page_id: str) -> None:
        """Tell videos which post shows them, as far as the posts' attachments say."""
        change(
            self._db,
            "UPDATE facebook_video_posts SET post_id = (SELECT min(a.post_id)"
            " FROM facebook_post_attachments a WHERE a.target_id = facebook_video_posts.video_id)"
            " WHERE page_id = ? AND post_id IS NULL AND EXISTS (SELECT 1"
            " FROM facebook_post_attachments a WHERE a.target_id = facebook_video_posts.video_id)",
            [page_id],
        )

    def _put_posts(self, posts: Sequence[Post], now: datetime, taken: Taken) -> int:
        if not posts:
            return 0
        ids = [post.id for post in posts]
        known = {row["id"]: row for row in self._stored("facebook_posts", POST_COLUMNS, "id", ids)}
        beside = self._stored("facebook_post_attachments", ATTACHMENT_COLUMNS, "post_id", ids)
        attached = _by_key(beside)
        custom = self._custom([*known.values(), *beside], posts)
        changed = [
            custom.tell("facebook_posts", merge.post(custom.read(known.get(one.id)), one, now))
            for one in posts
        ]
        told = [
            custom.tell("facebook_post_attachments", row)
            for one in posts
            for row in merge.attachments(
                {key: custom.read(row) or row for key, row in attached[one.id].items()}, one, now
            )
        ]
        altered = merge.without_clashes([row for row in told if row], beside)
        self._keep_texts(known, changed, now)
        self._keep_pictures(
            [(row["id"], known.get(row["id"]), row) for row in changed if row]
            + [
                (row["post_id"], attached[row["post_id"]].get(row["attachment_key"]), row)
                for row in altered
            ]
        )
        written = self._upsert("facebook_posts", ("id",), POST_COLUMNS, changed)
        written += self._upsert(
            "facebook_post_attachments",
            ("post_id", "attachment_key"),
            ATTACHMENT_COLUMNS,
            altered,
        )
        bare = [row for row in (*beside, *altered) if not row["local_thumbnail_id"]]
        self._show_developed(
            sorted({row["post_id"] for row in bare if row["local_media_id"] in taken.developed})
        )
        return written

    def _keep_texts(
        self, known: Mapping[str, Values], changed: Sequence[Values | None], now: datetime
    ) -> None:
        """Keep the text of each post that is about to get another one.

        The first text counts from when this archive first had it; nobody knows since when it
        stood at the source.
        """
        distinct = models.engine(self._db).distinct
        change_many(
            self._db,
            "INSERT INTO facebook_post_history (post_id, seen_from, seen_until, message, story)"
            " SELECT p.id, coalesce((SELECT max(h.seen_until) FROM facebook_post_history h"
            " WHERE h.post_id = p.id), p.created_at, p.created_time, ?), ?, p.message, p.story"
            # Compared once more: another sync may have written the new text meanwhile.
            " FROM facebook_posts p WHERE p.id = ?"
            f" AND (p.message, p.story) {distinct} (?, ?) ON CONFLICT DO NOTHING",
            [
                (to_text(now), to_text(now), row["id"], row["message"], row["story"])
                for row in changed
                if row and merge.is_edited(known.get(row["id"]), row)
            ],
        )

    def _keep_pictures(self, changed: Sequence[tuple[str, Values | None, Values]]) -> None:
        """Remember whose the pictures were that nothing is about to name any more."""
        change_many(
            self._db,
            "INSERT INTO former_pictures (owner_id, media_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
            sorted(
                (owner, media_id)
                for owner, known, row in changed
                for media_id in merge.former(known, row)
            ),
        )

    def _forgotten(self, records: Sequence[Post] | Sequence[Video]) -> set[tuple[str, str]]:
        """Return the kinds and ids among *records* that a person had removed on purpose."""
        named = {one for record in records for one in _names(record)}
        if not named:
            return set()
        some, params = models.engine(self._db).among(sorted({id_ for _, id_ in named}))
        found = rows(self._db, f"SELECT kind, id FROM forgotten WHERE id {some}", params)
        return {(kind, id_) for kind, id_ in found} & named

    def _show_developed(self, post_ids: Sequence[str]) -> None:
        """Link small versions made before, when another post named the same picture."""
        if not post_ids:
            return
        small = (
            "SELECT m.id FROM media_storage m WHERE m.derived_from = a.local_media_id"
            " AND m.download_status = 'success' LIMIT 1"
        )
        some, params = models.engine(self._db).among(post_ids)
        change(
            self._db,
            f"UPDATE facebook_post_attachments AS a SET local_thumbnail_id = ({small})"
            f" WHERE a.post_id {some} AND a.local_thumbnail_id IS NULL AND EXISTS ({small})",
            params,
        )

    def _put_videos(self, videos: Sequence[Video], now: datetime) -> int:
        if not videos:
            return 0
        ids = sorted(video.video_id for video in videos)
        known = {
            row["video_id"]: row
            for row in self._stored("facebook_video_posts", VIDEO_COLUMNS, "video_id", ids)
        }
        custom = self._custom(known.values(), videos)
        changed = [
            custom.tell(
                "facebook_video_posts", merge.video(custom.read(known.get(one.video_id)), one, now)
            )
            for one in videos
        ]
        self._keep_pictures(
            [(row["video_id"], known.get(row["video_id"]), row) for row in changed if row]
        )
        return self._upsert("facebook_video_posts", ("video_id",), VIDEO_COLUMNS, changed)

    def _custom(self, stored: Iterable[Values], records: Sequence[Post | Video]) -> Custom:
        if self._limits is None:
            self._limits = adopted.limits(self._db)
        named = (asset.url for one in records for asset in merge.assets(one))
        return Custom(self._limits, adopted.true_ids(self._db, stored, named))

    def _stored(
        self, table: str, columns: Sequence[str], key: str, ids: Collection[str]
    ) -> list[Values]:
        some, params = models.engine(self._db).among(sorted(ids))
        sql = f"SELECT {', '.join(columns)} FROM {table} WHERE {key} {some}"
        return merge.stored(columns, rows(self._db, sql, params))

    def _upsert(
        self,
        table: str,
        key: Sequence[str],
        columns: Sequence[str],
        changed: Sequence[Values | None],
    ) -> int:
        distinct = models.engine(self._db).distinct
        others = [name for name in columns if name not in key]
        on_conflict = (
            f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET"
            f" {', '.join(f'{name} = excluded.{name}' for name in others)}"
            f" WHERE ({', '.join(f'{table}.{name}' for name in others)}) {distinct}"
            f" ({', '.join(f'excluded.{name}' for name in others)})"
        )
        # Sorted by key: two writers that lock rows in different order deadlock on PostgreSQL. And
        # what an answer lists twice is written once, as it was listed last.
        keyed = itemgetter(*key)
        many = sorted({keyed(row): row for row in changed if row}.items())
        told = list(_params(columns, (row for _, row in many)))
        return bulk.insert(self._db, table, columns, told, on_conflict)


def _by_key(stored: Sequence[Values]) -> dict[str, dict[str, Values]]:
    """Return attachments by post and key; one without is another program's, not adopted yet."""
    found: dict[str, dict[str, Values]] = defaultdict(dict)
    for row in stored:
        if row["attachment_key"] is not None:
            found[row["post_id"]][row["attachment_key"]] = row
    return found


def _published(records: Sequence[Post] | Sequence[Video]) -> list[Post | Video]:
    """A scheduled post comes back under another id when it is published; kept, it is a ghost."""
    return [
        one
        for one in records
        if (one.is_published if isinstance(one, Post) else one.published) is not False
    ]


def remembered(
    records: Sequence[Post | Video], forgotten: Collection[tuple[str, str]]
) -> list[Post | Video]:
    """Return *records* without those that are forgotten, themselves or with their Page."""
    return [one for one in records if not any(name in forgotten for name in _names(one))]


def _names(record: Post | Video) -> tuple[tuple[str, str], tuple[str, str]]:
    own = ("post", record.id) if isinstance(record, Post) else ("video", record.video_id)
    return own, ("page", record.page_id)


def _params(columns: Sequence[str], many: Iterable[Values]) -> Iterator[list[Any]]:
    special = [at for at, name in enumerate(columns) if name in merge.SPECIAL]
    pick = itemgetter(*columns)
    for row in many:
        values = list(pick(row))
        for at in special:
            values[at] = _param(values[at])
        yield values


def _param(value: Any) -> Any:
    if isinstance(value, bool):
        # As text, which columns of numbers take as well.
        return str(int(value))
    return to_text(value) if isinstance(value, datetime) else value
