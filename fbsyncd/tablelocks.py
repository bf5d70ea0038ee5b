"""Waiting for tables that another program's open transaction holds, without keeping silent.

To alter a table PostgreSQL waits until nobody else uses it, for as long as that takes, and whoever
comes meanwhile waits behind. So tables are asked for a few seconds at a time; in between others get
their turn, and a person reads who holds what. SQLite waits by itself, for half a minute.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import peewee
from peewee import Database

from fbsyncd import models
from fbsyncd.beside import VISIBLE
from fbsyncd.engines import is_busy
from fbsyncd.errors import DatabaseBusy
from fbsyncd.models import literally, marks, rows
from fbsyncd.plural import counted

log = logging.getLogger(__name__)

#: How long it is waited at a time (seconds), and how often.
STEP: Final = 5
TIMES: Final = 12
#: How much of a table is wanted.
ALL: Final = "ACCESS EXCLUSIVE"
A_LOOK: Final = "ACCESS SHARE"

#: By engine: those of some tables that can be asked for. Of others it is said later what is amiss.
_OURS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sqlite": "SELECT name FROM sqlite_master WHERE FALSE AND name IN ({})",
        "postgresql": f"""
SELECT t.relname FROM pg_class t WHERE t.relkind IN ('r', 'p') AND {VISIBLE}
AND pg_has_role(t.relowner, 'USAGE') AND t.relname IN ({{}}) ORDER BY t.relname""",
    }
)
_HOLDERS: Final = """
SELECT l.pid, coalesce(nullif(a.application_name, ''), 'a program'), a.usename, a.state
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.granted AND l.relation = to_regclass(?) AND l.pid IS DISTINCT FROM pg_backend_pid()
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (l.mode = 'AccessExclusiveLock' OR ? = 'ACCESS EXCLUSIVE')
ORDER BY a.xact_start, l.pid LIMIT 1"""


def wait(db: Database, tables: Sequence[str], how: str = ALL, *, times: int = TIMES) -> None:
    """Keep others from using *tables*, or with :data:`A_LOOK` from altering them, for so long.

    Must be called inside a transaction, and lasts as long. Raises DatabaseBusy, with who holds the
    table, when it could not be had in *times* times :data:`STEP` seconds.
    """
    sql = _OURS[models.engine(db).name].format(marks(len(tables)))
    for (table,) in rows(db, sql, tables):
        _wait(db, str(table), how, times)


def _wait(db: Database, table: str, how: str, times: int) -> None:
    literally(db, f"SET LOCAL lock_timeout = '{STEP}s'")
    for time in range(1, times + 1):
        if _has(db, table, how):
            literally(db, f"SET LOCAL lock_timeout = '{STEP * times}s'")
            return
        who, so_far = _who(db, table, how), counted(STEP * time, "second")
        if time < times:
            log.warning("waiting since %s for %s, which %s uses: end that", so_far, table, who)
    raise DatabaseBusy(
        f"nothing was changed: for {so_far} {table} could not be had, which {who} uses: end that"
        " and try again"
    )


def _has(db: Database, table: str, how: str) -> bool:
    try:
        with db.savepoint():
            literally(db, f'LOCK TABLE "{table}" IN {how} MODE')
    except peewee.OperationalError as error:
        if not is_busy(error):
            raise
        return False
    return True


def _who(db: Database, table: str, how: str) -> str:
    found = rows(db, _HOLDERS, [table, how])
    if not found:
        return "somebody"
    pid, application, role, state = found[0]
    if pid is None:
        return "a prepared transaction"
    is_idle = str(state).startswith("idle in transaction")
    doing = ", which left a transaction open" if is_idle else ""
    return f"pid {pid} ({application} of {role}{doing})"
