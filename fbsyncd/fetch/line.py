"""Ask the CDN for a link and read the answer, over connections that obey a guard.

::

    Line ── one worker's way out; used by one thread at a time
      ├── Guard      what the transfer under way may still take
      └── _Adapter   of requests, whose connections are made and read as guard.py says

The adapter is used without a Session: that one keeps cookies, and reads the body of every redirect
to its end, however long, even when it is told not to follow. Server names and certificates are
verified as always, against the name and not the address.
"""

from __future__ import annotations

import http.client
import io
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HeaderParsingError, HTTPError
from urllib3.poolmanager import PoolManager
from urllib3.util.response import assert_header_parsing

from fbsyncd.errors import FetchFailed, Intercepted
from fbsyncd.fetch.guard import Guard, Reader, connect, reason

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence

    from fbsyncd.fetch.reach import Place

_HOSTS_KEPT = 8  # connections one line keeps open; the CDN has many names for its clusters
_AT_ONCE = 262_144  # bytes taken in one read

_FOREIGN = (OSError, ValueError, HTTPError, http.client.HTTPException)


class Line:
    """One worker's connections. To be used by one thread at a time, as its guard is."""

    def __init__(self, patterns: Sequence[str], headers: Mapping[str, str]) -> None:
        self.guard = Guard(patterns)
        self._headers = headers
        self._adapter = _Adapter(self.guard)

    def ask(self, place: Place, *, connect_timeout: float, read_timeout: float) -> Answer:
        """Send a GET and return the answer with its headers read. Raises the kinds of FetchError.

        The URL goes out as it is: the CDN's signature covers it, so requests must not tidy it up.
        """
        request = requests.PreparedRequest()
        request.method, request.url = "GET", place.url
        request.headers = CaseInsensitiveDict(self._headers)
        left = self.guard.seconds_left()
        timeout = (min(connect_timeout, left), min(read_timeout, left))
        try:
            return Answer(self._adapter.send(request, stream=True, timeout=timeout, proxies={}))
        except requests.Timeout as e:  # of the handshake: the other waits are the guard's
            raise FetchFailed(f"no secure connection within {timeout[0]:g} s") from e
        except requests.exceptions.SSLError as e:
            raise Intercepted(reason(e)) from e
        except _FOREIGN as e:
            raise FetchFailed(reason(e)) from e

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._adapter.close()


class Answer:
    """The answer to one GET. Closed when its body was not read to the end, else kept for reuse."""

    def __init__(self, response: requests.Response) -> None:
        self._response = response
        self.status = response.status_code
        # Bytes of the body as announced; None for chunks and for "until I hang up".
        self.length: int | None = response.raw.length_remaining

    def header(self, name: str) -> str:
        """Return a header as printable text, empty when there is none."""
        value = self._response.headers.get(name, "")
        return "".join(c for c in value if c.isprintable())

    def read(self) -> bytes:
        """Return what has come, at least one byte, or nothing at the end of the body.

        Raises FetchFailed when the connection breaks, or the body is shorter than announced.
        """
        try:
            return self._response.raw.read1(_AT_ONCE, decode_content=False) or b""
        except _FOREIGN as e:
            raise FetchFailed(reason(e)) from e

    def close(self) -> None:
        """Give the connection back, or close it when something of the body is left."""
        self._response.close()


# --- inside requests and urllib3 ----------------------------------------------------------------


class _Reply(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, guard: Guard, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        guard.reading = sock
        self._guard = guard
        self.fp = io.BufferedReader(Reader(self.fp.detach(), sock, guard))

    def begin(self) -> None:
        self._guard.expect_headers()
        super().begin()
        try:
            # urllib3 would log these, with the whole URL and a traceback.
            assert_header_parsing(self.msg)
        except HeaderParsingError as e:
            raise FetchFailed("headers that cannot be read") from e
        # urllib3 would refuse these too, but forget to close the connection.
        told = ",".join(self.headers.get_all("Content-Length", []))
        if len({length.strip() for length in told.split(",")}) > 1:
            raise FetchFailed(f"more than one length is announced: {told[:40]}")
        self._guard.expect_body()


class _Http(HTTPConnection):
    def __init__(self, *args: Any, guard: Guard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guard = guard
        reply = partial(_Reply, guard=guard)
        self.response_class = cast("type[http.client.HTTPResponse]", reply)

    def _new_conn(self) -> socket.socket:
        return connect(self._dns_host, self.port, self.timeout or 0.0, self._guard)


class _Https(_Http, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


class _Pools(PoolManager):
    def __init__(self, guard: Guard, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._guard = guard
        self.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def _new_pool(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        pool = super()._new_pool(*args, **kwargs)
        pool.conn_kw["guard"] = self._guard
        return pool


class _Adapter(HTTPAdapter):
    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        super().__init__(pool_connections=_HOSTS_KEPT, pool_maxsize=1)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        """Make the pools with our connections in them."""
        self.poolmanager = _Pools(
            self._guard, num_pools=connections, maxsize=maxsize, block=block, **pool_kwargs
        )
