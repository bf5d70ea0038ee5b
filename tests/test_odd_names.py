"""Names and texts in SQL that look like marks for parameters, as a user's tables may have them."""

from __future__ import annotations

from pathlib import Path

import pytest
from dump import STRANGERS, Dump, Years
from peewee import Database
from test_adoption import archive_on, theirs

from fbsyncd import models

NAMES = ("seen?", "100%", "it's %s?", 'a ""good"" one?', "?", "%s", "%%")
TABLES = ("facebook_posts", "facebook_post_attachments", "facebook_video_posts")
#: The user's own: a trigger of each engine, on a table that fbsyncd writes to.
TRIGGERS = (
    'CREATE TRIGGER "why 100%?" AFTER UPDATE ON facebook_posts BEGIN SELECT 1; END',
    "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    'CREATE TRIGGER "why 100%?" BEFORE UPDATE ON facebook_posts'
    " FOR EACH ROW EXECUTE FUNCTION nothing()",
)


@pytest.mark.parametrize("name", NAMES)
def test_what_stands_in_quotes_is_no_mark(db: Database, name: str) -> None:
    """Neither in a name nor in a text; a parameter beside it is one, and may hold anything."""
    text = name.replace('""', '"').replace("'", "''")
    sql = f"""SELECT '{text}' AS "{name}", ?, 'a' LIKE '%' WHERE ? = 'o''k?' OR 7 % 4 = ?"""
    with models.transaction(db):
        assert models.rows(db, sql, ["%s?", "o'k?", 2]) == [
            (text.replace("''", "'"), "%s?", models.rows(db, "SELECT 'a' LIKE '%'")[0][0])
        ]
        models.change(db, f'CREATE TABLE strange ("{name}" TEXT)')
        insert = f'INSERT INTO strange ("{name}") VALUES (?)'
        assert models.change_many(db, insert, [("a",), ("?",)]) == 2
        sql = f'SELECT "{name}" FROM strange WHERE "{name}" IN ({models.marks(2)}) ORDER BY 1'
        assert models.rows(db, sql, ["?", "%"]) == [("?",)]
        assert [one for some in models.stream(db, sql, ["?", "a"]) for one in some] == [
            ("?",),
            ("a",),
        ]


def test_a_database_with_such_names_is_adopted(database_url: str, tmp_path: Path) -> None:
    """As often as one likes; what stands there stays."""
    scripts = Dump(database_url)
    scripts.make(*STRANGERS)
    Years(posts=12, attachments=20, again=5, videos=2).fill(scripts)
    adds = [f'ALTER TABLE {table} ADD COLUMN "{name}" TEXT' for table in TABLES for name in NAMES]
    scripts.run(
        *adds,
        *(TRIGGERS[:1] if scripts.is_file else TRIGGERS[1:]),
        'CREATE TABLE "what?" ("which?" TEXT)',
        'CREATE INDEX "why not?" ON facebook_posts ("seen?")',
        """UPDATE facebook_posts SET "seen?" = 'yes', "100%" = 'all'""",
    )
    before = theirs(scripts)
    for _ in range(2):
        with archive_on(database_url, tmp_path) as archive:
            archive.take_over()
            archive.setup()
    assert theirs(scripts) == before
    asked = 'SELECT DISTINCT "seen?", "100%" FROM facebook_posts'
    assert scripts.ask(asked) == [("yes", "all")]
    with archive_on(database_url, tmp_path) as archive:
        assert len(archive.feed.posts(limit=50)["posts"]) == 12
