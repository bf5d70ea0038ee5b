"""Connections to a PostgreSQL server, whose driver is loaded with the first of them."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache
from typing import Any, Final

from peewee import InterfaceError, OperationalError, PostgresqlDatabase, Psycopg3Adapter
from playhouse.pool import PooledPostgresqlDatabase

from fbsyncd import pooler
from fbsyncd.errors import ConfigError, DatabaseAway, DatabaseTrouble
from fbsyncd.sqlitefile import first_fault

#: What a server, a database or a role may have set otherwise: times are read and compared as texts
#: of one form, numbers come back as they were written, whoever waited for another one's commit goes
#: on with what that one wrote, and nobody is put out while it reads the files of earlier pictures.
_SETTINGS: Final = (
    "-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=1"
    r" -c default_transaction_isolation=read\ committed"
    " -c idle_in_transaction_session_timeout=0"
)
_ENCODING: Final = "UTF8"
#: Types that hold more than Python does: infinity, years before the first and after 9999.
_TIMES: Final = ("timestamp", "timestamptz", "date", "interval")
#: psycopg's Format.TEXT, in which the server answers.
_TEXT: Final = 0
#: What helps where there is no connection.
REMEDY: Final = "start the server, or mend database.url"
#: PostgreSQL's read_only_sql_transaction: a standby, or a database that is set so.
_ONLY_READ: Final = "25006"
_WRITABLE: Final = "; name one that takes writes in database.url"
#: Of the states of SQL: connections that cannot be made or were ended.
_ENDED: Final = ("08", "57P0")

_NARROW: Final = (
    "the database's encoding is {}, which does not take every text: make one with"
    " CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0"
)
_LENT: Final = (
    "a pooler lends fbsyncd another session for each transaction, and a lock taken in one would not"
    " hold: name the server itself, or let the pooler lend whole sessions (PgBouncer:"
    " pool_mode = session)"
)


class Driver(Psycopg3Adapter):
    """peewee's adapter, without what it lacks when it was imported before the driver."""

    def __init__(self) -> None:
        super().__init__()
        from psycopg.pq import TransactionStatus

        self.txn_idle = TransactionStatus.IDLE
        self.txn_inerror = TransactionStatus.INERROR
        self.txn_unknown = TransactionStatus.UNKNOWN
        self.look_again()

    def check_driver(self) -> None:
        """It is there: it was imported."""

    def connect(self, db: Any, **params: Any) -> Any:
        """Open a connection; *db* is named by a URL, whose own options come first.

        Raises ConfigError when that database cannot hold every text, or a pooler lends no whole
        sessions.
        """
        connection = self._open(db.database, params)
        with ExitStack() as refused:
            refused.callback(connection.close)
            encoding = connection.info.parameter_status("server_encoding")
            if encoding != _ENCODING:
                raise ConfigError("database.url", [_NARROW.format(encoding)])
            if pooler.is_between(connection):
                self._require_whole_sessions(connection, db.database, params)
                # It may have left out what it was told at the start.
                pooler.settle(connection, _options(db.database))
            refused.pop_all()
        # Columns of older programs: nothing that is asked for goes beyond a float.
        connection.adapters.register_loader("numeric", _number_loader())
        for name in _TIMES:
            found = connection.adapters.get_loader(connection.adapters.types[name].oid, _TEXT)
            connection.adapters.register_loader(name, _bounded_loader(found))
        return connection

    def look_again(self) -> None:
        """Look again at what stands before the server, with the next connection."""
        self._takes_settings, self._is_whole = True, False

    def _open(self, url: str, params: dict[str, Any]) -> Any:
        import psycopg

        wanted = {"client_encoding": _ENCODING, "autocommit": True, **params}
        if self._takes_settings:
            try:
                connection = psycopg.connect(url, options=_options(url), **wanted)
            except psycopg.OperationalError as error:
                if not pooler.refuses_settings(error):
                    raise
                self._takes_settings = False
            else:
                return connection
        return psycopg.connect(url, options="", **wanted)

    def _require_whole_sessions(self, connection: Any, url: str, params: dict[str, Any]) -> None:
        if self._is_whole:
            return
        with self._open(url, params) as other:
            if pooler.lends(connection, other):
                raise ConfigError("database.url", [_LENT])
        self._is_whole = True


def _options(url: str) -> str:
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.pq import Conninfo

    # What libpq would take where nobody names any: PGOPTIONS, or those of the service that
    # PGSERVICE names. It does not look up the options of a service that the URL names.
    usual = {one.keyword: one.val for one in Conninfo.get_defaults()}[b"options"] or b""
    asked = conninfo_to_dict(url).get("options") or usual.decode("utf-8", "replace")
    return f"{asked} {_SETTINGS}".strip()


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


@cache
def _bounded_loader(found: type[Any]) -> type[Any]:
    """Return a loader as *found*, which gives None for what Python cannot hold.

    A script may write such a time, and reading one row must not end what reads all of them.
    """
    from psycopg import DataError
    from psycopg.adapt import Loader

    class BoundedLoader(Loader):
        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._found = found(oid, context).load

        def load(self, data: Any) -> Any:
            try:
                return self._found(data)
            except DataError:
                return None

    return BoundedLoader


class ServerDatabase(PooledPostgresqlDatabase):  # type: ignore[misc]  # the pool has no types
    """A pool of connections to one database of a server."""

    psycopg2_adapter = psycopg3_adapter = Driver

    def apart(self) -> Any:
        """Return a connection that is none of the pool's; whoever asks for it closes it.

        What stands before the server may be another pooler than it was.
        """
        self._adapter.look_again()
        return PostgresqlDatabase._connect(self)  # type: ignore[attr-defined]


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
