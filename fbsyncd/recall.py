"""What a clock that was wrong has put off too far."""

from __future__ import annotations

from datetime import datetime, timedelta

from peewee import Database

from fbsyncd.leases import LEASE
from fbsyncd.models import change, to_text, transaction
from fbsyncd.walks import LONGEST_HOLD


def recall(db: Database, longest_wait: timedelta, now: datetime) -> None:
    """Let rows go on now that wait longer than any may; *longest_wait* is that of a retry.

    Statuses stay as they are: only the times are brought back.
    """
    with transaction(db):
        for change_to, column, most in (
            ("next_attempt_at = ?", "next_attempt_at", longest_wait),
            ("heal_after = ?", "heal_after", LONGEST_HOLD),
            ("lease_owner = NULL, lease_until = ?", "lease_until", LEASE),
        ):
            change(
                db,
                f"UPDATE media_storage SET {change_to} WHERE {column} > ?",
                [to_text(now), to_text(now + most)],
            )
