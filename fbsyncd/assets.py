"""What is passed round the queue: a picture named, a row handed out, a file that is safe.

Values and decisions only; nothing here reads a row or a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from fbsyncd import links
from fbsyncd.errors import FetchError, LinkDead, Unreachable


@dataclass(frozen=True, slots=True)
class Retry:
    """How failures are spaced: *base* doubled each time up to *cap*, *attempts* in all."""

    base: timedelta
    cap: timedelta
    attempts: int

    def pause(self, attempt: int, luck: float) -> timedelta:
        """Return the wait after failure number *attempt* (from 1); *luck* in [0, 1) spreads it.

        Half of the wait is fixed and half is chance, so that rows that failed together do not
        come back together.
        """
        full: timedelta = min(self.base * 2 ** min(attempt - 1, 40), self.cap)
        return full / 2 + full / 2 * luck

    def verdict(
        self, job: Job, error: FetchError, now: datetime, luck: float
    ) -> tuple[str, int, datetime | None]:
        """Return why *job* failed, after how many attempts, and when it is tried again, if ever."""
        # A week without a network must not use up the attempts of everything that waits.
        attempts = job.attempts + (not isinstance(error, Unreachable))
        if not error.retryable and not isinstance(error, LinkDead):
            return str(error), attempts, None
        if attempts >= self.attempts:
            return f"given up after {attempts} attempts: {error}", attempts, None
        return str(error), attempts, now + self.pause(max(attempts, 1), luck)


@dataclass(frozen=True, slots=True)
class Asset:
    """A picture somebody named: its link, and the folder its file belongs to."""

    url: str
    category: str

    @property
    def id(self) -> UUID:
        return links.asset_id(links.asset_key(self.url))


@dataclass(frozen=True, slots=True)
class Job:
    """A row handed to a worker."""

    id: UUID
    url: str
    category: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Archived:
    """A file that is safe on disk and belongs to the row *id*."""

    id: UUID
    filename: str
    local_path: str
    public_url: str
    file_size: int
    sha256: str
    mime_type: str
    width: int
    height: int

    def file(self) -> tuple[object, ...]:
        """Return what a row stores of it, in the order of its columns."""
        place = (self.filename, self.local_path, self.public_url)
        return (*place, self.file_size, self.sha256, self.mime_type, self.width, self.height)


@dataclass(slots=True)
class Tally:
    """What one drain has done: *returned* of the archived had been lost, *why* the last failed."""

    archived: int = 0
    failed: int = 0
    bytes: int = 0
    returned: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What a row said about its link before :meth:`Backlog.put`."""

    url: str
    expires_at: datetime | None
    status: str
    needs_link: bool


def is_fresher(known: Known, url: str, now: datetime) -> bool:
    """Tell whether *url* should take the place of the link a row has.

    A row that still needs its picture takes every newly signed link. An archived one needs none:
    its link is replaced only when it is dead, so that reading an unchanged Page writes no row.
    """
    if url == known.url or is_dead(links.expires_at(url), now):
        return False
    return known.status != "success" or is_dead(known.expires_at, now)


def is_dead(expires_at: datetime | None, now: datetime) -> bool:
    """Tell whether a link that runs out at *expires_at* is no use any more; unknown is alive."""
    return expires_at is not None and expires_at <= now
