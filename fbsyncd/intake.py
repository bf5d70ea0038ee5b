"""What comes into the queue: new pictures, and fresh links for those it knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from peewee import Database

from fbsyncd import links
from fbsyncd.assets import Asset, Known, is_fresher
from fbsyncd.models import change_many, from_text, marks, rows, to_text, transaction


def put(db: Database, assets: Iterable[Asset], now: datetime) -> int:
    """Queue what is new and give known rows their fresh links; return how many are new.

    Three statements however many assets there are.
    """
    named: dict[UUID, Asset] = {}
    for asset in assets:
        named.setdefault(asset.id, asset)
    if not named:
        return 0
    ids = sorted(named, key=str)
    with transaction(db):
        known = _known(db, ids)
        new = change_many(
            db,
            "INSERT INTO media_storage (id, asset_key, category, original_url, link_expires_at)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [_row(id_, named[id_]) for id_ in ids if id_ not in known],
        )
        _relink(db, [named[i] for i in ids if i in known], known, now)
    return new


def _known(db: Database, ids: Sequence[UUID]) -> dict[UUID, Known]:
    found = rows(
        db,
        "SELECT id, original_url, link_expires_at, download_status, needs_link"
        f" FROM media_storage WHERE id IN ({marks(len(ids))})",
        [str(id_) for id_ in ids],
    )
    return {
        UUID(str(id_)): Known(url or "", from_text(expires), status, bool(needs))
        for id_, url, expires, status, needs in found
    }


def _relink(db: Database, assets: Sequence[Asset], known: dict[UUID, Known], now: datetime) -> None:
    change_many(
        db,
        # Without attempts it was given up for want of a link alone, and here is one.
        "UPDATE media_storage SET original_url = ?, link_expires_at = ?,"
        " next_attempt_at = CASE WHEN needs_link AND (next_attempt_at IS NOT NULL"
        " OR (download_status = 'failed' AND attempts = 0))"
        " THEN ? ELSE next_attempt_at END, needs_link = FALSE WHERE id = ?",
        [
            (asset.url, _expiry(asset.url), to_text(now), str(asset.id))
            for asset in assets
            if is_fresher(known[asset.id], asset.url, now)
        ],
    )


def _row(id_: UUID, asset: Asset) -> tuple[object, ...]:
    key = links.asset_key(asset.url)
    return str(id_), key, asset.category, asset.url, _expiry(asset.url)


def _expiry(url: str) -> str | None:
    moment = links.expires_at(url)
    return None if moment is None else to_text(moment)
