"""Pictures that an earlier program kept: its ``media_storage``, and the files it has.

Rows keep their ids. A file that is where its row says, and is a whole picture, is copied under
our name into the media folder, and its row is archived; the file itself stays where it is. All
other rows wait in the queue like new ones.
"""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from peewee import Database

from fbsyncd import borne, links
from fbsyncd import media as names
from fbsyncd.adopt import catalogue, suits, twice
from fbsyncd.assets import Archived
from fbsyncd.errors import FetchError, SchemaError
from fbsyncd.media import CATEGORIES, Media, Staged
from fbsyncd.models import change, change_many, engine, rows, to_text
from fbsyncd.proof import prove

log = logging.getLogger(__name__)

#: Told which row is refused, and why.
Leave = Callable[[str, str], None] | None
#: Files whose bytes are held in memory and written at once.
BATCH: Final = 32
#: What another program wrote and is still to be taken in.
ROWS: Final = (
    "SELECT id, original_url, local_path, local_filename, category, file_size FROM media_storage"
    " WHERE asset_key IS NULL"
)
NO_LINK: Final = "it has no link and no file"
SAME: Final = "it is the same picture as media row {}"
#: Where rows of pictures are named.
NAMING: Final = (("media_storage", "derived_from"), *twice.SHOWING)


@dataclass(frozen=True, slots=True)
class Places:
    """Where files are looked for and put: *base* is the folder paths in rows may count from."""

    media: Media
    base: Path
    max_bytes: int
    max_pixels: int


@dataclass(frozen=True, slots=True)
class Earlier:
    """A row as the earlier program left it."""

    id: str
    url: str | None
    path: str | None
    filename: str | None
    #: The folder its file belongs to, where that is known already.
    folder: str | None = None
    #: The whole bytes it has, where the row says that.
    size: str | None = None

    @property
    def key(self) -> str:
        return links.asset_key(self.url) if self.url else f"{self.id}#{links.NATIVE}"

    @property
    def category(self) -> str:
        return self.folder or _folder(self.path) or CATEGORIES[0]


def _folder(path: str | None) -> str | None:
    """Return the folder of ours that a path names."""
    parts = Path(path or "").parts
    return next((name for name in CATEGORIES if name in parts), None)


@dataclass(frozen=True, slots=True)
class Taken:
    """How many pictures were archived, and the rows whose files are there and were not taken in."""

    archived: int
    left: list[str]


def adopt(db: Database, places: Places, leave: Leave = None) -> Taken:
    """Adopt every row and return what is archived by it; the others wait.

    *leave* is given each row that the database does not let be written to; without it such a row
    ends the whole. Must be called inside a transaction. Raises SchemaError for ids that are none
    of ours, and MediaTrouble when files cannot be written.
    """
    _settle_ids(db)
    _loosen(db)
    earlier = [told(row) for row in rows(db, f"{ROWS} ORDER BY id")]
    if not earlier:
        return Taken(0, [])
    places.media.prepare()
    kept: dict[str, Archived] = {}
    for start in range(0, len(earlier), BATCH):
        kept |= copy(earlier[start : start + BATCH], places)
    _name(db, earlier, kept, leave)
    borne.change_each(
        db,
        "UPDATE media_storage SET download_status = 'success', local_filename = ?, local_path = ?,"
        " public_url = ?, file_size = ?, sha256 = ?, mime_type = ?, width = ?, height = ?,"
        " error_message = NULL WHERE id = ?",
        [(*one.file(), id_) for id_, one in kept.items()],
        leave,
    )
    waiting = [one for one in earlier if one.id not in kept]
    sql = "UPDATE media_storage SET download_status = 'pending', error_message = NULL WHERE id = ?"
    borne.change_each(db, sql, [(one.id,) for one in waiting], leave)
    _give_up(db, earlier, kept, leave)
    twice.show_holders(db)
    return Taken(len(kept), [one.id for one in waiting if _is_there(one, places)])


def candidates(one: Earlier, places: Places) -> Iterator[tuple[Path, bool]]:
    """Yield where a row's file may be, the likeliest first, and whether the row itself says so.

    Elsewhere a file of the same name may be another picture's: a folder of ours that the row names
    is looked into alone, and where it names none of them its file must be known by its size.
    """
    root = places.media.root
    bases = (places.base, root, *list(root.parents)[:2])
    told = [Path(text) for text in (one.path or one.filename,) if text]
    if one.path and one.filename:
        told.append(Path(one.path) / one.filename)
    for path in told:
        # An absolute path stands for itself, whatever folder is put before it.
        yield from ((folder / path, True) for folder in bases)
    if not one.filename:
        return
    if named := _folder(one.path):
        yield root / named / one.filename, False
    elif not one.path or one.size:
        yield from ((folder / one.filename, False) for folder in bases)
        yield from ((root / name / one.filename, False) for name in CATEGORIES)


def _is_there(one: Earlier, places: Places) -> bool:
    try:
        return any(is_told and path.is_file() for path, is_told in candidates(one, places))
    except (OSError, ValueError):
        return False


