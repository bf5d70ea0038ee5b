"""The numbers of an archive: right, and added up from indexes alone."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest

from fbsyncd import migrate, models
from fbsyncd.metrics import measures
from fbsyncd.stats import stats

if TYPE_CHECKING:
    from peewee import Database

NOW: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
#: Pictures by name: status, whether it is tried again, what it was developed from, its file.
PICTURES: Final = {
    "safe": ("success", None, None, "a.jpg"),
    "same": ("success", None, None, "a.jpg"),
    "small": ("success", None, "safe", "b.jpg"),
    "waiting": ("pending", None, None, None),
    "unmade": ("pending", None, "safe", None),
    "again": ("failed", models.to_text(NOW), None, None),
    "lost": ("failed", None, None, None),
}
#: Posts, and attachments that are shown or removed: the pictures they name.
POSTS: Final = [
    ("safe", "safe"),
    (None, "same"),
    ("waiting", "safe"),
    ("lost", "again"),
    (None,) * 2,
]
SHOWN: Final = [("safe", "small"), ("waiting", "small"), ("waiting", "unmade"), (None, None)]
REMOVED: Final = [("safe", "small")]


def number(name: str | None) -> str | None:
    """Return the id of a picture."""
    return None if name is None else f"00000000-0000-0000-0000-{list(PICTURES).index(name):012}"


@pytest.fixture
def archive(db: Database) -> Database:
    """An archive with a picture of each kind, and rows that name them in all ways."""
    migrate.apply(db)
    media = [
        (
            *(number(name), name, "thumbnails" if source else "posts", number(source), "http://x"),
            *(status, again, file, 100 if file else None, "x" if file else None),
        )
        for name, (status, again, source, file) in PICTURES.items()
    ]
    posts = [(f"1_{nth}", *map(number, named)) for nth, named in enumerate(POSTS)]
    attached = [
        (str(nth), *map(number, named), removed)
        for removed, many in ((None, SHOWN), (models.to_text(NOW), REMOVED))
        for nth, named in enumerate(many, start=100 if removed else 0)
    ]
    with models.transaction(db):
        models.change_many(
            db,
            "INSERT INTO media_storage (id, asset_key, category, derived_from, original_url,"
            " download_status, next_attempt_at, local_filename, file_size, sha256)"
            f" VALUES ({models.marks(10)})",
            media,
        )
        models.change_many(
            db,
            "INSERT INTO facebook_posts (id, page_id, created_time, local_picture_id,"
            f" local_full_picture_id) VALUES (?, '1', '{models.to_text(NOW)}', ?, ?)",
            posts,
        )
        models.change_many(
            db,
            "INSERT INTO facebook_post_attachments (post_id, attachment_key, local_media_id,"
            " local_thumbnail_id, removed_at) VALUES ('1_0', ?, ?, ?, ?)",
            attached,
        )
    return db


def test_each_row_is_counted_once_and_for_what_it_is(archive: Database) -> None:
    """Rows by status, pictures apart from developed ones, files by name, posts by any picture."""
    told = stats(archive, NOW)
    assert (told["posts"], told["posts_with_local_pictures"]) == (5, 3)
    assert (told["attachments"], told["attachments_with_local_pictures"]) == (4, 2)
    assert (told["videos"], told["videos_with_local_pictures"]) == (0, 0)
    assert told["pictures"] == {"safe": 2, "all": 5}
    media = told["media"]
    assert {key: media[key] for key in ("success", "pending", "failed", "given_up")} == {
        **{"success": 3, "pending": 2, "failed": 1, "given_up": 1}
    }
    assert (media["files"], media["bytes"]) == (2, 200)
    assert media["by_category"]["thumbnails"] == {"files": 1, "bytes": 100}


def by_hand(db: Database) -> dict[str, object]:
    """Return what stats tells, from whole rows that were read one by one."""
    with models.session(db):
        media = models.rows(
            db,
            "SELECT CAST(id AS TEXT), category, download_status, local_filename, file_size,"
            " derived_from IS NOT NULL FROM media_storage",
        )
        posts = models.rows(
            db,
            "SELECT CAST(local_picture_id AS TEXT), CAST(local_full_picture_id AS TEXT)"
            " FROM facebook_posts WHERE id IS NOT NULL",
        )
    safe = {row[0] for row in media if row[2] == "success"}
    files: dict[tuple[str, str], int] = {}
    for _, category, status, name, size, _ in media:
        if status == "success":
            files[category, name] = max(size, files.get((category, name), 0))
    return {
        "files": len(files),
        "bytes": sum(files.values()),
        "by_category": {
            folder: {
                "files": sum(category == folder for category, _ in files),
                "bytes": sum(size for (category, _), size in files.items() if category == folder),
            }
            for folder in ("posts", "attachments", "thumbnails")
        },
        "success": len(safe),
        "safe": sum(row[0] in safe and not row[5] for row in media),
        "posts": len(posts),
        "posts_with_local_pictures": sum(bool(safe & {*named}) for named in posts),
    }


def told_alike(db: Database) -> dict[str, object]:
    """Return the same from the statistics."""
    told = stats(db, NOW)
    media = {key: told["media"][key] for key in ("files", "bytes", "by_category", "success")}
    posts = {key: told[key] for key in ("posts", "posts_with_local_pictures")}
    return {**media, **posts, "safe": told["pictures"]["safe"]}


def test_the_numbers_are_those_of_whole_rows(archive: Database) -> None:
    """Added up from indexes, they are what whoever reads every row comes to."""
    assert told_alike(archive) == by_hand(archive)


def damage(db: Database) -> None:
    """Let rows that share a file tell of sizes that differ, as no program of ours writes them."""
    with models.transaction(db):
        models.change(
            db, "UPDATE media_storage SET file_size = 7000 WHERE id = ?", [number("same")]
        )
        models.change_many(
            db,
            "INSERT INTO media_storage (id, asset_key, category, original_url, download_status,"
            " local_filename, file_size, sha256)"
            " VALUES (?, ?, 'posts', 'http://x', 'success', 'a.jpg', 3, 'x')",
            [(f"00000000-0000-0000-0000-00000000009{nth}", f"more {nth}") for nth in range(3)],
        )


def test_rows_that_differ_about_one_file_take_nothing_off(archive: Database) -> None:
    """A file of which rows tell two sizes is one file, of the larger one, in the metrics too."""
    damage(archive)
    told = told_alike(archive)
    assert told == by_hand(archive)
    assert (told["files"], told["bytes"]) == (2, 7100)
    stock = measures.stock(archive)
    assert (sum(stock.files.values()), sum(stock.sizes.values())) == (2, 7100)
    assert stock.archived == told["safe"]


def test_numbers_do_not_hang_on_an_index(archive: Database) -> None:
    """A database that was restored without its indexes, or with others, is counted all the same."""
    before = stats(archive, NOW)
    for name in ("media_storage_archived", "media_storage_file", "media_storage_states"):
        with models.transaction(archive):
            models.change(archive, f"DROP INDEX {name}")
    assert stats(archive, NOW) == before
    with models.transaction(archive):
        models.change(archive, "CREATE INDEX media_storage_archived ON media_storage (category)")
    assert stats(archive, NOW) == before


def total(media: dict[str, int]) -> int:
    """Return how many rows were counted."""
    return media["success"] + media["pending"] + media["failed"]


def test_rows_that_move_meanwhile_are_counted_once(archive: Database, database_url: str) -> None:
    """However often a row changes its state while the numbers are asked for, they add up."""
    other = models.connect(database_url)
    done = threading.Event()

    def move() -> None:
        try:
            while not done.is_set():
                for status in ("success", "pending"):
                    with models.transaction(other):
                        models.change(
                            other,
                            "UPDATE media_storage SET download_status = ? WHERE id = ?",
                            [status, number("same")],
                        )
        finally:
            models.close(other)

    mover = threading.Thread(target=move)
    mover.start()
    try:
        found = {total(stats(archive, NOW)["media"]) for _ in range(200)}
    finally:
        done.set()
        mover.join()
    assert len(found) == 1


def test_no_row_of_a_picture_or_a_post_is_read(archive: Database) -> None:
    """On SQLite, whose rows are the larger part of a file, each count is made from an index."""
    asked: list[str] = []
    archive.query_hooks.append(lambda event: asked.append(event.sql))
    stats(archive, NOW)
    archive.query_hooks.clear()
    # Rows without an id are read, but only those: they are found by the index of ids.
    apart = ("downloaded_at", "id IS NULL")
    counts = [sql for sql in asked if "count(*)" in sql and not any(one in sql for one in apart)]
    assert len(counts) >= 5
    if models.engine(archive).name != "sqlite":
        return
    for sql in counts:
        marks = [models.to_text(NOW)] * sql.count("?")
        with models.session(archive):
            plan = archive.execute_sql(f"EXPLAIN QUERY PLAN {sql}", marks).fetchall()
        reading = [step for *_, step in plan if step.startswith(("SCAN m", "SCAN t", "SEARCH"))]
        assert reading, plan
        assert all("COVERING INDEX" in step for step in reading), plan
