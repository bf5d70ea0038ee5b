"""Odd rows in the tables of older programs, found before anything is written. Changes nothing.

Most are coped with, and told: a row without an id is none of ours, an empty time is no time, bytes
are read as text. Few cannot be: two rows with one id, or a time that nobody can read and by which
posts are put in order. Those are refused, with table, column, row and the remedy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from peewee import Database

from fbsyncd import models
from fbsyncd.adopt import suits
from fbsyncd.adopt.catalogue import BYTES, Catalogue
from fbsyncd.adopt.earlier import NAMING
from fbsyncd.adopt.inventory import Inventory, Table
from fbsyncd.migrate import ADOPTABLE
from fbsyncd.models import Row, rows
from fbsyncd.plural import counted

#: So many rows are told by their ids; the others are counted.
_SHOWN: Final = 3
_LONGEST: Final = 60
_KEEP: Final = "keep one row of each"
_UNLISTED: Final = "listed once Facebook has said when"
#: Numbers since 1970, as SQLite's columns of times take them too.
_SECONDS, _MILLISECONDS = re.compile(r"\d{9,10}(\.\d*)?"), re.compile(r"\d{13}(\.\d*)?")
_DATED: Final = (
    "UPDATE {0} SET {1} = datetime({1}{2}, 'unixepoch')"
    " WHERE CAST({1} AS INTEGER) BETWEEN {3} AND {4}"
)
_POSTS, _ATTACHED, _MEDIA = "facebook_posts", "facebook_post_attachments", "media_storage"


@dataclass(slots=True)
class Odd:
    """Rows of one table that are odd in one way, and what is done about them, or has to be."""

    table: str
    column: str
    what: str
    cure: str
    is_refused: bool = False
    #: What is counted: rows, or ids that several rows have.
    unit: str = "row"
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: object) -> None:
        self.count += 1
        if len(self.examples) < _SHOWN:
            self.examples.append(_short(example))

    def __str__(self) -> str:
        more = self.count - len(self.examples)
        shown = ", ".join(self.examples) + (f" and {more:,} more" if more else "")
        key = suits.KEYS.get(self.table, "id")
        told = f" ({key} {shown})" if self.examples else ""
        count = f"{'in' if self.unit == 'row' else 'for'} {counted(self.count, self.unit)}"
        return f"{self.table}.{self.column} {self.what} {count}{told}: {self.cure}"


def look(db: Database, there: Inventory, book: Catalogue) -> list[Odd]:
    """Return what is odd; must be called inside a session, on tables that :mod:`suits` takes."""
    tables = [there.tables[name] for name in ADOPTABLE if name in there.tables]
    found = [odd for table in tables for odd in _look(db, table, book)]
    if {_POSTS, _ATTACHED} <= there.tables.keys():
        found.append(_orphans(db))
    return [odd for odd in found if odd.count]


def not_taken(ids: Sequence[str]) -> list[str]:
    """Return what is told of rows whose files are there and not taken in."""
    what = "names a file that is not taken in"
    cure = (
        "it is larger than media.max_file_size, or no whole picture; it stays where it is, and the"
        " row waits for its link"
    )
    odd = Odd(_MEDIA, "local_path", what, cure)
    for id_ in ids:
        odd.add(id_)
    return [str(odd)] if ids else []


def _look(db: Database, table: Table, book: Catalogue) -> Iterator[Odd]:
    yield from _keys(db, table)
    yield from _untimed(db, table)
    yield from _values(db, table, book)
    if table.name == _MEDIA:
        yield from _uuids(db)
        yield from _held(db, book)


def _keys(db: Database, table: Table) -> Iterator[Odd]:
    key = suits.KEYS.get(table.name)
    if key is None:
        return
    cure = "they get one" if table.name == _MEDIA else "they are none of fbsyncd's, and left alone"
    ((count,),) = rows(db, f"SELECT count(*) FROM {table.name} WHERE {key} IS NULL")
    yield Odd(table.name, key, "is empty", cure, count=int(count))
    if (key,) not in table.keys:
        twice = Odd(table.name, key, "is there more than once", _KEEP, is_refused=True, unit="id")
        sql = f"SELECT CAST({key} AS TEXT) FROM {table.name} WHERE {key} IS NOT NULL"
        for (id_,) in rows(db, f"{sql} GROUP BY {key} HAVING count(*) > 1 ORDER BY 1"):
            twice.add(id_)
        yield twice


def _untimed(db: Database, table: Table) -> Iterator[Odd]:
    if table.name == _POSTS and "created_time" not in table.columns:
        ((count,),) = rows(db, f"SELECT count(*) FROM {_POSTS} WHERE id IS NOT NULL")
        what = "is no column of it, and is added empty"
        yield Odd(_POSTS, "created_time", what, _UNLISTED, count=int(count))


def _values(db: Database, table: Table, book: Catalogue) -> Iterator[Odd]:
    """Yield what is odd in times and texts, looking at each row once."""
    times = [name for name in (*suits.TIMES, "downloaded_at") if name in table.columns]
    texts = [name for name in suits.texts(table) if book.text]
    if not times and not texts:
        return
    found = {name: _Found(table.name, name) for name in (*times, *texts)}
    told = [f"CAST({suits.KEYS.get(table.name, 'id')} AS TEXT)"]
    told += [f"CAST({name} AS TEXT)" for name in times] + [book.text.format(n) for n in texts]
    where = f"({' OR '.join(book.odd_time.format(name) for name in times) or 'TRUE'})"
    if table.name in suits.KEYS:
        # Those are left alone, whatever they hold.
        where += f" AND {suits.KEYS[table.name]} IS NOT NULL"
    for batch in models.stream(db, f"SELECT {', '.join(told)} FROM {table.name} WHERE {where}"):
        for row in batch:
            _sort(row, times, texts, found)
    for one in found.values():
        yield from one.all()


def _sort(row: Row, times: Sequence[str], texts: Sequence[str], found: dict[str, _Found]) -> None:
    key, *values = row
    for name, value in zip(times, values, strict=False):
        if value is None or not value.strip():
            found[name].empty.add(key)
        elif not _is_time(value):
            found[name].unread(value).add(f"{key}: {value!r}")
    for name, value in zip(texts, values[len(times) :], strict=True):
        if value == BYTES:
            found[name].bytes.add(key)
        elif value and not _is_utf8(value):
            found[name].misspelt.add(key)


class _Found:
    """What is odd in one column."""

    def __init__(self, table: str, name: str) -> None:
        self.empty = Odd(table, name, "is empty", _UNLISTED)
        self.seconds = _counted(table, name, "seconds", "", 10**8, 10**10 - 1)
        self.milliseconds = _counted(table, name, "milliseconds", " / 1000", 10**12, 10**13 - 1)
        self.unreadable = Odd(
            table,
            name,
            "is no time that can be read",
            f"put it right, or UPDATE {table} SET {name} = NULL for them",
            is_refused=True,
        )
        self.bytes = Odd(table, name, "is bytes", "read as text")
        self.misspelt = Odd(table, name, "is no UTF-8", "what cannot be read is shown as \ufffd")

    def unread(self, value: str) -> Odd:
        """Return what a time is that cannot be read."""
        if _SECONDS.fullmatch(value):
            return self.seconds
        return self.milliseconds if _MILLISECONDS.fullmatch(value) else self.unreadable

    def all(self) -> Iterator[Odd]:
        if (self.empty.table, self.empty.column) == (_POSTS, "created_time"):
            yield self.empty
        yield from (self.seconds, self.milliseconds, self.unreadable, self.bytes, self.misspelt)


def _uuids(db: Database) -> Iterator[Odd]:
    alien = Odd(
        _MEDIA,
        "id",
        "is no UUID",
        "rename the table, and fbsyncd makes one of its own",
        is_refused=True,
    )
    again = Odd(_MEDIA, "id", "is there in other words too", _KEEP, is_refused=True, unit="id")
    other = Odd(_MEDIA, "id", "is a UUID in other words", "written as fbsyncd writes them")
    seen: set[str] = set()
    for (id_,) in rows(db, f"SELECT CAST(id AS TEXT) FROM {_MEDIA} WHERE id IS NOT NULL"):
        own = suits.uuid(id_)
        if own is None:
            alien.add(id_)
        elif own in seen:
            again.add(id_)
        elif own != id_:
            other.add(id_)
        seen.add(own or id_)
    yield from (alien, again, other)


def _held(db: Database, book: Catalogue) -> Iterator[Odd]:
    """Yield foreign keys that would not let an id be written in our words."""
    for table, name, column, on_change, may_be_late in rows(db, book.references):
        is_named_anew = (table.lower(), column.lower()) in NAMING
        if on_change == "CASCADE" or (is_named_anew and may_be_late and on_change == "NO ACTION"):
            continue
        what = f"is held to UUIDs in other words by the foreign key {name}".rstrip()
        cure = book.follow.format(table=table, name=name, column=column)
        odd = Odd(table, column, what, cure, is_refused=True, unit="id")
        # What a catalogue calls a table is quoted by it where that has to be.
        place = table if name else f'"{table}"'
        told = rows(db, f'SELECT DISTINCT CAST("{column}" AS TEXT) FROM {place} ORDER BY 1')
        for (id_,) in told:
            if id_ is not None and suits.uuid(id_) not in (None, id_):
                odd.add(id_)
        yield odd


def _orphans(db: Database) -> Odd:
    odd = Odd(_ATTACHED, "post_id", "names no post that is here", "shown once their post is")
    sql = (
        f"SELECT CAST(id AS TEXT) FROM {_ATTACHED} WHERE post_id IS NULL OR CAST(post_id AS TEXT)"
        f" NOT IN (SELECT CAST(id AS TEXT) FROM {_POSTS} WHERE id IS NOT NULL)"
    )
    for (id_,) in rows(db, sql):
        odd.add(id_)
    return odd


def _is_time(text: str) -> bool:
    """Tell whether *text* is a time that begins with its year, month and day, and so sorts."""
    try:
        return models.from_text(text) is not None and text[4:8:3] == "--"
    except (ValueError, OverflowError):
        return False


def _is_utf8(hexadecimal: str) -> bool:
    try:
        bytes.fromhex(hexadecimal).decode()
    except UnicodeDecodeError:
        return False
    return True


def _short(example: object) -> str:
    text = str(example)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _counted(table: str, name: str, unit: str, divided: str, *bounds: int) -> Odd:
    """Return times that are numbers of a *unit*, between *bounds*."""
    remedy = _DATED.format(table, name, divided, *bounds)
    return Odd(table, name, f"is in {unit} since 1970", remedy, is_refused=True)
