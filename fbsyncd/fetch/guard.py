"""What one transfer may take of time and bytes, and where its connection may go.

A read time-out is for each read alone: a server that drips one byte every ten seconds keeps its
client for ever in the status line, in a header, in a chunk's size or behind the last chunk. So
everything that comes goes through :class:`Reader`, and out of the budget of a :class:`Guard`.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from fbsyncd.errors import FetchFailed, PictureRefused, Unreachable
from fbsyncd.fetch.reach import NOT_ALLOWED, allowed, listed, objection

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_HEADER_BYTES = 65_536
MOST_ADDRESSES = 4  # of one name that are tried


class Guard:
    """What the transfer under way may still take."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns = patterns
        self.reading: socket.socket | None = None
        self.bytes_left = 0
        self._most_bytes = 0
        self._seconds = 0.0
        self._end = 0.0
        self._stopped = False

    def begin(self, *, seconds: float, most_bytes: int) -> None:
        """Start the budget of one transfer, redirects included."""
        self._seconds, self._end = seconds, time.monotonic() + seconds
        # The framing of a body in tiny chunks is longer than the body.
        self._most_bytes = 2 * most_bytes + MOST_HEADER_BYTES

    def expect_headers(self) -> None:
        self.bytes_left = MOST_HEADER_BYTES

    def expect_body(self) -> None:
        self.bytes_left = self._most_bytes

    def seconds_left(self) -> float:
        """Return the seconds left. Raises FetchFailed when there are none, or on :meth:`stop`."""
        if self._stopped:
            raise FetchFailed("stopped before it was whole")
        left = self._end - time.monotonic()
        if left <= 0:
            raise FetchFailed(f"not whole after {self._seconds:g} s")
        return left

    def spend(self, count: int) -> None:
        """Count *count* bytes from the wire. Raises FetchFailed when it is too many."""
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise FetchFailed("headers or chunks without end")

    def stop(self) -> None:
        """End the transfer under way at once, from any thread."""
        self._stopped = True
        if self.reading is not None:
            with suppress(OSError):  # already closed
                # socket's own: the one of SSLSocket takes the reading thread's state away.
                socket.socket.shutdown(self.reading, socket.SHUT_RDWR)


class Reader(io.RawIOBase):
    """All that a connection receives, taken out of the guard's budget."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, guard: Guard) -> None:
        self._raw, self._sock, self._guard = raw, sock, guard

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._guard.seconds_left()
        patience = self._sock.gettimeout()
        if patience is None or left < patience:
            self._sock.settimeout(left)
        try:
            count: int | None = self._raw.readinto(buffer)
        except TimeoutError as e:
            self._guard.seconds_left()
            raise FetchFailed(f"nothing came for {patience:g} s") from e
        self._guard.spend(count or 0)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def connect(host: str, port: int, timeout: float, guard: Guard) -> socket.socket:
    """Resolve *host* once, check every address, connect to the first that answers.

    Nothing is resolved again between check and connection, so a name that changes its address in
    the meantime leads nowhere else. Raises FetchFailed and PictureRefused.
    """
    if not allowed(host, guard.patterns):  # whatever another parser has read out of the link
        raise PictureRefused(f"{host} {NOT_ALLOWED}")
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as e:
        raise Unreachable(f"the name {host} was not found: {reason(e)}") from e
    if not listed(host, guard.patterns):
        _check_addresses(host, [str(address[0]) for *_, address in found])
    found = found[:MOST_ADDRESSES]
    fault: OSError | None = None
    for family, _, _, _, address in found:
        try:
            return _connected(family, address, timeout / len(found), guard)
        except OSError as e:
            fault = e
    said = reason(fault) if fault else "it has no address"
    raise Unreachable(f"no connection to {host}: {said}") from fault


def _connected(
    family: socket.AddressFamily, address: tuple[Any, ...], timeout: float, guard: Guard
) -> socket.socket:
    timeout = min(timeout, guard.seconds_left())
    with ExitStack() as unless_connected:
        sock = unless_connected.enter_context(socket.socket(family, socket.SOCK_STREAM))
        guard.reading = sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(timeout)
        sock.connect(address)
        unless_connected.pop_all()
    return sock


def _check_addresses(host: str, addresses: list[str]) -> None:
    """Refuse a name when even one of its addresses is not public: it was made to lead astray."""
    for address in addresses:
        if objected := objection(address):
            raise PictureRefused(f"{host} is {address}, {objected}")


def reason(error: BaseException) -> str:
    """Return the innermost reason in one line; requests' own text repeats the whole URL."""
    for _ in range(8):
        inner = [getattr(error, "reason", None), *error.args]
        deeper = next((e for e in inner if isinstance(e, BaseException)), None)
        if deeper is None:
            break
        error = deeper
    if isinstance(error, http.client.IncompleteRead):
        return "the connection was closed"
    text = getattr(error, "verify_message", "") or getattr(error, "strerror", "") or str(error)
    text = re.sub(r"\?\S*|[^ -~]+", " ", text or type(error).__name__)
    return " ".join(text.split())[:200]
