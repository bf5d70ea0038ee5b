"""Of several attachments with one picture the first is shown; where it is removed, the next one is.

Such rows are there because an older program wrote the picture once for each signature of its link.
It may also take rows away, and does not know which of them is shown. The next reading of the post
would put that right, but old posts are not read for weeks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from peewee import Database

from fbsyncd import adopted, borne, facts
from fbsyncd.models import change_many, rows, session, transaction

#: An attachment whose shown row is gone: its post, its own key, and the key of that row.
_Heir = tuple[object, object, object]
# Not max(id): PostgreSQL knows no greatest UUID, and an older program's table may have those. The
# row itself too: SQLite may give the number of the last one, once that is removed, to the next.
_SEEN: Final = """
SELECT (SELECT count(*) FROM facebook_post_attachments), m.id, m.post_id, m.attachment_key
FROM facebook_post_attachments m WHERE m.id IS NOT NULL ORDER BY m.id DESC LIMIT 1"""
_ORPHANS: Final = """
SELECT d.post_id, d.duplicate_of, d.attachment_key FROM facebook_post_attachments d
WHERE d.duplicate_of IS NOT NULL AND d.post_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM facebook_post_attachments s
    WHERE s.post_id = d.post_id AND s.attachment_key = d.duplicate_of)
ORDER BY d.post_id, d.duplicate_of, d.id, d.attachment_key"""


def turn(db: Database) -> int:
    """Let the next row show each picture whose shown row is gone; return how many do.

    Cheap where no row came or went, and where nothing was adopted; where ids are no numbers, which
    grow, all rows that are not shown are looked at. Where a sync shows the same picture meanwhile,
    or a rule that somebody gave the table refuses it, that one does not, and the next turn looks
    again.
    """
    if not adopted.is_adopted(db):
        return 0
    with session(db):
        seen = _seen(db)
        if seen is None and not rows(db, f"{_ORPHANS} LIMIT 1"):
            return 0
    if seen is not None and facts.get(db, facts.ATTACHMENTS_SEEN) == seen:
        return 0
    with transaction(db):
        shown, is_whole = _show(db)
        if seen is not None and is_whole:
            facts.put(db, facts.ATTACHMENTS_SEEN, seen)
    return shown


def _seen(db: Database) -> str | None:
    """Return what differs once a row came or went; None where that cannot be told so."""
    found = rows(db, _SEEN)
    is_numbered = bool(found) and isinstance(found[0][1], int)
    return "/".join(map(str, found[0])) if is_numbered else None


def _show(db: Database) -> tuple[int, bool]:
    """Return how many rows are shown now, and whether none was refused."""
    first: dict[tuple[object, object], object] = {}
    for post_id, key, own in rows(db, _ORPHANS):
        first.setdefault((post_id, key), own)
    refused = []

    def write(heirs: Sequence[_Heir]) -> int:
        return change_many(
            db,
            "UPDATE facebook_post_attachments SET attachment_key = duplicate_of,"
            " duplicate_of = NULL, removed_at = NULL"
            " WHERE post_id = ? AND attachment_key = ? AND duplicate_of = ?",
            heirs,
        )

    def leave(heir: _Heir, why: str) -> None:
        refused.append(heir)
        borne.warn_left(db, "attachments", f"{heir[1]} of {heir[0]}", why)

    heirs = [(post_id, own, key) for (post_id, key), own in first.items()]
    return sum(borne.by_halves(db, heirs, write, leave)), not refused
