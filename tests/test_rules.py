"""Rules that are not ours, wherever a row is written: what is refused costs itself alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from uuid import UUID

import peewee
import pytest
from forbidding import SAID, allow, forbid
from peewee import Database
from shelf import NOW, RETRY, Shelf, picture
from test_backlog import archived, link, put, row
from test_develop import darkroom, derived, run, shelf
from test_merge import attachment
from test_statements import posts, videos

from fbsyncd import former, gone, models, relocate
from fbsyncd.backlog import Backlog
from fbsyncd.develop import REFUSED_PAUSE, Darkroom
from fbsyncd.errors import DatabaseTrouble, FetchFailed, RowRefused
from fbsyncd.gone import Sighting
from fbsyncd.leases import LEASE
from fbsyncd.media import Media
from fbsyncd.rows import Rows

__all__ = ["darkroom", "shelf"]


@pytest.fixture
def backlog(db: Database) -> Backlog:
    return Backlog(db, retry=RETRY, owner="here/1")


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was told of rows that are left."""
    return [one.getMessage() for one in caplog.records if one.name == "fbsyncd.borne"]


def misses(db: Database) -> dict[str, int]:
    with models.session(db):
        return dict(models.rows(db, "SELECT id, misses FROM facebook_posts ORDER BY id"))


def test_what_is_refused_is_told_with_the_table(db: Database, database_url: str) -> None:
    """One of our errors says which table it is, and what the database said, without the row."""
    forbid(database_url, "archive", "INSERT", "NEW.name = 'b'")
    sql = "INSERT INTO archive (name, value) VALUES (?, 'secret')"
    for write in (
        lambda: models.change(db, sql, ["b"]),
        lambda: models.change_many(db, sql, [["a"], ["b"]]),
        lambda: models.rows(db, f"{sql} RETURNING name", ["b"]),
    ):
        with pytest.raises(RowRefused) as refused, models.transaction(db):
            write()
        assert str(refused.value) == f"the database refuses a row of archive: {SAID}"
    with pytest.raises(RowRefused, match="of archive: ") as refused, models.transaction(db):
        models.change(db, "INSERT INTO archive (name, value) VALUES (?, NULL)", ["a"])
    assert "\n" not in str(refused.value)
    assert "Failing row" not in str(refused.value)


def test_a_fault_of_ours_is_no_trouble_of_the_database(db: Database) -> None:
    """A statement without its parameters is a bug; one about a table that is gone is told."""
    with pytest.raises(peewee.ProgrammingError), models.session(db):
        models.rows(db, "SELECT ?", [])
    with pytest.raises(DatabaseTrouble, match="nowhere"), models.session(db):
        models.rows(db, "SELECT * FROM nowhere")


