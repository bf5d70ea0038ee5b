"""Those that write to one archive: any number of processes, all with the same media folder.

A daemon may have a sync by hand beside it. One that has the same database and fills another folder
would lose what the first one fetches, and the other way round, since a row knows of one file only.
The marker in the folder does not tell them apart while both are new, nor when one is a copy.

Who writes holds the database (:mod:`fbsyncd.hold`), and the first one says there for which folder.
A folder is known by its machine and its path: the same path elsewhere is another disk. Those that
hold one SQLite file are on one machine.

They hold its schema too. A program that works goes by the tables it found when it began; whoever
finds them older than its own while somebody works is a newer program than that one.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Final

from peewee import Database

from fbsyncd import backend, facts, models, process
from fbsyncd.errors import AlreadyRunning, DatabaseTrouble

_FACT: Final = "writers"

#: The schema a database has, and the one it is about to get; None when it stays as it is.
Upgrade = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class _Told:
    """Which folder is filled from this database, and by whom; some of them may be gone.

    *host* is for people: a machine may get another name.
    """

    machine: str
    host: str
    root: str
    names: tuple[str, ...] = ()

    def is_same_place(self, other: _Told) -> bool:
        return (self.machine, self.root) == (other.machine, other.root)

    def with_us(self) -> _Told:
        alive = {name for name in self.names if not process.is_gone(name)}
        return replace(self, names=tuple(sorted({*alive, process.name()})))

    def who(self, machine: str) -> str:
        """Return who that is; *machine* is ours, and can tell whether it still lives."""
        is_here = machine == self.machine
        alive = [name for name in self.names if not (is_here and process.is_gone(name))]
        pid = (alive or list(self.names) or ["unknown"])[0].partition("-")[0]
        return f"pid {pid} on {self.host}"

    def filling(self, machine: str) -> str:
        """Return what they do, for somebody on *machine*."""
        who = self.who(machine)
        return f"another fbsyncd ({who}) fills the media folder {self.root} from this database"


class Writers:
    """This process among those that write to *db* and fill the folder *root*."""

    def __init__(self, db: Database, root: Path) -> None:
        self._db = db
        self._hold = backend.of(db).hold()
        self._lock = Lock()
        # The disk may be away; a mount point stays where it is.
        self._own = _Told(backend.of(db).machine(), socket.gethostname(), str(root.resolve()))

    def join(self, upgrade: Upgrade = None) -> None:
        """Be one of them until the end of this process, or :meth:`leave`.

        Raises AlreadyRunning when another folder is filled from this database, or when others work
        with the schema that is about to be upgraded.
        """
        with self._looking() as (is_alone, there):
            if there is not None and not there.is_same_place(self._own):
                self._hold.release()
                raise AlreadyRunning(
                    f"{there.filling(self._own.machine)}, and this one would fill {self._own.root}"
                    f" on {self._own.host}: stop that one first, or work with its folder there"
                )
            self._refuse(upgrade, is_alone, there)
            self._tell(there or self._own)

    def let(self, upgrade: Upgrade) -> None:
        """Let the schema be upgraded by one who only reads; holds nothing.

        Raises AlreadyRunning when somebody works with it as it is.
        """
        if upgrade is not None:
            with self._looking() as (is_alone, there):
                self._refuse(upgrade, is_alone, there)
                self._hold.release()

    def keep(self) -> None:
        """Go on being one of them; to be called every few seconds, or before each piece of work.

        Safe to use from several threads. Raises AlreadyRunning when another folder is filled since
        the database was out of reach.
        """
        # Whoever needs the database says that it is away.
        with self._lock, suppress(DatabaseTrouble):
            if not self._hold.is_kept():
                self.join()
            elif not self._is_told():
                self._tell_again()

    def are_elsewhere(self) -> bool:
        """Tell whether another folder is filled from this database just now; holds nothing."""
        return self.elsewhere() is not None

    def elsewhere(self) -> str | None:
        """Return who fills another folder from this database just now, and which; holds nothing."""
        with self._looking() as (_, there):
            self._hold.release()
        if there is None or there.is_same_place(self._own):
            return None
        return there.filling(self._own.machine)

    def leave(self) -> None:
        """Be none of them any more."""
        self._hold.release()

    def _is_told(self) -> bool:
        there = self._told()
        return there is not None and process.name() in there.names

    def _tell_again(self) -> None:
        # A backup that was put in its place knows nothing of us, and perhaps of others long gone:
        # nobody else fills another folder as long as we hold the database.
        with models.transaction(self._db):
            models.rows(self._db, models.engine(self._db).lock_joining)
            there = self._told()
            self._tell(there if there and there.is_same_place(self._own) else self._own)

    def _tell(self, there: _Told) -> None:
        facts.put(self._db, _FACT, json.dumps(asdict(there.with_us())))

    def _told(self) -> _Told | None:
        told = facts.get(self._db, _FACT)
        return None if told is None else _read(told)

    def _refuse(self, upgrade: Upgrade, is_alone: bool, there: _Told | None) -> None:
        if upgrade is None or is_alone:
            return
        self._hold.release()
        who = there.who(self._own.machine) if there else "pid unknown"
        has, knows = upgrade
        raise AlreadyRunning(
            f"the database has schema {has}, this program knows {knows}, and an older fbsyncd"
            f" ({who}) works with it: stop that one first, or use the program that it is; nothing"
            " was upgraded"
        )

    @contextmanager
    def _looking(self) -> Iterator[tuple[bool, _Told | None]]:
        """Take hold, and yield whether nobody else has, and what those say who hold it already.

        One at a time: of two that came at once, neither would be alone.
        """
        with models.transaction(self._db):
            models.rows(self._db, models.engine(self._db).lock_joining)
            is_alone = self._hold.take()
            yield is_alone, None if is_alone else self._told()


def _read(told: str) -> _Told:
    found = json.loads(told)
    return _Told(found.get("machine", ""), found["host"], found["root"], tuple(found["names"]))
