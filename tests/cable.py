"""A wire to a loopback port that can be cut: then connections are refused, as without a network.

It can also lose an answer: the question arrives, and its connection ends before it is answered.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections import Counter
from threading import Event, Thread
from typing import Self

_TICK = 0.05
_PIECE = 256 * 1024


class Cable:
    """Forwards a port of its own to *port* while it is whole."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = _bound(("127.0.0.1", 0))
        self._wires = selectors.DefaultSelector()
        self._wanted, self._is_whole, self._turned = False, False, Event()
        self._stopped = False
        self._texts, self._spared = tuple[bytes, ...](), 0
        self._mute = set[socket.socket]()
        self._heard: Counter[socket.socket] = Counter()
        self._thread = Thread(target=self._run, name="cable")
        self._here = self._listener.getsockname()

    @property
    def url(self) -> str:
        """Where it begins."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """The port of its beginning."""
        return int(self._here[1])

    def cut(self) -> None:
        """End every connection and refuse new ones."""
        self._turn(whole=False)

    def mend(self) -> None:
        """Take connections again, at the same place."""
        self._turn(whole=True)

    def lose_answer(self, *texts: bytes, after: int = 0) -> None:
        """Lose the answer to what holds the last of *texts*, when a connection has sent them all.

        So many that did so too get theirs before.
        """
        self._heard.clear()
        self._texts, self._spared = texts, after

    @property
    def has_lost(self) -> bool:
        """Whether the answer is lost."""
        return not self._texts

    def __enter__(self) -> Self:
        self._thread.start()
        self.mend()
        return self

    def __exit__(self, *exception: object) -> None:
        self.cut()
        self._stopped = True
        self._thread.join()
        self._listener.close()
        self._wires.close()

    def _turn(self, *, whole: bool) -> None:
        self._wanted = whole
        while self._is_whole != whole:
            assert self._thread.is_alive()
            self._turned.wait(_TICK)
        self._turned.clear()

    def _run(self) -> None:
        while not self._stopped:
            if self._wanted != self._is_whole:
                self._open() if self._wanted else self._close()
                self._is_whole = not self._is_whole
                self._turned.set()
            for key, _ in self._wires.select(_TICK):
                self._accept() if key.data is None else self._carry(key.fileobj, key.data)

    def _open(self) -> None:
        self._listener.listen(128)
        self._wires.register(self._listener, selectors.EVENT_READ)

    def _close(self) -> None:
        self._wires.unregister(self._listener)
        # Bound and not listening: the port stays ours and refuses.
        for key in list(self._wires.get_map().values()):
            self._hang_up(key.fileobj)
        self._listener.close()
        self._listener = _bound(self._here)

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        far = socket.create_connection(("127.0.0.1", self._port))
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wires.register(near, selectors.EVENT_READ, far)
        self._wires.register(far, selectors.EVENT_READ, near)

    def _carry(self, end: object, other: socket.socket) -> None:
        assert isinstance(end, socket.socket)
        if end.fileno() < 0:
            return
        try:
            data = end.recv(_PIECE)
            if end in self._mute:
                data = b""
            other.sendall(data)
            self._listen(data, end, other)
        except OSError:
            data = b""
        if not data:
            self._hang_up(end)
            self._hang_up(other)

    def _listen(self, data: bytes, asker: socket.socket, other: socket.socket) -> None:
        while self._texts and self._texts[self._heard[asker]] in data:
            # The same text again is asked for in what comes next.
            _, _, data = data.partition(self._texts[self._heard[asker]])
            self._heard[asker] += 1
            if self._heard[asker] < len(self._texts):
                continue
            self._heard[asker] = 0
            self._spared -= 1
            if self._spared < 0:
                self._mute.add(other)
                self._texts = ()

    def _hang_up(self, end: object) -> None:
        assert isinstance(end, socket.socket)
        with contextlib.suppress(KeyError, ValueError):
            self._wires.unregister(end)
        self._mute.discard(end)
        self._heard.pop(end, None)
        end.close()


def _bound(place: tuple[str, int]) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(place)
    return listener
