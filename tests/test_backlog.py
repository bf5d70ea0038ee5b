"""The queue: what is claimed when, and what becomes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peewee import Database

from fbsyncd import models, outstanding
from fbsyncd.assets import Archived, Asset, Job, Retry
from fbsyncd.backlog import Backlog
from fbsyncd.errors import FetchFailed, LinkDead, PictureRefused
from fbsyncd.leases import LEASE

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RETRY = Retry(timedelta(seconds=30), timedelta(hours=6), 3)


def link(name: int, *, hours: float | None = 100, signature: str = "a") -> str:
    """A link to picture *name* that dies so many hours after NOW."""
    url = f"https://scontent.xx.fbcdn.net/v/t39.30808-6/{name}_2_3_n.jpg?stp=dst-jpg_s720x720"
    if hours is None:
        return url
    return f"{url}&oh={signature}&oe={int((NOW + timedelta(hours=hours)).timestamp()):X}"


@pytest.fixture
def backlog(db: Database) -> Backlog:
    return Backlog(db, retry=RETRY, owner="here/1")


def put(backlog: Backlog, *urls: str, now: datetime = NOW) -> list[UUID]:
    assets = [Asset(url, "posts") for url in urls]
    backlog.put(assets, now)
    return [asset.id for asset in assets]


def row(db: Database, id_: UUID) -> dict[str, Any]:
    columns = (
        "download_status, error_message, attempts, next_attempt_at, needs_link, original_url,"
        " lease_owner, developed_at"
    )
    with models.session(db):
        (found,) = models.rows(db, f"SELECT {columns} FROM media_storage WHERE id = ?", [str(id_)])
    named = dict(zip(columns.replace(",", "").split(), found, strict=True))
    return named | {"next_attempt_at": models.from_text(named["next_attempt_at"])}


def archived(id_: UUID, content: str = "ab") -> Archived:
    name = f"{content * 32}.jpg"
    path = f"media/facebook/posts/{name}"
    return Archived(id_, name, path, f"/{path}", 10, content * 32, "image/jpeg", 7, 5)


def test_a_link_that_dies_first_is_claimed_first_and_unknown_ones_last(backlog: Backlog) -> None:
    """Claims come in the order of link expiry, links without expiry after all others."""
    soon, late, unknown = put(backlog, link(1, hours=2), link(2, hours=90), link(3, hours=None))
    put(backlog, link(3, hours=None), link(2, hours=90))
    assert [job.id for job in backlog.claim(10, NOW)] == [soon, late, unknown]


def test_a_claimed_row_is_not_claimed_twice(backlog: Backlog) -> None:
    """A leased row belongs to its worker until it is given back or the lease is over."""
    put(backlog, link(1))
    (job,) = backlog.claim(10, NOW)
    assert backlog.claim(10, NOW) == []
    backlog.leases.give_back([job.id])
    assert backlog.claim(10, NOW) == [job]
    assert backlog.claim(10, NOW + LEASE + timedelta(seconds=1)) == [job]


def test_a_dead_link_is_not_claimed(backlog: Backlog) -> None:
    """A link whose expiry has passed is left for a fresh one."""
    put(backlog, link(1, hours=2))
    assert backlog.claim(10, NOW + timedelta(hours=3)) == []


def test_links_signed_anew_make_no_second_row(backlog: Backlog, db: Database) -> None:
    """A link to the same picture in the same size updates the row's link."""
    (id_,) = put(backlog, link(1, hours=2))
    fresh = link(1, hours=90, signature="b")
    assert backlog.put([Asset(fresh, "attachments")], NOW) == 0
    assert row(db, id_)["original_url"] == fresh
    assert [job.url for job in backlog.claim(10, NOW)] == [fresh]


def test_an_archived_row_keeps_its_link_until_that_is_dead(backlog: Backlog, db: Database) -> None:
    """Reading an unchanged Page again writes no archived row."""
    first = link(1, hours=2)
    (id_,) = put(backlog, first)
    backlog.succeed([archived(id_)], NOW)
    fresh = link(1, hours=90, signature="b")
    put(backlog, fresh)
    assert row(db, id_)["original_url"] == first
    put(backlog, fresh, now=NOW + timedelta(hours=3))
    assert row(db, id_)["original_url"] == fresh


