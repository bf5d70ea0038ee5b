"""Kills fbsyncd over and over and checks, without its help, that nothing it says is untrue."""

from __future__ import annotations

import hashlib
import json
import random
import re
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
from plant import archive_of, config_text, query, sync

from fbsyncd.simulator import Simulator

CATEGORIES = ("posts", "attachments", "thumbnails")
NAME = re.compile(r"([0-9a-f]{64})\.(?:jpg|png|gif|webp|avif)")
PATIENCE = 60.0
MOMENT = 0.02

ARCHIVED = (
    "SELECT category, local_filename, file_size, sha256 FROM media_storage"
    " WHERE download_status = 'success'"
)
UNSETTLED = (
    "SELECT count(*) FROM media_storage WHERE lease_owner IS NOT NULL"
    " AND download_status <> 'success'"
)
NOT_SAFE = (
    "SELECT id, download_status, error_message, lease_owner, developed_at FROM media_storage"
    " WHERE download_status <> 'success' OR developed_at IS NULL OR lease_owner IS NOT NULL"
)
PICTURES = "SELECT asset_key, category, sha256, file_size FROM media_storage"
POSTS = "SELECT id, message, type, permalink_url, deleted_at IS NULL FROM facebook_posts"
ATTACHMENTS = (
    "SELECT post_id, attachment_key, type, m.sha256, t.sha256 FROM facebook_post_attachments a"
    " LEFT JOIN media_storage m ON m.id = a.local_media_id"
    " LEFT JOIN media_storage t ON t.id = a.local_thumbnail_id"
)


@dataclass(frozen=True, slots=True)
class Death:
    """When to die: at the *nth* time *point* is reached, or *after* so many seconds."""

    point: str = ""
    nth: int = 0
    after: float | None = None

    def __str__(self) -> str:
        return self.point or "random instant"


ALIVE = Death()


