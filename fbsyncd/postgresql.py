"""Connections to a PostgreSQL server, whose driver is loaded with the first of them."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from peewee import InterfaceError, OperationalError, Psycopg3Adapter
from playhouse.pool import PooledPostgresqlDatabase

from fbsyncd.errors import ConfigError, DatabaseAway, DatabaseTrouble
from fbsyncd.sqlitefile import first_fault

#: What a server, a database or a role may have set otherwise: times are read and compared as texts
#: of one form, and whoever waited for another one's commit goes on with what that one wrote.
_SETTINGS: Final = (
    "-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres"
    r" -c default_transaction_isolation=read\ committed"
)
_ENCODING: Final = "UTF8"
#: What helps where there is no connection.
REMEDY: Final = "start the server, or mend database.url"
#: PostgreSQL's read_only_sql_transaction: a standby, or a database that is set so.
_ONLY_READ: Final = "25006"
_WRITABLE: Final = "; name one that takes writes in database.url"
#: Of the states of SQL: connections that cannot be made or were ended.
_ENDED: Final = ("08", "57P0")


class Driver(Psycopg3Adapter):
    """peewee's adapter, without what it lacks when it was imported before the driver."""

    def __init__(self) -> None:
        super().__init__()
        from psycopg.pq import TransactionStatus

        self.txn_idle = TransactionStatus.IDLE
        self.txn_inerror = TransactionStatus.INERROR
        self.txn_unknown = TransactionStatus.UNKNOWN

    def check_driver(self) -> None:
        """It is there: it was imported."""

    def connect(self, db: Any, **params: Any) -> Any:
        """Open a connection; *db* is named by a URL, whose own options come first.

        Raises ConfigError when that database cannot hold every text.
        """
        import psycopg
        from psycopg.conninfo import conninfo_to_dict

        asked = conninfo_to_dict(db.database).get("options") or ""
        options = f"{asked} {_SETTINGS}".strip()
        connection = psycopg.connect(
            db.database, options=options, client_encoding=_ENCODING, **params
        )
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != _ENCODING:
            connection.close()
            raise ConfigError(
                "database.url",
                [
                    f"the database's encoding is {encoding}, which does not take every text: make"
                    " one with CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0"
                ],
            )
        # Columns of older programs: nothing that is asked for goes beyond a float.
        connection.adapters.register_loader("numeric", _number_loader())
        return connection


def trouble_of(error: Exception) -> DatabaseTrouble:
    """Return what went wrong with a server: its first line, the others explain or say it again."""
    told = str(first_fault(error)).strip().partition("\n")[0].strip()
    state = getattr(error.__context__, "sqlstate", None)
    if state == _ONLY_READ:
        return DatabaseTrouble(f"the database said: {told}{_WRITABLE}")
    if not isinstance(error, OperationalError | InterfaceError):
        return DatabaseTrouble(f"the database said: {told}")
    if state is None:
        return DatabaseAway(f"the database said: {told}; {REMEDY}")
    return (DatabaseAway if state.startswith(_ENDED) else DatabaseTrouble)(
        f"the database said: {told}"
    )


@cache
def _number_loader() -> type[Any]:
    from psycopg.adapt import Loader

    class NumberLoader(Loader):
        def load(self, data: Any) -> float:
            text = bytes(data).decode()
            return int(text) if text.lstrip("-").isdigit() else float(text)

    return NumberLoader


class ServerDatabase(PooledPostgresqlDatabase):  # type: ignore[misc]  # the pool has no types
    """A pool of connections to one database of a server."""

    psycopg2_adapter = psycopg3_adapter = Driver


def pool(url: str) -> ServerDatabase:
    """Return connections to the database at *url*, none of them open."""
    return ServerDatabase(
        url,
        max_connections=24,
        timeout=30,
        stale_timeout=300,
        autoconnect=False,
        connect_timeout=5,
        application_name="fbsyncd",
    )
