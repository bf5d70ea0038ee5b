"""What the rows say, for a scrape: a few statements on indexes, and two that count everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from peewee import Database

from fbsyncd import deadlines, stored, tokens
from fbsyncd.deadlines import Deadlines
from fbsyncd.models import from_text, rows, session, to_text
from fbsyncd.tokens import Standing

#: What a picture that is not archived may be.
STATES: Final = ("pending", "in_work", "retrying", "unlinked", "given_up")

_QUEUE: Final = f"""
SELECT CASE WHEN download_status = 'failed' AND next_attempt_at IS NULL THEN 'given_up'
    WHEN lease_until > ? THEN 'in_work'
    WHEN needs_link OR link_expires_at <= ? THEN 'unlinked'
    WHEN download_status = 'failed' THEN 'retrying' ELSE 'pending' END, count(*), min(created_at)
FROM media_storage WHERE download_status <> 'success' AND derived_from IS NULL
AND NOT (download_status = 'failed' AND next_attempt_at IS NULL AND {stored.IS_AGAIN}) GROUP BY 1"""
_STREAMS: Final = "SELECT page_id, stream, state, synced_at FROM sync_state"
# Rows of older programs may have no id; such a post is not shown, and not counted.
_POSTS: Final = "SELECT page_id, count(id) FROM facebook_posts GROUP BY page_id"


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of one Page: its *state*, and when it was last read to the end."""

    page_id: str
    name: str
    state: str
    synced_at: datetime | None


@dataclass(frozen=True, slots=True)
class Queue:
    """How the work stands; *oldest* is when the picture that has waited longest was first named."""

    pictures: Mapping[str, int]
    oldest: datetime | None
    deadlines: Deadlines
    streams: tuple[Stream, ...]
    tokens: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class Stock:
    """What is archived: pictures, *files* and *sizes* (bytes) by folder, *posts* by Page."""

    archived: int
    files: Mapping[str, int]
    sizes: Mapping[str, int]
    posts: Mapping[str, int]


def queue(db: Database, now: datetime) -> Queue:
    """Read what changes from one second to the next; cheap while the queue is short."""
    with session(db):
        found = rows(db, _QUEUE, [to_text(now)] * 2)
        streams = tuple(
            Stream(str(page_id), str(name), str(state), from_text(synced_at))
            for page_id, name, state, synced_at in rows(db, _STREAMS)
        )
        dues = deadlines.measure(db, now)
    waits = [from_text(oldest) for state, _, oldest in found if state != "given_up"]
    return Queue(
        pictures=dict.fromkeys(STATES, 0) | {str(state): int(count) for state, count, _ in found},
        oldest=min((at for at in waits if at is not None), default=None),
        deadlines=dues,
        streams=streams,
        tokens=tuple(tokens.load(db, now)),
    )


def stock(db: Database) -> Stock:
    """Count all that is archived; it reads every row, so it is not for every scrape."""
    with session(db):
        folders = stored.by_folder(db)
        posts = {str(page_id): int(count) for page_id, count in rows(db, _POSTS)}
    return Stock(
        archived=sum(folder.rows - folder.derived for folder in folders.values()),
        files={name: folder.files for name, folder in folders.items()},
        sizes={name: folder.bytes for name, folder in folders.items()},
        posts=posts,
    )
