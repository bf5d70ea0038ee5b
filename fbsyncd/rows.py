"""Records into the tables of the Page: a constant number of statements for a page of results."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any, Final, TypeVar

from peewee import Database

from fbsyncd import adopted, borne, bulk, former, links, merge, models
from fbsyncd.adopted import Custom, Limits
from fbsyncd.assets import Asset
from fbsyncd.backlog import Backlog
from fbsyncd.intake import Taken
from fbsyncd.merge import ATTACHMENT_COLUMNS, POST_COLUMNS, VIDEO_COLUMNS, Values
from fbsyncd.models import rows, to_text
from fbsyncd.records import PageInfo, Post, Video

One = TypeVar("One", Post, Video)

_KEYS: Final = {"post": ("id", "facebook_posts"), "video": ("video_id", "facebook_video_posts")}
#: So much is told of a link that no row takes.
_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one page of results.

    *written* rows changed, *pictures_new* pictures nobody had named before, and *kept* are the
    records this archive keeps: neither unpublished nor forgotten on purpose.
    """

    written: int
    pictures_new: int
    kept: Sequence[Post | Video]


@dataclass(frozen=True, slots=True)
class _Put:
    """How one page of results is written: when, with which pictures, and whether rows are borne."""

    now: datetime
    taken: Taken
    bears: bool


