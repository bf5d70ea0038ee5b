"""A picture with several rows in an earlier ``media_storage`` is shown, whichever row is named."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from dump import PAGE, Dump
from plant import one
from shelf import picture
from test_adoption import archive_on
from test_adoption_media import MEDIA

from fbsyncd import models
from fbsyncd.archive import Archive

POST = f"{PAGE}_1"
FIRST, SECOND = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
#: The same picture, signed twice.
SIGNED, AGAIN = (
    f"https://x.fbcdn.net/v/t39.30808-6/5_2_3_n.jpg?stp=dst-jpg_s720x720&oh={sign}&oe=5F000000"
    for sign in "ab"
)
#: Where rows of pictures are named, and the link beside it.
NAMING = (
    ("facebook_posts", "local_picture_id", "picture_url"),
    ("facebook_posts", "local_full_picture_id", "full_picture_url"),
    ("facebook_post_attachments", "local_media_id", "media_url"),
    ("facebook_post_attachments", "local_thumbnail_id", "thumbnail_url"),
    ("facebook_video_posts", "local_picture_id", "picture"),
)


@pytest.fixture
def scripts(database_url: str, tmp_path: Path) -> Dump:
    """Scripts that keep pictures themselves, and name them in columns of their own."""
    told = Dump(database_url)
    told.make(MEDIA)
    type_ = "TEXT" if told.is_file else "UUID"
    told.run(*(f"ALTER TABLE {table} ADD COLUMN {name} {type_}" for table, name, _ in NAMING))
    for name in ("one.jpg", "two.jpg"):
        (tmp_path / name).write_bytes(picture(1))
    return told


def keep(scripts: Dump, id_: str, url: str, name: str | None) -> None:
    scripts.write(
        "INSERT INTO media_storage (id, original_url, local_filename, local_path, download_status)"
        " VALUES (?, ?, ?, ?, ?)",
        [(id_, url, name, name, "success" if name else "failed")],
    )


def tell(scripts: Dump, url: str, id_: str) -> None:
    """Write what names picture *id_* in every way."""
    time = "2026-01-01 00:00:00"
    rows: list[tuple[str, str, tuple[Any, ...]]] = [
        (
            "facebook_posts",
            "id, page_id, created_time, picture_url, local_picture_id, full_picture_url,"
            " local_full_picture_id",
            (POST, PAGE, time, url, id_, url, id_),
        ),
        (
            "facebook_post_attachments",
            "post_id, type, media_url, local_media_id, thumbnail_url, local_thumbnail_id",
            (POST, "photo", url, id_, url, id_),
        ),
        (
            "facebook_video_posts",
            "video_id, page_id, created_time, picture, local_picture_id",
            ("9", PAGE, time, url, id_),
        ),
    ]
    for table, names, values in rows:
        marks = ", ".join("?" * len(values))
        scripts.write(f"INSERT INTO {table} ({names}) VALUES ({marks})", [values])


def check_shown(archive: Archive) -> None:
    """Everything names the row that has the file, and the post is shown with it."""
    for table, name, _ in NAMING:
        assert str(one(archive, f"SELECT {name} FROM {table}")) == FIRST, (table, name)
    post = archive.feed.post(POST)
    assert post is not None
    assert post["has_local_image"]
    assert post["attachments"][0]["has_local_image"]


def test_a_second_row_that_is_named_leads_to_the_one_with_the_file(
    scripts: Dump, tmp_path: Path
) -> None:
    """The same picture signed anew, without a file, does not hide the one that is archived."""
    keep(scripts, FIRST, SIGNED, "one.jpg")
    keep(scripts, SECOND, AGAIN, None)
    tell(scripts, AGAIN, SECOND)
    with archive_on(scripts.url, tmp_path) as archive:
        assert archive.take_over()
        archive.setup()
        check_shown(archive)


@pytest.mark.parametrize("is_named_late", [False, True])
def test_a_second_row_that_a_script_names_later_leads_there_too(
    scripts: Dump, tmp_path: Path, is_named_late: bool
) -> None:
    """What was shown before is shown on, also where the row was taken in before it was named."""
    keep(scripts, FIRST, SIGNED, "one.jpg")
    tell(scripts, SIGNED, FIRST)
    with archive_on(scripts.url, tmp_path) as archive:
        assert archive.take_over()
        archive.setup()
        keep(scripts, SECOND, AGAIN, "two.jpg")
        if is_named_late:
            archive.take_in()
        for table, name, link in NAMING:
            scripts.run(f"UPDATE {table} SET {link} = '{AGAIN}', {name} = '{SECOND}'")
        if is_named_late:
            archive.setup()
        else:
            archive.take_in()
        check_shown(archive)


def test_a_second_row_with_a_file_of_its_own_stays_named(scripts: Dump, tmp_path: Path) -> None:
    """Both were archived when the tables were adopted; nothing is taken from the script's own."""
    (tmp_path / "two.jpg").write_bytes(picture(2))
    keep(scripts, FIRST, SIGNED, "one.jpg")
    keep(scripts, SECOND, AGAIN, "two.jpg")
    tell(scripts, AGAIN, SECOND)
    with archive_on(scripts.url, tmp_path) as archive:
        assert archive.take_over()
        before = [one(archive, f"SELECT {name} FROM {table}") for table, name, _ in NAMING]
        archive.setup()
        assert [str(id_) for id_ in before] == [SECOND] * len(NAMING)
        with models.session(archive.db):
            sql = "SELECT count(*) FROM media_storage WHERE download_status = 'success'"
            assert models.rows(archive.db, sql) == [(2,)]
        post = archive.feed.post(POST)
        assert post is not None
        assert post["has_local_image"]