def _settle_ids(db: Database) -> None:
    """Write every id as this program does, wherever it is named; give one to rows that have none.

    Raises SchemaError for ids that are none of ours: they were looked at before, but rows may have
    come since.
    """
    book = catalogue.of(engine(db))
    odd = []
    for place, id_ in rows(db, f"SELECT {book.place}, id FROM media_storage"):
        own = str(uuid4()) if id_ is None else suits.uuid(str(id_))
        if own is None:
            raise SchemaError(f"nothing was changed: media_storage.id {id_} is no UUID")
        if own != str(id_):
            odd.append((own, place, id_))
    if not odd:
        return
    change(db, book.defer)
    sql = f"UPDATE media_storage SET id = ? WHERE {book.place} = ?"
    change_many(db, sql, [(own, place) for own, place, _ in odd])
    for table, column in NAMING:
        sql = f"UPDATE {table} SET {column} = ? WHERE {column} = ?"
        change_many(db, sql, [(own, id_) for own, _, id_ in odd if id_ is not None])


def _loosen(db: Database) -> None:
    """Let nothing name a row that is not there: such a picture would never be looked for."""
    for table, column in NAMING:
        change(
            db,
            f"UPDATE {table} SET {column} = NULL WHERE {column} IS NOT NULL"
            f" AND NOT EXISTS (SELECT 1 FROM media_storage m WHERE m.id = {table}.{column})",
        )


def told(row: Sequence[object]) -> Earlier:
    """Return what a row of :data:`ROWS` tells."""
    id_, url, path, filename, folder, size = (
        None if value is None else str(value) for value in row
    )
    whole = (size or "").partition(".")[0]
    folder = folder if folder in CATEGORIES else None
    return Earlier(str(id_), url, path, filename, folder, whole if whole.strip("0") else None)


def copy(batch: Sequence[Earlier], places: Places) -> dict[str, Archived]:
    """Copy what is a whole picture into the media folder; return what is safe there, by row.

    Raises MediaTrouble when it cannot be written there.
    """
    found: dict[str, Archived] = {}
    staged: list[Staged] = []
    try:
        for one in batch:
            data = _data(one, places)
            archived = _proven(one, data, places) if data else None
            if data and archived:
                found[one.id] = archived
                staged.append(places.media.stage(data, one.category, archived.filename))
        places.media.publish(staged)
    finally:
        places.media.discard(staged)
    return found


def _data(one: Earlier, places: Places) -> bytes | None:
    for path, is_told in dict.fromkeys(candidates(one, places)):
        try:
            size = path.stat().st_size if path.is_file() else places.max_bytes + 1
            is_its = is_told or one.size in {None, str(size)}
            if is_its and size <= places.max_bytes:
                return path.read_bytes()
        except (OSError, ValueError) as error:
            log.warning("%s cannot be read and is fetched again: %s", path, error)
    return None


def _proven(one: Earlier, data: bytes, places: Places) -> Archived | None:
    try:
        proof = prove(data, max_pixels=places.max_pixels)
    except FetchError as error:
        log.warning("the file of media row %s is fetched again: %s", one.id, error)
        return None
    sha256 = hashlib.sha256(data).hexdigest()
    name = names.filename(sha256, proof.extension)
    return Archived(
        id=UUID(one.id),
        filename=name,
        local_path=places.media.local_path(one.category, name),
        public_url=names.public_path(one.category, name),
        file_size=len(data),
        sha256=sha256,
        mime_type=proof.mime_type,
        width=proof.width,
        height=proof.height,
    )


def _name(
    db: Database, earlier: Sequence[Earlier], kept: dict[str, Archived], leave: Leave
) -> None:
    """Give each row its key; of several with one picture the one that has a file goes first."""
    updates = []
    for key, same in _by_key(earlier, kept).items():
        for place, one in enumerate(same):
            own = str(links.asset_id(key))
            end = links.expires_at(one.url) if one.url else None
            updates.append(
                (
                    f"{key}@{one.id}" if place else key,
                    own if place == 0 and one.id != own else None,
                    one.category,
                    to_text(end) if end else None,
                    one.id,
                )
            )
    borne.change_each(
        db,
        "UPDATE media_storage SET asset_key = ?, key_id = ?, category = ?, link_expires_at = ?"
        " WHERE id = ?",
        updates,
        leave,
    )


def _give_up(
    db: Database, earlier: Sequence[Earlier], kept: dict[str, Archived], leave: Leave
) -> None:
    """Fetch nothing twice, and nothing that has no link."""
    reasons = [(NO_LINK, one.id) for one in earlier if not one.url]
    for first, *again in _by_key(earlier, kept).values():
        reasons += [(SAME.format(first.id), one.id) for one in again]
    borne.change_each(
        db,
        "UPDATE media_storage SET download_status = 'failed', error_message = ?"
        " WHERE download_status <> 'success' AND id = ?",
        reasons,
        leave,
    )


def _by_key(earlier: Sequence[Earlier], kept: dict[str, Archived]) -> dict[str, list[Earlier]]:
    same: dict[str, list[Earlier]] = defaultdict(list)
    for one in sorted(earlier, key=lambda one: (one.id not in kept, one.id)):
        same[one.key].append(one)
    return same
