"""What is left to do now: pictures that can be fetched or developed, or are being so.

Asked twice a second while a person waits for a sync, beside an archive of any size: both halves
go by an index that holds the queue alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from peewee import Database

from fbsyncd.models import rows, session, to_text

_UNFETCHED: Final = (
    "FROM media_storage WHERE download_status <> 'success' AND derived_from IS NULL"
    " AND (lease_until > ? OR (NOT needs_link"
    " AND (download_status = 'pending' OR next_attempt_at <= ?)"
    " AND (link_expires_at IS NULL OR link_expires_at > ?)))"
)
# With or without a lease: a picture that is being developed is one that is not developed.
_UNDEVELOPED: Final = (
    "FROM media_storage WHERE download_status = 'success' AND developed_at IS NULL"
    " AND derived_from IS NULL"
)


def count(db: Database, now: datetime) -> int:
    """Return how many pictures there is something to do for now."""
    with session(db):
        ((found,),) = rows(
            db,
            f"SELECT (SELECT count(*) {_UNFETCHED}) + (SELECT count(*) {_UNDEVELOPED})",
            [to_text(now)] * 3,
        )
    return int(found)


def is_any(db: Database, now: datetime) -> bool:
    """Tell whether there is anything to do now."""
    with session(db):
        ((found,),) = rows(
            db,
            f"SELECT EXISTS (SELECT 1 {_UNFETCHED}) OR EXISTS (SELECT 1 {_UNDEVELOPED})",
            [to_text(now)] * 3,
        )
    return bool(found)
