"""A client that asks one server as fast as it answers, over connections that are kept.

Bodies are thrown away inside the kernel (MSG_TRUNC), so that the client is not what is measured.
"""

from __future__ import annotations

import re
import select
import socket
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_BUFFER: Final = bytearray(1 << 20)
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_CLOSES: Final = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_DISCARD: Final = getattr(socket, "MSG_TRUNC", 0)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run showed: requests a second, times in microseconds, the status of the answers."""

    rate: float
    median: float
    p99: float
    statuses: frozenset[int]


@dataclass(slots=True)
class _Line:
    """One connection, and the answer it waits for."""

    address: tuple[str, int]
    socket: socket.socket = field(init=False)
    asked: float = 0.0
    head: bytes = b""
    left: int = -1  # bytes of the body still to come; -1 while the head is not complete
    closes: bool = False
    status: int = 0

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        self.socket = socket.create_connection(self.address, timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> None:
        if self.closes:
            self.socket.close()
            self.open()
        self.head, self.left, self.closes = b"", -1, False
        self.asked = time.perf_counter()
        self.socket.sendall(request)

    def take(self) -> bool:
        """Take what has arrived; tell whether the answer is complete."""
        if self.left < 0:
            return self._take_head()
        size = min(self.left, len(_BUFFER))
        self.left -= self._received(self.socket.recv_into(_BUFFER, size, _DISCARD))
        return self.left == 0

    def _take_head(self) -> bool:
        self.head += self.socket.recv(4096)
        self._received(len(self.head))
        end = self.head.find(b"\r\n\r\n")
        if end < 0:
            return False
        head, rest = self.head[:end], len(self.head) - end - 4
        self.status = int(head[9:12])
        self.closes = bool(_CLOSES.search(head))
        if _CHUNKED.search(head):
            return self._take_chunks(self.head[end + 4 :])
        length = _LENGTH.search(head)
        self.left = int(length[1]) - rest if length and self.status != 304 else 0
        return self.left == 0

    def _take_chunks(self, body: bytes) -> bool:
        while not body.endswith(b"0\r\n\r\n"):
            body += self.socket.recv(1 << 16)
        return True

    def _received(self, count: int) -> int:
        if count == 0:
            raise ConnectionError("the server closed the connection within an answer")
        return count


def run(port: int, requests: Iterator[bytes], *, connections: int, seconds: float) -> Figures:
    """Ask the server on *port* for *seconds*, with so many *connections* at once."""
    crowd = _Crowd(requests)
    began = now = time.perf_counter()
    for _ in range(connections):
        crowd.ask(_Line(("127.0.0.1", port)))
    while now < began + seconds or not crowd.took:
        now = crowd.turn()
    crowd.close()
    return Figures(len(crowd.took) / (now - began), *_times(crowd.took), frozenset(crowd.statuses))


class _Crowd:
    """Connections that each ask again as soon as they are answered."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self.took: list[float] = []
        self.statuses: set[int] = set()
        self._requests = requests
        self._poll = select.poll()
        self._lines: dict[int, _Line] = {}

    def ask(self, line: _Line) -> None:
        if line.closes:
            self._poll.unregister(line.socket)
            del self._lines[line.socket.fileno()]
        line.ask(next(self._requests))
        if line.socket.fileno() not in self._lines:
            self._poll.register(line.socket, select.POLLIN)
            self._lines[line.socket.fileno()] = line

    def turn(self) -> float:
        """Take what has arrived, and return the time."""
        for descriptor, _ in self._poll.poll(30_000):
            line = self._lines[descriptor]
            if line.take():
                self.took.append(time.perf_counter() - line.asked)
                self.statuses.add(line.status)
                self.ask(line)
        return time.perf_counter()

    def close(self) -> None:
        for line in self._lines.values():
            line.socket.close()


def _times(took: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(took)
    return statistics.median(ordered) * 1e6, ordered[int(len(ordered) * 0.99)] * 1e6


def request(path: str, **headers: str) -> bytes:
    """Return the bytes of a GET; header names are written with underscores."""
    told = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in headers.items())
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{told}\r\n".encode()


def cpu_seconds(process: int) -> float:
    """Return the processor time that the living threads of a process and its children used."""
    nanoseconds = 0
    for one in _family(process):
        for thread in Path(f"/proc/{one}/task").iterdir():
            used = (thread / "schedstat").read_text(encoding="ascii").partition(" ")[0]
            nanoseconds += int(used)
    return nanoseconds / 1e9


def _family(process: int) -> Iterator[int]:
    yield process
    for thread in Path(f"/proc/{process}/task").iterdir():
        for child in (thread / "children").read_text(encoding="ascii").split():
            yield from _family(int(child))
