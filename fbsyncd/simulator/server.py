"""The HTTP side: one loopback port that speaks HTTP/1.1 with keep-alive, a thread a connection."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from fbsyncd.simulator.messages import Answer, Request, Where

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 16_384
_CDN_FOLDERS = ("/v/", "/emg1/", "/o1/", "/rsrc.php/", "/safe_image.php", "/platform/")
_FILE = re.compile(r"\.(?:jpe?g|png|gif|webp|mp4|mpd)$")


class Server(ThreadingHTTPServer):
    """Listens on 127.0.0.1 and hands every request to one function.

    Closing it ends every open connection too: a client's idle keep-alive would hold its thread.
    """

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, port: int, respond: Callable[[Request], Answer]) -> None:
        self.respond = respond
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), Conversation)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note the connection, then let a thread speak on it."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection and close it."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away; let mistakes of ours be seen."""
        if self.stopping.is_set():
            return
        super().handle_error(request, client_address)

    def close(self) -> None:
        """Stop listening, end all connections and wait for their threads."""
        self.stopping.set()
        self.shutdown()
        with self._lock:
            left = list(self._open)
        for connection in left:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


class Conversation(BaseHTTPRequestHandler):
    """One connection: reads requests, writes answers as well or as badly as they say."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def do_GET(self) -> None:
        """Answer any method: what it may do is decided by whoever responds."""
        length = int(self.headers.get("Content-Length") or 0)
        target = urlsplit(self.path)
        path = unquote(target.path)
        request = Request(
            method=self.command,
            path=path,
            raw_query=target.query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length) if length else b"",
            kind=side(path, target.query),
        )
        self._send(self.server.respond(request))

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def handle(self) -> None:
        """Serve until the client goes away, which is no error of ours."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            super().handle()

    def finish(self) -> None:
        """Let go; what is left in the buffer of a broken connection is nobody's."""
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep still: the simulator's own list of requests tells more."""

    def version_string(self) -> str:
        """The server's name in the headers."""
        return "proxygen-bolt"

    def _send(self, answer: Answer) -> None:
        if answer.delay and self.server.stopping.wait(answer.delay):
            self.close_connection = True
            return
        if answer.drop:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self._tell_length(answer)
        self.end_headers()
        if self.command != "HEAD":
            self._send_body(answer)
        self.wfile.flush()

    def _tell_length(self, answer: Answer) -> None:
        length = len(answer.body) if answer.length is None else answer.length
        if answer.endless or length < 0:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(length))
        if answer.cut is not None or length != len(answer.body):
            self.close_connection = True

    def _send_body(self, answer: Answer) -> None:
        body = answer.body if answer.cut is None else answer.body[: answer.cut]
        if answer.rate is None and not answer.endless:
            self.wfile.write(body)
            return
        step = max(1, (answer.rate or 10 * _CHUNK) // 10)
        while not self.server.stopping.is_set():
            for start in range(0, len(body), step):
                self.wfile.write(body[start : start + step])
                self.wfile.flush()
                if answer.rate and self.server.stopping.wait(0.1):
                    return
            if not answer.endless:
                return


def side(path: str, query: str) -> Where:
    """Which part of the simulator an address belongs to."""
    if path.startswith("/_control/"):
        return "control"
    signed = re.search(r"(?:^|&)(?:oh|amp;oh)=", query)
    if signed or path.startswith(_CDN_FOLDERS) or _FILE.search(path):
        return "cdn"
    return "graph"
