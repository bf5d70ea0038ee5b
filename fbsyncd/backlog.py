"""The queue: the rows of ``media_storage`` that are not archived. The only writer of their status.

::

                 put                    claim                  succeed
    (no row) ──────────> pending ──────────────────> leased ─────────────> success
                            ^                        │    │                  │
                            │ give_back, lease over  │    │ fail             │ lose, spoil;
                            └────────────────────────┘    v                  │ adopt undoes it
                                    next attempt due    failed <─────────────┘
                            leased <────────────────── + next_attempt_at
                                                          │ attempts used up, refused, or
                                                          v surrender
                            pending <──────────────── failed, no next attempt: given up
                                         retry

Leased is a row of either kind whose ``lease_until`` is ahead. ``needs_link`` marks one whose signed
link is dead: it is claimed again only after :meth:`Backlog.put` brought the fresh one that
:mod:`fbsyncd.heal` asks for. Waiting is a time in a column, so a restart forgets nothing.

Developed pictures (``derived_from``) are rows too, but they are made, not fetched: a lost one
makes its parent undeveloped again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from peewee import Database

from fbsyncd import borne, facts, intake, models, stored
from fbsyncd.assets import Archived, Asset, Job, Retry
from fbsyncd.errors import FetchError, FetchFailed, LinkDead, RowRefused
from fbsyncd.leases import Leases
from fbsyncd.models import change, change_many, marks, rows, to_text, transaction

_SUCCEED: Final = (
    "UPDATE media_storage SET download_status = 'success', local_filename = ?, local_path = ?,"
    " public_url = ?, file_size = ?, sha256 = ?, mime_type = ?, width = ?, height = ?,"
    " downloaded_at = ?, developed_at = NULL,"
    " replaced_sha256 = CASE WHEN sha256 <> ? THEN sha256 ELSE replaced_sha256 END,"
    " error_message = NULL, next_attempt_at = NULL, needs_link = FALSE, heal_attempts = 0,"
    " heal_after = NULL, lease_owner = NULL, lease_until = NULL WHERE id = ?"
)


class Backlog:
    """The queue of one archive; *owner* names this process in the leases it takes."""

    def __init__(self, db: Database, *, retry: Retry, owner: str) -> None:
        self._db = db
        self._retry = retry
        self._owner = owner
        self.leases = Leases(db, owner)

    def put(self, assets: Iterable[Asset], now: datetime) -> int:
        """Queue what is new and give known rows their fresh links; return how many are new."""
        return intake.put(self._db, assets, now)

    def add(self, assets: Iterable[Asset], now: datetime) -> intake.Taken:
        """Do what :meth:`put` does, as a part of the transaction it must be called in."""
        return intake.add(self._db, assets, now)

    def claim(self, limit: int, now: datetime) -> list[Job]:
        """Lease up to *limit* rows to this process: the link that dies first comes first."""
        with self.leases.take(now) as lease:
            jobs = self._claim(lease, "link_expires_at > ?", [to_text(now)], limit, now)
            if len(jobs) < limit:
                jobs += self._claim(lease, "link_expires_at IS NULL", [], limit - len(jobs), now)
        return jobs

    def claim_one(self, id_: UUID, now: datetime) -> Job | None:
        """Lease the row *id_*, whatever its next attempt, unless it is archived or leased."""
        with self.leases.take(now) as lease:
            found = rows(
                self._db,
                "UPDATE media_storage SET lease_owner = ?, lease_until = ? WHERE id = ?"
                " AND download_status <> 'success' AND (lease_until IS NULL OR lease_until <= ?)"
                " RETURNING id, original_url, category, attempts",
                [*lease, str(id_), to_text(now)],
            )
        return _job(found[0]) if found else None

    def succeed(
        self,
        done: Sequence[Archived],
        now: datetime,
        leave: Callable[[UUID], None] = lambda _: None,
    ) -> int:
        """Record files that are safe on disk; return how many had been archived before.

        A row that breaks a rule which somebody gave the table is given up; *leave* is told of it.
        """

        def archive(some: Sequence[Archived]) -> int:
            returned = intake.known_files(self._db, [one.id for one in some])
            many = [(*one.file(), to_text(now), one.sha256, str(one.id)) for one in some]
            change_many(self._db, _SUCCEED, many)
            return returned

        def refuse(one: Archived, why: str) -> None:
            borne.warn(self._db, "pictures", str(one.id), why)
            refused.append((why, 1, None, False, "", str(one.id)))
            leave(one.id)

        refused: list[tuple[object, ...]] = []
        ordered = sorted(done, key=lambda one: str(one.id))
        returned = sum(borne.spare(self._db, ordered, archive, refuse))
        self._condemn("download_status <> 'success'", refused)
        return returned

    def fail(self, failures: Sequence[tuple[Job, FetchError]], now: datetime) -> None:
        """Record why pictures could not be had, and when they are tried again, if ever.

        A row whose lease ran out meanwhile belongs to somebody else, who may have archived it.
        """
        condemned = [(*self._failure(job, error, now), self._owner) for job, error in failures]
        self._condemn("download_status <> 'success' AND lease_owner = ?", condemned)

    def put_derived(self, made: Sequence[tuple[UUID, str, UUID]]) -> None:
        """Make room for developed pictures: each an id, an asset key and the parent's id.

        Where the parent was forgotten meanwhile there is none to be made.
        """
        needs_links = facts.get(self._db, facts.LINKS_REQUIRED) is not None
        intake.put_derived(self._db, made, needs_links=needs_links)

    def lose(self, reasons: Sequence[tuple[UUID, str]], now: datetime) -> int:
        """Queue archived rows again whose file is missing or damaged; return how many.

        All rows that share the file lose it together. A developed picture is made again from its
        parent instead of fetched.
        """
        with transaction(self._db):
            reasons = stored.sharing(self._db, dict(reasons))
            lost = change_many(
                self._db,
                "UPDATE media_storage SET download_status = 'failed', error_message = ?,"
                " attempts = 0, next_attempt_at = ?, lease_owner = NULL, lease_until = NULL,"
                " heal_attempts = 0, heal_after = NULL,"
                " needs_link = (link_expires_at IS NOT NULL AND link_expires_at <= ?)"
                " WHERE id = ? AND download_status = 'success'",
                [(why, to_text(now), to_text(now), str(id_)) for id_, why in reasons],
            )
            change_many(
                self._db,
                "UPDATE media_storage SET developed_at = NULL WHERE id ="
                " (SELECT derived_from FROM media_storage WHERE id = ?)",
                [(str(id_),) for id_, _ in reasons],
            )
        return lost

    def adopt(self, ids: Collection[UUID]) -> None:
        """Call rows archived again whose very file was put back; nothing else of them changes."""
        with transaction(self._db):
            change_many(
                self._db,
                "UPDATE media_storage SET download_status = 'success', error_message = NULL,"
                " attempts = 0, next_attempt_at = NULL, needs_link = FALSE, heal_attempts = 0,"
                " heal_after = NULL, lease_owner = NULL, lease_until = NULL"
                " WHERE id = ? AND sha256 IS NOT NULL",
                [(text,) for text in sorted(map(str, ids))],
            )

    def spoil(self, id_: UUID, reason: str, now: datetime) -> None:
        """Queue archived rows again whose bytes, those of *id_*, turned out to be no whole picture.

        It counts as a failed attempt: a picture damaged at its source must not be fetched for ever.
        """
        with transaction(self._db):
            ids = [str(one) for one, _ in stored.sharing(self._db, {id_: reason})]
            found = rows(
                self._db,
                "SELECT id, original_url, category, attempts FROM media_storage"
                f" WHERE id IN ({marks(len(ids))}) AND derived_from IS NULL",
                ids,
            )
            failures = [self._failure(_job(row), FetchFailed(reason), now) for row in found]
            self._condemn("download_status = 'success'", failures)

    def surrender(self, reasons: Sequence[tuple[UUID, str]], now: datetime) -> int:
        """Give rows up whose link is dead and for which no fresh one can be had; return how many.

        A row that has got one meanwhile is left alone, and one that gets one later goes on.
        """
        with transaction(self._db):
            return change_many(
                self._db,
                "UPDATE media_storage SET download_status = 'failed', error_message = ?,"
                " attempts = 0, next_attempt_at = NULL, needs_link = TRUE,"
                " lease_owner = NULL, lease_until = NULL"
                " WHERE id = ? AND download_status <> 'success'"
                " AND (needs_link OR link_expires_at <= ?)",
                [
                    (why, str(id_), to_text(now))
                    for id_, why in sorted(reasons, key=lambda one: str(one[0]))
                ],
            )

    def retry(self, ids: Collection[UUID] | None) -> int:
        """Put failed rows back into the queue: *ids*, or when None all that were given up."""
        chosen = "next_attempt_at IS NULL" if ids is None else f"id IN ({marks(len(ids))})"
        with transaction(self._db):
            return change(
                self._db,
                "UPDATE media_storage SET download_status = 'pending', attempts = 0,"
                " heal_attempts = 0, heal_after = NULL, error_message = NULL,"
                " next_attempt_at = NULL"
                f" WHERE download_status = 'failed' AND derived_from IS NULL AND {chosen}"
                f" AND NOT ({stored.IS_AGAIN})",
                sorted(map(str, ids or ())),
            )

    def _claim(
        self, lease: list[str], which: str, params: list[str], limit: int, now: datetime
    ) -> list[Job]:
        engine = models.engine(self._db)
        found = rows(
            self._db,
            "UPDATE media_storage SET lease_owner = ?, lease_until = ? WHERE id IN ("
            " SELECT id FROM media_storage WHERE download_status <> 'success'"
            f" AND {which} AND derived_from IS NULL AND NOT needs_link"
            " AND (download_status = 'pending' OR next_attempt_at <= ?)"
            " AND (lease_until IS NULL OR lease_until <= ?)"
            f" ORDER BY link_expires_at, id LIMIT ? {engine.skip_locked})"
            " RETURNING id, original_url, category, attempts, link_expires_at",
            [*lease, *params, to_text(now), to_text(now), limit],
        )
        # RETURNING keeps no order.
        return [_job(row) for row in sorted(found, key=lambda row: (str(row[4]), str(row[0])))]

    def _condemn(self, guard: str, failures: Sequence[tuple[object, ...]]) -> None:
        """Write failures to the rows *guard* lets through, in the order all writers keep.

        Raises RowRefused, with the others written, for a row that is not let be called failed.
        """
        sql = (
            # A fresh link may have come while the old one was being tried.
            "UPDATE media_storage SET download_status = 'failed', error_message = ?,"
            " attempts = ?, next_attempt_at = ?, needs_link = (? AND original_url = ?),"
            f" lease_owner = NULL, lease_until = NULL WHERE id = ? AND {guard}"
        )

        ordered = sorted(failures, key=lambda failure: str(failure[5]))
        for _, why in borne.write(self._db, sql, ordered):
            raise RowRefused(why, "media_storage")

    def _failure(self, job: Job, error: FetchError, now: datetime) -> tuple[object, ...]:
        message, attempts, at = self._retry.verdict(job, error, now, random.random())
        again, dead = at and to_text(at), isinstance(error, LinkDead)
        return message, attempts, again, dead, job.url, str(job.id)


def _job(row: Sequence[object]) -> Job:
    id_, url, category, attempts = row[:4]
    return Job(UUID(str(id_)), str(url), str(category), int(str(attempts)))
