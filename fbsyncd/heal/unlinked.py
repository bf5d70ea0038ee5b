"""The rows of the queue that need a fresh link, and who can give it. Healing's side of the backlog.

A row is due when its link is dead or so near to its end that the queue will not reach it. It is
leased while it is asked for, like a row that is being fetched, and afterwards not asked for again
before ``heal_after``: a link that never comes back must not cost a call each turn.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from peewee import Database

from fbsyncd import deadlines
from fbsyncd.assets import Retry
from fbsyncd.heal.plan import Outcome, Owner, Ward
from fbsyncd.leases import Leases
from fbsyncd.models import (
    change_many,
    engine,
    from_text,
    marks,
    rows,
    session,
    to_text,
    transaction,
)
from fbsyncd.walks import BEGINNING

#: Rows looked at in one turn; listing again heals their neighbours too.
AT_ONCE: Final = 2000

_DUE: Final = (
    "download_status <> 'success' AND derived_from IS NULL"
    " AND (download_status = 'pending' OR next_attempt_at IS NOT NULL)"
    " AND (heal_after IS NULL OR heal_after <= ?) AND (lease_until IS NULL OR lease_until <= ?)"
)
# Two halves, each on an index of its own: with OR every waiting row would be looked at.
_FIND: Final = f"""
SELECT * FROM (SELECT id, heal_attempts FROM media_storage WHERE needs_link AND {_DUE}
    ORDER BY link_expires_at LIMIT ?) AS refused
UNION ALL
SELECT * FROM (SELECT id, heal_attempts FROM media_storage WHERE link_expires_at <= ?
    AND NOT needs_link AND {_DUE} ORDER BY link_expires_at LIMIT ?) AS dying"""
_POST: Final = """'posts', CAST(p.page_id AS TEXT), p.id, p.created_time,
    p.misses, p.last_missed_at, p.deleted_at"""
_OWNERS: Final = """
WITH due (media_id) AS (SELECT id FROM media_storage WHERE id IN ({marks}))
SELECT due.media_id, {post}
    FROM due JOIN facebook_posts p ON p.local_picture_id = due.media_id
UNION SELECT due.media_id, {post}
    FROM due JOIN facebook_posts p ON p.local_full_picture_id = due.media_id
UNION SELECT due.media_id, {post}
    FROM due JOIN facebook_post_attachments a ON a.local_media_id = due.media_id
    JOIN facebook_posts p ON p.id = a.post_id
UNION SELECT due.media_id, {post}
    FROM due JOIN facebook_post_attachments a ON a.local_thumbnail_id = due.media_id
    JOIN facebook_posts p ON p.id = a.post_id
UNION SELECT due.media_id, 'videos', CAST(v.page_id AS TEXT), CAST(v.video_id AS TEXT),
    v.created_time, v.misses, v.last_missed_at, v.deleted_at
    FROM due JOIN facebook_video_posts v ON v.local_picture_id = due.media_id"""


class Unlinked:
    """Healing's view of one queue, and of this process's *leases*."""

    def __init__(self, db: Database, *, retry: Retry, leases: Leases) -> None:
        self._db = db
        self._leases = leases
        self.retry = retry

    def is_due(self, now: datetime) -> bool:
        """Tell whether any row needs a fresh link now; one indexed query when none does."""
        with session(self._db):
            return bool(self._due(now))

    def find(self, now: datetime) -> list[Ward]:
        """Return rows that need a fresh link now, at most AT_ONCE, what dies first before all."""
        with session(self._db):
            due = self._due(now)
            owners = self._owners([id_ for id_, _ in due])
        return [Ward(id_, asked, _ranked(owners[id_])) for id_, asked in due]

    def lease(self, ids: Collection[UUID], now: datetime) -> set[UUID]:
        """Take these rows for asking; return those no other process has taken meanwhile."""
        if not ids:
            return set()
        free = "(lease_until IS NULL OR lease_until <= ?)"
        with self._leases.take(now) as lease:
            found = rows(
                self._db,
                "UPDATE media_storage SET lease_owner = ?, lease_until = ? WHERE id IN ("
                f" SELECT id FROM media_storage WHERE id IN ({marks(len(ids))}) AND {free}"
                f" ORDER BY id {engine(self._db).skip_locked}) RETURNING id",
                [*lease, *sorted(map(str, ids)), to_text(now)],
            )
        return {UUID(str(id_)) for (id_,) in found}

    def defer(self, ids: Collection[UUID], until: datetime) -> None:
        """Ask for these rows at *until* again: nobody could be asked, so nothing is counted."""
        with transaction(self._db):
            change_many(
                self._db,
                "UPDATE media_storage SET heal_after = ?, lease_owner = NULL, lease_until = NULL"
                " WHERE id = ?",
                [(to_text(until), id_) for id_ in sorted(map(str, ids))],
            )

    def settle(self, asked: Sequence[Outcome], now: datetime) -> None:
        """Write down that rows were asked for, and when they may be again if that was in vain."""
        dead = "(needs_link OR link_expires_at <= ?)"
        with transaction(self._db):
            change_many(
                self._db,
                "UPDATE media_storage SET heal_attempts = ?, heal_after = ?,"
                f" error_message = CASE WHEN {dead} THEN coalesce(?, error_message)"
                " ELSE error_message END,"
                " lease_owner = NULL, lease_until = NULL"
                " WHERE id = ? AND download_status <> 'success'",
                [
                    (
                        one.asked,
                        to_text(now + self._pause(one)),
                        to_text(now),
                        one.reason,
                        str(one.id),
                    )
                    for one in sorted(asked, key=lambda one: str(one.id))
                ],
            )

    def _pause(self, one: Outcome) -> timedelta:
        pause = self.retry.pause(one.asked, random.random())
        return pause if one.pause is None else one.pause

    def _due(self, now: datetime) -> list[tuple[UUID, int]]:
        if not self._dying(now, deadlines.MOST, 1):
            return []
        return self._dying(now, deadlines.measure(self._db, now).horizon, AT_ONCE)

    def _dying(self, now: datetime, within: timedelta, limit: int) -> list[tuple[UUID, int]]:
        clock, end = [to_text(now)] * 2, to_text(now + within)
        found = rows(self._db, _FIND, [*clock, limit, end, *clock, limit])
        return [(UUID(str(id_)), int(asked)) for id_, asked in found]

    def _owners(self, ids: Sequence[UUID]) -> dict[UUID, list[Owner]]:
        owners: dict[UUID, list[Owner]] = defaultdict(list)
        if ids:
            sql = _OWNERS.format(marks=marks(len(ids)), post=_POST)
            for id_, stream, page_id, own, created, *missed in rows(
                self._db, sql, [str(id_) for id_ in ids]
            ):
                # An older program may not have written whose post it is; ids begin with it.
                page = page_id or own.partition("_")[0]
                times, at, gone_at = missed
                found = Owner(
                    stream, page, own, from_text(created), int(times), from_text(at), bool(gone_at)
                )
                owners[UUID(str(id_))].append(found)
        return owners


def _ranked(owners: Sequence[Owner]) -> tuple[Owner, ...]:
    """Return the most promising owner first: one that was not missed, a post, the newest."""
    newest = sorted(owners, key=lambda one: (one.created or BEGINNING, one.id), reverse=True)
    return tuple(sorted(newest, key=lambda one: (one.misses, one.stream)))
