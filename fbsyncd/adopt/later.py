"""Pictures that another program writes later on, to a ``media_storage`` it once made.

The database itself keeps such rows out of the way (they have no ``asset_key``) until they are taken
in here as earlier ones were: a file that is where the row says, and is a whole picture, is copied
and the row archived; any other waits in the queue. Of one picture with several rows the one that
has its key shows it, and gets the file that another one brings.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from peewee import Database

from fbsyncd import adopted, borne, former, links
from fbsyncd.adopt import again, earlier, relinked, replaced, rewritten, suits, twice
from fbsyncd.adopt.earlier import BATCH, NO_LINK, ROWS, SAME, Earlier, Places
from fbsyncd.assets import Archived
from fbsyncd.backlog import Backlog
from fbsyncd.brake import Brake
from fbsyncd.errors import MediaTrouble, RowRefused
from fbsyncd.models import change_many, engine, marks, rows, session, to_text, transaction
from fbsyncd.plural import counted

log = logging.getLogger(__name__)

_ODD: Final = "its id is not written as a UUID is"
_START: Final = "00000000-0000-0000-0000-000000000000"
_TAKE: Final = (
    "UPDATE media_storage SET asset_key = ?, key_id = ?, category = ?, link_expires_at = ?,"
    " download_status = ?, error_message = ?, attempts = 0, next_attempt_at = NULL,"
    " needs_link = FALSE, heal_attempts = 0, heal_after = NULL, developed_at = NULL WHERE id = ?"
)


@dataclass(frozen=True, slots=True)
class _Holder:
    """The row that has the key of a picture."""

    id: str
    category: str
    is_archived: bool


def watch(db: Database) -> None:
    """Let what is archived be kept and shown in a database that an earlier fbsyncd adopted, too.

    A script may also name a further row of a picture after that was taken in.
    """
    replaced.watch(db)
    rewritten.watch(db)
    if adopted.is_adopted(db):
        with transaction(db):
            twice.show_holders(db)
            former.settle_texts(db)
    again.watch(db)


def turn(db: Database, backlog: Backlog, brake: Brake, places: Places, now: datetime) -> int:
    """Take in what was written since; return how many rows. Cheap when there are none.

    Without the media folder, or room in it, all wait as they are for a later turn.
    """
    if back := replaced.turn(db):
        log.info("put back %s that another program replaced", counted(back, "picture"))
    rewritten.turn(db)
    relinked.turn(db, now)
    with session(db):
        # In no order: by their ids SQLite would look at every row.
        if not rows(db, f"{ROWS} LIMIT 1"):
            return 0
    if brake.reason() is not None:
        return 0
    taken, last = 0, _START
    try:
        while found := _some(db, last):
            last = found[-1].id
            ours = [one for one in found if _is_ours(one)]
            taken += _take_some(ours, backlog, db, places, now)
            _leave(db, [one for one in found if not _is_ours(one)])
    except MediaTrouble as trouble:
        log.warning("pictures that another program wrote wait: %s", trouble)
    if taken:
        log.info("took in %s that another program wrote", counted(taken, "picture"))
    return taken


def _some(db: Database, after: str) -> list[Earlier]:
    with session(db):
        found = rows(db, f"{ROWS} AND id > ? ORDER BY id LIMIT ?", [after, BATCH])
    return [earlier.told(row) for row in found]


def _is_ours(one: Earlier) -> bool:
    return suits.uuid(one.id) == one.id


def _leave(db: Database, odd: Sequence[Earlier]) -> None:
    """Say of rows why they are never taken in; where that is said nothing is written."""
    sql = "UPDATE media_storage SET error_message = ? WHERE id = ? AND error_message <> ?"
    borne.write(db, sql, [(_ODD, one.id, _ODD) for one in odd])


def _take_some(
    told: Sequence[Earlier], backlog: Backlog, db: Database, places: Places, now: datetime
) -> int:
    """Take in what is let be taken in: a rule that somebody gave the table costs its row alone.

    So does a sync that writes the same picture in between; the next turn sees it.
    """
    if not told:
        return 0
    try:
        return _take(told, backlog, db, places, now)
    except RowRefused as error:
        half = len(told) // 2
        if half == 0:
            borne.warn(db, "pictures", told[0].id, error.why)
            return 0
    parts = (told[:half], told[half:])
    return sum(_take_some(part, backlog, db, places, now) for part in parts)


def _take(
    told: Sequence[Earlier], backlog: Backlog, db: Database, places: Places, now: datetime
) -> int:
    with session(db):
        holders = _holders(db, told)
    wanted = [_placed(one, holders.get(one.key)) for one in told]
    # Outside the transaction, which on SQLite would keep every other writer waiting.
    places.media.prepare()
    kept = earlier.copy([one for one in wanted if not _is_safe(holders.get(one.key))], places)
    with transaction(db):
        same = _unchanged(db, told)
        _name(db, same, kept)
        files = _files(db, same, kept)
        backlog.succeed(files, now)
        twice.show_holders(db)
    return len(same)


def _placed(one: Earlier, holder: _Holder | None) -> Earlier:
    return replace(one, folder=holder.category) if holder else one


def _is_safe(holder: _Holder | None) -> bool:
    return holder is not None and holder.is_archived


def _unchanged(db: Database, told: Sequence[Earlier]) -> list[Earlier]:
    """Lock the rows and return those that tell what they told before their files were copied."""
    sql = f"{ROWS} AND id IN ({marks(len(told))}) ORDER BY id {engine(db).lock_rows}"
    now = [earlier.told(row) for row in rows(db, sql, [one.id for one in told])]
    return [one for one in now if one in told]


def _holders(db: Database, told: Sequence[Earlier]) -> dict[str, _Holder]:
    keys = sorted({one.key for one in told})
    found = rows(
        db,
        "SELECT asset_key, id, category, download_status = 'success' FROM media_storage"
        f" WHERE asset_key IN ({marks(len(keys))})",
        keys,
    )
    return {str(key): _Holder(str(id_), category, bool(safe)) for key, id_, category, safe in found}


def _name(db: Database, told: Sequence[Earlier], kept: dict[str, Archived]) -> None:
    """Give each row its key: the first one of a picture shows it, the others are given up."""
    holders = _holders(db, told)
    updates = []
    for one in sorted(told, key=lambda one: (one.id != _own(one), one.id not in kept, one.id)):
        holder = holders.get(one.key)
        if holder is None:
            holders[one.key] = _Holder(one.id, one.category, is_archived=False)
            key_id = None if one.id == _own(one) else _own(one)
            status, why = ("pending", None) if one.url else ("failed", NO_LINK)
            updates.append((one.key, key_id, one.category, _expiry(one), status, why, one.id))
        else:
            key, why = f"{one.key}@{one.id}", SAME.format(holder.id)
            updates.append((key, None, holder.category, _expiry(one), "failed", why, one.id))
    change_many(db, _TAKE, updates)


def _files(db: Database, told: Sequence[Earlier], kept: dict[str, Archived]) -> list[Archived]:
    """Return for each picture without a file the one that a row brought, as its holder's."""
    holders = _holders(db, told)
    return list(
        {
            holder.id: replace(kept[one.id], id=UUID(holder.id))
            for one in told
            if one.id in kept
            and not (holder := holders[one.key]).is_archived
            # It lies in the folder that was known when it was copied.
            and f"/{holder.category}/" in kept[one.id].public_url
        }.values()
    )


def _own(one: Earlier) -> str:
    return str(links.asset_id(one.key))


def _expiry(one: Earlier) -> str | None:
    end = links.expires_at(one.url) if one.url else None
    return to_text(end) if end else None
