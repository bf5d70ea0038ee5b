"""Forks fbsyncd commands and lets them die of SIGKILL at a chosen instant.

Run as a program. It loads the libraries once, then forks a process for each line of JSON on its
standard input; fbsyncd itself is loaded in the fork, which therefore is as new as any process.
A fork counts what it does (fsync, rename, SQL statements...) and kills itself at the wanted one,
or is killed from outside after so many seconds. No code of fbsyncd is touched.

Workers that a fork spawns load this file again: it must stay light.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

_LIBRARIES = "apscheduler.schedulers.background bottle peewee PIL.Image playhouse.pool psycopg"
_MORE = "psycopg_binary pydantic requests rich.live urllib3 waitress watchdog.observers"
_HUNG = 90.0
_CALLS = (("fsync", "fsynced"), ("replace", "replaced"), ("unlink", "unlinked"), ("link", "linked"))


class Countdown:
    """Kills this process when *point* is reached the *nth* time."""

    def __init__(self, point: str, nth: int) -> None:
        self._point = point
        self._left = nth
        self._lock = threading.Lock()

    def at(self, *points: str) -> None:
        if self._point in points:
            with self._lock:
                self._left -= 1
                if self._left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

    def around(self, call: Callable[..., Any], before: str, after: str) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            self.at(before)
            result = call(*args, **options)
            self.at(after)
            return result

        return counted

    def around_sql(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(cursor: Any, sql: Any, *args: Any, **options: Any) -> Any:
            is_commit = str(sql).upper() == "COMMIT"
            self.at("statement", "commit" if is_commit else "")
            result = call(cursor, sql, *args, **options)
            self.at("executed", "committed" if is_commit else "")
            return result

        return counted


def arm(countdown: Countdown) -> None:
    """Let the system calls and statements that matter be counted."""
    for name, after in _CALLS:
        setattr(os, name, countdown.around(getattr(os, name), name, after))

    def opened(event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and str(args[0]).endswith(".part"):
            countdown.at("open")

    sys.addaudithook(opened)
    _arm_sqlite(countdown)
    psycopg = import_module("psycopg")
    for name in ("execute", "executemany"):
        setattr(psycopg.Cursor, name, countdown.around_sql(getattr(psycopg.Cursor, name)))


def _arm_sqlite(countdown: Countdown) -> None:
    class Cursor(sqlite3.Cursor):
        execute = countdown.around_sql(sqlite3.Cursor.execute)
        executemany = countdown.around_sql(sqlite3.Cursor.executemany)

    class Connection(sqlite3.Connection):
        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

    connect = sqlite3.connect

    def connected(*args: Any, **options: Any) -> Any:
        return connect(*args, **{"factory": Connection, **options})

    sqlite3.connect = sqlite3.dbapi2.connect = connected


def become(order: dict[str, Any]) -> None:
    """Be ``fbsyncd`` with the ordered arguments; never returns."""
    os.setsid()
    os.chdir(order["folder"])
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if order["point"]:
        arm(Countdown(order["point"], order["nth"]))
    sys.argv = ["fbsyncd", *order["arguments"]]
    sys.exit(import_module("fbsyncd.__main__").main())


def serve() -> None:
    """Fork and watch one process for each order; in a fork, be that process."""
    for name in f"{_LIBRARIES} {_MORE}".split():
        import_module(name)
    # readline: iterating over a file reads ahead, and a fork would inherit what was read.
    while line := sys.stdin.readline():
        order = json.loads(line)
        ended, open_while_alive = os.pipe()
        pid = os.fork()
        if pid == 0:
            become(order)
        os.close(open_while_alive)
        patience = _HUNG if order["after"] is None else order["after"]
        is_late = not select.select([ended], [], [], patience)[0]
        if is_late:
            os.kill(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(ended)
        hung = is_late and order["after"] is None
        sys.stdout.write(json.dumps({"pid": pid, "status": status, "hung": hung}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
