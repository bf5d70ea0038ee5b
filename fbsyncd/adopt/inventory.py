"""What is in a database before it is adopted: tables, their columns, keys and triggers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from peewee import Database

from fbsyncd.adopt.catalogue import Catalogue
from fbsyncd.models import rows


@dataclass(frozen=True, slots=True)
class Column:
    """A column; *kind* is what its type holds, see :mod:`fbsyncd.adopt.catalogue`.

    *has_default*: the database fills it in where an INSERT does not name it. *length* is the most
    characters it takes, None for any number. *is_computed*: the database alone writes it.
    *largest* is the largest number it takes; on SQLite, whose columns take anything, the largest
    that one keeps exactly which makes numbers of digits.
    """

    name: str
    type: str
    kind: str
    can_be_null: bool
    has_default: bool
    length: int | None
    is_computed: bool = False
    largest: int | None = None


@dataclass(slots=True)
class Table:
    """A table, or a view that has the name of one; *keys* are what is unique in it.

    *rules* are all that is unique by the names of their indexes, also for some rows only; those in
    *late* may be broken until a transaction ends.
    """

    name: str
    is_table: bool
    #: What keeps it from being adopted whatever its columns: its rows cannot be found by their
    #: place, which finds those without an id too, or all of them could be lost at once.
    flaw: str | None = None
    columns: dict[str, Column] = field(default_factory=dict)
    keys: set[tuple[str, ...]] = field(default_factory=set)
    rules: dict[str, tuple[str, ...]] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)

    def kind(self, column: str) -> str | None:
        """Return the kind of a column, or None when there is none of that name."""
        found = self.columns.get(column)
        return found.kind if found else None


@dataclass(slots=True)
class Inventory:
    """All tables and views, and the names of everything else that has one (indexes, triggers)."""

    tables: dict[str, Table]
    names: set[str]


def take(db: Database, catalogue: Catalogue) -> Inventory:
    """Read what is there; must be called inside a session. Changes nothing."""
    tables: dict[str, Table] = {}
    for name, is_table, *told, bare, is_computed, largest in rows(db, catalogue.columns):
        table = tables.setdefault(name, Table(name, bool(is_table), bare))
        column, type_, null, default, length = told
        table.columns[column] = Column(
            column,
            type_,
            catalogue.kind(type_),
            bool(null),
            bool(default),
            length,
            bool(is_computed),
            None if largest is None else int(largest),
        )
    keys: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for name, index, column, is_key, is_late in rows(db, catalogue.keys):
        keys[name, index, bool(is_key)].append(column)
        if is_late and name in tables:
            tables[name].late.add(index)
    for (name, index, is_key), columns in keys.items():
        if name in tables:
            tables[name].rules[index] = tuple(columns)
            if is_key:
                tables[name].keys.add(tuple(columns))
    return Inventory(tables, {str(name) for (name,) in rows(db, catalogue.names)})