class Rows:
    """Writes records; must be called inside a transaction."""

    def __init__(self, db: Database, backlog: Backlog) -> None:
        self._db = db
        self._backlog = backlog
        self._limits: Limits | None = None

    def put(
        self, records: Sequence[Post] | Sequence[Video], now: datetime, *, bears: bool = False
    ) -> Stored:
        """Write what is news in *records* and queue every picture they name.

        *bears*: what the database refuses is left out, and told; see :mod:`fbsyncd.borne`.
        """
        known = remembered(_published(records), self._forgotten(records))
        kept = [one for one in known if self._is_held(one)]
        named = [asset for one in kept for asset in merge.assets(one)]
        taken = self._bear_pictures(named, now) if bears else self._backlog.add(named, now)
        posts = sorted((one for one in kept if isinstance(one, Post)), key=lambda one: one.id)
        videos = [one for one in kept if isinstance(one, Video)]
        put = _Put(now, taken, bears=bears)
        if bears:
            written = self._bear(posts, lambda some: self._put_posts(some, put))
            written += self._bear(videos, lambda some: self._put_videos(some, put))
        else:
            written = self._put_posts(posts, put) + self._put_videos(videos, put)
        return Stored(written, taken.new, kept)

    def put_page(self, page: PageInfo) -> None:
        """Write how a Page describes itself, in a transaction; tell of it where it cannot be."""
        values = {name: getattr(page, name) for name in ("id", "name", "username", "category")}
        values |= {name: getattr(page, name) for name in ("about", "website", "fan_count")}
        told = Custom(self._known_limits()).tell("facebook_pages", values)
        write = partial(self._upsert, "facebook_pages", ("id",), tuple(values))

        def leave(_: object, why: str) -> None:
            borne.warn(self._db, "pages", page.id, why)

        list(borne.by_halves(self._db, [told], write, leave))

    def is_forgotten_page(self, page_id: str) -> bool:
        """Tell whether a person had this Page removed on purpose."""
        known = "SELECT 1 FROM forgotten WHERE kind = 'page' AND id = ?"
        with models.session(self._db):
            return bool(rows(self._db, known, [page_id]))

    def _bear_pictures(self, named: Sequence[Asset], now: datetime) -> Taken:
        lost: set[str] = set()

        def leave(asset: Asset, why: str) -> None:
            lost.add(links.link_id(asset.url))
            borne.warn(self._db, "pictures", asset.url[:_SHOWN], why)

        parts = list(
            borne.by_halves(self._db, named, lambda some: self._backlog.add(some, now), leave)
        )
        developed = {id_ for part in parts for id_ in part.developed}
        return Taken(sum(part.new for part in parts), developed, lost)

    def _bear(self, records: Sequence[One], put: Callable[[Sequence[One]], int]) -> int:
        def leave(record: One, why: str) -> None:
            (kind, id_), _ = _names(record)
            borne.warn(self._db, f"{kind}s", id_, why)

        return sum(borne.by_halves(self._db, records, put, leave))

    def _put_posts(self, posts: Sequence[Post], put: _Put) -> int:
        if not posts:
            return 0
        now, taken = put.now, put.taken
        ids = [post.id for post in posts]
        known = {row["id"]: row for row in self._stored("facebook_posts", POST_COLUMNS, "id", ids)}
        beside = self._stored("facebook_post_attachments", ATTACHMENT_COLUMNS, "post_id", ids)
        attached = merge.by_key(beside)
        custom = self._custom([*known.values(), *beside], posts, taken)
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
        former.keep_texts(self._db, known, changed, now)
        former.keep_pictures(
            self._db,
            [(row["id"], known.get(row["id"]), row) for row in changed if row]
            + [
                (row["post_id"], attached[row["post_id"]].get(row["attachment_key"]), row)
                for row in altered
            ],
        )
        written = self._upsert("facebook_posts", ("id",), POST_COLUMNS, changed)
        former.let_go(self._db, changed)
        attach = partial(
            self._upsert,
            "facebook_post_attachments",
            ("post_id", "attachment_key"),
            ATTACHMENT_COLUMNS,
        )

        def leave(row: Values, why: str) -> None:
            place = f"{row['attachment_key']} of {row['post_id']}"
            borne.warn(self._db, "attachments", place, why)

        if put.bears:
            written += sum(borne.by_halves(self._db, altered, attach, leave))
        else:
            written += attach(altered)
        bare = [row for row in (*beside, *altered) if not row["local_thumbnail_id"]]
        ids = sorted({row["post_id"] for row in bare if row["local_media_id"] in taken.developed})
        self._show_developed(ids, bears=put.bears)
        return written

    def _show_developed(self, ids: Sequence[str], *, bears: bool) -> None:
        show = partial(former.show_developed, self._db)
        if bears:
            leave = partial(borne.warn_left, self._db, "posts")
            list(borne.by_halves(self._db, ids, show, leave))
        else:
            show(ids)

    def _forgotten(self, records: Sequence[Post] | Sequence[Video]) -> set[tuple[str, str]]:
        """Return the kinds and ids among *records* that a person had removed on purpose."""
        named = {one for record in records for one in _names(record)}
        if not named:
            return set()
        some, params = models.engine(self._db).among(sorted({id_ for _, id_ in named}))
        found = rows(self._db, f"SELECT kind, id FROM forgotten WHERE id {some}", params)
        return {(kind, id_) for kind, id_ in found} & named

    def _is_held(self, record: Post | Video) -> bool:
        """Tell whether an older program's table takes this very id; say where it does not."""
        (kind, id_), (_, page_id) = _names(record)
        key, table = _KEYS[kind]
        why = adopted.unheld(self._known_limits(), table, {key: id_, "page_id": page_id})
        if why:
            borne.warn(self._db, f"{kind}s", id_, why)
        return why is None

    def _put_videos(self, videos: Sequence[Video], put: _Put) -> int:
        if not videos:
            return 0
        ids = sorted(video.video_id for video in videos)
        known = {
            row["video_id"]: row
            for row in self._stored("facebook_video_posts", VIDEO_COLUMNS, "video_id", ids)
        }
        custom = self._custom(known.values(), videos, put.taken)
        changed = [
            custom.tell(
                "facebook_video_posts",
                merge.video(custom.read(known.get(one.video_id)), one, put.now),
            )
            for one in videos
        ]
        former.keep_pictures(
            self._db, [(row["video_id"], known.get(row["video_id"]), row) for row in changed if row]
        )
        return self._upsert("facebook_video_posts", ("video_id",), VIDEO_COLUMNS, changed)

    def _custom(
        self, stored: Iterable[Values], records: Sequence[Post | Video], taken: Taken
    ) -> Custom:
        named = (asset.url for one in records for asset in merge.assets(one))
        aliases: dict[str, str | None] = {**adopted.true_ids(self._db, stored, named)}
        # No row may name a picture that has none.
        return Custom(self._known_limits(), aliases | dict.fromkeys(taken.refused))

    def _known_limits(self) -> Limits:
        if self._limits is None:
            self._limits = adopted.limits(self._db)
        return self._limits

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
