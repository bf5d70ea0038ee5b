"""What is copied of each table, in which order, and what tells its rows apart and old from new.

A row is a tuple of plain values in the order of :attr:`Shape.columns`, the same for both engines:
times are text (UTC, microseconds), ids of pictures have dashes, flags are bools.

Left out on purpose: leases, which belong to a running process; the numbers of attachments, which
each database gives out itself (kept where they are free); files that are condemned, since they lie
in a folder and not in the database; and the facts about one place, such as the scrub's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from types import NoneType
from typing import Any, Final

from peewee import BooleanField, Field, FloatField, IntegerField, Model

from fbsyncd import read, tables
from fbsyncd.models import Row, from_text, to_text
from fbsyncd.tables import DashedUUIDField, UTCTimeField

EPOCH: Final = to_text(datetime(1970, 1, 1, tzinfo=UTC))
#: ``2026-03-01 12:00:00.000000+00:00``
_LENGTH: Final = len(EPOCH)
_UTC: Final = "+00:00"


@dataclass(frozen=True, slots=True)
class Kind:
    """How a column's values become plain ones: *read*, unless all are of the types *plain*.

    *blank* stands for NULL in a column that may not be empty here; a database adopted from an
    older program may be less strict.
    """

    read: Callable[[Any], Any]
    plain: frozenset[type]
    blank: Any


@dataclass(frozen=True)
class Shape:
    """One table as it is copied.

    *key* tells rows apart; rows that agree in *other* are the same thing as well, and then the
    target's *own* columns stay as they are there. *version* is the column whose greater value is
    the newer row. *parent* names a row of the same table, which comes earlier.
    *number* is a column that each database fills by itself; it is read last and not compared.
    """

    model: type[Model]
    key: tuple[str, ...]
    other: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    version: str = "updated_at"
    left_out: frozenset[str] = frozenset()
    parent: str | None = None
    number: str | None = None
    #: Whether an archived row beats one that is not, whichever is newer.
    is_ranked: bool = False

    @property
    def name(self) -> str:
        return str(self.model._meta.table_name)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that are copied, the key's first."""
        others = [
            name
            for name in self.model._meta.columns
            if name not in {*self.key, *self.left_out, self.number}
        ]
        return (*self.key, *others)

    @cached_property
    def at(self) -> dict[str, int]:
        """Return where in a row each column is."""
        return {name: place for place, name in enumerate(self.columns)}

    @cached_property
    def _kinds(self) -> list[Kind]:
        kinds = [_kind(self.model._meta.columns[name]) for name in self.columns]
        # Nothing stands for the name of a row.
        return [replace(kind, blank=None) for kind in kinds[: len(self.key)]] + kinds[
            len(self.key) :
        ]

    def read(self, raw: Sequence[Row]) -> list[Row]:
        """Return rows of either engine in plain values, without the number.

        Raises ValueError or OverflowError for a value that nobody can read; older programs may have
        written it.
        """
        return list(zip(*map(_plain, self._kinds, zip(*raw, strict=True)), strict=True))

    def key_of(self, row: Row) -> Row | None:
        """Return what tells *row* apart, None when it has no key yet."""
        key = row[: len(self.key)]
        return None if None in key else key

    def is_nameless(self, row: Row) -> bool:
        """Tell whether nothing says which row it is; an attachment needs no more than its link."""
        return self.number is None and None in row[: len(self.key)]

    def other_of(self, row: Row) -> Row | None:
        """Return what tells *row* apart where ids and keys do not."""
        other = tuple(row[self.at[name]] for name in self.other)
        # Two attachments that have keys and no link are two.
        nameless = not other or (other[-1] is None and self.key_of(row) is not None)
        return None if nameless else other

    @cached_property
    def references(self) -> list[int]:
        """Return the places of columns that name a row of media_storage."""
        fields = self.model._meta.columns
        return [
            place
            for place, name in enumerate(self.columns)
            if isinstance(fields[name], DashedUUIDField) and name not in self.own
        ]

    @cached_property
    def _flags(self) -> list[int]:
        fields = self.model._meta.columns
        return [
            place
            for place, name in enumerate(self.columns)
            if isinstance(fields[name], BooleanField)
        ]

    def params(self, row: Row) -> Row:
        """Return *row* as it is written: flags as texts, which columns of numbers take as well."""
        if not self._flags:
            return row
        told = list(row)
        for place in self._flags:
            told[place] = None if row[place] is None else str(int(row[place]))
        return tuple(told)

    @property
    def sought(self) -> tuple[tuple[str, ...], ...]:
        """Return the columns by which rows are looked up, in each way there is.

        Attachments of older programs have no key, so all of a post's are looked at together.
        """
        if self.number:
            return (self.key[:1],)
        return (self.key, self.other) if self.other else (self.key,)

    def select(self) -> str:
        """Return the SELECT of all columns, the number last, without a condition."""
        number = [self.number] if self.number else []
        return f"SELECT {', '.join([*self.columns, *number])} FROM {self.name}"

    def order(self, bytewise: str) -> str:
        """Return the ORDER BY that is the same on both engines."""
        terms = [f"{self.parent} IS NOT NULL"] if self.parent else []
        for name in self.key:
            can_be_null = self.model._meta.columns[name].null or self.number
            own = f"CAST({name} AS TEXT)" if (self.name, name) in _DIGITS else name
            term = f"coalesce({own}, '')" if can_be_null else own
            terms.append(f"{term} {bytewise}" if self._is_text(name) else name)
        return f"ORDER BY {', '.join([*terms, self.number] if self.number else terms)}"

    def _is_text(self, name: str) -> bool:
        return not isinstance(
            self.model._meta.columns[name], DashedUUIDField | UTCTimeField | IntegerField
        )


