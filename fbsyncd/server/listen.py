"""waitress in a thread of the daemon: listens at once, stops within three seconds.

waitress' own ``close()`` leaves its workers behind and waits for idle connections (waitress 3.0.2).
So the loop is turned here, one turn at a time, and ended in this order: no new connections, idle
ones closed, requests in work answered, what is left cut, workers joined, and the pipe that workers
wake the loop with closed last.
"""

from __future__ import annotations

import errno
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ThreadedTaskDispatcher

from fbsyncd import knock
from fbsyncd.errors import ArchiveError
from fbsyncd.server.channel import Channel, Limits, giving_way

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIApplication

log = logging.getLogger(__name__)
# waitress says each time that the limit is reached: many lines a second, while it is being reached.
_quiet = logging.getLogger(f"{__name__}.limit")
_quiet.setLevel(logging.ERROR)

_ROOM = 16  # so many connections give way when there are as many as can be
_WORKERS = 8
_LAST_TURNS = 64  # looks at what arrived before the stop; more is an attack, not a queue
_GRACE = 1.5  # seconds for requests in work when the server stops
_LAST = 0.5  # seconds for the workers to end after that
_TURN = 0.5  # seconds the loop sleeps at most; a request wakes it
_LIMITS = {
    "ident": None,  # no Server header
    "max_request_header_size": 32 * 1024,
    "max_request_body_size": 64 * 1024,
    "cleanup_interval": 5,
    "log_socket_errors": False,  # clients that go away are no news
    "expose_tracebacks": False,
}
_SHORT = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_REMEDIES = {
    errno.EADDRINUSE: f"{knock.TAKEN}: {knock.ROOM}",
    errno.EACCES: "port {port} is not allowed to this user: choose a server.port above 1023",
    errno.EADDRNOTAVAIL: "server.host {host} is no address of this machine",
}


