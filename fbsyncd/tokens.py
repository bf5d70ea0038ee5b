"""What is known of each Page's token, as rows of ``page_tokens``; never the token itself.

A token that ends is told of two weeks ahead: time for a person who is away. What is not known
(without the app's secret Facebook tells nobody) is not guessed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from peewee import Database

from fbsyncd.models import change, from_text, rows, session, to_text, transaction
from fbsyncd.view import moment
from fbsyncd.worth import Worth

#: A token is warned of so long before it ends.
AHEAD: Final = timedelta(days=14)
#: What was asked so long ago is asked again.
STALE: Final = timedelta(hours=12)

_ROWS: Final = """
SELECT s.page_id, s.state, s.message, t.is_valid, t.expires_at, t.data_access_expires_at,
    t.message, t.checked_at
FROM sync_state s LEFT JOIN page_tokens t ON t.page_id = s.page_id
WHERE s.stream = 'posts' ORDER BY s.page_id"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one Page's token stands: *state* is ok, ending, dead or unknown; *worth* if asked."""

    page_id: str
    state: str
    worth: Worth | None = None
    message: str | None = None
    checked_at: datetime | None = None


def standing(page_id: str, refused: str | None, worth: Worth | None, now: datetime) -> Standing:
    """Judge a token: *refused* is what its last sync was told, None when it went well."""
    if refused is not None:
        return Standing(page_id, "dead", worth, refused)
    if worth is None:
        return Standing(page_id, "unknown")
    if not worth.is_valid or (worth.end is not None and worth.end <= now):
        return Standing(page_id, "dead", worth, worth.message or "it has ended")
    ends_soon = worth.end is not None and worth.end - now < AHEAD
    return Standing(page_id, "ending" if ends_soon else "ok", worth)


def load(db: Database, now: datetime) -> list[Standing]:
    """Return how the token of each Page that was ever read stands; by id."""
    with session(db):
        found = rows(db, _ROWS)
    stands = []
    for page_id, state, refusal, is_valid, expires, access, message, checked_at in found:
        worth = None
        if is_valid is not None:
            ends = from_text(expires), from_text(access)
            worth = Worth(bool(is_valid), None, *ends, message)
        refused = str(refusal or "it is refused") if state == "token" else None
        one = standing(str(page_id), refused, worth, now)
        asked = from_text(checked_at)
        stands.append(Standing(one.page_id, one.state, one.worth, one.message, asked))
    return stands


def save(db: Database, page_id: str, worth: Worth, now: datetime) -> None:
    """Write down what Facebook said of a Page's token."""
    ends = [
        to_text(end) if end else None for end in (worth.expires_at, worth.data_access_expires_at)
    ]
    with transaction(db):
        change(
            db,
            "INSERT INTO page_tokens (page_id, is_valid, kind, expires_at,"
            " data_access_expires_at, message, checked_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (page_id) DO UPDATE SET is_valid = excluded.is_valid,"
            " kind = excluded.kind, expires_at = excluded.expires_at,"
            " data_access_expires_at = excluded.data_access_expires_at,"
            " message = excluded.message, checked_at = excluded.checked_at",
            [page_id, worth.is_valid, worth.kind, *ends, worth.message, to_text(now)],
        )


def checked_at(db: Database) -> dict[str, datetime]:
    """Return when each Page's token was last asked about."""
    with session(db):
        found = rows(db, "SELECT page_id, checked_at FROM page_tokens")
    times = {str(page_id): from_text(at) for page_id, at in found}
    return {page_id: at for page_id, at in times.items() if at is not None}


def told(db: Database, now: datetime, ours: Collection[str] | None = None) -> list[dict[str, Any]]:
    """Return the tokens as ``/api/stats`` shows them; *days_left* counts down to the first end.

    *ours* are the Pages that are configured: no other needs a token. None: that is not known.
    """
    return [_told(one, now) for one in load(db, now) if ours is None or one.page_id in ours]


def _told(one: Standing, now: datetime) -> dict[str, Any]:
    worth = one.worth
    end = worth.end if worth else None
    return {
        "page_id": one.page_id,
        "state": one.state,
        "expires_at": moment(worth.expires_at) if worth else None,
        "data_access_expires_at": moment(worth.data_access_expires_at) if worth else None,
        "days_left": max((end - now).days, 0) if end else None,
        "message": one.message,
        "checked_at": moment(one.checked_at),
    }
