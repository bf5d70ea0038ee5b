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
    """What one run showed: answers and how many a second, microseconds, the status of the answers.

    *size* is that of an answer in bytes, its head with it.
    """

    answers: int
    rate: float
    median: float
    p99: float
    statuses: frozenset[int]
    size: float


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
    size: int = 0
    chunks: bytes | None = None  # of a chunked body, what came of the chunk that is not complete

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
        self.size, self.chunks = 0, None
        self.asked = time.perf_counter()
        self.socket.sendall(request)

    def take(self) -> bool:
        """Take what has arrived; tell whether the answer is complete."""
        if self.chunks is not None:
            return self._take_chunks(self._received_bytes())
        if self.left < 0:
            return self._take_head()
        size = min(self.left, len(_BUFFER))
        self.left -= self._received(self.socket.recv_into(_BUFFER, size, _DISCARD))
        return self.left == 0

    def _take_head(self) -> bool:
        self.head += self._received_bytes()
        end = self.head.find(b"\r\n\r\n")
        if end < 0:
            return False
        head, rest = self.head[:end], len(self.head) - end - 4
        self.status = int(head[9:12])
        self.closes = bool(_CLOSES.search(head))
        if _CHUNKED.search(head):
            self.chunks = b""
            return self._take_chunks(self.head[end + 4 :])
        length = _LENGTH.search(head)
        self.left = int(length[1]) - rest if length and self.status != 304 else 0
        return self.left == 0

    def _take_chunks(self, body: bytes) -> bool:
        """Go on in a chunked body with what has arrived; tell whether its last chunk is there."""
        left = (self.chunks or b"") + body
        while True:
            line, found, _ = left.partition(b"\r\n")
            size = int(line.partition(b";")[0], 16) if found else 0
            whole = len(line) + size + 4
            if not found or len(left) < whole:
                self.chunks = left
                return False
            if size == 0:
                return True
            left = left[whole:]

    def _received_bytes(self) -> bytes:
        arrived = self.socket.recv(1 << 16 if self.chunks is not None else 4096)
        self._received(len(arrived))
        return arrived

    def _received(self, count: int) -> int:
        if count == 0:
            raise ConnectionError("the server closed the connection within an answer")
        self.size += count
        return count


def run(
    port: int, requests: Iterator[bytes], *, connections: int, seconds: float, least: int = 1
) -> Figures:
    """Ask the server on *port* for *seconds*, with so many *connections* at once.

    It goes on until there are *least* answers. Then nothing more is asked; what was asked is waited
    for and counted, and the time ends with the last answer.
    """
    crowd = _Crowd(requests)
    began = now = time.perf_counter()
    for _ in range(connections):
        crowd.ask(_Line(("127.0.0.1", port)))
    while now < began + seconds or len(crowd.took) < least:
        now = crowd.turn()
    crowd.is_over = True
    while crowd.asking:
        now = crowd.turn()
    crowd.close()
    answers = len(crowd.took)
    times = _times(crowd.took)
    statuses = frozenset(crowd.statuses)
    return Figures(answers, answers / (now - began), *times, statuses, crowd.size / answers)


class _Crowd:
    """Connections that each ask again as soon as they are answered."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self.took: list[float] = []
        self.statuses: set[int] = set()
        self.size = 0
        self.is_over = False
        self.asking = 0
        self._requests = requests
        self._poll = select.poll()
        self._lines: dict[int, _Line] = {}

    def ask(self, line: _Line) -> None:
        if line.closes:
            self._poll.unregister(line.socket)
            del self._lines[line.socket.fileno()]
        line.ask(next(self._requests))
        self.asking += 1
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
                self.size += line.size
                self.asking -= 1
                if self.is_over:
                    # At once: a server may wait for that before it turns to the others.
                    self._poll.unregister(line.socket)
                    line.socket.close()
                else:
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
