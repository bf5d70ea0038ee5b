"""What is copied of each table, in which order, and what tells its rows apart and old from new.

A row is a tuple of plain values in the order of :attr:`Shape.columns`, the same for both engines:
times are text (UTC, microseconds), ids of pictures have dashes, flags are bools.

Left out on purpose: leases, which belong to a running process; the numbers of attachments, which
each database gives out itself (kept where they are free); files that are condemned, since they lie
in a folder and not in the database; and the facts about one place, such as the scrub's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

from peewee import BooleanField, Field, FloatField, IntegerField, Model

from fbsyncd import tables
from fbsyncd.models import Row, from_text, to_text
from fbsyncd.tables import DashedUUIDField, UTCTimeField

EPOCH: Final = to_text(datetime(1970, 1, 1, tzinfo=UTC))
#: ``2026-03-01 12:00:00.000000+00:00``
_LENGTH: Final = len(EPOCH)
_UTC: Final = "+00:00"


@dataclass(frozen=True)
class Shape:
    """One table as it is copied.

    *key* tells rows apart, *version* is the column whose greater value is the newer row, and
    *first* an expression that sorts before the key: a row must not come before one it refers to.
    *number* is a column that each database fills by itself; it is read last and not compared.
    """

    model: type[Model]
    key: tuple[str, ...]
    version: str = "updated_at"
    left_out: frozenset[str] = frozenset()
    first: str = ""
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
    def _readers(self) -> list[Callable[[Any], Any]]:
        return [_reader(self.model._meta.columns[name]) for name in self.columns]

    @cached_property
    def _fillers(self) -> list[Any]:
        """Return what stands for NULL in columns that may not be empty here.

        A database adopted from an older program may be less strict.
        """
        fields = [self.model._meta.columns[name] for name in self.columns]
        return [None if field.null else _blank(field) for field in fields]

    def read(self, raw: Iterable[Any]) -> Row:
        """Return a row of either engine in plain values."""
        return tuple(
            filler if value is None else read(value)
            for read, filler, value in zip(self._readers, self._fillers, raw, strict=False)
        )

    def key_of(self, row: Row) -> Row:
        """Return what tells *row* apart; with a None in it, it tells nothing."""
        return row[: len(self.key)]

    @property
    def sought(self) -> tuple[str, ...]:
        """Return the columns by which rows are looked up: with a number, a row's whole group.

        Attachments of older programs have no key, so all of a post's are looked at together.
        """
        return self.key[:1] if self.number else self.key

    def select(self) -> str:
        """Return the SELECT of all columns, the number last, without a condition."""
        number = [self.number] if self.number else []
        return f"SELECT {', '.join([*self.columns, *number])} FROM {self.name}"

    def order(self, bytewise: str) -> str:
        """Return the ORDER BY that is the same on both engines."""
        terms = [self.first] if self.first else []
        for name in self.key:
            term = f"coalesce({name}, '')" if self.model._meta.columns[name].null else name
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


def _stamp(value: Any) -> str | None:
    # Most are canonical already, and there are millions of them.
    if isinstance(value, str) and len(value) == _LENGTH and value[10] == " " and value[26:] == _UTC:
        return value
    moment = from_text(value)
    return to_text(moment) if moment else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _reader(field: Field) -> Callable[[Any], Any]:
    kinds: Sequence[tuple[type[Field], Callable[[Any], Any]]] = (
        (UTCTimeField, _stamp),
        (BooleanField, bool),
        (FloatField, float),
        (IntegerField, int),
    )
    return next((read for kind, read in kinds if isinstance(field, kind)), _text)


def _blank(field: Field) -> Any:
    kinds = ((UTCTimeField, EPOCH), (BooleanField, False), (FloatField, 0.0), (IntegerField, 0))
    return next((blank for kind, blank in kinds if isinstance(field, kind)), "")


_LEASE: Final = frozenset({"lease_owner", "lease_until"})

#: In an order in which no row comes before one it refers to. How far the Pages were read comes
#: last: it must not be said of a copy that was cut short.
SHAPES: Final = (
    Shape(
        tables.MediaStorage,
        ("id",),
        left_out=_LEASE,
        first="derived_from IS NOT NULL",
        is_ranked=True,
    ),
    Shape(tables.FacebookPage, ("id",)),
    Shape(tables.FacebookPost, ("id",)),
    Shape(tables.FacebookPostAttachment, ("post_id", "attachment_key"), number="id"),
    Shape(tables.FacebookVideoPost, ("video_id",)),
    Shape(tables.FacebookPostHistory, ("post_id", "seen_from"), version="seen_until"),
    Shape(tables.FormerPicture, ("owner_id", "media_id"), version=""),
    Shape(tables.SourceMonth, ("page_id", "month"), version="listed_at"),
    Shape(tables.Forgotten, ("kind", "id"), version="forgotten_at"),
    Shape(tables.ListedPost, ("page_id", "walk_started_at", "post_id"), version=""),
    Shape(tables.SyncState, ("page_id", "stream")),
)
