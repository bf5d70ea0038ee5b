"""What the two engines say differently, as data; everything else is said in words both know."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Engine:
    """What one engine says differently."""

    name: str
    #: Two names of tables are the same when this makes the same of them.
    as_name: Callable[[str], str]
    distinct: str
    skip_locked: str
    lock_rows: str
    lock_migrations: str
    #: Lets one process at a time become one of those that write.
    lock_joining: str
    lock_for_removal: str
    lock_search: str
    #: Where one text stands in another, from 1; 0 when it does not.
    find: str
    #: True of a ``post_search s`` that holds a text of three characters or more, by its index.
    indexed: str
    #: Sorts text by its bytes, as the other engine does too.
    bytewise: str
    #: How a transaction begins that sees one state from its first statement to its last.
    snapshot: str
    #: Options of a cursor that reads as it goes instead of all at once.
    streaming: Mapping[str, str]
    #: One text for each database, whatever name or link it is reached by.
    identity: str
    #: Lets the numbers given to attachments go on above the one it is told.
    raise_numbers: str
    #: Lets a row be given its number where an older program's table gives all of them itself.
    own_number: str
    #: Compares with a value so that an index which holds all that is asked for is taken before one
    #: that holds no value twice.
    by_any_index: str
    #: Compares with any of an array that is one parameter, so that however many there are it is one
    #: statement, planned once; empty where planning costs nothing.
    any_of: str
    #: Rows of such columns, each a name and its type, out of one parameter, a JSON array of
    #: objects; empty where rows as parameters cost less. No other column of a table has a say.
    rows_of: str
    #: The names and types of a table's columns, whoever made them, for *rows_of*; of a domain what
    #: it is made of.
    types_of: str
    #: Says in a transaction that misses are only noted, which changes no post; empty where the
    #: triggers need not be told.
    takes_notes: str
    #: Looks now at what is else looked at when the transaction ends; empty where it cannot.
    settle: str
    #: Rows that break a key which may be looked at then: their tables, places and whom they name;
    #: empty where settling tells of it.
    broken_keys: str
    #: True of a time that has a place among others; on a server, which knows more of them than any
    #: calendar, of those that a cursor can name: see :mod:`fbsyncd.feed.keyset`.
    placed: str
    #: True of what is no time, or one that no cursor names; an index on the time finds those rows.
    apart: str
    #: True of a time that may be none, or none of the month that its text begins with.
    suspect: str
    #: True of a time in other words than ours.
    otherwise: str
    #: Of the words in which a row has its time, those by which it is compared: all or none.
    worded: Callable[[str], str]
    #: The names of all triggers.
    triggers: str
    #: What differs whenever something was committed; see :mod:`fbsyncd.changes`.
    version: str

    def among(self, values: Collection[str]) -> tuple[str, list[str]]:
        """Return what follows a column to ask for any of *values*, and the parameters of that."""
        if not self.any_of:
            return f"IN ({', '.join(['?'] * len(values))})", list(values)
        quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
        return self.any_of, ["{" + ",".join(f'"{value}"' for value in quoted) + "}"]


_OTHERWISE: Final = "{0} NOT LIKE '____-__-__ __:__:__.______+00:00'"
SQLITE: Final = Engine(
    name="sqlite",
    as_name=str.lower,
    distinct="IS NOT",
    skip_locked="",
    lock_rows="",
    lock_migrations="SELECT 1",
    lock_joining="SELECT 1",
    lock_for_removal="SELECT 1",
    lock_search="SELECT 1",
    find="instr",
    # In quotes, so that nothing in it is taken for an operator.
    indexed=(
        "s.id IN (SELECT rowid FROM post_search_grams"
        """ WHERE post_search_grams MATCH '"' || replace(?, '"', '""') || '"')"""
    ),
    bytewise="COLLATE BINARY",
    snapshot="DEFERRED",
    streaming=MappingProxyType({}),
    identity="SELECT file FROM pragma_database_list WHERE name = 'main'",
    # There it is the highest number that counts, whoever wrote it.
    raise_numbers="SELECT ?",
    own_number="",
    # Of "=" the unique one is taken, whatever else there is, and each row is read.
    by_any_index="{0} BETWEEN {1} AND {1}",
    any_of="",
    rows_of="",
    types_of="",
    takes_notes="",
    settle="",
    # No more than such tables: each row of them is looked at.
    broken_keys=(
        """SELECT k."table", k.rowid, k.parent FROM sqlite_master m"""
        " JOIN pragma_foreign_key_check(m.name) k"
        " WHERE m.type = 'table' AND upper(m.sql) LIKE '%INITIALLY%DEFERRED%'"
    ),
    placed="{0} IS NOT NULL",
    # Numbers come before all texts, and bytes behind them.
    apart="unlikely({0} IS NULL OR {0} < '' OR {0} >= x'')",
    suspect=f"{_OTHERWISE} AND trim({{0}}) <> ''",
    otherwise=_OTHERWISE,
    worded=str,
    triggers="SELECT name FROM sqlite_master WHERE type = 'trigger'",
    version="PRAGMA data_version",
)
_PLACED: Final = "{0} >= '1000-01-01' AND {0} < '3283-01-01'"
#: Two archives may be in two schemas of one database, and locks are the database's.
_SCHEMA: Final = "(SELECT oid::bigint FROM pg_namespace WHERE nspname = current_schema())"
#: The sequence that belongs to the column, and the one that its default names, whoever owns it: by
#: what it depends on, or by a text where it is looked up each time.
_RAISE_NUMBERS: Final = r"""
WITH given AS (SELECT f.oid, pg_get_expr(f.adbin, f.adrelid) AS said
    FROM pg_attrdef f JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
    WHERE f.adrelid = 'facebook_post_attachments'::regclass AND a.attname = 'id'),
