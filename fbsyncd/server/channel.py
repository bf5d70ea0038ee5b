"""One connection as waitress keeps it, held to time and fairness.

waitress closes a connection after some time without a byte. Whoever sends a byte now and then, or
asks for much and reads nothing, would stay for ever and take others' places with them. So here a
request has a time in which it must have come whole, and no worker ever waits for a client: what a
connection asked for next is worked on once its last answer is sent.

waitress also cuts the connection under a client that is still sending what is refused: the client
would see that, and not the answer. Here the rest is thrown away for a while.
"""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask

from fbsyncd.server.answers import JSON_TYPE, code_of, error_body, with_safety
from fbsyncd.server.sendfile import GONE, Window
from fbsyncd.server.task import Task
from fbsyncd.server.wire import Request

_ESTABLISHED = 2.0  # seconds after which an idle connection may have to give way


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients are given: connections in all, and seconds."""

    connections: int = 256
    idle: float = 30.0  # for a connection that nothing is asked on, or no answer is taken from
    whole: float = 20.0  # for a request, head and body, to come whole


class JsonErrorTask(ErrorTask):  # type: ignore[misc]  # waitress ships no types
    """What waitress itself refuses (a broken or too large request), said as we say it."""

    def execute(self) -> None:
        """Write the answer and have the connection closed after it."""
        error = self.request.error
        body = error_body(code_of(error.code), f"{error.reason}: {error.body}")
        self.status = f"{error.code} {error.reason}"
        self.response_headers.extend(with_safety([("Content-Type", JSON_TYPE)]))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress ships no types
    """A connection; *peer* is the other end's address."""

    error_task_class = JsonErrorTask
    task_class = Task
    parser_class = Request

    def __init__(self, *waitress: Any, **named: Any) -> None:
        super().__init__(*waitress, **named)
        self.peer = str(self.addr[0])
        self._limits: Limits = self.server.limits
        self._free_since = time.monotonic()
        self._begun: float | None = None  # when the request now arriving began to
        self._put_off = False
        self._moved = 0.0  # when the client last took something
        self._is_refused = False  # what it sent last; the connection ends with the answer
        self._emptied_since: float | None = None  # since when what it sends is thrown away

    @property
    def is_free(self) -> bool:
        """Nothing is owed to the client."""
        return not self.requests and not self.total_outbufs_len

    @property
    def waits_for_reader(self) -> bool:
        """An answer is ready and the client does not take it."""
        return bool(self.total_outbufs_len) and (self._put_off or not self.requests)

    def received(self, data: bytes) -> bool:
        """Take in what arrived, and note when the request it belongs to began."""
        if self._emptied_since is not None:
            return False
        before = self.request
        taken = bool(super().received(data))
        if not self._has_begun():
            self._begun = None
        elif self.request is not before or self._begun is None:
            self._begun = time.monotonic()
        return taken

    def _has_begun(self) -> bool:
        # Empty lines before a request are allowed, and are no request.
        part = self.request
        return part is not None and bool(part.headers_finished or part.header_plus.strip(b"\r\n"))

    def service(self) -> None:
        """Work on the next request, in a worker, unless the last answer is not sent yet."""
        with self.outbuf_lock:
            if self.connected and self.total_outbufs_len:
                self._put_off = True
                return
        self._free_since = time.monotonic()
        self._is_refused = self.requests[0].error is not None
        super().service()

    def handle_write(self) -> None:
        """Send what can be sent, and go on with what was put off for it."""
        if self._is_refused and self.close_when_flushed and not self.will_close:
            self._refuse_the_rest()
            return
        super().handle_write()
        with self.outbuf_lock:
            if not self._put_off or not self.connected or self.total_outbufs_len:
                return
            self._put_off = False
        self.server.add_task(self)

    def _refuse_the_rest(self) -> None:
        """Send the refusal; once it is sent, say that it was all, and wait for the client's end."""
        self._flush_exception(self._flush_some)
        if self.will_close or not self.connected:
            self.handle_close()
        elif not self.total_outbufs_len:
            self._emptied_since = time.monotonic()
            self.close_when_flushed = False
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)

    def send(self, data: bytes | Window, do_close: bool = True) -> int:
        """Send bytes or a part of a file; return how many bytes were taken."""
        if not isinstance(data, Window):
            return int(super().send(data, do_close))
        try:
            return data.send(self.socket.fileno())
        except OSError as error:
            if error.errno not in GONE:
                raise
            if do_close:
                self.handle_close()
            return 0

    def _flush_some(self, do_close: bool = True) -> bool:
        sent = bool(super()._flush_some(do_close))
        if sent:
            self._moved = time.monotonic()
        return sent

    def _flush_outbufs_below_high_watermark(self) -> None:
        """Never wait: one answer at a time is all that can be in the buffers."""

    def is_late(self, now: float) -> bool:
        """Tell whether the client should have sent or taken something by *now*.

        Must be called about twice a second.
        """
        if self._emptied_since is not None:
            return now - self._emptied_since > self._limits.whole
        if self.waits_for_reader and now - self._moved > self._limits.idle:
            return True
        if not self.is_free:
            self._free_since = now
            if self._begun is not None:
                self._begun = now
        if self._begun is not None:
            return now - self._begun > self._limits.whole
        return now - self._free_since > self._limits.idle

    def free_for(self, now: float) -> float:
        """Return how many seconds nothing has been owed to the client."""
        return now - self._free_since


def giving_way(channels: Iterable[Channel], now: float, count: int) -> Sequence[Channel]:
    """Return *count* connections that can be closed to let others in, or as many as there are.

    Those of the address that holds the most go first, and among them the longest idle; one that
    is being worked for is never closed.
    """
    held = list(channels)
    of_peer = Counter(channel.peer for channel in held)
    closable = [
        channel
        for channel in held
        if channel.waits_for_reader or (channel.is_free and channel.free_for(now) > _ESTABLISHED)
    ]
    closable.sort(key=lambda channel: (-of_peer[channel.peer], -channel.free_for(now)))
    return closable[:count]
