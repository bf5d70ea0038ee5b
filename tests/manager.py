"""A service manager as far as a service sees one: a real datagram socket that hears messages."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

PATIENCE = 60.0


@dataclass
class Manager:
    """What was heard so far, one entry a message, and the service that speaks."""

    line: socket.socket
    process: subprocess.Popen[str]
    heard: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def next(self, patience: float) -> str | None:
        """Return the next message, None when none came in time."""
        self.line.settimeout(max(patience, 0.01))
        try:
            message = self.line.recv(8192).decode()
        except TimeoutError:
            return None
        self.heard.append(message)
        return message

    def until(self, happens: Callable[[str], bool], patience: float = PATIENCE) -> str:
        """Listen until a message of which *happens* is true comes, and return it."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            message = self.next(deadline - time.monotonic())
            if message is not None and happens(message):
                return message
            if message is None and self.process.poll() is not None:
                break
        raise AssertionError(f"not heard among {self.heard}; {self.finish()}")

    def silent_for(self, word: str, seconds: float) -> bool:
        """Tell whether no message with *word* comes for so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            message = self.next(left)
            if message is not None and word in message:
                return False
        return True

    def finish(self, number: int = signal.SIGTERM) -> str:
        """Send a signal (0: none), wait for the end of the service and return what it logged."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.log += self.process.communicate(timeout=30)[1].splitlines()
        return "\n".join(self.log)


@contextmanager
def managed(
    folder: Path,
    stdin: IO[bytes] | None = None,
    *,
    watchdog: float | None = None,
    abstract: bool = False,
) -> Iterator[Manager]:
    """Run ``fbsyncd run`` in *folder* as a service of a manager that we are."""
    name = f"\0fbsyncd-test-{os.getpid()}-{time.monotonic_ns()}" if abstract else str(folder / "n")
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("FBSYNCD_", "WATCHDOG_"))}
    environ["NOTIFY_SOCKET"] = name.replace("\0", "@")
    if watchdog:
        environ["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(name)
        process = subprocess.Popen(
            [sys.executable, "-m", "fbsyncd", "run"],
            cwd=folder,
            env=environ,
            stdin=stdin or subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield Manager(line, process)
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()
            if not abstract:
                Path(name).unlink()
