"""Signals as something to wait for: none of our code runs inside a handler."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_ALL: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Heard:
    """The signals that have arrived; the interpreter itself writes their numbers to a socket."""

    def __init__(self, reader: socket.socket) -> None:
        self._reader = reader

    def wait(self) -> int:
        """Wait for the next signal and return its number."""
        return self._reader.recv(1)[0]


@contextmanager
def heard() -> Iterator[Heard]:
    """Hear SIGTERM, SIGINT and SIGHUP instead of ending by them.

    One that is ignored goes on being ignored: SIGHUP by ``nohup``, SIGINT behind a shell's ``&``.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    before = signal.set_wakeup_fd(writer.fileno())
    wanted = [number for number in _ALL if signal.getsignal(number) is not signal.SIG_IGN]
    old = {number: signal.signal(number, _ignore) for number in wanted}
    with reader, writer:
        try:
            yield Heard(reader)
        finally:
            signal.set_wakeup_fd(before)
            for number, was in old.items():
                signal.signal(number, was)


def _ignore(number: int, frame: object) -> None:
    """The wake-up socket tells the main thread; there is nothing to do here."""
