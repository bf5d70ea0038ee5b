"""The server's thread: it takes its port at once, bears bad clients, and stops in time."""

from __future__ import annotations

import logging
import select
import socket
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from served import Site, received, serving

from fbsyncd.errors import ArchiveError
from fbsyncd.server.channel import Limits
from fbsyncd.server.listen import Server

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
LARGE = 60_000_000  # bytes, more than the buffers of a loopback connection hold


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer at once."""
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


def crash(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Fail in a way nobody foresaw."""
    raise RuntimeError("a detail of the inside")


def large(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with more than a client takes that does not read."""
    start_response("200 OK", [("Content-Length", str(LARGE))])
    return [bytes(LARGE // 60)] * 60


class Slow:
    """An application whose answers wait until they are let go."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.let_go = threading.Event()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.asked.release()
        assert self.let_go.wait(60)
        return hello(environ, start_response)


def connected(site: Site) -> socket.socket:
    """Return an open connection to *site*."""
    return socket.create_connection(("127.0.0.1", site.port), timeout=60)


def stopped(site: Site) -> float:
    """Stop the server of *site* and return how many seconds that took."""
    begun = time.monotonic()
    site.server.stop()
    return time.monotonic() - begun


def test_a_connection_is_kept_for_more() -> None:
    """One connection carries many requests, pipelined too, and the server does not name itself."""
    with serving(hello) as site, connected(site) as connection:
        connection.sendall(GET)
        reply = received(connection)
        assert (reply.body, "server" in reply.headers) == (b"hello", False)
        connection.sendall(GET)
        assert received(connection).body == b"hello"


def nothing_new(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer that the client holds it already."""
    start_response("304 Not Modified", [("ETag", '"x"')])
    return []


@pytest.mark.parametrize("app", [hello, nothing_new])
def test_a_connection_is_kept_after_answers_with_and_without_a_body(app: WSGIApplication) -> None:
    """Neither a body nor the lack of one ends a connection; Connection: close does."""
    with serving(app) as site, connected(site) as connection:
        for _ in range(3):
            connection.sendall(GET)
            assert "connection" not in received(connection).headers
        connection.sendall(GET.replace(b"test", b"test\r\nConnection: close"))
        assert received(connection).headers["connection"] == "close"
        assert connection.recv(1) == b""


def test_old_clients_are_answered_as_they_expect() -> None:
    """HTTP/1.0 gets a connection that ends, or that is kept where it was asked for."""
    with serving(hello) as site, connected(site) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert received(connection).body == b"hello"
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert received(connection).body == b"hello"
        assert connection.recv(1) == b""


def test_the_port_is_taken_before_the_start() -> None:
    """Who connects to a server that is not started yet is answered as soon as it is."""
    server = Server(hello, host="127.0.0.1", port=0)
    with connected(Site(server)) as connection:
        connection.sendall(GET)
        server.start()
        assert received(connection).body == b"hello"
        server.stop()


def test_a_port_in_use_is_said_with_the_remedy() -> None:
    """Two servers on one port: the second is told which setting to change."""
    with serving(hello) as site, pytest.raises(ArchiveError) as error:
        Server(hello, host="127.0.0.1", port=site.port)
    said = f"127.0.0.1:{site.port} is taken by another program: change server.port"
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("host", "said"),
    [("203.0.113.9", "server.host 203.0.113.9 is no address of this machine"), ("::bad", "::bad")],
)
def test_a_host_that_cannot_be_is_said(host: str, said: str) -> None:
    """An address of another machine and one that is none are refused in words."""
    with pytest.raises(ArchiveError, match=said):
        Server(hello, host=host, port=0)


def test_a_name_listens_on_all_its_addresses() -> None:
    """localhost is served under every address it has, on one port."""
    server = Server(hello, host="localhost", port=0)
    server.start()
    infos = socket.getaddrinfo("localhost", server.port, type=socket.SOCK_STREAM)
    for address in {str(info[4][0]) for info in infos}:
        with socket.create_connection((address, server.port), timeout=60) as connection:
            connection.sendall(GET)
            assert received(connection).body == b"hello"
    server.stop()


def test_stopping_is_repeatable_and_frees_the_port() -> None:
    """A server can be stopped twice, or without a start, and leaves the port to the next one."""
    with serving(hello) as site:
        port = site.port
        site.server.stop()
    Server(hello, host="127.0.0.1", port=port).stop()
    Server(hello, host="127.0.0.1", port=port).stop()


def test_idle_connections_do_not_hold_up_the_stop() -> None:
    """Connections that are kept open, and requests never finished, are closed at once."""
    # Less than the grace for requests in work; a busy machine may need longer now and then.
    assert any(seconds_to_stop_with_idle_ones() < 1 for _ in range(9))


def seconds_to_stop_with_idle_ones() -> float:
    with ExitStack() as stack:
        site = stack.enter_context(serving(hello))
        idle = [stack.enter_context(connected(site)) for _ in range(5)]
        idle[0].sendall(GET)
        assert received(idle[0]).status == 200
        idle[1].sendall(b"GET / HTTP/1.1\r\nHost: te")
        took = stopped(site)
        assert idle[0].recv(1) == b""
    return took


def test_requests_in_work_are_answered_before_the_stop() -> None:
    """What was asked before the stop is answered whole: in work, and waiting for a worker."""
    slow = Slow()
    with ExitStack() as stack:
        site = stack.enter_context(serving(slow))
        asking = [stack.enter_context(connected(site)) for _ in range(10)]
        for connection in asking:
            connection.sendall(GET)
        for _ in range(8):
            assert slow.asked.acquire(timeout=60)
        stopping = threading.Thread(target=site.server.stop)
        stopping.start()
        slow.let_go.set()
        assert [received(connection).body for connection in asking] == [b"hello"] * 10
        stopping.join()


def test_clients_that_do_not_read_are_cut_off() -> None:
    """A client that never reads its answer holds up the stop for the grace and no longer."""
    with serving(large) as site, connected(site) as connection:
        connection.sendall(GET)
        assert connection.recv(1) == b"H"
        assert stopped(site) < 30


def test_a_request_that_hangs_does_not_hold_up_the_stop() -> None:
    """A worker that hangs in the application is left behind; the stop ends in time all the same."""
    slow = Slow()
    with serving(slow) as site, connected(site) as connection:
        connection.sendall(GET)
        assert slow.asked.acquire(timeout=60)
        assert stopped(site) < 30
        slow.let_go.set()


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (b"NONSENSE\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: t\r\nno colon\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 70000\r\n\r\n", 413, "too_large"),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "not_implemented"),
    ],
)
def test_broken_requests_are_refused_in_our_words(request_: bytes, status: int, code: str) -> None:
    """What never reaches the application is refused in the same shape as everything else."""
    with serving(hello) as site:
        reply = site.send(request_)
    assert (reply.status, reply.code) == (status, code)
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert b"waitress" not in reply.body


def test_a_crash_tells_the_client_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A fault of the application is 500 without a detail for the client; the log has them."""
    with caplog.at_level(logging.ERROR), serving(crash) as site:
        reply = site.ask("/")
    assert (reply.status, reply.code) == (500, "internal_error")
    assert b"detail" not in reply.body
    assert "a detail of the inside" in caplog.text


def test_asking_for_much_and_reading_nothing_holds_no_worker() -> None:
    """Clients that ask for many large answers at once and read none keep no other waiting."""
    with ExitStack() as stack:
        site = stack.enter_context(serving(large))
        for _ in range(12):
            greedy = stack.enter_context(connected(site))
            greedy.sendall(GET * 3)
            assert greedy.recv(1) == b"H"
        assert site.ask("/").status == 200


def test_all_that_was_asked_on_one_connection_is_answered() -> None:
    """Answers to many requests sent at once come one after the other, each of them whole."""
    with serving(large) as site, connected(site) as connection:
        connection.sendall(GET * 2 + GET.replace(b"test", b"test\r\nConnection: close"))
        answers, sent = 0, 0
        while data := connection.recv(1 << 20):
            answers, sent = answers + data.count(b"HTTP/1.1 200 OK"), sent + data.count(b"\0")
    assert (answers, sent) == (3, 3 * LARGE)


def test_a_request_that_drips_is_cut_off() -> None:
    """A byte every now and then keeps a connection only as long as a request may take."""
    patience = Limits(idle=60, whole=0.5)
    with serving(hello, patience) as site, connected(site) as drip:
        assert _seconds_until_cut(drip, b"GET / HTTP/1.1\r\nX: " + b"x" * 1000) < 30


def test_a_body_that_drips_is_cut_off() -> None:
    """The time for a request holds for its body too."""
    head = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5000\r\n\r\n"
    with serving(hello, Limits(idle=60, whole=0.5)) as site, connected(site) as drip:
        drip.sendall(head)
        assert _seconds_until_cut(drip, b"x" * 1000) < 30


def test_a_client_that_never_reads_is_cut_off() -> None:
    """An answer that is not taken, with others asked for behind it, is given up in time."""
    with serving(large, Limits(idle=0.5)) as site, connected(site) as connection:
        connection.sendall(GET * 3)
        assert connection.recv(1) == b"H"
        assert _is_reset(connection)


def test_empty_lines_are_no_request() -> None:
    """A client that sends nothing but line ends is idle, and idle connections are closed."""
    with serving(hello, Limits(idle=0.5, whole=60)) as site, connected(site) as drip:
        assert _seconds_until_cut(drip, b"\r\n" * 1000) < 30


def test_a_connection_in_use_outlives_the_time_for_idle_ones() -> None:
    """Each request counts as use, so a connection lives on between requests that are near."""
    with serving(hello, Limits(idle=3, whole=60)) as site, connected(site) as connection:
        begun = time.monotonic()
        while time.monotonic() - begun < 6.5:
            connection.sendall(GET)
            assert received(connection).status == 200
            assert not _is_readable(connection, 0.4)


def test_idle_connections_give_way_when_there_is_no_room() -> None:
    """Whoever holds every connection open keeps no newcomer out for longer than seconds."""
    with ExitStack() as stack:
        site = stack.enter_context(serving(hello, Limits(connections=20)))
        held = [stack.enter_context(connected(site)) for _ in range(40)]
        begun = time.monotonic()
        assert site.ask("/").status == 200
        assert time.monotonic() - begun < 25  # less than an idle one may stay
        assert any(_is_readable(connection, 0) for connection in held)


def test_readers_that_do_not_read_give_way_when_there_is_no_room() -> None:
    """An answer nobody takes holds its place only while nobody else wants it."""
    with ExitStack() as stack:
        site = stack.enter_context(serving(large, Limits(connections=12)))
        for _ in range(12):
            stack.enter_context(connected(site)).sendall(GET)
        assert site.ask("/").status == 200


def _seconds_until_cut(connection: socket.socket, drops: bytes) -> float:
    """Send *drops* one by one until the other end closes; return how long it took."""
    begun = time.monotonic()
    for drop in drops:
        if _is_readable(connection, 0.05):
            assert connection.recv(1) == b""
            break
        connection.sendall(bytes([drop]))
    return time.monotonic() - begun


def _is_reset(connection: socket.socket) -> bool:
    """Send line ends until the other end refuses them; tell whether it ever did."""
    try:
        for _ in range(200):
            select.select([], [], [], 0.05)
            connection.sendall(b"\r\n")
    except ConnectionError:
        return True
    return False


def _is_readable(connection: socket.socket, seconds: float) -> bool:
    return bool(select.select([connection], [], [], seconds)[0])
