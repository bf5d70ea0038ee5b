"""How much is archived, what waits, what failed, and when the next link dies."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from peewee import Database

from fbsyncd import budgets, deadlines, facts, tokens
from fbsyncd.media import CATEGORIES
from fbsyncd.models import rows, session
from fbsyncd.view import moment

_ARCHIVED: Final = "(SELECT 1 FROM media_storage m WHERE m.download_status = 'success' AND m.id IN"
_KINDS: Final = {
    "posts": ("facebook_posts", "t.local_picture_id, t.local_full_picture_id"),
    "attachments": ("facebook_post_attachments", "t.local_media_id, t.local_thumbnail_id"),
    "videos": ("facebook_video_posts", "t.local_picture_id"),
}
_MEDIA: Final = """
SELECT download_status, download_status = 'failed' AND next_attempt_at IS NULL AS given_up,
    derived_from IS NOT NULL AS derived, count(*)
FROM media_storage GROUP BY 1, 2, 3"""
# Assets with the same bytes share a file.
_FILES: Final = """
SELECT category, count(*), coalesce(sum(file_size), 0) FROM (
    SELECT DISTINCT category, local_filename, file_size FROM media_storage
    WHERE download_status = 'success') AS files
GROUP BY category"""
_SYNCS: Final = """
SELECT s.page_id, p.name, s.stream, s.state, s.message, s.synced_at, s.hold_until
FROM sync_state s LEFT JOIN facebook_pages p ON p.id = s.page_id ORDER BY s.page_id, s.stream"""


def stats(db: Database, now: datetime, also: Iterable[str] = ()) -> dict[str, Any]:
    """Return the numbers ``/api/stats`` and ``fbsyncd stats`` show.

    Of ``deadlines``, ``will_die`` is a forecast: how many links of waiting pictures die before
    the queue, at the pace of the last hour, has come to them. ``dead`` ones wait for a fresh link.
    *also* are Pages that are told of though they were never read.
    """
    with session(db):
        told: dict[str, Any] = {}
        for kind, (table, ids) in _KINDS.items():
            removed = " WHERE t.removed_at IS NULL" if kind == "attachments" else ""
            ((count, local),) = rows(
                db,
                "SELECT count(*), coalesce(sum(CASE WHEN EXISTS"
                f" {_ARCHIVED} ({ids})) THEN 1 ELSE 0 END), 0) FROM {table} t{removed}",
            )
            told |= {kind: int(count), f"{kind}_with_local_pictures": int(local)}
        told |= _pictures(db)
        waits = deadlines.measure(db, now)
        told["expires_next"] = moment(waits.next_death)
        told["deadlines"] = {
            "pending": waits.pending,
            "pace_per_hour": waits.per_hour,
            "will_die": waits.will_die,
            "dead": waits.dead,
        }
        told["pages"] = pages(db, also)
        told["tokens"] = tokens.told(db, now)
        told["budgets"] = budgets.told(db, now)
        told["reconcile"] = _looks(db)
    return told


def _pictures(db: Database) -> dict[str, dict[str, Any]]:
    """Count rows by status, developed ones too, and apart from them the pictures named.

    ``failed`` are tried again, ``given_up`` are not; ``safe`` are archived.
    """
    media: dict[str, Any] = {"success": 0, "pending": 0, "failed": 0, "given_up": 0}
    pictures = {"safe": 0, "all": 0}
    for status, given_up, derived, count in rows(db, _MEDIA):
        media["given_up" if given_up else status] += int(count)
        pictures["all"] += 0 if derived else int(count)
        pictures["safe"] += int(count) if status == "success" and not derived else 0
    return {"media": media | _files(db), "pictures": pictures}


def _files(db: Database) -> dict[str, Any]:
    """Count the files on disk and their bytes, in all and by folder."""
    folders = {name: {"files": 0, "bytes": 0} for name in CATEGORIES}
    for category, count, size in rows(db, _FILES):
        folders[category] = {"files": int(count), "bytes": int(size)}
    total = {key: sum(folder[key] for folder in folders.values()) for key in ("files", "bytes")}
    return {**total, "by_category": folders}


def _looks(db: Database) -> dict[str, str | None]:
    """Return when all rows were last held against all files, and when every byte was checked."""
    told = facts.get_all(db, [facts.LAST_SCAN, facts.SCRUB])
    scrub = json.loads(told.get(facts.SCRUB, "{}"))
    return {
        "last_scan": moment(told.get(facts.LAST_SCAN)),
        "last_scrub": moment(scrub.get("finished_at")),
    }


def pages(db: Database, also: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Return each Page with its streams: when each was last read whole, and what stops it.

    Those of *also* that were never read have no streams, and no state. Must be called inside a
    session.
    """
    known: dict[str, dict[str, Any]] = {
        page_id: {"id": page_id, "name": None, "last_sync": None, "streams": {}} for page_id in also
    }
    for page_id, name, stream, state, message, synced_at, hold_until in rows(db, _SYNCS):
        page = known.setdefault(page_id, {"id": page_id, "last_sync": None, "streams": {}})
        page["name"] = name
        page["streams"][stream] = {
            "state": state,
            "message": message,
            "last_sync": moment(synced_at),
            "hold_until": moment(hold_until),
        }
    for page in known.values():
        posts = page["streams"].get("posts", {})
        page |= {key: posts.get(key) for key in ("last_sync", "state", "message")}
    return [known[page_id] for page_id in sorted(known)]
