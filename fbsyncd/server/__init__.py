"""The WSGI application: what a request passes before a route answers it, and an answer after.

A request passes its doors first (:mod:`fbsyncd.server.access`, :mod:`fbsyncd.server.cors`).
``/media`` is answered beside bottle: it is the busiest and needs nothing of it. Of the rest, what
is kept and still true is sent again (:mod:`fbsyncd.server.kept`); bottle finds the route of what
is not (:mod:`fbsyncd.server.routes`).
"""

from __future__ import annotations

import itertools
import logging
import re
import secrets
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any, Final, TypedDict
from urllib.parse import urlsplit

from fbsyncd import logs
from fbsyncd.feed.sight import witnessed
from fbsyncd.server import access, mediafile, routes
from fbsyncd.server.answers import (
    Answer,
    Headers,
    Refused,
    conditional,
    status_line,
    with_safety,
)
from fbsyncd.server.cors import READING, Cors
from fbsyncd.server.encoding import Ready
from fbsyncd.server.replies import TRUSTED, Served
from fbsyncd.server.sizes import Sizes

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence
    from typing import Unpack
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from fbsyncd.feed import Feed
    from fbsyncd.media import Media
    from fbsyncd.server.kept import Kept, Key
    from fbsyncd.server.replies import Desk, Scrape

log = logging.getLogger(__name__)

#: These tell also who works just now, which no row says.
_AT_WORK: Final = frozenset({"/api/pages", "/api/stats"})
#: What tells how things stand now is made anew for each request.
_LIVE: Final = frozenset({"/healthz", "/readyz", "/metrics"})
#: What the server as a whole can be asked, and each path some of.
_METHODS: Final = "GET, HEAD, OPTIONS, POST"
#: So many answers are made at once. Threads that all read rows fight for the interpreter: with
#: eight of them each answer takes half as long again as with two.
_AT_ONCE: Final = 2
#: Seconds to wait for one's turn; then it is taken, for what is being made may take long.
_COURTESY: Final = 0.25
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class Manner(TypedDict, total=False):
    """How the server is to behave; everything has a default.

    With *auth_token* every call below ``/api`` needs it as Bearer token, and so does ``/metrics``;
    pictures, the page and the health checks do not, for browsers and probes cannot send one.
    *public_url* is where links to pictures point if they are not relative. *hosts* are the names
    the API may be asked under, beside those of this machine and of *public_url*. *cors_origins*
    are the origins whose pages may ask. With *accel_prefix* pictures are left to nginx. *kept*
    keeps answers while they are true. *metrics* returns the answer to a scrape and its content
    type; without it there is no ``/metrics``. *desk* takes wishes to who fulfils them; without it
    they are refused.
    """

    auth_token: str | None
    public_url: str
    hosts: Sequence[str]
    cors_origins: Sequence[str]
    accel_prefix: str
    kept: Kept | None
    metrics: Scrape | None
    desk: Desk | None


def make_app(feed: Feed, media: Media, **manner: Unpack[Manner]) -> WSGIApplication:
    """Return the whole HTTP face as one WSGI application, which behaves in this *manner*."""
    served = Served(
        feed,
        desk=manner.get("desk"),
        metrics=manner.get("metrics"),
        public_url=manner.get("public_url", ""),
        is_guarded=bool(manner.get("auth_token")),
    )
    sizes = Sizes(feed.file_size, served.desk.doubt if served.desk else _unheard)
    return _Application(media, routes.routed(served), sizes, manner)


def _unheard() -> None:
    """Nobody works here who could look after a file."""


