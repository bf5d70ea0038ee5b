"""Write a Page's posts as a sync does, beside the usual ways, in the same minute.

    python -m bench upsert [--posts 3111] [--attachments 5600] [--database URL] [--rounds 5]

Without --database it runs on SQLite, and on PostgreSQL too where the tests' binaries are there.

fbsyncd                 pages of 100 posts as `fbsyncd sync` writes them: what is known is read and
                        compared, pictures are queued, each page is one transaction
fbsyncd, again          the same posts once more, their pictures archived
fbsyncd, signed anew    and once more, each link signed anew as every answer of Facebook does
executemany             the rows of posts and attachments alone, in one transaction: what the driver
                        itself needs
executemany, with pictures
                        the rows that fbsyncd writes in the same way: what indexes, foreign keys and
                        triggers cost whoever writes them
peewee                  posts and attachments alone, by insert_many().on_conflict() in chunks of 200
peewee, with pictures   the rows that fbsyncd writes: each picture's too, and whose picture it is,
                        in a transaction for each 100 posts; nothing is read or compared
one by one              one upsert a transaction, of 300 rows; the rest is extrapolated

Each in tables emptied before. The processor's time is this process's own: on a busy machine it
tells more than the clock, but nothing of a server.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from peewee import Database

from bench import rows, table
from bench.databases import databases
from bench.table import Goal, Table
from bench.writing import (
    PAGE,
    as_rows,
    bare,
    bare_with_pictures,
    by_row,
    peewee_many,
    with_pictures,
)
from fbsyncd import links, migrate, models
from fbsyncd.assets import Retry
from fbsyncd.backlog import Backlog
from fbsyncd.merge import Values
from fbsyncd.records import Attachment, Post
from fbsyncd.rows import Rows

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RETRY = Retry(timedelta(seconds=30), timedelta(hours=6), 12)
SINGLE = 300
TABLES = ("facebook_post_attachments", "facebook_posts", "media_storage")


def page_posts(posts: int, attachments: int) -> list[Post]:
    """Return posts with so many attachments between them."""
    each, more = divmod(attachments, posts)
    found, picture = [], 0
    for number in range(posts):
        count = each + (number < more)
        attached = tuple(_attachment(picture + one, one) for one in range(count))
        found.append(_post(number, picture, attached))
        picture += count
    return found


def _post(number: int, picture: int, attached: tuple[Attachment, ...]) -> Post:
    return Post(
        id=f"100_{number:09}",
        page_id="100",
        message=rows.TEXT * (1 + number % 4),
        story=None,
        type="photo",
        status_type="added_photos",
        permalink_url=f"https://www.facebook.com/100/posts/{number}",
        picture_url=None,
        full_picture_url=rows.link(picture),
        video_url=None,
        source=None,
        created_time=NOW - timedelta(hours=number),
        updated_time=NOW - timedelta(hours=number),
        is_published=True,
        is_hidden=False,
        attachments=attached,
    )


def _attachment(number: int, position: int) -> Attachment:
    return Attachment(
        key=str(number),
        position=position,
        type="photo",
        media_type="photo",
        media_url=rows.link(number),
        thumbnail_url=None,
        title=None,
        description=None,
        target_id=str(number),
        width=1080,
        height=1080,
    )


def fbsyncd(db: Database, posts: list[Post]) -> None:
    writer = Rows(db, Backlog(db, retry=RETRY, owner="bench/1"))
    for at in range(0, len(posts), PAGE):
        with models.transaction(db):
            writer.put(posts[at : at + PAGE], NOW)


def signed_anew(posts: list[Post]) -> list[Post]:
    """Return the same posts as the next answer tells them."""
    return [
        replace(
            one,
            full_picture_url=_anew(one.full_picture_url),
            attachments=tuple(
                replace(part, media_url=_anew(part.media_url)) for part in one.attachments or ()
            ),
        )
        for one in posts
    ]


def _anew(link: str | None) -> str | None:
    return link and link.replace("oh=00_AfC", "oh=00_AfD").replace("oe=6A1B", "oe=6A1C")


def empty(db: Database) -> None:
    with models.transaction(db):
        for table in TABLES:
            models.change(db, f"DELETE FROM {table}")


Seconds = tuple[float, float]


def archive(db: Database) -> None:
    """Say of every picture that it is there, as it is on all days but the first."""
    with models.transaction(db):
        models.change(
            db,
            "UPDATE media_storage SET download_status = 'success', file_size = 1, sha256 = '',"
            " local_filename = asset_key",
        )


def measure(db: Database, posts: list[Post], rounds: int) -> dict[str, list[Seconds]]:
    """Return the seconds by the clock and on the processor of each way, round by round."""
    told, attached = as_rows(posts)
    few = some(told, attached)
    share = (len(told) + len(attached)) / sum(map(len, few))
    anew = signed_anew(posts)
    ways: dict[str, Callable[[], None]] = {
        "fbsyncd": lambda: fbsyncd(db, posts),
        "fbsyncd, again": lambda: fbsyncd(db, posts),
        "fbsyncd, signed anew": lambda: fbsyncd(db, anew),
        "executemany": lambda: bare(db, told, attached),
        "executemany, with pictures": lambda: bare_with_pictures(db, posts),
        "peewee": lambda: peewee_many(db, told, attached),
        "peewee, with pictures": lambda: with_pictures(db, posts),
        "one by one": lambda: by_row(db, *few),
    }
    taken: dict[str, list[Seconds]] = {name: [] for name in ways}
    for done in range(rounds):
        for name, way in ways.items():
            if name == "fbsyncd, again":
                archive(db)
            elif name != "fbsyncd, signed anew":
                empty(db)
            clock, processor = _seconds(way)
            times = share if name == "one by one" else 1
            taken[name].append((clock * times, processor * times))
        table.say(f"round {done + 1} of {rounds}")
    return taken


def some(told: Sequence[Values], attached: Sequence[Values]) -> tuple[list[Values], list[Values]]:
    """Return about :data:`SINGLE` rows, in the proportion of all; each attachment has its post."""
    part = max(1, SINGLE * len(told) // (len(told) + len(attached)))
    posts = {one["id"] for one in told[:part]}
    beside = [one for one in attached if one["post_id"] in posts]
    return list(told[:part]), beside[: SINGLE - part]


def _seconds(call: Callable[[], None]) -> Seconds:
    # What a sync finds in memory are the links of the page before at most.
    for kept in (links.asset_key, links.asset_id, links.link_id):
        kept.cache_clear()
    clock, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - clock, time.process_time() - processor


GOALS = {
    "SQLite": (Goal("fbsyncd", 0.2, aim=8), Goal("fbsyncd", 1 / 5, "peewee", aim=8)),
    "PostgreSQL": (Goal("fbsyncd", 0.6, aim=8), Goal("fbsyncd", 1 / 2, "peewee", aim=8)),
}


def tables(name: str, size: str, taken: dict[str, list[Seconds]]) -> Sequence[Table]:
    """Return the tables of one database: by the clock, and on the processor."""
    clock = {way: [one for one, _ in figures] for way, figures in taken.items()}
    processor = {way: [one for _, one in figures] for way, figures in taken.items()}
    goals = GOALS.get(name, ())
    return (
        Table(f"{name}, {size}", "seconds", clock, "peewee", goals),
        Table(f"{name}, {size}", "seconds of the processor", processor, "peewee"),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--posts", type=int, default=3111)
    parser.add_argument("--attachments", type=int, default=5600)
    parser.add_argument("--database", metavar="URL")
    table.options(parser)
    args = parser.parse_args()
    posts = page_posts(args.posts, args.attachments)
    size = f"{args.posts:,} posts and {args.attachments:,} attachments"
    found: list[Table] = []
    with databases(args.database) as there:
        for name, url in there:
            db = models.connect(url)
            migrate.apply(db)
            taken = measure(db, posts, args.rounds)
            models.close(db)
            found += tables(name, size, taken)
    table.tell("upsert", found, args)


if __name__ == "__main__":
    main()