class Server:
    """An HTTP server for *app*.

    The port is taken, and connections are queued, as soon as the object is made; they are answered
    from :meth:`start` on. *port* 0 takes a free one, which :attr:`port` tells.

    Raises :class:`fbsyncd.errors.ArchiveError` when it cannot listen there.
    """

    def __init__(
        self, app: WSGIApplication, *, host: str, port: int, limits: Limits | None = None
    ) -> None:
        sockets = _listen(host, port)
        self._limits = limits or Limits()
        self.host = host
        self.port: int = sockets[0].getsockname()[1]
        self._map: dict[int, Any] = {}
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._workers = ThreadedTaskDispatcher()
        self._workers.start_new_thread = self._start_worker
        # A page full of pictures queues more requests than there are workers. That is no warning.
        self._workers.queue_logger = logging.getLogger(f"{__name__}.queue")
        self._workers.queue_logger.setLevel(logging.ERROR)
        create_server(
            app,
            map=self._map,
            _dispatcher=self._workers,
            sockets=sockets,
            # Each holds a descriptor, and another while it sends a file. Listeners are among them.
            connection_limit=self._limits.connections,
            channel_timeout=int(self._limits.idle),  # without a byte either way
            **_LIMITS,
        )
        self._listeners = [part for part in self._map.values() if isinstance(part, BaseWSGIServer)]
        for listener in self._listeners:
            listener.channel_class = Channel
            listener.limits = self._limits
            listener.logger = _quiet
            listener.accept = _patient(listener.accept, self._stopping)
        self._loop = threading.Thread(target=self._serve, name="http", daemon=True)

    def start(self) -> None:
        """Begin to answer, in threads of its own."""
        self._workers.set_thread_count(_WORKERS)
        self._loop.start()
        log.info("listening on http://%s:%s", _in_url(self.host), self.port)

    def stop(self) -> None:
        """Stop within three seconds; safe to repeat, and without a start before.

        Requests in work are answered. Idle connections are closed at once, slow clients after a
        grace of a second and a half. A request that hangs in the application cannot be ended:
        its thread is left behind, and the log says so.
        """
        self._stopping.set()
        if self._loop.is_alive():
            self._listeners[0].pull_trigger()
            self._loop.join(_GRACE + _LAST)
        self._close_listeners()
        self._workers.shutdown(timeout=_LAST)
        self._close_triggers()

    def _serve(self) -> None:
        next_look = 0.0
        while not self._stopping.is_set():
            self._turn(_TURN)
            now = time.monotonic()
            if now >= next_look:
                self._look_after(now)
                next_look = now + _TURN
        self._take_in()
        self._close_listeners()
        deadline = time.monotonic() + _GRACE
        while self._close_idle() and time.monotonic() < deadline:
            self._turn(0.05)
        for channel in self._channels():
            channel.handle_close()

    def _look_after(self, now: float) -> None:
        """Close the connections whose time is over, and some of the others when there is no room.

        Runs twice a second, however many requests there are.
        """
        for channel in self._channels():
            if channel.is_late(now):
                channel.handle_close()
        if len(self._map) >= self._limits.connections:
            for channel in giving_way(self._channels(), now, _ROOM):
                channel.handle_close()

    def _take_in(self) -> None:
        """Accept and read what reached this machine before the stop: it was asked in time."""
        for _ in range(_LAST_TURNS):
            before = [len(channel.requests) for channel in self._channels()]
            self._turn(0)
            if [len(channel.requests) for channel in self._channels()] == before:
                return

    def _turn(self, longest: float) -> None:
        # poll, because select cannot watch descriptors beyond 1023.
        wasyncore.loop(timeout=longest, use_poll=True, map=self._map, count=1)

    def _channels(self) -> list[Channel]:
        return [part for part in self._map.values() if isinstance(part, Channel)]

    def _close_idle(self) -> bool:
        """Close the connections nothing is owed to; tell whether others are left."""
        for channel in self._channels():
            # A request leaves `requests` only after its answer is in the buffers: no gap between.
            if channel.is_free:
                channel.handle_close()
        return bool(self._channels())

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            # Not listener.close(): that takes away the trigger which the workers still pull.
            wasyncore.dispatcher.close(listener)

    def _close_triggers(self) -> None:
        for thread in self._threads:
            thread.join(0.1)
        if any(thread.is_alive() for thread in self._threads):
            # It may yet write into the pipe, and the number could by then be someone else's file.
            return
        for listener in self._listeners:
            listener.trigger.close()

    def _start_worker(self, target: Callable[[int], None], number: int) -> None:
        name = f"http-worker-{number}"
        thread = threading.Thread(target=target, name=name, args=(number,), daemon=True)
        self._threads.append(thread)
        thread.start()


def _patient(accept: Callable[[], Any], stopping: threading.Event) -> Callable[[], Any]:
    """Let *accept* rest when there is no descriptor for whoever waits at the door.

    waitress keeps the error to itself and looks again at once: the loop would spin.
    """

    def accepted() -> Any:
        try:
            return accept()
        except OSError as e:
            if e.errno in _SHORT:
                stopping.wait(_TURN)
            raise

    return accepted


def _listen(host: str, port: int) -> list[socket.socket]:
    """Return a listening socket for each address of *host*, all on one port."""
    sockets: list[socket.socket] = []
    try:
        for family, address in _addresses(host):
            taken = sockets[0].getsockname()[1] if sockets else port
            sockets.append(_listening(family, address, taken))
    except OSError as e:
        for opened in sockets:
            opened.close()
        remedy = _REMEDIES.get(e.errno or 0, "cannot listen on {host}, port {port}: {e}")
        raise ArchiveError(remedy.format(host=host, port=port, e=e)) from e
    return sockets


def _addresses(host: str) -> list[tuple[int, str]]:
    flags = socket.AI_PASSIVE
    found = socket.getaddrinfo(host or None, 0, type=socket.SOCK_STREAM, flags=flags)
    return list(dict.fromkeys((family, str(address[0])) for family, *_, address in found))


def _listening(family: int, address: str, port: int) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # Otherwise it would take the IPv4 port as well, and the next bind would fail.
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind((address, port))
        opened.listen(1024)
    except OSError:
        opened.close()
        raise
    return opened


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