def test_a_failure_that_may_pass_is_tried_again_later(backlog: Backlog, db: Database) -> None:
    """A failed row comes back after its wait, with its reason told meanwhile."""
    put(backlog, link(1))
    (job,) = backlog.claim(1, NOW)
    backlog.fail([(job, FetchFailed("timed out"))], NOW)
    failed = row(db, job.id)
    assert (failed["download_status"], failed["error_message"]) == ("failed", "timed out")
    assert NOW + timedelta(seconds=15) <= failed["next_attempt_at"] <= NOW + timedelta(seconds=30)
    assert backlog.claim(1, NOW + timedelta(seconds=14)) == []
    (again,) = backlog.claim(1, NOW + timedelta(seconds=31))
    assert again.attempts == 1


def test_attempts_used_up_are_given_up_with_the_reason(backlog: Backlog, db: Database) -> None:
    """After the last attempt a row has no next one and says why."""
    (id_,) = put(backlog, link(1))
    now = NOW
    for _ in range(RETRY.attempts):
        (job,) = backlog.claim(1, now)
        backlog.fail([(job, FetchFailed("timed out"))], now)
        now += timedelta(hours=7)
    given_up = row(db, id_)
    assert given_up["next_attempt_at"] is None
    assert given_up["error_message"] == "given up after 3 attempts: timed out"
    assert backlog.claim(1, now) == []


def test_a_refused_picture_is_given_up_at_once(backlog: Backlog, db: Database) -> None:
    """What no retry can mend is not tried again, until a person asks for it."""
    (id_,) = put(backlog, link(1))
    (job,) = backlog.claim(1, NOW)
    backlog.fail([(job, PictureRefused("too big"))], NOW)
    assert row(db, id_)["next_attempt_at"] is None
    assert backlog.retry([id_]) == 1
    assert backlog.retry(None) == 0
    assert [job.id for job in backlog.claim(1, NOW)] == [id_]


def test_a_dead_link_waits_for_a_fresh_one_and_is_then_fetched_at_once(backlog: Backlog) -> None:
    """The CDN's 403 stops all tries of that link; the next answer's link is tried at once."""
    put(backlog, link(1))
    (job,) = backlog.claim(1, NOW)
    backlog.fail([(job, LinkDead("403 URL signature expired"))], NOW)
    assert backlog.claim(1, NOW + timedelta(hours=10)) == []
    fresh = link(1, hours=110, signature="b")
    put(backlog, fresh)
    assert [one.url for one in backlog.claim(1, NOW)] == [fresh]


def test_a_link_replaced_while_it_was_tried_does_not_wait_for_another(backlog: Backlog) -> None:
    """The failure of a link that is not the row's any more condemns no fresh link."""
    put(backlog, link(1))
    (job,) = backlog.claim(1, NOW)
    fresh = link(1, hours=110, signature="b")
    put(backlog, fresh)
    backlog.fail([(job, LinkDead("403"))], NOW)
    assert [one.url for one in backlog.claim(1, NOW + timedelta(minutes=1))] == [fresh]


def test_a_late_loser_overwrites_nothing(backlog: Backlog, db: Database) -> None:
    """Whose lease ran out has no say any more, least of all over a row archived since."""
    put(backlog, link(1), link(2))
    late = backlog.claim(2, NOW)
    other = Backlog(db, retry=RETRY, owner="there/2")
    afterwards = NOW + LEASE + timedelta(seconds=1)
    first, second = other.claim(2, afterwards)
    other.succeed([archived(first.id)], afterwards)
    backlog.fail([(job, PictureRefused("too big")) for job in late], afterwards)
    backlog.leases.give_back([job.id for job in late])
    assert row(db, first.id)["download_status"] == "success"
    assert (row(db, second.id)["download_status"], row(db, second.id)["lease_owner"]) == (
        "pending",
        "there/2",
    )


