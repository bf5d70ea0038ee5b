"""Conditions of queries, each with its parameters, and how they are put together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fbsyncd.models import to_text

Clause = tuple[str, list[str]]


def span(column: str, since: datetime | None, until: datetime | None) -> list[Clause]:
    """Return conditions for a time from *since* on and before *until*."""
    found: list[Clause] = []
    if since is not None:
        found.append((f"{column} >= ?", [to_text(since)]))
    if until is not None:
        found.append((f"{column} < ?", [to_text(until)]))
    return found


def status_of(id_: str) -> str:
    """Return what tells the state of the picture whose id is in the column *id_*."""
    return f"(SELECT s.download_status FROM media_storage s WHERE s.id = {id_})"


def local(statuses: str, wanted: bool, *, is_away: bool) -> str:
    """Return the condition that one of *statuses* is that of an archived picture, or none is.

    Without the disk (*is_away*) no picture is local.
    """
    has = f"coalesce('success' IN {statuses}, FALSE)" if not is_away else "FALSE"
    return has if wanted else f"NOT {has}"


def joined(clauses: Sequence[Clause]) -> tuple[str, list[str]]:
    """Return one condition of all *clauses*, and all their parameters."""
    where = " AND ".join(clause for clause, _ in clauses) or "TRUE"
    return where, [param for _, some in clauses for param in some]
