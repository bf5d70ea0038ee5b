"""A database as older scripts leave it: their tables, their statements, and years of rows.

The scripts know nothing of fbsyncd. They read a Page now and then and write what they are told;
each reading signs every link anew, so an attachment they had already is added once more.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import requests

PAGE = "1045"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
POSTS, ATTACHMENTS, AGAIN, VIDEOS = 3111, 5600, 2100, 240

TABLES = {
    "facebook_posts": """
CREATE TABLE facebook_posts (
    id VARCHAR(255) PRIMARY KEY,
    page_id VARCHAR(255),
    message TEXT,
    story TEXT,
    type VARCHAR(50),
    permalink_url TEXT,
    picture_url TEXT,
    full_picture_url TEXT,
    video_url TEXT,
    source TEXT,
    status_type VARCHAR(100),
    created_time TIMESTAMP,
    updated_time TIMESTAMP,
    is_published BOOLEAN,
    is_hidden BOOLEAN,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
)""",
    "facebook_post_attachments": """
CREATE TABLE facebook_post_attachments (
    id {serial},
    post_id VARCHAR(255),
    type VARCHAR(50),
    media_url TEXT,
    thumbnail_url TEXT,
    description TEXT,
    title TEXT,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (post_id, type, media_url)
)""",
    "facebook_video_posts": """
CREATE TABLE facebook_video_posts (
    id {serial},
    video_id VARCHAR(255) UNIQUE,
    post_id VARCHAR(255),
    page_id VARCHAR(255),
    created_time TIMESTAMP,
    permalink_url TEXT,
    source TEXT,
    length FLOAT,
    title TEXT,
    description TEXT,
    picture TEXT,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
)""",
}
#: None of the archive's business, and in its way nevertheless.
STRANGERS = (
    """
CREATE TABLE facebook_post_insights (
    post_id VARCHAR(255) REFERENCES facebook_posts (id), metric VARCHAR(100), value FLOAT,
    day TIMESTAMP, PRIMARY KEY (post_id, metric, day)
)""",
    """
