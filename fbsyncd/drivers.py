"""peewee without the drivers of servers, which it loads as soon as it is imported itself.

That takes longer than all the rest of a short command, and what works on a file has no use for it.
"""

from __future__ import annotations

import sys
from typing import Any, Final

#: What peewee tries to import.
_DRIVERS: Final = ("psycopg2cffi", "psycopg2", "psycopg", "pymysql", "MySQLdb")


def leave_out() -> None:
    """Import peewee without any driver, unless it is imported already.

    For programs that are fbsyncd and nothing else: whoever else uses peewee in the process finds
    it so. :mod:`fbsyncd.postgresql` brings its driver itself.
    """
    if "peewee" in sys.modules:
        return
    absent = [name for name in _DRIVERS if name not in sys.modules]
    nothing: dict[str, Any] = dict.fromkeys(absent)
    # None is how the import system is told that there is no such module.
    sys.modules.update(nothing)
    try:
        import peewee  # noqa: F401
    finally:
        for name in absent:
            del sys.modules[name]