def standing(shape: Shape, row: Row) -> tuple[bool, str]:
    """Return what is compared when two archives have the same row: the greater one is kept."""
    archived = shape.is_ranked and row[shape.at["download_status"]] == "success"
    return archived, str(row[shape.at[shape.version]] if shape.version else "")


def _plain(kind: Kind, column: tuple[Any, ...]) -> Iterable[Any]:
    """Return one column of many rows in plain values; at once where they are plain already."""
    types = set(map(type, column))
    if not types <= kind.plain:
        column = tuple(None if value is None else kind.read(value) for value in column)
    if kind.blank is not None and None in column:
        return [kind.blank if value is None else value for value in column]
    return column


def _stamp(value: Any) -> str | None:
    # Most are canonical already, and there are millions of them.
    if isinstance(value, str) and len(value) == _LENGTH and value[10] == " " and value[26:] == _UTC:
        return value
    # Scripts write no time as an empty text.
    moment = from_text(value)
    return None if moment is None else to_text(moment)


def _kind(field: Field) -> Kind:
    kind = next((kind for of, kind in _KINDS if isinstance(field, of)), _TEXT)
    may_lack = field.null or (field.model._meta.table_name, field.column_name) in _UNKNOWN
    return replace(kind, blank=None) if may_lack else kind


_TEXT: Final = Kind(str, frozenset({str, NoneType}), "")
_KINDS: Final = (
    (UTCTimeField, Kind(_stamp, frozenset({NoneType}), EPOCH)),
    (BooleanField, Kind(read.truth, frozenset({bool, NoneType}), False)),
    # Not plain: some floats are no numbers.
    (FloatField, Kind(read.seconds, frozenset({NoneType}), 0.0)),
    (IntegerField, Kind(int, frozenset({int, NoneType}), 0)),
)
#: What nothing stands for where an older program did not know it: see :mod:`fbsyncd.transfer.room`.
_UNKNOWN: Final = frozenset(
    {
        ("facebook_posts", "created_time"),
        ("facebook_posts", "page_id"),
        ("facebook_video_posts", "page_id"),
    }
)
#: Ids of digits, which an older program's table may hold as numbers.
_DIGITS: Final = frozenset({("facebook_pages", "id"), ("facebook_video_posts", "video_id")})
_LEASE: Final = frozenset({"lease_owner", "lease_until"})

POSTS: Final = Shape(tables.FacebookPost, ("id",))
ATTACHMENTS: Final = Shape(
    tables.FacebookPostAttachment,
    ("post_id", "attachment_key"),
    other=("post_id", "type", "media_url"),
    own=("attachment_key",),
    number="id",
)
VIDEOS: Final = Shape(tables.FacebookVideoPost, ("video_id",))
HISTORY: Final = Shape(tables.FacebookPostHistory, ("post_id", "seen_from"), version="seen_until")
FORMER: Final = Shape(tables.FormerPicture, ("owner_id", "media_id"), version="")

#: In an order in which no row comes before one it refers to. How far the Pages were read comes
#: last: it must not be said of a copy that was cut short.
SHAPES: Final = (
    Shape(
        tables.MediaStorage,
        ("id",),
        other=("asset_key",),
        own=("id", "key_id"),
        left_out=_LEASE,
        parent="derived_from",
        is_ranked=True,
    ),
    Shape(tables.FacebookPage, ("id",)),
    POSTS,
    ATTACHMENTS,
    VIDEOS,
    HISTORY,
    FORMER,
    Shape(tables.SourceMonth, ("page_id", "month"), version="listed_at"),
    Shape(tables.Forgotten, ("kind", "id"), version="forgotten_at"),
    Shape(tables.ListedPost, ("page_id", "walk_started_at", "post_id"), version=""),
    Shape(tables.SyncState, ("page_id", "stream")),
)
