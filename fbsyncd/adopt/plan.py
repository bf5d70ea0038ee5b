"""What adopting adds, told as SQL: the numbered files of the schema, held against what is there.

Each statement of the files is taken as it is, or turned into what is missing of it. So a column
or index that a later file brings is known here without being named. Nothing that is there is
altered: columns keep their types, and no row of another program is refused for what it lacks.
Decides only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from fbsyncd import beside
from fbsyncd.adopt import suits
from fbsyncd.adopt.catalogue import UTC_CLOCK, Catalogue
from fbsyncd.adopt.inventory import Column, Inventory, Table
from fbsyncd.beside import Beside
from fbsyncd.errors import SchemaError
from fbsyncd.migrate import ADOPTABLE

_TABLE: Final = re.compile(r"CREATE TABLE (\w+) \((.*)\)\s*;?\s*", re.DOTALL)
_COLUMN: Final = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (.*?);?\s*", re.DOTALL)
_FILLED: Final = re.compile(r"INSERT INTO (\w+) \((\w+)\) SELECT (\w+) FROM (\w+);?\s*")
_DERIVED: Final = re.compile(r"derived_from \w+ REFERENCES media_storage \(id\)")
_CONSTRAINT: Final = re.compile(r"(UNIQUE|CHECK|PRIMARY|FOREIGN|CONSTRAINT)\b")
_STAMPS: Final = ("created_at", "updated_at")
_NO_ZONE: Final = "timestamp without time zone"
_TOUCH: Final = "fbsyncd_touch()"
#: For a column with a zone and for one without: whose rows are touched, and the clock they get.
_TOUCHES: Final = {
    False: ("fbsyncd_touch_adopted()", "clock_timestamp()"),
    True: ("fbsyncd_touch_utc()", UTC_CLOCK),
}
_STAMP: Final = """
CREATE TRIGGER {table}_stamp AFTER INSERT ON {table}
    WHEN {lacking}
BEGIN
    UPDATE {table} SET {stamps}
    WHERE rowid = NEW.rowid;
