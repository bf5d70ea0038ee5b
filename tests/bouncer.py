"""A real PgBouncer before a server of the tests, as Debian packages it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import psycopg
from ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    import postgres

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
MISSING = "PgBouncer is not installed"
_PATIENCE = 60.0


@dataclass
class Bouncer:
    """A running PgBouncer on *port*, which lends the sessions of *server*."""

    server: postgres.PostgresServer
    port: int
    folder: Path
    log: Any
    process: subprocess.Popen[bytes] | None = None

    def url(self, url: str) -> str:
        """Return the way through it to the database that *url* names."""
        return url.replace(f":{self.server.port}/", f":{self.port}/")

    def start(self, mode: str, *more: str) -> None:
        """Start it; *more* are lines of its configuration."""
        options = {name: self.server.options[name] for name in self.server.options if name != "cwd"}
        (self.folder / "users").write_text(f'"fbsyncd" "{self.server.password}"\n')
        (self.folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={self.server.port}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = scram-sha-256\nauth_file = {self.folder / 'users'}\n"
            f"pool_mode = {mode}\n" + "".join(f"{line}\n" for line in more)
        )
        command = [str(PROGRAM), str(self.folder / "pgbouncer.ini")]
        self.process = subprocess.Popen(
            command, cwd=self.folder, stdin=subprocess.DEVNULL, stderr=self.log, **options
        )
        self._await()

    def stop(self) -> None:
        """End it, whoever is connected."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(_PATIENCE)

    def _await(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while True:
            assert self.process is not None
            assert self.process.poll() is None, "PgBouncer did not start"
            try:
                psycopg.connect(self.url(self.server.url("postgres"))).close()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline
                Event().wait(0.05)
            else:
                return


@contextlib.contextmanager
def pooling(server: postgres.PostgresServer, mode: str, *more: str) -> Iterator[Bouncer]:
    """A PgBouncer in this pool *mode* before *server*."""
    with tempfile.TemporaryDirectory(prefix="fbsyncd-pgbouncer-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with (folder / "log").open("wb") as log:
            bouncer = Bouncer(server, free_port(), folder, log)
            try:
                bouncer.start(mode, *more)
                yield bouncer
            finally:
                bouncer.stop()
