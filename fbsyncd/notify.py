"""Tell the service manager how we are: one datagram to ``$NOTIFY_SOCKET`` each time.

Without a manager that asked for it every call does nothing. Nothing here raises: a message that is
lost must not end the work it tells of.

Source: https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress


class Notifier:
    """The line to the manager that started this process; *watchdog* is what it waits, in seconds.

    The watchdog is None when the manager keeps none, or keeps one for another process.
    """

    def __init__(self, environ: Mapping[str, str], pid: int | None = None) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # A leading @ stands for the NUL byte of Linux' abstract names.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog = _watchdog(environ, pid or os.getpid()) if self._address else None

    @property
    def is_heard(self) -> bool:
        """Tell whether anybody listens."""
        return bool(self._address)

    def ready(self) -> None:
        """The service stands, or stands again after a reload."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """The configuration is read again; :meth:`ready` ends that."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The service goes down, as it should."""
        self._tell("STOPPING=1")

    def status(self, text: str) -> None:
        """Show a line to people who ask ``systemctl status``."""
        self._tell(f"STATUS={' '.join(text.split())}")

    def alive(self) -> None:
        """Keep the watchdog quiet for another while."""
        self._tell("WATCHDOG=1")

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            # A manager that does not read must not keep us waiting.
            line.setblocking(False)
            line.sendto("\n".join(lines).encode(), self._address)


def _watchdog(environ: Mapping[str, str], pid: int) -> float | None:
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    microseconds = environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isdecimal() and int(microseconds) else None
