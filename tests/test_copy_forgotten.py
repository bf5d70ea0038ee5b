"""What was removed on purpose on either side of a copy, and what it leaves out and says."""

from __future__ import annotations

from typing import Any

import pytest
from peewee import Database
from test_copy import EARLY, ask, copy, other, other_url, post, put

from fbsyncd import forget, transfer
from fbsyncd.errors import UsageError
from fbsyncd.forget import Subject

__all__ = ["other", "other_url"]

#: What may be all that an archive has of a Page.
OF_A_PAGE: dict[str, dict[str, Any]] = {
    "facebook_posts": {"id": "2_1", "page_id": "2", "created_time": EARLY},
    "facebook_video_posts": {"video_id": "v", "page_id": "2"},
    "facebook_pages": {"id": "2", "name": "gone"},
    "sync_state": {"page_id": "2", "stream": "posts"},
}
of_a_page = pytest.mark.parametrize("table", OF_A_PAGE)


def rows_of(db: Database, table: str) -> list[tuple[Any, ...]]:
    return ask(db, f"SELECT 1 FROM {table}")


@of_a_page
def test_nothing_of_a_page_that_was_forgotten_there_comes_back(
    db: Database, other: Database, table: str
) -> None:
    """Whatever this archive has of it, a copy is refused until it is forgotten here too."""
    post(db, "1_1")
    put(db, table, **OF_A_PAGE[table])
    put(other, "forgotten", kind="page", id="2", forgotten_at=EARLY)
    with pytest.raises(UsageError, match="target has forgotten page 2 on purpose.*`fbsyncd forget"):
        transfer.copy(db, other, lambda *_: None)
    assert rows_of(other, table) == []
    # What the remedy asks first: it would be no way out where it refused.
    forget.weigh(db, Subject("page", "2"))


@of_a_page
def test_what_is_left_there_of_a_page_that_was_forgotten_here_is_told(
    db: Database, other: Database, table: str
) -> None:
    """It stays where it is, and each Page is named once, however much there is of it."""
    post(db, "1_1")
    put(db, "forgotten", kind="page", id="2", forgotten_at=EARLY)
    put(other, table, **OF_A_PAGE[table])
    put(other, "listed_posts", page_id="2", walk_started_at=EARLY, post_id="2_1", month="2026-01")
    assert copy(db, other).lingering == [("page", "2")]
    assert len(rows_of(other, table)) >= 1


@of_a_page
def test_what_this_archive_has_forgotten_itself_goes_nowhere(
    db: Database, other: Database, table: str
) -> None:
    """An earlier copy may have left it here along with the note that it was removed."""
    put(db, table, **OF_A_PAGE[table])
    put(db, "forgotten", kind="page", id="2", forgotten_at=EARLY)
    with pytest.raises(UsageError, match="this archive has forgotten page 2 on purpose, and still"):
        transfer.copy(db, other, lambda *_: None)
    assert rows_of(other, table) == []
