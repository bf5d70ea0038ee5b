"""Many rows at once are the rows that one by one would have been."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from peewee import Database
from shelf import NOW, RETRY
from test_merge import attachment, post

from fbsyncd import bulk, models
from fbsyncd.backlog import Backlog
from fbsyncd.models import from_text
from fbsyncd.records import Post
from fbsyncd.rows import Rows

COLUMNS = ("post_id", "month", "page_id", "walk_started_at")
UNTOUCHED = "ON CONFLICT DO NOTHING"
RENEWED = "ON CONFLICT (page_id, walk_started_at, post_id) DO UPDATE SET month = excluded.month"


STARTED = models.to_text(NOW)


def notes(first: int, last: int, month: str = "2026-03") -> list[tuple[str, ...]]:
    return [(f"1_{number:03}", month, "1", STARTED) for number in range(first, last)]


def insert(db: Database, many: Sequence[Sequence[str]], on_conflict: str) -> int:
    with models.transaction(db):
        return bulk.insert(db, "listed_posts", COLUMNS, many, on_conflict)


def stored(db: Database) -> list[models.Row]:
    with models.session(db):
        found = models.rows(db, f"SELECT {', '.join(COLUMNS)} FROM listed_posts ORDER BY post_id")
    return [(*row, models.to_text(start)) for *row, began in found if (start := from_text(began))]


@pytest.mark.parametrize("count", [0, 1, 8, 9, 99, 100, 101, 250])
def test_as_many_rows_come_in_as_were_told(db: Database, count: int) -> None:
    """Whatever fills up the last statement is no row, and is not counted."""
    assert insert(db, notes(0, count), UNTOUCHED) == count
    assert stored(db) == notes(0, count)


def test_a_row_that_is_there_is_left_alone_or_renewed(db: Database) -> None:
    """Both ways of meeting one are counted as the database counts them."""
    insert(db, notes(50, 60), UNTOUCHED)
    assert insert(db, notes(0, 120, "2026-04"), UNTOUCHED) == 110
    assert {row[1] for row in stored(db)[50:60]} == {"2026-03"}
    assert insert(db, notes(40, 70, "2026-05"), RENEWED) == 30
    assert {row[1] for row in stored(db)[40:70]} == {"2026-05"}


def test_texts_come_back_as_they_were(db: Database) -> None:
    """Quotes, backslashes, marks of parameters, Thai and emoji mean nothing on the way."""
    texts = ['say "ah"', r"\u0041 \n", "50 % of %s?", "{1,2}", "ภาพ 📷", "a\nb\tc", "''--"]
    many = [(f"1_{number}", text, "1", STARTED) for number, text in enumerate(texts * 2)]
    insert(db, many, UNTOUCHED)
    assert {row[0]: row[1] for row in stored(db)} == {row[0]: row[1] for row in many}


def test_numbers_of_attachments_have_no_gaps(db: Database) -> None:
    """What fills up a statement uses up none."""
    put(db, [with_pictures(number) for number in range(7)])
    put(db, [with_pictures(number) for number in range(7, 9)])
    with models.session(db):
        found = models.rows(db, "SELECT id FROM facebook_post_attachments ORDER BY id")
    assert [row[0] for row in found] == list(range(1, 19))


@pytest.mark.parametrize("others", [0, 120])
def test_a_post_that_is_listed_twice_is_written_as_it_was_listed_last(
    db: Database, others: int
) -> None:
    """It counts once, whether it is alone or one of many."""
    listed = [with_pictures(number) for number in range(1, 1 + others)]
    first, last = with_pictures(0, message="first"), with_pictures(0, message="last")
    assert put(db, [first, *listed, last]) == 3 * (1 + others)
    with models.session(db):
        found = models.rows(db, "SELECT message FROM facebook_posts WHERE id = '1_0'")
        assert not models.rows(db, "SELECT 1 FROM facebook_post_history")
    assert [row[0] for row in found] == ["last"]


def with_pictures(number: int, **other: str) -> Post:
    pictures = tuple(attachment(f"{number}_{one}_2", one) for one in (1, 2))
    made = NOW - timedelta(days=1, minutes=number)
    return post(id=f"1_{number}", created_time=made, attachments=pictures, **other)


def put(db: Database, posts: Sequence[Post]) -> int:
    """Return how many rows a page of results with these *posts* changes."""
    with models.transaction(db):
        return Rows(db, Backlog(db, retry=RETRY, owner="test/1")).put(posts, NOW).written
