"""Links that another program writes into rows whose pictures are known already.

The database notes such rows. At the next turn the picture of the new link is queued, while that is
alive; what is shown stays until it is archived, for the link may lead nowhere. A sync that reads
the post in between goes by what Facebook says.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from peewee import Database

from fbsyncd import borne, facts, read
from fbsyncd.adopt.rows import CHUNK, FORGOTTEN, Tally, queue
from fbsyncd.assets import Asset
from fbsyncd.models import Row, change_many, engine, rows, session, transaction

#: The id of a post or video, and the key of an attachment.
Place = tuple[str, str | None]

_NOTES: Final = (
    "SELECT id, kind, owner_id, attachment_key FROM changed_links WHERE waits_for IS NULL"
    " ORDER BY id LIMIT ?"
)
_SAFE, _GIVEN_UP, _OPEN = "safe", "given up", "open"
_STATES: Final = (
    f"SELECT id, CASE WHEN download_status = 'success' THEN '{_SAFE}'"
    f" WHEN download_status = 'failed' AND next_attempt_at IS NULL THEN '{_GIVEN_UP}'"
    f" ELSE '{_OPEN}' END"
    " FROM media_storage WHERE id {}"
)
#: An attachment is told apart by its picture: with another one it is taken in anew.
_ANEW: Final = (
    "UPDATE facebook_post_attachments SET attachment_key = NULL, duplicate_of = NULL,"
    " removed_at = CASE WHEN duplicate_of IS NULL THEN removed_at END,"
    " local_media_id = NULL, local_thumbnail_id = NULL WHERE post_id = ? AND attachment_key = ?"
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """The rows of one table: how they are asked for, and each link with its picture and folder.

    *put* shows what is ready; *is_whole*: of a row all at once, or nothing.
    """

    table: str
    key: str
    sql: str
    links: tuple[tuple[str, str, str], ...]
    put: Callable[[Database, _Kind, Sequence[tuple[_Changed, str]]], None]
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class _Note:
    id: int
    kind: str
    place: Place


@dataclass(frozen=True, slots=True)
class _Changed:
    """A link as it stands in a row, which leads to *asset*; *shown* is what is shown there."""

    place: Place
    link: str
    local: str
    asset: Asset
    text: str
    shown: str | None


def turn(db: Database, now: datetime) -> None:
    """Look at what was noted; one look at an empty table where there is nothing."""
    with session(db):
        if not rows(db, "SELECT 1 FROM changed_links LIMIT 1"):
            return
    with transaction(db):
        _wake(db)
    while _some(db, now):
        pass


def _some(db: Database, now: datetime) -> int:
    with transaction(db):
        found = rows(db, f"{_NOTES} {engine(db).lock_rows}", [CHUNK])
        notes = [_Note(id_, kind, (str(owner), key)) for id_, kind, owner, key in found]

        def leave(note: _Note, why: str) -> None:
            borne.warn(db, f"changed links of {note.kind}", note.place[0], why)
            _drop(db, [note])

        list(borne.by_halves(db, notes, lambda some: _settle(db, some, now), leave))
    return len(notes)


def _wake(db: Database) -> None:
    """Let notes be looked at again whose picture has been fetched, or is given up."""
    found = rows(db, "SELECT DISTINCT waits_for FROM changed_links WHERE waits_for IS NOT NULL")
    ids = sorted(str(id_) for (id_,) in found)
    for at in range(0, len(ids), CHUNK):
        some = ids[at : at + CHUNK]
        states = _states(db, some)
        change_many(
            db,
            "UPDATE changed_links SET waits_for = NULL WHERE waits_for = ?",
            [(id_,) for id_ in some if states.get(id_) != _OPEN],
        )


def _settle(db: Database, notes: Sequence[_Note], now: datetime) -> None:
    waiting: dict[_Note, str] = {}
    for name, kind in _KINDS.items():
        # Of several notes of one row the last one stands for all.
        mine = {note.place: note for note in notes if note.kind == name}
        waits = _show(db, kind, mine, now) if mine else {}
        waiting |= {mine[place]: id_ for place, id_ in waits.items()}
    _drop(db, [note for note in notes if note not in waiting])
    change_many(
        db,
        "UPDATE changed_links SET waits_for = ? WHERE id = ?",
        [(id_, note.id) for note, id_ in waiting.items()],
    )


def _drop(db: Database, notes: Sequence[_Note]) -> None:
    change_many(db, "DELETE FROM changed_links WHERE id = ?", [(note.id,) for note in notes])


def _show(db: Database, kind: _Kind, places: Collection[Place], now: datetime) -> dict[Place, str]:
    """Queue the pictures of links at *places* and show what can be; return who waits for which."""
    some, params = engine(db).among(sorted({owner for owner, _ in places}))
    found = [
        one
        for row in rows(db, kind.sql.format(some), params)
        if (str(row[0]), row[1]) in places
        for one in _links(kind, row)
    ]
    true = queue(db, [one.asset for one in found], now, Tally())
    other = [(one, id_) for one in found if (id_ := true(one.asset)) and id_ != one.shown]
    states = _states(db, {id_ for one, wanted in other for id_ in (wanted, one.shown) if id_})
    ready = [
        (one, wanted)
        for one, wanted in other
        if states.get(wanted) == _SAFE or states.get(one.shown or "") != _SAFE
    ]
    later = [pair for pair in other if pair not in ready]
    waits = {one.place: wanted for one, wanted in later if states.get(wanted) == _OPEN}
    # Whose they are, also while no row names them.
    named = [(one.place[0], id_) for one, id_ in later]
    named += [(one.place[0], one.shown) for one, _ in ready if one.shown in states and one.shown]
    _remember(db, named)
    kind.put(db, kind, [pair for pair in ready if not (kind.is_whole and pair[0].place in waits)])
    return waits


def _links(kind: _Kind, row: Row) -> Iterator[_Changed]:
    owner, key, *told = row
    for at, (link, local, folder) in enumerate(kind.links):
        text, shown = told[2 * at : 2 * at + 2]
        if picture := read.picture({"link": text}, "link"):
            own = str(shown) if shown else None
            yield _Changed((str(owner), key), link, local, Asset(picture, folder), text, own)


def _remember(db: Database, named: Sequence[tuple[str, str]]) -> None:
    change_many(
        db,
        "INSERT INTO former_pictures (owner_id, media_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
        sorted(set(named)),
    )


def _put(db: Database, kind: _Kind, ready: Sequence[tuple[_Changed, str]]) -> None:
    for link, local, _ in kind.links:
        change_many(
            db,
            f"UPDATE {kind.table} SET {local} = ? WHERE {kind.key} = ? AND {link} = ?",
            [(wanted, one.place[0], one.text) for one, wanted in ready if one.link == link],
        )
    change_many(
        db,
        "DELETE FROM former_pictures WHERE owner_id = ? AND media_id = ?",
        [(one.place[0], wanted) for one, wanted in ready],
    )


def _put_anew(db: Database, _: _Kind, ready: Sequence[tuple[_Changed, str]]) -> None:
    if ready:
        change_many(db, _ANEW, sorted({one.place for one, _ in ready}, key=str))
        # Another row may have to show the picture now that this one showed.
        facts.drop(db, facts.ATTACHMENTS_SEEN)


def _states(db: Database, ids: Collection[str]) -> dict[str, str]:
    """Return how these pictures stand; of those that wait, nothing."""
    if not ids:
        return {}
    some, params = engine(db).among(sorted(ids))
    return {str(id_): str(state) for id_, state in rows(db, _STATES.format(some), params)}


_KINDS: Final[Mapping[str, _Kind]] = MappingProxyType(
    {
        "posts": _Kind(
            "facebook_posts",
            "id",
            "SELECT p.id, NULL, p.picture_url, p.local_picture_id, p.full_picture_url,"
            " p.local_full_picture_id FROM facebook_posts p WHERE p.id {}"
            f" AND NOT {FORGOTTEN.format('p', 'post', 'p.id')}",
            (
                ("picture_url", "local_picture_id", "posts"),
                ("full_picture_url", "local_full_picture_id", "posts"),
            ),
            _put,
        ),
        "videos": _Kind(
            "facebook_video_posts",
            "video_id",
            "SELECT v.video_id, NULL, v.picture, v.local_picture_id FROM facebook_video_posts v"
            f" WHERE v.video_id {{}} AND NOT {FORGOTTEN.format('v', 'video', 'v.video_id')}",
            (("picture", "local_picture_id", "thumbnails"),),
            _put,
        ),
        "attachments": _Kind(
            "facebook_post_attachments",
            "post_id",
            "SELECT a.post_id, a.attachment_key, a.media_url, a.local_media_id, a.thumbnail_url,"
            " a.local_thumbnail_id FROM facebook_post_attachments a WHERE a.post_id {}"
            " AND a.attachment_key IS NOT NULL AND NOT EXISTS (SELECT 1 FROM facebook_posts p"
            f" WHERE p.id = a.post_id AND {FORGOTTEN.format('p', 'post', 'p.id')})",
            (
                ("media_url", "local_media_id", "attachments"),
                ("thumbnail_url", "local_thumbnail_id", "thumbnails"),
            ),
            _put_anew,
            is_whole=True,
        ),
    }
)
