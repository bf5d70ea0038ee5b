"""The decisions of an adoption alone: which rows are the same, and what SQL is missing."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbsyncd import migrate
from fbsyncd.adopt import catalogue
from fbsyncd.adopt.attached import Attached, places
from fbsyncd.adopt.inventory import Column, Inventory, Table
from fbsyncd.adopt.plan import plan
from fbsyncd.engines import POSTGRESQL, SQLITE
from fbsyncd.read import picture

PICTURES = [None, "", "1_2_3", "4_5_6", "7_8_9"]


def attached(number: int, name: str | None, signature: int, title: str | None) -> Attached:
    link = name and f"https://scontent.xx.fbcdn.net/v/t39.30808-6/{name}_n.jpg?oh={signature}"
    return Attached(number, "9_1", "photo", link, None, title, None)


def rows(told: Sequence[tuple[str | None, int, str | None]]) -> list[Attached]:
    return [attached(number, *one) for number, one in enumerate(told)]


TOLD = st.lists(
    st.tuples(st.sampled_from(PICTURES), st.integers(0, 3), st.sampled_from([None, "", "a"])),
    max_size=12,
)


@given(TOLD, st.integers(0, 12))
def test_the_first_of_each_picture_is_shown_however_they_come(
    told: list[tuple[str | None, int, str | None]], cut: int
) -> None:
    """In one go or in two, keys are unique, and the same rows are shown."""
    found = rows(told)
    once = places(found, {}, [])
    keys = [place.key for place in once]
    assert len(set(keys)) == len(keys)
    shown = {
        place.key: one for one, place in zip(found, once, strict=True) if not place.duplicate_of
    }
    assert len({one.key or one.text for one in shown.values()}) == len(shown)
    for one, place in zip(found, once, strict=True):
        if place.duplicate_of:
            first = shown[place.duplicate_of]
            assert (first.key or first.text) == (one.key or one.text)
    early = places(found[:cut], {}, [])
    taken = {p.key: o for o, p in zip(found[:cut], early, strict=True) if not p.duplicate_of}
    late = places(found[cut:], taken, [place.key for place in early])
    assert [*early, *late] == once


def test_a_film_has_no_picture_and_is_known_by_its_poster() -> None:
    """A link to a film is none to a picture; without a poster the film's own link tells it."""
    film, poster = "https://video.xx.fbcdn.net/v/a/b.mp4?oe=1", "https://x.fbcdn.net/v/p.jpg"
    assert picture({"link": film}, "link") is None
    with_poster = Attached(1, "9_1", "video", film, poster, None, None)
    assert (with_poster.media, with_poster.thumbnail) == (None, poster)
    bare = [Attached(n, "9_1", "video", f"{film}{n}", None, None, None) for n in range(3)]
    assert len({one.key for one in bare}) == 1
    other = Attached(4, "9_1", "video", film.replace("b.mp4", "c.mp4"), None, None, None)
    assert other.key != bare[0].key


def table(name: str, columns: dict[str, str]) -> Table:
    made = Table(name, is_table=True)
    for column, type_ in columns.items():
        made.columns[column] = Column(column, type_, "text", True, False, None)
    return made


@pytest.mark.parametrize("engine", [SQLITE, POSTGRESQL])
def test_an_empty_database_gets_the_files_as_they_are(engine: object) -> None:
    """With nothing there, nothing is turned into anything else."""
    known = migrate.known(engine.name)  # type: ignore[attr-defined]
    book = catalogue.of(engine)  # type: ignore[arg-type]
    steps = plan(migrate.statements(known), Inventory({}, set()), book)
    bare = [_bare(sql) for sql in migrate.statements(known)]
    assert [_bare(step.sql) for step in steps] == bare


def _bare(sql: str) -> str:
    lines = (line for line in sql.splitlines() if not line.strip().startswith("--"))
    return " ".join(" ".join(lines).split())


def test_a_name_that_is_taken_is_not_used_again() -> None:
    """An index of theirs keeps its name; ours gets another one, and goes by it."""
    there = table("facebook_pages", {"id": "text"})
    there.keys.add(("id",))
    sql = ["CREATE INDEX mine ON facebook_pages (name);", "DROP INDEX mine;"]
    steps = plan(sql, Inventory({"facebook_pages": there}, {"mine"}), catalogue.of(SQLITE))
    assert [step.sql for step in steps] == [
        "CREATE INDEX mine_fbsyncd ON facebook_pages (name);",
        "DROP INDEX mine_fbsyncd;",
    ]


def test_a_column_that_is_added_asks_nothing_of_rows_that_are_there() -> None:
    """No NOT NULL without a default, no reference to posts; UNIQUE becomes an index."""
    there = table("facebook_post_attachments", {"id": "integer"})
    sql = [
        "CREATE TABLE facebook_post_attachments (\n id BIGINT PRIMARY KEY,\n"
        " post_id TEXT NOT NULL REFERENCES facebook_posts (id) ON DELETE CASCADE,\n"
        " place INTEGER NOT NULL DEFAULT 0,\n secret TEXT NOT NULL UNIQUE,\n"
        " local_media_id UUID REFERENCES media_storage (id),\n UNIQUE (post_id, secret)\n);"
    ]
    tables = {"facebook_post_attachments": there, "media_storage": table("media_storage", {})}
    tables["media_storage"].columns["id"] = Column("id", "text", "text", False, False, None)
    steps = plan(sql, Inventory(tables, set()), catalogue.of(POSTGRESQL))
    add = "ALTER TABLE facebook_post_attachments ADD COLUMN"
    assert [step.sql for step in steps] == [
        f"{add} post_id TEXT;",
        f"{add} place INTEGER NOT NULL DEFAULT 0;",
        f"{add} secret TEXT;",
        "CREATE UNIQUE INDEX facebook_post_attachments_secret_key"
        " ON facebook_post_attachments (secret);",
        f"{add} local_media_id TEXT REFERENCES media_storage (id);",
        "CREATE UNIQUE INDEX facebook_post_attachments_post_id_secret_key"
        " ON facebook_post_attachments (post_id, secret);",
    ]
