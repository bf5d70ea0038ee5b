"""Poolers: programs that stand before a PostgreSQL server and share its sessions among many.

What a session is set to, and the locks it holds, are a program's own only where it has the session
for as long as it likes. Where sessions are lent for one transaction each, two programs could hold
the same lock. Nothing here goes by a pooler's name or version (tried with PgBouncer).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

#: How a pooler words that it does not hand on what a connection is to be set to.
_REFUSAL: Final = "unsupported startup parameter"
_ROUNDS: Final = 3
_WORD: Final = re.compile(r"(?:\\.|[^\\\s])+")


def refuses_settings(error: Exception) -> bool:
    """Tell whether a connection was refused for the settings that came with it."""
    return _REFUSAL in str(error)


def is_between(connection: Any) -> bool:
    """Tell whether *connection* leads to its server through a pooler.

    A pooler gives its own number to whoever wants to cancel a statement, not that of the session.
    """
    return bool(_session(connection) != connection.info.backend_pid)


def lends(one: Any, other: Any) -> bool:
    """Tell whether the pooler that both lead through lends sessions for a transaction only.

    Whether it gives out first what came back last or what came back first, either *other* is given
    what *one* has had, or *one* is given another one. Both must be in no transaction.
    """
    for _ in range(_ROUNDS):
        seen = {_session(one), _session(one)}
        with other.transaction():
            # One at a time: with one session in all, *one* would wait for it for ever.
            if _session(other) in seen:
                return True
            seen.add(_session(one))
        if len(seen) > 1:
            return True
    return False


def settle(connection: Any, options: str) -> None:
    """Set what *options* ask for, which are written as for the start of a connection."""
    for name, value in _settings(options):
        connection.execute("SELECT set_config(%s, %s, false)", [name, value], prepare=False)


def _session(connection: Any) -> int:
    # A prepared statement would be of one session, and perhaps asked for in another.
    ((pid,),) = connection.execute("SELECT pg_backend_pid()", prepare=False).fetchall()
    return int(pid)


def _settings(options: str) -> Iterator[tuple[str, str]]:
    """Yield names and values of ``-c name=value``, ``-cname=value`` and ``--name=value``."""
    for word in _WORD.findall(options):
        name, is_setting, value = re.sub(r"\\(.)", r"\1", word).partition("=")
        if is_setting:
            long = name.removeprefix("--")
            yield long.replace("-", "_") if long != name else name.removeprefix("-c"), value
