"""What comes into the queue: new pictures, and fresh links for those it knows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import peewee
from peewee import Database

from fbsyncd import bulk, facts, links
from fbsyncd.assets import Asset, Known, is_fresher
from fbsyncd.models import change_many, engine, from_text, marks, rows, to_text, transaction
from fbsyncd.walks import BEGINNING

#: What is said of a new picture. The status too: an earlier program's table may give none itself.
_NEW: Final = (
    "id",
    "asset_key",
    "category",
    "original_url",
    "link_expires_at",
    "download_status",
)
#: What the link of a picture that is made here begins with where each must have one; its end says
#: that it is dead from the beginning: such a one is handed out to nobody.
MADE_HERE: Final = "made-here:"
DEAD: Final = to_text(BEGINNING)


@dataclass(frozen=True, slots=True)
class Taken:
    """What came in: how many were new, and the ids of those that are archived and developed.

    *refused* are the ids of those that the database does not take.
    """

    new: int
    developed: Collection[str]
    refused: Collection[str] = frozenset()


def put(db: Database, assets: Iterable[Asset], now: datetime) -> int:
    """Queue what is new and give known rows their fresh links; return how many are new."""
    with transaction(db):
        return add(db, assets, now).new


def add(db: Database, assets: Iterable[Asset], now: datetime) -> Taken:
    """Do what :func:`put` does, inside a transaction.

    Four statements however many assets there are, a few more where no two rows may have one link.
    """
    named: dict[str, Asset] = {}
    for asset in assets:
        named.setdefault(links.link_id(asset.url), asset)
    if not named:
        return Taken(0, frozenset())
    ids = sorted(named)
    known = _known(db, ids)
    fresh = {id_: named[id_].url for id_ in ids if id_ not in known}
    again = {
        known[id_][0]: named[id_].url
        for id_ in ids
        if id_ in known and is_fresher(known[id_][1], named[id_].url, now)
    }
    are_unique = bool(fresh or again) and facts.get(db, facts.LINKS_UNIQUE) is not None
    kept = _kept(db, fresh | again) if are_unique else fresh | again
    new = _insert(db, [_row(id_, named[id_], kept[id_]) for id_ in fresh])
    if are_unique and new < len(fresh):
        # A script wrote a row with the link of one after it was looked for.
        there = _known(db, list(fresh))
        rows_ = [_row(id_, named[id_], _own(fresh[id_], id_)) for id_ in fresh if id_ not in there]
        new += _insert(db, rows_)
    renew = {id_: (kept[id_], _expiry(url)) for id_, url in again.items()}
    (_relink_beside if are_unique else _relink)(db, renew, now)
    return Taken(new, frozenset(id_ for id_, _, is_developed in known.values() if is_developed))


def put_derived(db: Database, made: Iterable[tuple[UUID, str, UUID]], *, needs_links: bool) -> None:
    """Make room for developed pictures; see :meth:`fbsyncd.backlog.Backlog.put_derived`.

    *needs_links*: the table, which an earlier program made, takes none without a link.
    """
    with transaction(db):
        link, dead = (MADE_HERE, DEAD) if needs_links else (None, None)
        change_many(
            db,
            "INSERT INTO media_storage (id, asset_key, category, derived_from, download_status,"
            " original_url, link_expires_at) SELECT ?, ?, 'thumbnails', id, 'pending', ?, ?"
            " FROM media_storage WHERE id = ? ON CONFLICT DO NOTHING",
            sorted(
                (str(id_), key, link and f"{link}{key}", dead, str(parent))
                for id_, key, parent in made
            ),
        )


def aliases(db: Database, ids: Collection[str]) -> dict[str, str]:
    """Return the true ids of those assets among *ids* whose rows came with another id.

    Rows adopted from an earlier program keep theirs; all others have the id their key gives.
    """
    if not ids:
        return {}
    some, params = engine(db).among(sorted(ids))
    sql = f"SELECT key_id, id FROM media_storage WHERE key_id {some}"
    return {str(key_id): str(id_) for key_id, id_ in rows(db, sql, params)}


def _known(db: Database, ids: Sequence[str]) -> dict[str, tuple[str, Known, bool]]:
    """Return the rows of these assets, each with its true id, and whether it is developed."""
    what = (
        "SELECT {}, id, original_url, link_expires_at, download_status, needs_link,"
        " developed_at IS NOT NULL"
    )
    some, params = engine(db).among(ids)
    sql = f"{what} FROM media_storage WHERE {{}} {some}"
    found = rows(
        db, " UNION ALL ".join(sql.format(name, name) for name in ("id", "key_id")), params * 2
    )
    return {
        str(asset): (
            str(id_),
            Known(links.unmarked(url or "", str(id_)), from_text(expires), status, bool(needs)),
            bool(is_developed),
        )
        for asset, id_, url, expires, status, needs, is_developed in found
    }


def known_files(db: Database, ids: Collection[UUID]) -> int:
    """Return how many of these rows had a file before: those were archived, and lost it."""
    if not ids:
        return 0
    chosen = f"id IN ({marks(len(ids))}) AND sha256 IS NOT NULL"
    found = rows(db, f"SELECT count(*) FROM media_storage WHERE {chosen}", sorted(map(str, ids)))
    return int(found[0][0])


def _kept(db: Database, wanted: Mapping[str, str]) -> dict[str, str]:
    """Return the links *wanted* by rows as these may have them.

    Scripts that once made the table may have a row for each link, and one picture has many links:
    where the table takes none twice, a row beside such a one has it with a mark.
    """
    some, params = engine(db).among(sorted(set(wanted.values())))
    sql = f"SELECT original_url, id FROM media_storage WHERE original_url {some}"
    holders = {str(url): str(id_) for url, id_ in rows(db, sql, params)}
    return {
        id_: url if holders.get(url, id_) == id_ else _own(url, id_) for id_, url in wanted.items()
    }


def _own(link: str, id_: str) -> str:
    """Return *link* so that no other row has it."""
    return links.marked(links.unmarked(link, id_), id_)


def _relink_beside(
    db: Database, fresh: Mapping[str, tuple[str, str | None]], now: datetime
) -> None:
    """Do what :func:`_relink` does while a script may write a row with one of these links."""
    if not fresh:
        return
    try:
        with db.savepoint():
            _relink(db, fresh, now)
    except peewee.IntegrityError:
        own = {id_: (_own(link, id_), end) for id_, (link, end) in fresh.items()}
        _relink(db, own, now)


def _relink(db: Database, fresh: Mapping[str, tuple[str, str | None]], now: datetime) -> None:
    change_many(
        db,
        # Without attempts it was given up for want of a link alone, and here is one.
        "UPDATE media_storage SET original_url = ?, link_expires_at = ?,"
        " next_attempt_at = CASE WHEN needs_link AND (next_attempt_at IS NOT NULL"
        " OR (download_status = 'failed' AND attempts = 0))"
        " THEN ? ELSE next_attempt_at END, needs_link = FALSE WHERE id = ?",
        [(*link, to_text(now), id_) for id_, link in sorted(fresh.items())],
    )


def _insert(db: Database, pictures: Sequence[Sequence[object]]) -> int:
    return bulk.insert(db, "media_storage", _NEW, pictures, "ON CONFLICT DO NOTHING")


def _row(id_: str, asset: Asset, link: str) -> tuple[object, ...]:
    key = links.asset_key(asset.url)
    return id_, key, asset.category, link, _expiry(asset.url), "pending"


def _expiry(url: str) -> str | None:
    moment = links.expires_at(url)
    return None if moment is None else to_text(moment)
