"""A web server on the loopback that says exactly what a test tells it to, byte for byte."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl

_PATIENCE = 10.0  # seconds a test may keep a connection silent


def reply(body: bytes = b"", status: str = "200 OK", /, **headers: str | None) -> bytes:
    """Spell out an answer. Content-Type and Content-Length are added unless given as None."""
    fields: dict[str, str | None] = {
        "Content_Type": "image/jpeg",
        "Content_Length": str(len(body)),
        **headers,
    }
    lines = [
        f"{name.replace('_', '-')}: {text}" for name, text in fields.items() if text is not None
    ]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode() + body


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n", **headers: str | None) -> bytes:
    """Spell out an answer in chunks."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    fields: dict[str, str | None] = {"Content_Length": None, "Transfer_Encoding": "chunked"}
    return reply(b"", **{**fields, **headers}) + body + end


class Talk:
    """One connection, as the script of a path sees it."""

    def __init__(self, sock: socket.socket, closing: threading.Event) -> None:
        self._sock = sock
        self._closing = closing
        self.sent = 0

    def say(self, data: bytes) -> None:
        self._sock.sendall(data)
        self.sent += len(data)

    def drip(self, data: bytes, every: float = 0.02) -> None:
        """Send one byte at a time, for as long as anybody listens."""
        for at in range(len(data)):
            if self._closing.wait(every):
                return
            self.say(data[at : at + 1])

    def flood(self, data: bytes) -> None:
        """Send the same thing until the other side hangs up."""
        while not self._closing.is_set():
            self.say(data)

    def silence(self) -> None:
        """Say nothing until the other side hangs up."""
        self._sock.settimeout(_PATIENCE)
        self._sock.recv(1)


Script = bytes | list[bytes] | Callable[[Talk], object]


class Hostile:
    """Answers each path with its script: bytes, a list to go through, or a function of a Talk.

    After bytes the connection stays open for the next request; after a function it is closed.
    """

    def __init__(self, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.scripts: dict[str, Script] = {}
        self.requests: list[str] = []
        self.connections = 0
        self.talks: list[Talk] = []
        self._host = host
        self._tls = tls
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(
            (host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            still_open = list(self._open)
        for sock in still_open:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(_PATIENCE)

    def url(self, path: str, script: Script | None = None) -> str:
        """Return the link to *path*, which is answered with *script* from now on."""
        if script is not None:
            self.scripts[path.partition("?")[0]] = script
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name=f"hostile-{target.__name__}")
        with self._lock:
            self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.add(sock)
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        wrapped = sock
        try:
            with suppress(OSError):  # the other side may hang up at any moment
                if self._tls:
                    wrapped = self._tls.wrap_socket(sock, server_side=True)
                while self._answer(wrapped):
                    pass
        finally:
            with self._lock:
                self._open.discard(sock)
            wrapped.close()
            sock.close()

    def _answer(self, sock: socket.socket) -> bool:
        head = _head(sock)
        if not head:
            return False
        path = head.split(" ")[1].partition("?")[0]
        talk = Talk(sock, self._closing)
        with self._lock:
            self.requests.append(head)
            self.talks.append(talk)
            script = self.scripts.get(path, reply(b"no such path", "404 Not Found"))
            if isinstance(script, list):
                script = script.pop(0)
        if isinstance(script, bytes):
            talk.say(script)
            return True
        script(talk)
        return False


def _head(sock: socket.socket) -> str:
    """Return a request's head, or nothing when the connection ends."""
    head = b""
    while not re.search(rb"\r\n\r\n", head):
        part = sock.recv(65_536)
        if not part:
            return ""
        head += part
    return head.decode("latin-1")