END;"""


@dataclass(frozen=True, slots=True)
class Step:
    """One statement; *may_fail*: without it things are slower, not wrong."""

    sql: str
    may_fail: bool = False


def plan(statements: Iterable[str], inventory: Inventory, catalogue: Catalogue) -> list[Step]:
    """Return what brings the tables of *inventory* to where *statements* bring an empty database.

    Raises SchemaError when a table stands in the way.
    """
    writer = _Writer(inventory, catalogue)
    bridge = catalogue.bridge if suits.has_numbers(inventory) else ()
    steps = [step for statement in statements for step in writer.adapt(statement)]
    return [*map(Step, bridge), *steps, *writer.stamps()]


class _Writer:
    """Goes through the statements in order, and knows what was there before them."""

    def __init__(self, inventory: Inventory, catalogue: Catalogue) -> None:
        self._there = {name: inventory.tables[name] for name in inventory.tables}
        self._names = Beside(inventory.names)
        self._is_shared = bool(self._there.keys() & set(ADOPTABLE))
        self._catalogue = catalogue
        self._lacking: dict[str, list[str]] = {}
        self._made: set[str] = set()
        media = self._there.get("media_storage")
        self._media_id = "TEXT" if media and media.kind("id") == "text" else None

    def adapt(self, statement: str) -> Iterator[Step]:
        """Yield what is to be executed in the place of one statement."""
        bare = beside.bare(statement)
        readers: tuple[tuple[re.Pattern[str], Callable[..., Iterator[Step]]], ...] = (
            (_TABLE, self._table),
            (_COLUMN, self._added),
            (beside.INDEX, self._index),
            (beside.DROPPED, self._dropped),
            (_FILLED, self._filled),
            (beside.TRIGGER, self._trigger),
            (beside.FUNCTION, self._function),
        )
        for pattern, reader in readers:
            if match := pattern.fullmatch(bare):
                yield from reader(bare, *match.groups())
                return
        yield Step(bare)

    def stamps(self) -> Iterator[Step]:
        """Yield triggers that fill what a column's default cannot: see ``adds_defaults``."""
        for table, columns in self._lacking.items():
            stamps = (f"{one} = coalesce(NEW.{one}, {_SQLITE_NOW})" for one in columns)
            lacking = " OR ".join(f"NEW.{one} IS NULL" for one in columns)
            yield Step(
                _STAMP.format(table=table, lacking=lacking, stamps=", ".join(stamps)).strip()
            )

    def _table(self, sql: str, name: str, body: str) -> Iterator[Step]:
        table = self._there.get(name)
        if table is None:
            yield Step(self._typed(sql))
            return
        if name not in ADOPTABLE:
            raise SchemaError(
                f"the database has a table {name} that fbsyncd did not make and needs the name of:"
                " rename it, or give fbsyncd a database of its own"
            )
        yield from self._key(table)
        for part in _parts(body):
            if part.startswith("UNIQUE"):
                yield self._unique(name, part.partition("(")[2].rstrip(" )"))
            elif not _CONSTRAINT.match(part):
                yield from self._column(table, part)

    def _key(self, table: Table) -> Iterator[Step]:
        """Make unique what rows are told apart by, where the table does not hold them to it."""
        key = suits.KEYS.get(table.name)
        if key and (key,) not in table.keys:
            yield self._unique(table.name, key)

    def _unique(self, table: str, columns: str) -> Step:
        name = self._names.free(f"{table}_{re.sub(r'[^a-z]+', '_', columns)}_key")
        return Step(f"CREATE UNIQUE INDEX {name} ON {table} ({columns});")

    def _added(self, sql: str, name: str, part: str) -> Iterator[Step]:
        table = self._there.get(name)
        if table is None:
            yield Step(self._typed(sql))
        else:
            yield from self._column(table, part)

    def _column(self, table: Table, part: str) -> Iterator[Step]:
        """Yield what adds one column, unless the table has it."""
        name = part.split()[0]
        if name in table.columns:
            return
        part = re.sub(r" REFERENCES facebook_posts .*| PRIMARY KEY", "", self._typed(part))
        if name in (*_STAMPS, "created_time", "updated_time"):
            part = self._clocked(table, part)
        if " DEFAULT " not in part:
            # What older programs add lacks it.
            part = part.replace(" NOT NULL", "")
        unique = part.endswith(" UNIQUE")
        yield Step(f"ALTER TABLE {table.name} ADD COLUMN {part.removesuffix(' UNIQUE')};")
        if unique:
            yield self._unique(table.name, name)
        type_ = _NO_ZONE if part.split()[1] == "TIMESTAMP" else ""
        table.columns[name] = Column(name, type_, "any", True, True, None)

    def _clocked(self, table: Table, part: str) -> str:
        """Let a new time be like the others of its table, zone or none, and stamped by and by."""
        if not self._catalogue.adds_defaults:
            if part.split()[0] in _STAMPS:
                self._lacking.setdefault(table.name, []).append(part.split()[0])
            return " ".join(part.split()[:2])
        if any(column.type == _NO_ZONE for column in table.columns.values()):
            part = part.replace("TIMESTAMPTZ", "TIMESTAMP").replace("clock_timestamp()", UTC_CLOCK)
        return part

    def _index(self, sql: str, name: str, table: str) -> Iterator[Step]:
        # An index that columns of another kind do not bear is missed by nothing but the clock.
        may_fail = table in self._there and not sql.startswith("CREATE UNIQUE")
        yield Step(self._names.index(sql, name), may_fail)

    def _filled(self, sql: str, _to: str, _into: str, column: str, table: str) -> Iterator[Step]:
        """Pass over rows of theirs that lack what each row of ours has."""
        there = table in self._there
        yield Step(f"{sql.rstrip(';')} WHERE {column} IS NOT NULL;" if there else sql)

    def _dropped(self, sql: str, name: str) -> Iterator[Step]:
        yield Step(self._names.dropped(sql, name))

    def _trigger(self, sql: str, name: str, table: str) -> Iterator[Step]:
        there = self._there.get(table)
        if there and _TOUCH in sql:
            stamp = there.columns["updated_at"]
            touch, clock = _TOUCHES[stamp.type == _NO_ZONE]
            if touch not in self._made:
                self._made.add(touch)
                yield Step(_TOUCH_FUNCTION.format(name=touch, clock=clock))
            sql = sql.replace(_TOUCH, touch)
        yield Step(self._names.trigger(sql, name))

    def _function(self, sql: str, name: str) -> Iterator[Step]:
        yield from map(Step, self._names.function(sql, name) if self._is_shared else [sql])

    def _typed(self, sql: str) -> str:
        """Let what names pictures be of the type their ids are.

        What is made of a picture goes with it: a script that takes pictures away knows of neither.
        """
        if self._is_shared:
            sql = _DERIVED.sub(r"\g<0> ON DELETE CASCADE", sql)
        return re.sub(r"\bUUID\b", self._media_id, sql) if self._media_id else sql


def _parts(body: str) -> list[str]:
    """Cut what stands between the brackets of a CREATE TABLE at the commas that part columns."""
    parts, depth = [""], 0
    for letter in body:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [" ".join(part.split()) for part in parts]


_SQLITE_NOW: Final = "strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'"
# As text, because rows of other programs may hold types that cannot be compared, such as JSON.
_TOUCH_FUNCTION: Final = """
CREATE FUNCTION {name} RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW::text IS DISTINCT FROM OLD::text AND NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at
    THEN
        NEW.updated_at := {clock};
    END IF;
    RETURN NEW;
END
$$;""".strip()
