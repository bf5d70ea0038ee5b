"""Times that scripts left as numbers or under another name, and what setup says of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from dump import Dump
from test_adoption import archive_on

from fbsyncd.errors import SchemaError

TIME = "2026-01-01T08:00:00Z"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("type_", ["TIMESTAMP", "TEXT", "INTEGER"])
@pytest.mark.parametrize("number", ["1767254400", "1767254400000"])
def test_times_that_are_numbers_are_refused_with_what_keeps_them(
    database_url: str, tmp_path: Path, type_: str, number: str
) -> None:
    """The statement that is told makes them times, and leaves alone what is one."""
    scripts = Dump(database_url)
    scripts.run(
        "CREATE TABLE facebook_posts"
        f" (id TEXT PRIMARY KEY, page_id TEXT, created_time {type_}, picture_url TEXT)"
    )
    for id_, time in (("1045_1", number), ("1045_2", "2026-01-01 08:00:00")):
        sql = "INSERT INTO facebook_posts (id, page_id, created_time) VALUES (?, '1045', ?)"
        scripts.write(sql, [(id_, time)])
    with archive_on(database_url, tmp_path) as archive:
        with pytest.raises(SchemaError, match=rf"seconds since 1970 .*1045_1: '{number}'") as told:
            archive.take_over()
        scripts.run(str(told.value).partition("'): ")[2])
        assert archive.take_over()
        archive.setup()
        assert [post["created_time"] for post in archive.feed.newest(9)] == [TIME, TIME]


def test_posts_of_a_table_without_times_are_told_of(database_url: str, tmp_path: Path) -> None:
    """They are listed once Facebook has said when; nobody is left to wonder where they are."""
    scripts = Dump(database_url)
    scripts.run(
        'CREATE TABLE facebook_posts (id TEXT PRIMARY KEY, picture_url TEXT, "createdTime" DATE)',
        "INSERT INTO facebook_posts (id, picture_url) VALUES ('1045_1', 'https://x/1')",
    )
    with archive_on(database_url, tmp_path) as archive:
        told = str(archive.take_over())
    assert (
        "\nnote: facebook_posts.created_time is no column of it, and is added empty in 1 row:"
        " listed once Facebook has said when"
    ) in told
