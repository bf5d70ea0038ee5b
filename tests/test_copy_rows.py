"""Rows of any values come back from PostgreSQL the same, and any number of them is copied."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import highwater
import postgres
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peewee import BooleanField, Database, Field, FloatField, IntegerField, Model
from test_copy import other_url

from fbsyncd import migrate, models, tables, transfer
from fbsyncd.tables import DashedUUIDField, UTCTimeField
from fbsyncd.transfer.shapes import SHAPES

__all__ = ["other_url"]

Values = dict[str, Any]

ODD = [
    "",
    " ",
    "สวัสดีครับ",
    "👩‍👩‍👧‍👦 🇹🇭 👍🏽",
    "e\u0301 é \u202eright to left\u202c",
    "\ufeff\ufffe\uffff\u2028\x01\x7f",
    "'; DROP TABLE facebook_posts; -- %s ? \\x00 \\",
    "\U0010ffff",
    "line\r\nbreak\ttab",
]
texts = st.sampled_from(ODD) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20
)
# The first and the last year may leave the calendar in UTC.
stamps = (
    st.datetimes(timezones=st.timezones()).filter(lambda at: 1 < at.year < 9999).map(models.to_text)
)
uuids = st.uuids().map(str)


def column(field: Field) -> st.SearchStrategy[Any]:
    kinds: list[tuple[type[Field], st.SearchStrategy[Any]]] = [
        (UTCTimeField, stamps),
        (DashedUUIDField, uuids),
        (BooleanField, st.booleans()),
        (FloatField, st.floats(allow_nan=False, allow_infinity=False)),  # no length is endless
        (IntegerField, st.integers(-(2**31), 2**31 - 1)),
    ]
    values = next((values for kind, values in kinds if isinstance(field, kind)), texts)
    return st.none() | values if field.null else values


def row(model: type[Model], **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Values]:
    fields = model._meta.columns.items()
    return st.fixed_dictionaries({name: fixed.get(name, column(field)) for name, field in fields})


def several(
    model: type[Model], *key: str, **fixed: st.SearchStrategy[Any]
) -> st.SearchStrategy[list[Values]]:
    return st.lists(
        row(model, **fixed), max_size=4, unique_by=lambda one: tuple(one[name] for name in key)
    )


def settled(picture: Values) -> Values:
    """Give an archived picture what the database asks of one."""
    if picture["download_status"] == "success":
        for name, value in (("local_filename", "f"), ("file_size", 1), ("sha256", "0")):
            picture[name] = value if picture[name] is None else picture[name]
    return picture


@st.composite
def archives(draw: st.DrawFn) -> dict[str, list[Values]]:
    """Draw an archive in which everything named is there."""
    pictures = draw(
        st.lists(
            row(
                tables.MediaStorage,
                category=st.sampled_from(["posts", "attachments", "thumbnails"]),
                derived_from=st.none(),
                key_id=st.none(),
                original_url=texts,
                download_status=st.sampled_from(["pending", "failed", "success"]),
                file_size=st.none() | st.integers(0, 2**63 - 1),
                lease_owner=st.none(),
                lease_until=st.none(),
            ).map(settled),
            max_size=4,
            unique_by=(lambda one: one["id"], lambda one: one["asset_key"]),
        )
    )
    ids = [one["id"] for one in pictures]
    for one in pictures[2:]:
        one["derived_from"] = draw(st.sampled_from([None, *ids[:2]]))
    local = st.sampled_from([None, *ids])
    posts = draw(
        several(tables.FacebookPost, "id", local_picture_id=local, local_full_picture_id=local)
    )
    drawn = {"media_storage": pictures, "facebook_posts": posts}
    drawn["facebook_pages"] = draw(several(tables.FacebookPage, "id"))
    drawn["facebook_video_posts"] = draw(
        several(tables.FacebookVideoPost, "video_id", local_picture_id=local)
    )
    if posts:
        named = st.sampled_from([one["id"] for one in posts])
        drawn["facebook_post_attachments"] = draw(
            st.lists(
                row(
                    tables.FacebookPostAttachment,
                    id=st.integers(1, 2**40),
                    post_id=named,
                    attachment_key=texts,
                    local_media_id=local,
                    local_thumbnail_id=local,
                ),
                max_size=4,
                unique_by=(
                    lambda one: one["id"],
                    lambda one: (one["post_id"], one["attachment_key"]),
                ),
            )
        )
        drawn["facebook_post_history"] = draw(
            several(tables.FacebookPostHistory, "post_id", "seen_from", post_id=named)
        )
    stream = st.sampled_from(["posts", "videos"])
    drawn["sync_state"] = draw(several(tables.SyncState, "page_id", "stream", stream=stream))
    return drawn


def write(path: Path, archive: dict[str, list[Values]]) -> None:
    """Make the database at *path* hold just this archive."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for shape in reversed(SHAPES):
            connection.execute(f"DELETE FROM {shape.name}")
        for shape in SHAPES:
            for one in archive.get(shape.name, []):
                names, marks = ", ".join(one), models.marks(len(one))
                sql = f"INSERT INTO {shape.name} ({names}) VALUES ({marks})"
                connection.execute(sql, list(one.values()))