def test_a_post_that_must_not_be_marked_keeps_no_other_from_it(
    db: Database, backlog: Backlog, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Others are missed, and seen again, as ever; it is told once."""
    ids = ["1_1", "1_2", "1_3"]
    with models.transaction(db):
        Rows(db, backlog).put(posts(1, 4), NOW)
        gone.missed(db, Sighting("posts", None), ids, NOW)
    forbid(database_url, "facebook_posts", "UPDATE", "NEW.id = '1_2'")
    for now in (NOW + timedelta(hours=7), NOW + timedelta(hours=25)):
        with models.transaction(db):
            marked = gone.missed(db, Sighting("posts", None), ids, now)
    assert misses(db) == {"1_1": 3, "1_2": 1, "1_3": 3}
    assert marked == 2
    with models.transaction(db):
        assert gone.seen(db, "posts", ids) == 2
    assert misses(db) == {"1_1": 0, "1_2": 1, "1_3": 0}
    assert told(caplog) == [f"one of the posts, 1_2, is left as it was: {SAID}"]


def test_a_video_that_must_not_be_joined_keeps_no_other_from_its_post(
    db: Database, backlog: Backlog, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is shown without its post, and told once however often a Page is read."""
    shown = tuple(attachment(f"v{one}", one, target_id=str(one)) for one in (1, 2, 3))
    (one,) = posts(1, 2)
    with models.transaction(db):
        Rows(db, backlog).put([replace(one, attachments=shown)], NOW)
        Rows(db, backlog).put(videos(1, 4), NOW)
    forbid(database_url, "facebook_video_posts", "UPDATE", "NEW.video_id = '2'")
    for _ in range(2):
        with models.transaction(db):
            former.join_videos(db, "1")
    with models.session(db):
        found = models.rows(db, "SELECT video_id, post_id FROM facebook_video_posts ORDER BY 1")
    assert found == [("1", "1_1"), ("2", None), ("3", "1_1")]
    assert told(caplog) == [f"one of the videos, 2, is left as it was: {SAID}"]


def test_a_picture_that_may_not_be_called_archived_is_given_up(
    db: Database, backlog: Backlog, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The others of its group are archived; it has the database's words, and waits for nobody."""
    ids = put(backlog, *(link(number) for number in (1, 2, 3)))
    backlog.claim(10, NOW)
    bad = f"NEW.id = '{ids[1]}' AND NEW.download_status = 'success'"
    forbid(database_url, "media_storage", "UPDATE", bad)
    refused: list[UUID] = []
    backlog.succeed([archived(id_) for id_ in ids], NOW, refused.append)
    assert refused == [ids[1]]
    found = [row(db, id_) for id_ in ids]
    assert [one["download_status"] for one in found] == ["success", "failed", "success"]
    assert (found[1]["error_message"], found[1]["next_attempt_at"]) == (SAID, None)
    assert {one["lease_owner"] for one in found} == {None}
    assert told(caplog) == [f"one of the pictures, {ids[1]}, cannot be taken in: {SAID}"]
    assert backlog.claim(10, NOW + timedelta(days=1)) == []


def test_a_picture_that_may_not_be_called_failed_is_told_and_costs_itself(
    db: Database, backlog: Backlog, database_url: str
) -> None:
    """What else failed is recorded, and the leases can be given back."""
    ids = put(backlog, *(link(number) for number in (1, 2, 3)))
    jobs = backlog.claim(10, NOW)
    bad = f"NEW.id = '{ids[1]}' AND NEW.download_status = 'failed'"
    forbid(database_url, "media_storage", "UPDATE", bad)
    with pytest.raises(RowRefused, match=f"refuses a row of media_storage: {SAID}"):
        backlog.fail([(job, FetchFailed("timed out")) for job in jobs], NOW)
    backlog.leases.give_back(ids)
    found = [row(db, id_) for id_ in ids]
    assert [one["download_status"] for one in found] == ["failed", "pending", "failed"]
    assert {one["lease_owner"] for one in found} == {None}


def test_a_lease_that_may_not_be_given_back_stops_no_claim(
    db: Database, backlog: Backlog, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are given back; that one comes free with time."""
    ids = put(backlog, *(link(number) for number in (1, 2)))
    backlog.claim(10, NOW)
    bad = f"NEW.id = '{ids[0]}' AND NEW.lease_owner IS NULL"
    forbid(database_url, "media_storage", "UPDATE", bad)
    backlog.leases.give_back(ids)
    assert [job.id for job in backlog.claim(10, NOW)] == [ids[1]]
    assert told(caplog) == [f"one of the pictures, {ids[0]}, is left as it was: {SAID}"]


def attach(db: Database, number: int, media: UUID) -> None:
    with models.transaction(db):
        models.change(
            db,
            "INSERT INTO facebook_posts (id, page_id, created_time) VALUES (?, '1', ?)",
            [f"1_{number}", models.to_text(NOW)],
        )
        models.change(
            db,
            "INSERT INTO facebook_post_attachments (post_id, attachment_key, local_media_id)"
            " VALUES (?, 'k', ?)",
            [f"1_{number}", str(media)],
        )


def test_an_attachment_that_takes_no_small_version_stops_no_developing(
    shelf: Shelf, darkroom: Darkroom, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Both pictures are developed, and the other attachment shows its small version."""
    ids = [shelf.add(number, picture(number)) for number in (1, 2)]
    for number, id_ in enumerate(ids):
        attach(shelf.db, number, id_)
    forbid(database_url, "facebook_post_attachments", "UPDATE", "NEW.post_id = '1_0'")
    assert run(darkroom) == 2
    assert all(shelf.row(id_)["developed_at"] for id_ in ids)
    with models.session(shelf.db):
        sql = "SELECT local_thumbnail_id FROM facebook_post_attachments ORDER BY post_id"
        found = [small and str(small) for (small,) in models.rows(shelf.db, sql)]
    assert found == [None, str(derived(shelf, ids[1]))]
    assert told(caplog) == [
        f"one of the attachments, with picture {ids[0]}, is left as it was: {SAID}"
    ]


def test_a_picture_that_may_not_be_called_developed_is_told_and_keeps_no_other_waiting(
    shelf: Shelf, darkroom: Darkroom, database_url: str
) -> None:
    """The other one is developed; that one has its turn later."""
    ids = [shelf.add(number, picture(number)) for number in (1, 2)]
    bad = f"NEW.id = '{ids[0]}' AND NEW.developed_at IS NOT NULL"
    forbid(database_url, "media_storage", "UPDATE", bad)
    with pytest.raises(RowRefused, match=f"refuses a row of media_storage: {SAID}"):
        run(darkroom)
    assert shelf.row(ids[0])["developed_at"] is None
    assert shelf.row(ids[1])["developed_at"] is not None
    assert run(darkroom) == 0


def test_a_picture_that_may_not_be_called_developed_is_decoded_again_some_hours_later(
    shelf: Shelf, darkroom: Darkroom, database_url: str
) -> None:
    """Not each time its lease is over; but once the rule is gone it is developed by itself."""
    id_ = shelf.add(1, picture(1))
    forbid(database_url, "media_storage", "UPDATE", "NEW.developed_at IS NOT NULL")
    with pytest.raises(RowRefused):
        run(darkroom)
    after_lease = NOW + LEASE + timedelta(seconds=1)
    assert darkroom.drain(lambda: after_lease, Event()) == 0
    allow(database_url, "media_storage", "UPDATE")
    assert darkroom.drain(lambda: after_lease, Event()) == 0
    assert darkroom.drain(lambda: NOW + REFUSED_PAUSE, Event()) == 1
    assert shelf.row(id_)["developed_at"] is not None


def test_a_small_version_that_is_not_taken_is_not_named(
    shelf: Shelf, darkroom: Darkroom, database_url: str
) -> None:
    """The picture itself is developed, and its attachment names no file that is not archived."""
    id_ = shelf.add(1, picture(1))
    attach(shelf.db, 1, id_)
    bad = "NEW.derived_from IS NOT NULL AND NEW.download_status = 'success'"
    forbid(database_url, "media_storage", "UPDATE", bad)
    assert run(darkroom) == 1
    assert shelf.row(id_)["developed_at"] is not None
    assert shelf.row(derived(shelf, id_))["error_message"] == SAID
    with models.session(shelf.db):
        sql = "SELECT local_thumbnail_id FROM facebook_post_attachments"
        assert models.rows(shelf.db, sql) == [(None,)]


def test_a_path_that_may_not_change_stops_no_move(
    shelf: Shelf, database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Every other row tells where its file is now."""
    ids = [shelf.add(number, picture(number)) for number in (1, 2)]
    relocate.follow(shelf.db, shelf.media)
    forbid(database_url, "media_storage", "UPDATE OF local_path", f"NEW.id = '{ids[0]}'")
    moved = Media(tmp_path / "other" / "facebook", tmp_path)
    assert relocate.follow(shelf.db, moved) == 1
    assert "media/facebook" in shelf.row(ids[0])["local_path"]
    assert shelf.row(ids[1])["local_path"].startswith("other/facebook")
    assert told(caplog) == [f"one of the pictures, {ids[0]}, is left as it was: {SAID}"]
