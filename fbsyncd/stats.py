"""How much is archived, what waits, what failed, and when the next link dies."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final

from peewee import Database

from fbsyncd import adopted, budgets, deadlines, facts, stored, tokens
from fbsyncd.known import listed
from fbsyncd.models import engine, rows, snapshot
from fbsyncd.view import moment

#: A table, and its pictures: what is archived of them is looked up in the order of the first.
_KINDS: Final = {
    "posts": ("facebook_posts", ("local_picture_id", "local_full_picture_id")),
    "attachments": ("facebook_post_attachments", ("local_media_id", "local_thumbnail_id")),
    "videos": ("facebook_video_posts", ("local_picture_id",)),
}
#: Rows of older programs may have no id; such a post or video is not shown, and not counted.
_IDS: Final = {"posts": "id", "videos": "video_id"}
# Not one EXISTS for all ids, and not OR: SQLite would look up the second of every row as well.
_IS_ARCHIVED: Final = (
    " WHEN EXISTS (SELECT 1 FROM media_storage m"
    " WHERE m.download_status = 'success' AND {is_it}) THEN 1"
)
_NOT_ARCHIVED: Final = """
SELECT download_status, next_attempt_at IS NULL, derived_from IS NOT NULL, count(*)
FROM media_storage WHERE download_status <> 'success' AND id IS NOT NULL GROUP BY 1, 2, 3"""
_SYNCS: Final = """
SELECT s.page_id, p.name, s.stream, s.state, s.message, s.synced_at, s.hold_until
FROM sync_state s LEFT JOIN facebook_pages p ON p.id = s.page_id WHERE {listed}
ORDER BY s.page_id, s.stream"""


def stats(
    db: Database,
    now: datetime,
    also: Iterable[str] = (),
    ours: Collection[str] | None = None,
) -> dict[str, Any]:
    """Return the numbers ``/api/stats`` and ``fbsyncd stats`` show.

    Of ``deadlines``, ``will_die`` is a forecast: how many links of waiting pictures die before
    the queue, at the pace of the last hour, has come to them. ``dead`` ones wait for a fresh link;
    those of them that did not fail before are ``unlinked``.
    *also* are Pages that are told of though they were never read; *ours* those that are
    configured, None where that is not known. Of other Pages no trouble is told.
    """
    with snapshot(db):
        told: dict[str, Any] = {}
        for kind in _KINDS:
            count, local = _count(db, kind)
            told |= {kind: count, f"{kind}_with_local_pictures": local}
        told |= _pictures(db)
        waits = deadlines.measure(db, now)
        told["media"]["unlinked"] = waits.unlinked
        told["expires_next"] = moment(waits.next_death)
        told["deadlines"] = {
            "pending": waits.pending,
            "pace_per_hour": waits.per_hour,
            "will_die": waits.will_die,
            "dead": waits.dead,
        }
        told["pages"] = pages(db, also, ours)
        told["tokens"] = tokens.told(db, now, ours)
        told["budgets"] = budgets.told(db, now)
        told["reconcile"] = _looks(db)
    return told


def _count(db: Database, kind: str) -> tuple[int, int]:
    """Return how many rows of a kind there are, and how many of them have a picture archived."""
    table, columns = _KINDS[kind]
    is_it = (engine(db).by_any_index.format("m.id", f"t.{column}") for column in columns)
    cases = "".join(_IS_ARCHIVED.format(is_it=one) for one in is_it)
    removed = " WHERE t.removed_at IS NULL" if kind == "attachments" else ""
    asked = f"SELECT count(*), coalesce(sum(CASE{cases} ELSE 0 END), 0) FROM {table} t"
    ((count, local),) = rows(db, f"{asked}{removed}")
    if kind not in _IDS:
        return int(count), int(local)
    # Taken off, not left out: the index that all are counted by knows no ids.
    ((nameless, shown),) = rows(db, f"{asked} WHERE t.{_IDS[kind]} IS NULL")
    return int(count) - int(nameless), int(local) - int(shown)


def _pictures(db: Database) -> dict[str, dict[str, Any]]:
    """Count rows by status, developed ones too, and apart from them the pictures named.

    ``failed`` are tried again, ``given_up`` are not; a row beside another one of the same picture
    is neither. ``safe`` are archived. Of these, files and
    their bytes are counted too, in all and by folder.
    """
    found = stored.by_folder(db)
    media: dict[str, Any] = {"success": 0, "pending": 0, "failed": 0, "given_up": 0}
    media["success"] = sum(folder.rows for folder in found.values())
    safe = sum(folder.rows - folder.derived for folder in found.values())
    pictures = {"safe": safe, "all": safe}
    for status, is_final, derived, count in rows(db, _NOT_ARCHIVED):
        media["given_up" if status == "failed" and is_final else status] += int(count)
        pictures["all"] += 0 if derived else int(count)
    if adopted.is_adopted(db):
        again = stored.again(db)
        media["given_up"] -= again
        pictures["all"] -= again
    folders = {name: {"files": one.files, "bytes": one.bytes} for name, one in found.items()}
    total = {key: sum(folder[key] for folder in folders.values()) for key in ("files", "bytes")}
    return {"media": {**media, **total, "by_category": folders}, "pictures": pictures}


def _looks(db: Database) -> dict[str, str | None]:
    """Return when all rows were last held against all files, and when every byte was checked."""
    told = facts.get_all(db, [facts.LAST_SCAN, facts.SCRUB])
    scrub = json.loads(told.get(facts.SCRUB, "{}"))
    return {
        "last_scan": moment(told.get(facts.LAST_SCAN)),
        "last_scrub": moment(scrub.get("finished_at")),
    }


def pages(
    db: Database, also: Iterable[str] = (), ours: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """Return each Page with its streams: when each was last read whole, and what stops it.

    Those of *also* that were never read have no streams, and no state. One that is not of *ours* is
    told of only while anything of it is archived, and nothing stops it: it is not to be read. Must
    be called inside a session.
    """
    known: dict[str, dict[str, Any]] = {
        page_id: {"id": page_id, "name": None, "last_sync": None, "streams": {}} for page_id in also
    }
    told_of, params = listed("s.page_id", ours)
    found = rows(db, _SYNCS.format(listed=told_of), params)
    for page_id, name, stream, state, message, synced_at, hold_until in found:
        is_ours = ours is None or page_id in ours
        page = known.setdefault(page_id, {"id": page_id, "last_sync": None, "streams": {}})
        page["name"] = name
        page["streams"][stream] = {
            "state": state,
            "message": message if is_ours else None,
            "last_sync": moment(synced_at),
            "hold_until": moment(hold_until if is_ours else None),
        }
    for page in known.values():
        posts = page["streams"].get("posts", {})
        page |= {key: posts.get(key) for key in ("last_sync", "state", "message")}
    return [known[page_id] for page_id in sorted(known)]