numbers (name) AS (
    SELECT pg_get_serial_sequence('facebook_post_attachments', 'id')::regclass
    UNION SELECT s.oid::regclass FROM given JOIN pg_depend d ON d.objid = given.oid
        AND d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
        JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
    UNION SELECT to_regclass(replace((regexp_match(said,
        'nextval\(\(''(([^'']|'''')+)''::text'))[1], '''''', '''')) FROM given)
SELECT setval(name, greatest(?::bigint, nextval(name))) FROM numbers WHERE name IS NOT NULL"""


def server_lock(number: int) -> str:
    """Return, as SQL for PostgreSQL, the key of an archive's lock of this *number*, below 16."""
    return f"7205759403792 + {number} + 16 * {_SCHEMA}"


POSTGRESQL: Final = Engine(
    name="postgresql",
    as_name=str,
    distinct="IS DISTINCT FROM",
    skip_locked="FOR UPDATE SKIP LOCKED",
    lock_rows="FOR UPDATE",
    lock_migrations=f"SELECT pg_advisory_xact_lock({server_lock(0)})",
    lock_joining=f"SELECT pg_advisory_xact_lock({server_lock(3)})",
    lock_for_removal="LOCK TABLE forgotten, media_storage IN ACCESS EXCLUSIVE MODE",
    lock_search=f"SELECT pg_advisory_xact_lock({server_lock(1)})",
    find="strpos",
    indexed="fbsyncd_grams(s.folded) @> fbsyncd_grams(?) AND strpos(s.folded, ?) > 0",
    bytewise='COLLATE "C"',
    snapshot="REPEATABLE READ",
    streaming=MappingProxyType({"name": "fbsyncd_stream"}),
    identity=(
        f"SELECT pg_postmaster_start_time()::text || oid::text || '/' || {_SCHEMA} FROM pg_database"
        " WHERE datname = current_database()"
    ),
    raise_numbers=_RAISE_NUMBERS,
    own_number="OVERRIDING SYSTEM VALUE",
    by_any_index="{0} = {1}",
    any_of="= ANY(?)",
    rows_of="json_to_recordset(?) AS told({})",
    types_of=(
        "WITH RECURSIVE base (name, type, mod) AS (SELECT attname, atttypid, atttypmod"
        " FROM pg_attribute WHERE attrelid = ?::regclass AND attnum > 0 AND NOT attisdropped"
        " UNION ALL SELECT name, typbasetype, typtypmod FROM base"
        " JOIN pg_type d ON d.oid = base.type WHERE d.typtype = 'd')"
        " SELECT name, format_type(type, mod) FROM base"
        " JOIN pg_type y ON y.oid = base.type WHERE y.typtype <> 'd'"
    ),
    takes_notes="SELECT set_config('fbsyncd.notes', 'on', true)",
    settle="SET CONSTRAINTS ALL IMMEDIATE",
    broken_keys="",
    placed=_PLACED,
    apart="({0} IS NULL OR {0} < '1000-01-01' OR {0} >= '3283-01-01')",
    suspect=f"NOT ({_PLACED})",
    otherwise="FALSE",
    worded=lambda _: "",
    triggers="SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    version="SELECT pg_current_snapshot()::text || pg_postmaster_start_time()::text",
)

# PostgreSQL's codes for a lock or a statement that took too long, and for two that met.
_BUSY_STATES: Final = frozenset({"55P03", "57014", "40001", "40P01", "53300"})
# SQLite has words only, and so has a server that lets nobody in, on either's part.
_BUSY_WORDS: Final = ("is locked", "too many clients", "too many connections", "connection slots")


def is_busy(error: Exception) -> bool:
    """Tell whether *error* of an engine is one that passes when others have done their work."""
    state = getattr(error.__context__, "sqlstate", None)
    return state in _BUSY_STATES or any(word in str(error) for word in _BUSY_WORDS)