CREATE VIEW newest_posts AS SELECT id, message, full_picture_url, created_time
FROM facebook_posts WHERE created_time IS NOT NULL""",
    "CREATE INDEX facebook_posts_page ON facebook_posts (page_id)",
)
_ROWID = "INTEGER PRIMARY KEY AUTOINCREMENT"
_SERIALS = {
    True: {"serial": _ROWID, "bigserial": _ROWID, "uuid": "TEXT"},
    False: {
        "serial": "SERIAL PRIMARY KEY",
        "bigserial": "BIGSERIAL PRIMARY KEY",
        "uuid": "UUID",
    },
}

POST = (
    "INSERT INTO facebook_posts (id, page_id, message, story, type, permalink_url, picture_url,"
    " full_picture_url, video_url, source, status_type, created_time, updated_time, is_published,"
    " is_hidden) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET message = EXCLUDED.message, story = EXCLUDED.story,"
    " picture_url = EXCLUDED.picture_url, full_picture_url = EXCLUDED.full_picture_url,"
    " updated_at = CURRENT_TIMESTAMP"
)
ATTACHMENT = (
    "INSERT INTO facebook_post_attachments (post_id, type, media_url, thumbnail_url, title,"
    " description) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (post_id, type, media_url)"
    " DO UPDATE SET title = EXCLUDED.title, description = EXCLUDED.description"
)
VIDEO = (
    "INSERT INTO facebook_video_posts (video_id, post_id, page_id, created_time, permalink_url,"
    " source, length, title, description, picture) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (video_id) DO UPDATE SET picture = EXCLUDED.picture,"
    " updated_at = CURRENT_TIMESTAMP"
)


@dataclass
class Dump:
    """The scripts' own way into the database at *url*; fbsyncd's drivers have no part in it."""

    url: str
    #: How many characters the scripts write of a text, and whether they write flags as such.
    cut: int | None = None
    has_flags: bool = True

    @property
    def is_file(self) -> bool:
        return self.url.startswith("sqlite")

    @contextmanager
    def connection(self) -> Iterator[Any]:
        if self.is_file:
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as session, session:
                session.text_factory = lambda text: text.decode(errors="surrogateescape")
                yield session
        else:
            # Far from UTC, as a script's machine may be.
            zone = "-c timezone=Asia/Bangkok"
            with psycopg.connect(self.url, options=zone) as connection:
                yield connection

    def run(self, *statements: str) -> None:
        with self.connection() as connection:
            for statement in statements:
                connection.execute(statement.format(**_SERIALS[self.is_file]))

    def write(self, statement: str, many: Iterable[Sequence[Any]]) -> None:
        sql = statement if self.is_file else statement.replace("?", "%s")
        with self.connection() as connection, closing(connection.cursor()) as cursor:
            cursor.executemany(sql, [tuple(map(self._plain, row)) for row in many])

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with self.connection() as connection:
            return list(connection.execute(sql).fetchall())

    def one(self, sql: str) -> Any:
        ((value,),) = self.ask(sql)
        return value

    def make(self, *strangers: str, tables: dict[str, str] = TABLES) -> None:
        self.run(*tables.values(), *strangers)

    def _plain(self, value: Any) -> Any:
        if isinstance(value, bool) and not self.has_flags:
            return int(value)
        # What Python's own adapter of times wrote until it was deprecated.
        return value.isoformat(" ") if self.is_file and isinstance(value, datetime) else value


@dataclass
class Years:
    """Rows to the description: so many posts and attachments, many of these the same again."""

    posts: int = POSTS
    attachments: int = ATTACHMENTS
    again: int = AGAIN
    videos: int = VIDEOS
    seed: int = 4
    #: Every asset that some link leads to.
    named: set[str] = field(default_factory=set)

    def fill(self, dump: Dump) -> None:
        chance = random.Random(self.seed)
        dump.write(POST, (self._post(number, chance) for number in range(self.posts)))
        dump.write(ATTACHMENT, self._attachments(chance))
        dump.write(VIDEO, (self._video(number, chance) for number in range(self.videos)))

    def _post(self, number: int, chance: random.Random) -> tuple[Any, ...]:
        created = self._created(number)
        has_picture = number % 20 != 19
        kind = ("photo", "album", "video", "link", "status")[number % 5]
        return (
            f"{PAGE}_{number}",
            PAGE,
            f"Post {number}: 100 % ไทย 🎈 'quoted' {chance.random()}" if number % 7 else None,
            None,
            kind,
            f"https://www.facebook.com/{PAGE}/posts/{number}",
            self.link(f"{number}_1_0", chance, "p130x130") if has_picture else None,
            self.link(f"{number}_1_0", chance) if has_picture else None,
            None,
            None,
            "added_photos",
            created,
            created + timedelta(minutes=3),
            True,
            False,
        )

    def _attachments(self, chance: random.Random) -> Iterator[tuple[Any, ...]]:
        once = [(number % self.posts, number // self.posts) for number in range(self._different)]
        for post, place in once + chance.choices(once, k=self.again):
            link = self.link(f"{post}_1_{place}", chance)
            yield f"{PAGE}_{post}", "photo", link, None, f"Title {post}", None

    def _video(self, number: int, chance: random.Random) -> tuple[Any, ...]:
        post = number * (self.posts // max(self.videos, 1))
        return (
            f"77{number}",
            f"{PAGE}_{post}",
            PAGE,
            self._created(post),
            f"/{PAGE}/videos/77{number}/",
            "https://video.xx.fbcdn.net/v/t42.1790-2/1_2_3_n.mp4?oe=1",
            12.891,
            "",
            "",
            self.link(f"9{number}_1_9", chance),
        )

    @property
    def _different(self) -> int:
        return self.attachments - self.again

    def _created(self, number: int) -> datetime:
        return (NOW - timedelta(hours=7 * number + 1)).replace(tzinfo=None)

    def link(self, name: str, chance: random.Random, size: str = "s720x720") -> str:
        """Return a link as some reading of the last year signed it; one in a hundred is alive."""
        self.named.add(f"{name}#{size}")
        hours = 60 if chance.random() < 0.01 else -chance.randrange(1, 9000)
        expiry = int((NOW + timedelta(hours=hours)).timestamp())
        path = f"v/t39.30808-6/{name}_n.jpg?stp=dst-jpg_{size}"
        signature = f"{chance.getrandbits(64):x}"
        return f"https://scontent-{hours % 9}.xx.fbcdn.net/{path}&oh={signature}&oe={expiry:X}"


def read_page(dump: Dump, graph_url: str, page_id: str, token: str) -> int:
    """Be the old script: read all posts and videos of a Page, write them; return how many posts."""
    read = 0
    fields = (
        "id,message,story,created_time,updated_time,permalink_url,full_picture,picture,status_type,"
        "attachments{type,media_type,title,description,media,subattachments}"
    )
    for post in _listed(f"{graph_url}/v26.0/{page_id}/posts", fields, token):
        read += 1
        dump.write(POST, [_post_row(post, page_id, dump.cut)])
        dump.write(ATTACHMENT, _attachment_rows(post, dump.cut))
    fields = "id,title,description,length,created_time,permalink_url,picture"
    for video in _listed(f"{graph_url}/v26.0/{page_id}/videos", fields, token):
        dump.write(VIDEO, [_video_row(video, page_id, dump.cut)])
    return read


def _listed(url: str, fields: str, token: str) -> Iterator[dict[str, Any]]:
    after = ""
    while True:
        query = {"fields": fields, "limit": "25", "access_token": token, "after": after}
        told = requests.get(url, params=query, timeout=20).json()
        yield from told["data"]
        if "next" not in told.get("paging", {}):
            return
        after = told["paging"]["cursors"]["after"]


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").replace(tzinfo=None)


def _post_row(post: dict[str, Any], page_id: str, cut: int | None) -> tuple[Any, ...]:
    kinds = [item.get("media_type") for item in post.get("attachments", {}).get("data", [])]
    return (
        post["id"],
        page_id,
        (post.get("message") or "")[:cut],
        post.get("story"),
        kinds[0] if kinds else "status",
        post["permalink_url"][:cut],
        post.get("picture"),
        post.get("full_picture"),
        None,
        None,
        post.get("status_type"),
        _time(post["created_time"]),
        None,
        True,
        False,
    )


def _attachment_rows(post: dict[str, Any], cut: int | None) -> Iterator[tuple[Any, ...]]:
    for item in post.get("attachments", {}).get("data", []):
        for part in [item, *item.get("subattachments", {}).get("data", [])]:
            media = part.get("media", {}).get("image", {}).get("src")
            yield (
                post["id"],
                part.get("type"),
                media,
                None,
                (part.get("title") or "")[:cut],
                (part.get("description") or "")[:cut],
            )


def _video_row(video: dict[str, Any], page_id: str, cut: int | None) -> tuple[Any, ...]:
    return (
        video["id"],
        None,
        page_id,
        _time(video["created_time"]),
        video["permalink_url"][:cut],
        None,
        video.get("length"),
        (video.get("title") or "")[:cut],
        (video.get("description") or "")[:cut],
        video.get("picture"),
    )