def read(path: Path) -> dict[str, list[str]]:
    """Return all rows as SQLite itself shows them, types included."""
    with closing(sqlite3.connect(path)) as connection:
        return {
            shape.name: sorted(map(repr, connection.execute(f"SELECT * FROM {shape.name}")))
            for shape in SHAPES
        }


def empty(databases: Iterable[Database]) -> None:
    for db in databases:
        with models.transaction(db):
            for shape in reversed(SHAPES):
                models.change(db, f"DELETE FROM {shape.name}")


@pytest.mark.postgresql
def test_any_row_comes_back_as_it_went(
    postgres_server: postgres.PostgresServer, tmp_path: Path
) -> None:
    """From SQLite to PostgreSQL and back every value of every column is the very same."""
    paths = [tmp_path / name for name in ("there.db", "back.db")]
    with postgres_server.fresh_database() as url, ExitStack() as opened:
        urls = (*(f"sqlite:///{path}" for path in paths), url)
        *sqlites, between = [models.connect(one) for one in urls]
        for db in (*sqlites, between):
            opened.callback(models.close, db)
            migrate.apply(db)

        @settings(max_examples=40)
        @given(archives())
        def comes_back(archive: dict[str, list[Values]]) -> None:
            empty([between, sqlites[1]])
            write(paths[0], archive)
            for source, target in ((sqlites[0], between), (between, sqlites[1])):
                assert transfer.copy(source, target, lambda *_: None).differing == []
            assert read(paths[1]) == read(paths[0])

        comes_back()


MEASURED = """
import sys
from fbsyncd import migrate, models, transfer
source, target = (models.connect(url) for url in sys.argv[1:3])
assert transfer.copy(source, target, lambda *_: None).differing == []
models.close(source)
models.close(target)
print(most())
"""


def list_posts(db: Database, first: int, last: int) -> None:
    """Note posts, long ids and all, as a walk has met them."""
    columns = "page_id, walk_started_at, post_id, month"
    sql = f"INSERT INTO listed_posts ({columns}) VALUES ({models.marks(4)})"
    at = "2026-01-01 00:00:00.000000+00:00"
    for start in range(first, last, 10_000):
        numbers = range(start, min(start + 10_000, last))
        with models.transaction(db):
            models.change_many(
                db, sql, [("1", at, f"{number:0100}", "2026-01") for number in numbers]
            )


@highwater.needs_proc
def test_memory_does_not_grow_with_the_archive(
    db: Database, database_url: str, other_url: str
) -> None:
    """Ten times the rows, 200,000 of them, take the same memory to copy each way (kilobytes)."""
    most = []
    for before, size in ((0, 20_000), (20_000, 200_000)):
        list_posts(db, before, size)
        most += highwater.told_by(MEASURED, database_url, other_url)
    assert most[1] < most[0] + 15_000
