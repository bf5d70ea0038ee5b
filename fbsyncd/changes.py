"""Whether anything was committed, by this process or by another one, told without reading a row.

SQLite counts for each connection what others have committed (``PRAGMA data_version``), so one
connection is set aside that never writes. PostgreSQL tells which transactions a statement sees
(``pg_current_snapshot()``): every commit changes it, and from the same moment on from which its
rows can be seen. A counter row would make writers wait for each other, and a sequence or a
notification moves before or after the rows do.

Both count more than the rows of an archive: on a PostgreSQL server all its databases.
"""

from __future__ import annotations

from threading import Lock
from typing import Any, Final

import peewee
from peewee import Database

from fbsyncd.models import engine

Mark = tuple[object, ...]

#: Seconds one thread waits for another one's answer.
PATIENCE: Final = 1.0


class Changes:
    """What was committed to *db*; holds one of its connections, which closing *db* closes."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = Lock()
        self._connection: Any = None
        self._opened = 0

    def mark(self) -> Mark:
        """Return a value that is equal to an earlier one only if nothing was committed in between.

        Take it before the rows are read: what is committed meanwhile makes the next one differ.
        When the database does not answer, the value equals no other; nothing is raised.
        """
        if not self._lock.acquire(timeout=PATIENCE):
            # Whoever asks hangs, so all would: a server that was cut off lets one wait for minutes.
            return (object(),)
        try:
            with peewee.__exception_wrapper__:  # type: ignore[attr-defined]
                value = self._asked()
                return self._opened, value
        except (peewee.PeeweeException, ValueError):
            # ValueError is the pool's, when all its connections are in use.
            self._drop()
            return (object(),)
        finally:
            self._lock.release()

    def _asked(self) -> object:
        if self._connection is None:
            self._connection = self._db._connect()  # type: ignore[attr-defined]  # the pool's
            # Each connection of SQLite counts for itself: numbers of two cannot be compared.
            self._opened += 1
        cursor = self._connection.cursor()
        (value,) = cursor.execute(engine(self._db).version).fetchone()
        return value

    def _drop(self) -> None:
        if self._connection is not None:
            self._db._close(self._connection, close_conn=True)  # type: ignore[attr-defined]
            self._connection = None
