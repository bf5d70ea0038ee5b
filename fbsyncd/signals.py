"""Signals as something to wait for: none of our code runs inside a handler."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_STOP: Final = (signal.SIGTERM, signal.SIGINT)


class Heard:
    """The signals that have arrived; the interpreter itself writes their numbers to a socket."""

    def __init__(self, reader: socket.socket) -> None:
        self._reader = reader

    def wait(self) -> int:
        """Wait for the next signal and return its number."""
        return self._reader.recv(1)[0]


@contextmanager
def heard(*, hangup: bool) -> Iterator[Heard]:
    """Hear SIGTERM and SIGINT, and SIGHUP if *hangup*, instead of ending by them.

    A SIGHUP that is ignored, by ``nohup`` say, goes on being ignored.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    before = signal.set_wakeup_fd(writer.fileno())
    is_wanted = hangup and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    numbers = (*_STOP, signal.SIGHUP) if is_wanted else _STOP
    old = {number: signal.signal(number, _ignore) for number in numbers}
    with reader, writer:
        try:
            yield Heard(reader)
        finally:
            signal.set_wakeup_fd(before)
            for number, was in old.items():
                signal.signal(number, was)


def _ignore(number: int, frame: object) -> None:
    """The wake-up socket tells the main thread; there is nothing to do here."""