class _Application:
    """Everything round the routes, in the order in which a request meets it."""

    def __init__(self, media: Media, routed: WSGIApplication, sizes: Sizes, manner: Manner) -> None:
        self._media = media
        self._sizes = sizes
        self._routed = routed
        self._kept = manner.get("kept")
        self._desk = manner.get("desk")
        self._accel_prefix = manner.get("accel_prefix", "")
        self._cors = Cors(manner.get("cors_origins", ()))
        known = urlsplit(manner.get("public_url", "")).hostname
        self._guard = access.Guard(
            auth_token=manner.get("auth_token"),
            hosts=[*manner.get("hosts", ()), *([known] if known else [])],
            origins=self._cors.origins,
        )
        self._turns = BoundedSemaphore(_AT_ONCE)
        self._numbers = itertools.count(1)
        self._run = secrets.token_hex(4)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request_id = self._request_id(environ)
        # The next request of this thread brings its own.
        logs.request_id.set(request_id)
        try:
            answer = self._answer(environ)
        except Refused as refused:
            answer = refused.answer()
        except OSError:
            # waitress takes it for a client that went away, and would not even log it.
            log.exception("request %s: the system said no", request_id)
            answer = Refused(500, "something went wrong in the server").answer()
        _log(environ, answer.status, request_id)
        headers = self._cors.told(environ, (*answer.headers, ("X-Request-Id", request_id)))
        start_response(status_line(answer.status), with_safety(headers))
        return () if environ["REQUEST_METHOD"] == "HEAD" else answer.body

    def _request_id(self, environ: WSGIEnvironment) -> str:
        """Return the id the client or a proxy gave, if it is one, or the next of our own."""
        given: str = environ.get("HTTP_X_REQUEST_ID", "")
        return given if _REQUEST_ID.fullmatch(given) else f"{self._run}-{next(self._numbers)}"

    def _answer(self, environ: WSGIEnvironment) -> Answer:
        path = access.readable_path(environ)
        preflight = self._cors.preflight(environ)
        if preflight is not None:
            return preflight
        if path.startswith(mediafile.PREFIX):
            return mediafile.answer(
                self._media, environ, self._sizes, accel_prefix=self._accel_prefix
            )
        self._guard.check(environ, path)
        if path == "*":
            return Answer(204, (("Allow", _METHODS),))
        if environ["REQUEST_METHOD"] not in READING:
            return self._from_route(environ).plain
        ready = self._read(environ, path)
        # For whoever counts requests by route: this one may not have reached bottle.
        environ["bottle.route"] = ready.route
        wanted = ready.in_encoding(environ.get("HTTP_ACCEPT_ENCODING"))
        return conditional(wanted, environ)

    def _read(self, environ: WSGIEnvironment, path: str) -> Ready:
        if self._kept is None or path in _LIVE:
            return self._from_route(environ)
        key = path, environ.get("QUERY_STRING", "")
        mark: Hashable = self._kept.mark()
        if self._desk is not None and path in _AT_WORK:
            mark = mark, repr(self._desk.pages())
        return self._kept.get(key, mark) or self._make(environ, self._kept, key, mark)

    def _make(self, environ: WSGIEnvironment, kept: Kept, key: Key, mark: Hashable) -> Ready:
        """Make an answer and keep it, unless it was made while this waited for its turn."""
        has_turn = self._turns.acquire(timeout=_COURTESY)
        try:
            ready = kept.get(key, mark)
            if ready is None:
                with witnessed() as seen:
                    ready = self._from_route(environ)
                if ready.plain.status == 200 and ready.plain.header("ETag"):
                    kept.put(key, mark, ready, seen)
            return ready
        finally:
            if has_turn:
                self._turns.release()

    def _from_route(self, environ: WSGIEnvironment) -> Ready:
        """Have bottle answer, whole: what of it is sent is decided here."""
        asked = {**environ}
        if self._guard.has_token(environ):
            asked[TRUSTED] = True
        if asked["REQUEST_METHOD"] == "HEAD":
            asked["REQUEST_METHOD"] = "GET"
        said: list[tuple[int, Headers]] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            said.append((int(status[:3]), tuple(headers)))

        body = b"".join(self._routed(asked, start))
        environ["bottle.route"] = asked.get("bottle.route")
        status, headers = said[-1]
        return Ready(Answer(status, headers, (body,)), environ["bottle.route"])


def _log(environ: WSGIEnvironment, status: int, request_id: str) -> None:
    # Probes ask every few seconds, and what they are told is in the log already.
    is_news = status >= 500 and environ["PATH_INFO"] not in _LIVE
    level = logging.WARNING if is_news else logging.DEBUG
    if log.isEnabledFor(level):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        # Quoted: a path may hold line ends, and a log of two lines for one could be made up.
        log.log(level, "request %s: %s %r is answered with %d", request_id, method, path, status)
