"""What was removed on purpose on either side of a copy, and what it leaves out and says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from peewee import Database
from plant import archive_of
from test_copy import EARLY, SUCCESS, ask, copy, other, other_url, picture, post, put

from fbsyncd import forget, models, transfer
from fbsyncd.errors import UsageError
from fbsyncd.forget import Subject
from fbsyncd.simulator import Simulator
from fbsyncd.transfer import show

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
    with pytest.raises(
        UsageError, match=r"target has forgotten page 2 on purpose.*`fbsyncd forget"
    ):
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


def showing(db: Database, post_id: str, video_id: str) -> None:
    """Write a post that shows a video."""
    post(db, post_id)
    put(db, "facebook_post_attachments", post_id=post_id, attachment_key="k", target_id=video_id)


@pytest.mark.parametrize("is_there", [True, False], ids=["there", "here"])
def test_a_video_that_was_forgotten_stays_out_though_another_post_shows_it(
    db: Database, other: Database, is_there: bool
) -> None:
    """Nothing can forget it here but with that post: it stays behind with its own pictures."""
    own, small, shared, before = (picture(db, key, **SUCCESS) for key in ("o", "o/s", "s", "b"))
    with models.transaction(db):
        sql = "UPDATE media_storage SET derived_from = ? WHERE id = ?"
        models.change(db, sql, [own, small])
    showing(db, "1_2", "v")
    for id_, named in (("v", own), ("shared", shared), ("w", shared)):
        put(db, "facebook_video_posts", video_id=id_, page_id="1", local_picture_id=named)
    put(db, "former_pictures", owner_id="v", media_id=before)
    for id_ in ("v", "shared"):
        put(other if is_there else db, "forgotten", kind="video", id=id_, forgotten_at=EARLY)
    for _ in range(2):
        copied = copy(db, other)
        assert copied.refused == 0
        assert [(one.table, one.count) for one in copied.left] == [
            ("media_storage", 3),
            ("facebook_video_posts", 2),
            ("former_pictures", 1),
        ]
        assert show.fault(copied) is None
        told = show.report(copied, "URL", "ROOT")
        assert "2 rows of facebook_video_posts (shared, v): forgotten on purpose" in told
        assert ask(other, "SELECT video_id FROM facebook_video_posts") == [("w",)]
        assert ask(other, "SELECT id FROM media_storage") == [(shared,)]
        assert ask(other, "SELECT target_id FROM facebook_post_attachments") == [("v",)]


def test_what_to_do_about_a_video_that_is_still_there_is_told(
    db: Database, other_url: str, tmp_path: Path
) -> None:
    """The posts that hold it there are named, and it goes with the last of them."""
    said = "forgotten here, still there: video "
    with Simulator() as facebook, archive_of(facebook, tmp_path, other_url) as archive:

        def told() -> list[str]:
            lines = show.report(copy(db, archive.db), "URL", "ROOT").splitlines()
            return [line.removeprefix(said) for line in lines if line.startswith(said)]

        for post_id in ("1_2", "1_3"):
            showing(archive.db, post_id, "v")
        for video_id, of in (("v", "1_4"), ("w", None), ("x", "1_5")):
            put(archive.db, "facebook_video_posts", video_id=video_id, page_id="1", post_id=of)
            put(db, "forgotten", kind="video", id=video_id, forgotten_at=EARLY)
        remedy = "run `fbsyncd forget post ID` there for each"
        assert told() == [
            f"v; it goes with the last of its posts there, 1_2, 1_3: {remedy}",
            "w, which is of no post there",
            f"x; it goes with the last of its posts there, 1_5: {remedy}",
        ]
        for post_id in ("1_2", "1_3", "1_5"):
            subject = Subject("post", post_id)
            forget.forget(archive.db, archive.media, subject, archive.now())
        assert told() == ["w, which is of no post there"]
