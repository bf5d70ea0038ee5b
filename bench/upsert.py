"""Write a Page's posts as a sync does, beside the usual ways, in the same minute.

    python -m bench upsert [--posts 3111] [--attachments 5600] [--database URL] [--rounds 5]

Without --database it runs on SQLite, and on PostgreSQL too where the tests' binaries are there.

bare       the same rows by one executemany with ON CONFLICT: what the driver alone needs
fbsyncd    pages of 100 posts as `fbsyncd sync` writes them: what is known is read and compared,
           pictures are queued, each page is one transaction
peewee     insert_many().on_conflict() in chunks of 200
by row     one upsert a transaction, of 300 rows; the rest is extrapolated

Medians of so many rounds, each in tables emptied before; "again" is the same rows once more. CPU
is this process's own: on a busy machine it tells more than the clock, but nothing of a server.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from peewee import Database

from bench import rows, table
from fbsyncd import migrate, models
from fbsyncd.assets import Retry
from fbsyncd.backlog import Backlog
from fbsyncd.merge import ATTACHMENT_COLUMNS, POST_COLUMNS
from fbsyncd.records import Attachment, Post
from fbsyncd.rows import Rows
from fbsyncd.tables import FacebookPost, FacebookPostAttachment

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RETRY = Retry(timedelta(seconds=30), timedelta(hours=6), 12)
PAGE = 100
SINGLE = 300
OURS, PEEWEE = "fbsyncd", "peewee"
#: What may be needed of the clock, in seconds.
LIMITS = {"SQLite": 0.2, "PostgreSQL": 0.6}
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
    backlog = Backlog(db, retry=RETRY, owner="bench/1")
    for at in range(0, len(posts), PAGE):
        with models.transaction(db):
            Rows(db, backlog).put(posts[at : at + PAGE], NOW)


Values = dict[str, Any]


def as_rows(posts: list[Post]) -> tuple[list[Values], list[Values]]:
    """Return plain rows of posts and attachments, their pictures' ids left out."""
    told = [
        {
            name: getattr(one, name)
            for name in POST_COLUMNS
            if not name.startswith("local_") and name != "deleted_at"
        }
        for one in posts
    ]
    named = [name for name in ATTACHMENT_COLUMNS if hasattr(Attachment, name)]
    attached = [
        {"post_id": one.id, "attachment_key": part.key}
        | {name: getattr(part, name) for name in named}
        for one in posts
        for part in one.attachments or ()
    ]
    return told, attached


def bare(db: Database, told: list[Values], attached: list[Values]) -> None:
    with models.transaction(db):
        for table, key, many in _both(told, attached):
            names = list(many[0])
            kept = [name for name in names if name not in key]
            sql = (
                f"INSERT INTO {table} ({', '.join(names)}) VALUES ({models.marks(len(names))})"
                f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET"
                f" {', '.join(f'{name} = excluded.{name}' for name in kept)}"
            )
            models.change_many(db, sql, [[_plain(v) for v in one.values()] for one in many])


def peewee_many(db: Database, told: list[Values], attached: list[Values]) -> None:
    with models.transaction(db):
        _peewee(db, told, attached, 200)


def by_row(db: Database, told: list[Values], attached: list[Values]) -> None:
    for one in told:
        with models.transaction(db):
            _peewee(db, [one], [], 1)
    for one in attached:
        with models.transaction(db):
            _peewee(db, [], [one], 1)


def _peewee(db: Database, told: list[Values], attached: list[Values], size: int) -> None:
    for model, (_, key, many) in zip(
        (FacebookPost, FacebookPostAttachment), _both(told, attached), strict=True
    ):
        target = [getattr(model, name) for name in key]
        for at in range(0, len(many), size):
            chunk = many[at : at + size]
            kept = [getattr(model, name) for name in chunk[0] if name not in key]
            query = model.insert_many(chunk).on_conflict(conflict_target=target, preserve=kept)
            query.execute(db)


def _both(told: list[Values], attached: list[Values]) -> list[tuple[str, list[str], list[Values]]]:
    return [
        ("facebook_posts", ["id"], told),
        ("facebook_post_attachments", ["post_id", "attachment_key"], attached),
    ]


def _plain(value: Any) -> Any:
    return models.to_text(value) if isinstance(value, datetime) else value


def seconds(call: Callable[[], None], factor: float = 1) -> tuple[float, float]:
    """Return the time by the clock and on the processor, *factor* times."""
    clock, processor = time.perf_counter(), time.process_time()
    call()
    taken = time.perf_counter() - clock, time.process_time() - processor
    return taken[0] * factor, taken[1] * factor


def empty(db: Database) -> None:
    with models.transaction(db):
        for table in TABLES:
            models.change(db, f"DELETE FROM {table}")


def measure(db: Database, posts: list[Post], rounds: int) -> dict[str, list[tuple[float, float]]]:
    told, attached = as_rows(posts)
    part = SINGLE * len(told) // (len(told) + len(attached))
    share = (len(told) + len(attached)) / SINGLE
    ways: dict[str, Callable[[], None]] = {
        "bare": lambda: bare(db, told, attached),
        OURS: lambda: fbsyncd(db, posts),
        PEEWEE: lambda: peewee_many(db, told, attached),
        "by row": lambda: by_row(db, told[:part], attached[: SINGLE - part]),
    }
    taken: dict[str, list[tuple[float, float]]] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            empty(db)
            factor = share if name == "by row" else 1
            taken.setdefault(name, []).append(seconds(way, factor))
            if name == OURS:
                taken.setdefault("fbsyncd, again", []).append(seconds(way))
    return taken


@contextlib.contextmanager
def databases(url: str | None) -> Iterator[list[tuple[str, str]]]:
    """Yield names and URLs of the databases to measure on."""
    if url:
        yield [("given", url)]
        return
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        found = [("SQLite", f"sqlite:///{folder}/bench.db")]
        sys.path.append(str(Path(__file__).parent.parent / "tests"))
        import postgres

        binaries = postgres.find_binaries()
        if binaries is None:
            print("PostgreSQL left out:", postgres.missing_reason())
        else:
            server = stack.enter_context(postgres.running_server(binaries))
            found.append(("PostgreSQL", stack.enter_context(server.fresh_database())))
        yield found


def main() -> None:
    """Measure on each database and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--posts", type=int, default=3111)
    parser.add_argument("--attachments", type=int, default=5600)
    parser.add_argument("--database", metavar="URL")
    table.options(parser)
    args = parser.parse_args()
    posts = page_posts(args.posts, args.attachments)
    tables = []
    with databases(args.database) as found:
        for name, url in found:
            db = models.connect(url)
            migrate.apply(db)
            taken = measure(db, posts, args.rounds)
            models.close(db)
            title = f"{args.posts:,} posts, {args.attachments:,} attachments, {name}"
            tables += compared(title, taken, LIMITS.get(name))
    table.tell("upsert", tables, args)


def compared(
    title: str, taken: dict[str, list[tuple[float, float]]], limit: float | None
) -> list[table.Table]:
    """Return what was measured by the clock, with its goals, and of processor time."""
    clock = {way: [one for one, _ in times] for way, times in taken.items()}
    processor = {way: [one for _, one in times] for way, times in taken.items()}
    goals = [table.Goal(OURS, 0.5, PEEWEE)]
    if limit is not None:
        goals.append(table.Goal(OURS, limit))
    return [
        table.Table(title, "s", clock, PEEWEE, goals),
        table.Table(f"{title}, this process's processor time", "s", processor, PEEWEE),
    ]


if __name__ == "__main__":
    main()
