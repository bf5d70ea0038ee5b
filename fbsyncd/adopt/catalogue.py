"""Where each engine tells what it holds, and what of our schema it must be told otherwise.

Columns come in kinds, which say what may be written into them: ``text``, ``time``, ``span``,
``flag``, ``whole``, ``digits`` (NUMERIC without a fraction), ``number``, ``uuid`` and ``other``. A
domain is of the kind of what it is made of. SQLite takes anything anywhere: ``any``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fbsyncd.adopt import replaced
from fbsyncd.beside import NAMES, VISIBLE
from fbsyncd.engines import Engine
from fbsyncd.migrate import ADOPTABLE

#: The clock of a column that has no zone; its times are UTC whatever zone a session is in.
UTC_CLOCK: Final = "(clock_timestamp() AT TIME ZONE 'UTC')"
#: What stands for bytes where a text should be.
BYTES: Final = "bytes"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One engine's answers.

    *columns*, *keys*, *names* and *triggers* are queries, see :mod:`fbsyncd.adopt.inventory`;
    *triggers* tells how each is put to sleep and woken again. *kinds* knows types, anything else
    is *unknown*. *adds_defaults*: a column that is added may have a default that is no constant.
    """

    columns: str
    keys: str
    names: str
    triggers: str
    kinds: Mapping[str, str]
    unknown: str
    adds_defaults: bool
    #: Names the index to go by: of two, SQLite takes one that holds every post without a picture.
    by_index: str
    #: Asks whether there is an index of a name: one to go by that is not there is an error.
    has_index: str
    #: Lets what is owed at the end of a transaction be done now: triggers of a table that is owed
    #: something cannot be woken.
    settle: str
    #: Lets rows name each other in any order until the transaction ends.
    defer: str
    #: The foreign keys that name pictures: table, name, column, what happens when an id changes,
    #: and whether it may be late for that until the transaction ends.
    references: str
    #: What lets a foreign key follow an id that changes, and is told to whoever owns it.
    follow: str
    #: Gives the statements that let what is made of a picture go with it, where it does not.
    bound: str
    #: Where a row is, whatever its id; good until the row is written to.
    place: str
    #: Whether a row is the one at a place, and has an id too: each part of a table that was divided
    #: meanwhile has its own places. SQLite has no such tables, but ids that cannot be read.
    is_at: str
    #: A value as a text that no two values share.
    exact: str
    #: Waits until nobody reads: else it would be found at the end of all that all was in vain.
    alone: tuple[str, ...]
    #: Why the role that asks may not do what setting up takes, each with its remedy.
    barred: str
    #: True of a time that has to be looked at.
    odd_time: str
    #: The bytes of a text in hexadecimal, or :data:`BYTES`; empty where the
    #: database itself holds texts to be texts.
    text: str
    #: Lets ids that are numbers in one table be compared with the same as texts in another.
    bridge: tuple[str, ...]
    #: Makes the database hold rows of an adopted media_storage to the three statuses, and keep what
    #: is archived.
    enforce: tuple[str, ...]

    def kind(self, type_: str) -> str:
        """Return what a column of this type holds."""
        return self.kinds.get(type_, self.unknown)


#: The largest numbers that SQLite makes of digits without losing any: whole ones, and fractions.
_WHOLE: Final = 2**63 - 1
EXACT: Final = 2**53
_STATUSES: Final = "('pending', 'success', 'failed')"
_ABORT: Final = """
CREATE TRIGGER media_storage_status_{when} BEFORE {when} ON media_storage
    WHEN NEW.download_status IS NULL OR NEW.download_status NOT IN {statuses}
BEGIN
    SELECT RAISE(ABORT, 'download_status is pending, success or failed');
END;"""

