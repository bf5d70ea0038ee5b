"""The databases to measure on: SQLite, and PostgreSQL where the tests' binaries are there."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench import table


@contextmanager
def server() -> Iterator[Any]:
    """Start the tests' PostgreSQL server as it comes: what is committed is on the disk.

    Raises Missing.
    """
    sys.path.append(str(Path(__file__).parent.parent / "tests"))
    import postgres

    binaries = postgres.find_binaries()
    if binaries is None:
        raise table.Missing(postgres.missing_reason())
    with postgres.running_server(binaries, durable=True) as running:
        yield running


@contextmanager
def databases(url: str | None) -> Iterator[list[tuple[str, str]]]:
    """Yield names and URLs of the databases to measure on: of *url* alone where it is given."""
    if url:
        yield [("given", url)]
        return
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        found = [("SQLite", f"sqlite:///{folder}/bench.db")]
        try:
            running = stack.enter_context(server())
        except table.Missing as reason:
            table.leave_out("PostgreSQL", str(reason))
        else:
            found.append(("PostgreSQL", str(stack.enter_context(running.fresh_database()))))
        yield found