def test_a_lost_file_is_queued_again(backlog: Backlog, db: Database) -> None:
    """An archived row whose file is gone is failed, says so, and is claimable at once."""
    (id_,) = put(backlog, link(1))
    backlog.succeed([archived(id_)], NOW)
    assert backlog.lose([(id_, "missing")], NOW) == 1
    assert (row(db, id_)["download_status"], row(db, id_)["error_message"]) == ("failed", "missing")
    assert backlog.lose([(id_, "missing")], NOW) == 0
    assert [job.id for job in backlog.claim(1, NOW)] == [id_]


def test_a_lost_developed_picture_makes_its_parent_undeveloped(
    backlog: Backlog, db: Database
) -> None:
    """What was developed is made again from its parent, and never fetched."""
    (parent,) = put(backlog, link(1))
    small = UUID(int=7)
    backlog.succeed([archived(parent)], NOW)
    backlog.put_derived([(small, "key@320", parent)])
    backlog.succeed([archived(small, "cd")], NOW)
    with models.transaction(db):
        models.change(db, "UPDATE media_storage SET developed_at = ?", [models.to_text(NOW)])
    backlog.lose([(small, "missing")], NOW)
    assert row(db, parent)["developed_at"] is None
    assert row(db, parent)["download_status"] == "success"
    assert backlog.claim(5, NOW) == []
    assert outstanding.count(db, NOW) == 1


def test_a_picture_spoilt_at_its_source_is_not_fetched_for_ever(
    backlog: Backlog, db: Database
) -> None:
    """Bytes that never decode count as failed attempts and end in giving up."""
    (id_,) = put(backlog, link(1))
    now = NOW
    for _ in range(RETRY.attempts):
        (job,) = backlog.claim(1, now)
        backlog.succeed([archived(job.id)], now)
        backlog.spoil(job.id, "cannot be decoded", now)
        now += timedelta(hours=7)
    assert row(db, id_)["next_attempt_at"] is None
    assert outstanding.count(db, now) == 0


def test_leases_of_dead_processes_are_taken_back(backlog: Backlog, db: Database) -> None:
    """Released rows are claimable at once, those of living processes are not."""
    put(backlog, link(1), link(2))
    other = Backlog(db, retry=RETRY, owner="here/2")
    (mine,) = backlog.claim(1, NOW)
    other.claim(1, NOW)
    assert backlog.leases.owners() == ["here/1", "here/2"]
    assert other.leases.release(["here/1"]) == 1
    assert [job.id for job in other.claim(5, NOW)] == [mine.id]


def test_one_row_can_be_claimed_by_its_id(backlog: Backlog) -> None:
    """A person's wish does not wait for the next attempt, but for whoever has the lease."""
    (id_,) = put(backlog, link(1))
    job = backlog.claim_one(id_, NOW)
    assert job == Job(id_, link(1), "posts", 0)
    assert backlog.claim_one(id_, NOW) is None
    backlog.succeed([archived(id_)], NOW)
    assert backlog.claim_one(id_, NOW) is None


@pytest.mark.parametrize("status", ["done", "", "SUCCESS"])
def test_the_database_itself_refuses_another_status(
    backlog: Backlog, db: Database, status: str
) -> None:
    """No program, ours or not, can write a status that is none."""
    (id_,) = put(backlog, link(1))
    with pytest.raises(Exception, match=r"(?i)check"), models.transaction(db):
        models.change(
            db, "UPDATE media_storage SET download_status = ? WHERE id = ?", [status, str(id_)]
        )


def test_the_database_refuses_success_without_a_file(backlog: Backlog, db: Database) -> None:
    """A row cannot be archived without a name, a size and a hash."""
    (id_,) = put(backlog, link(1))
    with pytest.raises(Exception, match=r"(?i)check"), models.transaction(db):
        models.change(
            db,
            "UPDATE media_storage SET download_status = 'success' WHERE id = ?",
            [str(id_)],
        )


@given(st.integers(1, 200), st.floats(0, 1, exclude_max=True))
def test_waits_double_up_to_the_cap_and_spread(attempt: int, luck: float) -> None:
    """A wait is between half of and all of the doubled base, never above the cap."""
    full = min(RETRY.base * 2 ** min(attempt - 1, 40), RETRY.cap)
    assert full / 2 <= RETRY.pause(attempt, luck) <= full