#: A table whose columns can be asked for: a view may be broken, and a virtual table's module be one
#: that only the user's own programs load.
_REAL: Final = "m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL %'"
_SQLITE: Final = Catalogue(
    # It takes names for the same that differ in capitals.
    columns=f"""
SELECT lower(m.name), m.type = 'table', lower(c.name), lower(c.type), c."notnull" = 0,
    c.dflt_value IS NOT NULL OR (c.pk = 1 AND lower(c.type) = 'integer'), NULL,
    CASE WHEN upper(m.sql) LIKE '%WITHOUT ROWID%'
        THEN 'is made WITHOUT ROWID, which fbsyncd''s triggers need' END,
    c.hidden IN (2, 3), CASE WHEN lower(c.type) LIKE '%int%' THEN {_WHOLE}
        WHEN lower(c.type) LIKE '%char%' OR lower(c.type) LIKE '%clob%'
            OR lower(c.type) LIKE '%text%' OR lower(c.type) LIKE '%blob%' OR c.type = '' THEN NULL
        WHEN lower(c.type) LIKE '%real%' OR lower(c.type) LIKE '%floa%'
            OR lower(c.type) LIKE '%doub%' THEN {EXACT} ELSE {_WHOLE} END
FROM sqlite_master m JOIN pragma_table_xinfo(m.name) c
WHERE {_REAL}
UNION ALL SELECT lower(m.name), FALSE, '', '', TRUE, TRUE, NULL, NULL, FALSE, NULL
FROM sqlite_master m
WHERE m.type IN ('table', 'view') AND NOT ({_REAL})""",
    keys=f"""
SELECT lower(m.name), i.name, lower(c.name), NOT i.partial, FALSE
FROM sqlite_master m JOIN pragma_index_list(m.name) i JOIN pragma_index_info(i.name) c
WHERE {_REAL} AND i."unique" AND c.name IS NOT NULL
ORDER BY m.name, i.name, c.seqno""",
    names=NAMES["sqlite"],
    triggers="""
SELECT lower(tbl_name), 'DROP TRIGGER "' || replace(name, '"', '""') || '"', sql FROM sqlite_master
WHERE type = 'trigger' ORDER BY tbl_name, name""",
    kinds=MappingProxyType({}),
    unknown="any",
    adds_defaults=False,
    by_index=" INDEXED BY {}",
    has_index="SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?",
    settle="SELECT 1",
    defer="PRAGMA defer_foreign_keys = 1",
    references=f"""
SELECT m.name, '', f."from", f.on_update, TRUE
FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f
WHERE {_REAL} AND lower(f."table") = 'media_storage'
    AND lower(coalesce(f."to", 'id')) = 'id'
ORDER BY m.name, f.id""",
    follow="make the table anew, with ON UPDATE CASCADE behind that column's REFERENCES",
    # There a trigger takes it away, see schema 12.
    bound="SELECT sql FROM sqlite_master WHERE FALSE",
    place="rowid",
    is_at="rowid = ? AND ? IS NOT NULL",
    exact=(
        "CASE typeof({0}) WHEN 'text' THEN 'text ' || hex({0})"
        " WHEN 'blob' THEN 'blob ' || hex({0}) ELSE quote({0}) END"
    ),
    alone=("BEGIN EXCLUSIVE", "ROLLBACK"),
    # A file knows no roles.
    barred="SELECT name FROM sqlite_master WHERE FALSE",
    odd_time="TRUE",
    text=f"CASE typeof({{0}}) WHEN 'text' THEN hex({{0}}) WHEN 'blob' THEN '{BYTES}' END",
    bridge=(),
    enforce=(
        *(_ABORT.format(when=when, statuses=_STATUSES) for when in ("INSERT", "UPDATE")),
        replaced.TRIGGER,
    ),
)
#: What a column ``a`` is made of, domains being made of other types.
_BASE: Final = """
WITH RECURSIVE base (type, mod, is_filled, has_default, depth) AS (
    SELECT a.atttypid, a.atttypmod, FALSE, FALSE, 0
    UNION ALL
    SELECT y.typbasetype, y.typtypmod, base.is_filled OR y.typnotnull,
        base.has_default OR y.typdefault IS NOT NULL, base.depth + 1
    FROM base JOIN pg_type y ON y.oid = base.type WHERE y.typtype = 'd')
SELECT * FROM base ORDER BY depth DESC LIMIT 1"""
#: The digits behind the point in a NUMERIC, below 0 where it rounds to tens: 11 bits with a sign.
_SCALE: Final = "((((b.mod - 4) & 2047) # 1024) - 1024)"
_TABLES: Final = ", ".join(f"'{name}'" for name in ADOPTABLE)
#: A table's columns are added by its owner; each index needs the right to its schema too.
_BARRED: Final = f"""
WITH theirs AS (SELECT t.* FROM pg_class t
    WHERE t.relname IN ({_TABLES}) AND t.relkind IN ('r', 'p') AND {VISIBLE})
SELECT format('this role, %s, does not own %s, and adds no column to it: name the tables'' owner,'
    ' %s, in database.url', current_user, string_agg(relname, ', ' ORDER BY relname),
    pg_get_userbyid(relowner))
FROM theirs WHERE NOT pg_has_role(relowner, 'USAGE') GROUP BY relowner
UNION ALL SELECT format('this role, %1$s, may not make tables in the schema %2$I:'
    ' GRANT CREATE, USAGE ON SCHEMA %2$I TO %1$I', current_user, n.nspname)
FROM pg_namespace n
WHERE (n.nspname = current_schema() OR n.oid IN (SELECT relnamespace FROM theirs))
    AND NOT has_schema_privilege(n.oid, 'CREATE')
ORDER BY 1"""
#: Written in SQL, so that the planner sees a comparison of texts, and their index.
_SAME: Final = """
CREATE FUNCTION fbsyncd_same(TEXT, {0}) RETURNS BOOLEAN LANGUAGE sql IMMUTABLE STRICT
PARALLEL SAFE AS $$ SELECT $1 = CAST($2 AS TEXT) $$;
CREATE FUNCTION fbsyncd_same({0}, TEXT) RETURNS BOOLEAN LANGUAGE sql IMMUTABLE STRICT
PARALLEL SAFE AS $$ SELECT $2 = CAST($1 AS TEXT) $$;
CREATE OPERATOR = (LEFTARG = TEXT, RIGHTARG = {0}, FUNCTION = fbsyncd_same, COMMUTATOR = =);
CREATE OPERATOR = (LEFTARG = {0}, RIGHTARG = TEXT, FUNCTION = fbsyncd_same, COMMUTATOR = =);"""
#: One for each type: with NUMERIC there it would not be known what an INTEGER is to be taken for.
_NUMBERS: Final = ("BIGINT", "INTEGER", "SMALLINT", "NUMERIC")
_POSTGRESQL: Final = Catalogue(
    columns=f"""
SELECT t.relname, t.relkind IN ('r', 'p'), a.attname,
    format_type(b.type, NULL) || CASE WHEN b.type = 'numeric'::regtype AND b.mod > 4
        AND {_SCALE} > 0 THEN ' with a fraction' ELSE '' END,
    NOT (a.attnotnull OR b.is_filled), a.atthasdef OR a.attidentity <> '' OR b.has_default,
    CASE WHEN b.mod > 4 AND b.type IN ('varchar'::regtype, 'bpchar'::regtype) THEN b.mod - 4 END,
    CASE WHEN t.relkind = 'p' OR t.relispartition
        OR EXISTS (SELECT 1 FROM pg_inherits h WHERE h.inhparent = t.oid)
        THEN 'is made of several tables or is a part of one (PARTITION, INHERITS), whose rows'
        ' fbsyncd cannot tell apart: put them all into one table of this name'
        WHEN t.relkind = 'r' AND t.relpersistence = 'u' THEN format('is UNLOGGED, and a crash of'
        ' the server would empty it: ALTER TABLE %I SET LOGGED', t.relname) END,
    a.attgenerated <> '', CASE b.type WHEN 'smallint'::regtype THEN 32767
        WHEN 'integer'::regtype THEN 2147483647 WHEN 'numeric'::regtype THEN CASE WHEN b.mod > 4
            THEN power(10::numeric, ((b.mod - 4) >> 16) - {_SCALE})
                - power(10::numeric, greatest(-{_SCALE}, 0)) END END
FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid CROSS JOIN LATERAL ({_BASE}) b
WHERE t.relkind IN ('r', 'p', 'v', 'm', 'f') AND {VISIBLE}
    AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY t.relname, a.attnum""",
    keys=f"""
SELECT t.relname, i.relname, a.attname, x.indimmediate AND x.indpred IS NULL, NOT x.indimmediate
FROM pg_index x
JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
CROSS JOIN unnest(x.indkey) WITH ORDINALITY AS k (number, place)
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number
WHERE x.indisunique AND x.indisvalid AND x.indexprs IS NULL
    AND k.place <= x.indnkeyatts AND {VISIBLE}
ORDER BY t.relname, i.relname, k.place""",
    names=NAMES["postgresql"],
    triggers=f"""
SELECT t.relname, format('ALTER TABLE %I DISABLE TRIGGER %I', t.relname, g.tgname),
    format('ALTER TABLE %I %s TRIGGER %I', t.relname, CASE g.tgenabled WHEN 'R' THEN
        'ENABLE REPLICA' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE' END, g.tgname)
FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid
WHERE NOT g.tgisinternal AND g.tgenabled <> 'D' AND {VISIBLE} ORDER BY t.relname, g.tgname""",
    kinds=MappingProxyType(
        {
            "text": "text",
            "character varying": "text",
            "character": "text",
            "citext": "text",
            "timestamp without time zone": "time",
            "timestamp with time zone": "time",
            "date": "time",
            "boolean": "flag",
            "smallint": "whole",
            "integer": "whole",
            "bigint": "whole",
            "real": "number",
            "double precision": "number",
            "numeric": "digits",
            "numeric with a fraction": "number",
            "interval": "span",
            "uuid": "uuid",
        }
    ),
    unknown="other",
    adds_defaults=True,
    by_index="",
    has_index="",
    settle="SET CONSTRAINTS ALL IMMEDIATE",
    defer="SET CONSTRAINTS ALL DEFERRED",
    references="""
SELECT c.conrelid::regclass::text, c.conname, a.attname, CASE c.confupdtype
    WHEN 'a' THEN 'NO ACTION' WHEN 'c' THEN 'CASCADE' ELSE 'other' END, c.condeferrable
FROM pg_constraint c
JOIN pg_attribute k ON k.attrelid = c.confrelid AND k.attname = 'id'
JOIN pg_attribute a ON a.attrelid = c.conrelid
    AND a.attnum = c.conkey[array_position(c.confkey, k.attnum)]
WHERE c.contype = 'f' AND c.confrelid = to_regclass('media_storage') AND c.conparentid = 0
ORDER BY 1, 2""",
    follow=(
        'ALTER TABLE {table} DROP CONSTRAINT "{name}", ADD CONSTRAINT "{name}" FOREIGN KEY'
        ' ("{column}") REFERENCES media_storage (id) ON UPDATE CASCADE'
    ),
    bound="""
SELECT format('ALTER TABLE media_storage DROP CONSTRAINT %1$I, ADD CONSTRAINT %1$I FOREIGN KEY'
    ' (derived_from) REFERENCES media_storage (id) ON DELETE CASCADE', c.conname)
FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attname = 'derived_from'
WHERE c.contype = 'f' AND c.conrelid = to_regclass('media_storage') AND c.confrelid = c.conrelid
    AND c.conkey = ARRAY[a.attnum] AND c.confdeltype <> 'c'""",
    place="ctid",
    is_at="ctid = ? AND {} = ?",
    exact="CAST({0} AS TEXT)",
    alone=(),
    barred=_BARRED,
    # Neither Python nor any reader of the API knows years beyond these.
    odd_time=("({0} IS NULL OR NOT isfinite({0}) OR {0} < '0001-01-02' OR {0} > '9999-12-30')"),
    text="",
    bridge=tuple(
        f"{sql.strip().rstrip(';')};"
        for type_ in _NUMBERS
        for sql in _SAME.format(type_).split(";\n")
    ),
    enforce=(
        "ALTER TABLE media_storage ADD CONSTRAINT media_storage_status CHECK"
        f" (download_status IS NOT NULL AND download_status IN {_STATUSES})",
    ),
)
_CATALOGUES: Final = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}


def of(engine: Engine) -> Catalogue:
    """Return the catalogue of an engine."""
    return _CATALOGUES[engine.name]
