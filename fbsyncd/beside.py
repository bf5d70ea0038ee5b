"""Statements of the schema as a database takes them in which another program has names too.

Its indexes and triggers keep theirs, and ours get others: ``NAME_fbsyncd``. What is done away with
is ours, however it is called. Decides only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

INDEX: Final = re.compile(r"CREATE (?:UNIQUE )?INDEX (\w+)\s+ON (\w+)\b.*", re.DOTALL)
DROPPED: Final = re.compile(r"DROP (?:INDEX|TRIGGER) (\w+);?\s*")
TRIGGER: Final = re.compile(r"CREATE TRIGGER (\w+)\s.*?\bON (\w+)\b.*", re.DOTALL)
FUNCTION: Final = re.compile(
    r"CREATE (?:OR REPLACE )?FUNCTION (\w+\(\)) RETURNS trigger\b.*", re.DOTALL
)
_COMMENT: Final = re.compile(r"^\s*--.*\n?", re.MULTILINE)
_OURS: Final = "_fbsyncd"

#: Of what a session of PostgreSQL sees of a table ``t`` when it does not name a schema.
VISIBLE: Final = (
    "pg_table_is_visible(t.oid) AND t.relnamespace NOT IN"
    " ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"
)
#: By engine: how all names are asked for. SQLite takes them for the same that differ in capitals.
NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sqlite": "SELECT lower(name) FROM sqlite_master",
        "postgresql": f"""
SELECT t.relname FROM pg_class t WHERE {VISIBLE}
UNION SELECT g.tgname FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid WHERE {VISIBLE}""",
    }
)
#: By engine: the functions of our triggers that run with the rights of whoever writes, as those do
#: that an earlier program made in an upgrade. What only stamps its own row needs no other rights.
UNRIGHTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sqlite": "SELECT name FROM sqlite_master WHERE FALSE",
        "postgresql": r"""
SELECT proname || '()' FROM pg_proc WHERE proname LIKE 'fbsyncd\_%'
AND proname NOT LIKE 'fbsyncd\_touch%' AND prorettype = 'trigger'::regtype AND NOT prosecdef
AND pg_function_is_visible(oid) AND pg_has_role(proowner, 'USAGE') ORDER BY 1""",
    }
)

#: By engine: what has these names where it is not looked for: in another schema than new tables
#: come into, unless somebody named that schema for this connection, or with capitals. The tables of
#: another archive are nobody else's.
ELSEWHERE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sqlite": "SELECT name FROM sqlite_master WHERE name IN ({}) AND FALSE",
        "postgresql": r"""
SELECT quote_ident(n.nspname) || '.' || quote_ident(t.relname) FROM pg_class t
JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE t.relkind IN ('r', 'p') AND lower(t.relname) IN ({}) AND n.nspname NOT LIKE 'pg\_%'
AND CASE WHEN n.nspname = current_schema() THEN t.relname <> lower(t.relname)
    ELSE (SELECT source FROM pg_settings WHERE name = 'search_path') <> 'client' END
AND NOT EXISTS (SELECT FROM pg_class l JOIN pg_attribute a ON a.attrelid = l.oid
    WHERE l.relnamespace = n.oid AND a.attname = 'sha256'
    AND l.relname IN ('schema_migrations', 'fbsyncd_migrations'))
ORDER BY 1""",
    }
)


def bare(statement: str) -> str:
    """Return a statement without the comments before it."""
    return _COMMENT.sub("", statement).strip()


def rights(function: str) -> str:
    """Let a trigger write to our tables whoever sets it off: scripts may have other roles."""
    return f"ALTER FUNCTION {function} SECURITY DEFINER SET search_path FROM CURRENT;"


class Beside:
    """The names in a database, to begin with *taken*; each statement changes them."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._given: dict[str, str] = {}

    def fit(self, statement: str) -> list[str]:
        """Return what is to be executed in the place of a statement of the schema."""
        sql = bare(statement)
        readers: tuple[tuple[re.Pattern[str], Callable[[str, str], list[str]]], ...] = (
            (INDEX, lambda sql, name: [self.index(sql, name)]),
            (DROPPED, lambda sql, name: [self.dropped(sql, name)]),
            (TRIGGER, lambda sql, name: [self.trigger(sql, name)]),
            (FUNCTION, self.function),
        )
        for pattern, reader in readers:
            if match := pattern.fullmatch(sql):
                return reader(sql, match[1])
        return [sql]

    def index(self, sql: str, name: str) -> str:
        """Return what makes an index under a name that is free."""
        return sql.replace(f"INDEX {name}", f"INDEX {self.free(name)}", 1)

    def dropped(self, sql: str, name: str) -> str:
        """Return what does away with our index or trigger of that name, and none of theirs."""
        ours = self._given.pop(name, None) or self._last(name)
        self._taken.discard(ours)
        return re.sub(rf"\b{name}\b", ours, sql, count=1)

    def trigger(self, sql: str, name: str) -> str:
        """Return what makes a trigger under a name that is free."""
        return sql.replace(f"TRIGGER {name}", f"TRIGGER {self.free(name)}", 1)

    def function(self, sql: str, name: str) -> list[str]:
        """Return what makes a trigger's function, with its rights."""
        return [sql, rights(name)]

    def free(self, name: str) -> str:
        """Return the name that what we call *name* gets; it is taken from now on."""
        free = name
        while free in self._taken:
            free += _OURS
        self._taken.add(free)
        self._given[name] = free
        return free

    def _last(self, name: str) -> str:
        # Made by an earlier program: had ours not been renamed, no other would be called so.
        while name + _OURS in self._taken:
            name += _OURS
        return name
