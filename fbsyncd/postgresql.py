"""Connections to a PostgreSQL server, whose driver is loaded with the first of them."""

from __future__ import annotations

from functools import cache
from typing import Any

from peewee import Psycopg3Adapter
from playhouse.pool import PooledPostgresqlDatabase


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
        """Open a connection; *db* is named by a URL."""
        import psycopg

        connection = psycopg.connect(db.database, **params)
        # Columns of older programs: nothing that is asked for goes beyond a float.
        connection.adapters.register_loader("numeric", _number_loader())
        return connection


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