class Gallows:
    """Runs real fbsyncd processes and ends them; see :mod:`lethal`."""

    def __init__(self, log: Path) -> None:
        self._log = log
        program = [sys.executable, str(Path(__file__).with_name("lethal.py"))]
        self._process = subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, folder: Path, arguments: Sequence[str], death: Death) -> tuple[int, int]:
        """Return pid and exit status of ``fbsyncd *arguments*``; -9 when it was killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"folder": str(folder), "log": str(self._log), "arguments": list(arguments)}
        order |= {"point": death.point, "nth": death.nth, "after": death.after}  # type: ignore[dict-item]
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        assert not told["hung"], f"{arguments} did not end:\n{self.log}"
        return told["pid"], told["status"]

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def close(self) -> None:
        self._process.communicate(timeout=PATIENCE)


@dataclass
class Ordeal:
    """One archive that is killed again and again, and what is known of it."""

    facebook: Simulator
    folder: Path
    database_url: str
    gallows: Gallows | None = None
    kills: Counter[str] = field(default_factory=Counter)
    survived: int = 0
    #: How many pictures may be fetched once more: unsettled at a kill, or harmed by us.
    again: int = 0
    harmed: set[Path] = field(default_factory=set)
    removed: set[Path] = field(default_factory=set)
    _known: dict[Path, tuple[tuple[int, int, int], str]] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        return self.folder / "media" / "facebook"

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the database without fbsyncd."""
        if self.database_url.startswith("sqlite"):
            path = self.database_url.removeprefix("sqlite:///")
            with closing(sqlite3.connect(path)) as connection:
                return connection.execute(sql).fetchall()
        # A transaction left open between two steps may be ended by the server.
        with psycopg.connect(self.database_url, autocommit=True) as session:
            return session.execute(sql).fetchall()

    def has_schema(self) -> bool:
        sqlite = "SELECT name FROM sqlite_master"
        postgresql = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        names = self.rows(sqlite if self.database_url.startswith("sqlite") else postgresql)
        assert not names or ("media_storage",) in names, "half a schema"
        return bool(names)

    def run(self, *arguments: str, death: Death = ALIVE, status: int = 0) -> bool:
        """Run a command that may be killed, check everything, and tell whether it was killed.

        One that is not killed ends with *status*.
        """
        assert self.gallows is not None
        pid, ended = self.gallows.run(self.folder, arguments, death)
        assert ended in {status, -9}, f"{arguments} {death}: {ended}\n{self.gallows.log}"
        assert "Traceback" not in _of_ours(self.gallows.log), self.gallows.log
        self._await_quiet(pid)
        was_killed = ended == -9
        if was_killed:
            self.kills[f"{arguments[0]} at {death}"] += 1
        else:
            self.survived += 1
        if self.has_schema():
            self.again += self.rows(UNSETTLED)[0][0] if was_killed else 0
            self.check()
        return was_killed

    def check(self) -> None:
        """Every archived row has its whole file; every file's content is what its name says."""
        # A file that is whole again is held to the rules again.
        self.harmed = {path for path in self.harmed if self._digest(path) != path.stem}
        self.removed &= self.harmed
        for category, name, size, sha256 in self.rows(ARCHIVED):
            path = self.root / category / name
            assert path in self.removed or path.exists(), f"{path} is missing"
            if path not in self.harmed:
                assert (path.stat().st_size, self._digest(path)) == (size, sha256)
        for path in self.files():
            found = NAME.fullmatch(path.name)
            assert found, f"{path} is no name of ours"
            assert path in self.harmed or self._digest(path) == found[1], f"{path} is not whole"

    def files(self) -> Iterator[Path]:
        for category in CATEGORIES:
            if (self.root / category).is_dir():
                yield from (self.root / category).iterdir()

    def harm(self, path: Path, *, alter: bool) -> None:
        """Delete or alter an archived file."""
        named = (
            "SELECT count(*) FROM media_storage WHERE derived_from IS NULL"
            f" AND local_filename = '{path.name}'"
        )
        self.again += self.rows(named)[0][0]
        self.harmed.add(path)
        if alter:
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 0xFF
            path.write_bytes(data)
        else:
            self.removed.add(path)
            path.unlink()

    def finish(self) -> dict[str, int]:
        """Let it end its work in peace, and find everything there, once; return what was counted.

        The same Facebook archived by a process that nobody kills is what it is compared with.
        """
        assert not self.run("reconcile", "--scrub")
        assert not self.run("sync")
        assert self.harmed == set()
        assert self.rows(NOT_SAFE) == []
        assert list((self.root / ".incoming").iterdir()) == []
        posts = sorted(id_ for (id_,) in self.rows("SELECT id FROM facebook_posts"))
        assert posts == sorted(post.id for post in self.facebook.world.posts(self.facebook.page_id))
        downloads = self.facebook.calls["cdn"]
        pictures = self.rows("SELECT count(*) FROM media_storage WHERE derived_from IS NULL")[0][0]
        assert pictures <= downloads <= pictures + self.again
        self._compare()
        return {
            "kills": self.kills.total(),
            "survived": self.survived,
            "posts": len(posts),
            "pictures": pictures,
            "downloads": downloads,
            "downloads allowed": pictures + self.again,
        }

    def _compare(self) -> None:
        folder = self.folder / "twin"
        folder.mkdir()
        with archive_of(self.facebook, folder, f"sqlite:///{folder / 'twin.db'}") as twin:
            assert sync(twin).problems == []
            for sql in (PICTURES, POSTS, ATTACHMENTS):
                mine = sorted(self.rows(sql), key=str)
                others = sorted(query(twin, sql), key=str)
                assert [[*map(_plain, row)] for row in mine] == [[*map(_plain, r)] for r in others]

    def _digest(self, path: Path) -> str:
        try:
            stat = path.stat()
        except FileNotFoundError:
            return ""
        stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        known = self._known.get(path)
        if known is None or known[0] != stamp:
            known = stamp, hashlib.sha256(path.read_bytes()).hexdigest()
            self._known[path] = known
        return known[1]

    def _await_quiet(self, group: int) -> None:
        """Wait until neither a worker nor a server's backend of the dead process is left."""
        deadline = time.monotonic() + PATIENCE
        while left := [*survivors(group), *self._backends()]:
            assert time.monotonic() < deadline, f"left behind: {left}"
            Event().wait(MOMENT)

    def _backends(self) -> list[tuple[Any, ...]]:
        if self.database_url.startswith("sqlite"):
            return []
        return self.rows(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'fbsyncd'"
            " AND datname = current_database()"
        )


def survivors(group: int) -> list[int]:
    """Return the living processes of a process group; none are found where there is no /proc."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = path.read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(pgrp) == group and state not in {"Z", "X"}:
            found.append(int(path.parent.name))
    return found


def _plain(value: object) -> str:
    # The one engine says True where the other says 1.
    return str(int(value)) if isinstance(value, bool) else str(value)


@contextmanager
def ordeal(folder: Path, database_url: str, posts: int, seed: int) -> Iterator[Ordeal]:
    """A simulated Facebook and an archive of it, not even set up."""
    with Simulator(posts=posts, seed=seed, pictures="plain") as facebook:
        (folder / "config.toml").write_text(config_text(facebook, database_url))
        gallows = Gallows(folder / "log")
        try:
            yield Ordeal(facebook, folder, database_url, gallows)
        finally:
            gallows.close()


def prepare(one: Ordeal, chance: random.Random, command: str) -> None:
    """Give the next command something to do that can be interrupted."""
    whole = sorted(path for path in one.files() if path not in one.harmed)
    if command == "reconcile" and len(whole) > 12 and len(one.harmed) < 6:
        for path, alter in zip(chance.sample(whole, 2), (True, False), strict=True):
            one.harm(path, alter=alter)
    if command in {"sync", "run"}:
        one.facebook.add_post(chance.choice(["photo", "album", "reel", "photo"]))


# The interpreter's own complaint in a worker whose parent was killed while it was being born: no
# line of ours had run in it.
_STILLBORN = re.compile(
    r"Traceback \(most recent call last\):\n(?:  .*\n)*?.*in spawn_main\n(?:  .*\n)*EOFError: .*"
)


def _of_ours(log: str) -> str:
    return _STILLBORN.sub("", log)
