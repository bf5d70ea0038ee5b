"""Rules that people give a table beside fbsyncd's own: it does not take some of the rows."""

from __future__ import annotations

from dump import Dump

SAID = "not this one"
_FILE = (
    "CREATE TRIGGER no_{name} BEFORE {when} ON {table} WHEN {rows}"
    f" BEGIN SELECT RAISE(ABORT, '{SAID}'); END",
)
_SERVER = (
    "CREATE FUNCTION no_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    f" IF {{rows}} THEN RAISE EXCEPTION '{SAID}'; END IF; RETURN NEW; END $$",
    "CREATE TRIGGER no_{name} BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION no_{name}()",
)


def forbid(url: str, table: str, when: str, rows: str) -> None:
    """Let *table* refuse an INSERT or UPDATE, *when*, of *rows*: a condition on NEW and OLD."""
    scripts = Dump(url)
    name = f"{table}_{when.split()[0].lower()}"
    statements = _FILE if scripts.is_file else _SERVER
    scripts.run(
        *(sql.format(name=name, when=when, table=table, rows=rows) for sql in statements),
    )


def allow(url: str, table: str, when: str) -> None:
    """Take back what :func:`forbid` was told of *table* and *when*."""
    scripts = Dump(url)
    of = "" if scripts.is_file else f" ON {table}"
    scripts.run(f"DROP TRIGGER no_{table}_{when.split()[0].lower()}{of}")
