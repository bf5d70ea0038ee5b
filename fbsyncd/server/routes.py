"""The routes: bottle finds which of :mod:`fbsyncd.server.operations` a request asks for.

Parameters are read before, and every answer is made into bottle's after, whatever it is.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import bottle

from fbsyncd import datafiles
from fbsyncd.errors import DatabaseAway, DatabaseBusy, DatabaseTrouble, FbsyncdError, scrub
from fbsyncd.feed import BadCursor
from fbsyncd.server import query, webfiles
from fbsyncd.server.answers import (
    Answer,
    Refused,
    code_of,
    error_body,
    json_answer,
)
from fbsyncd.server.operations import OPERATIONS
from fbsyncd.server.replies import Replies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from fbsyncd.server.replies import Scrape, Served

log = logging.getLogger(__name__)

_MESSAGES: Final = {
    404: "nothing is here",
    405: "this method is not allowed here",
    500: "something went wrong in the server; its log says what",
}
_NO_DATABASE: Final = (
    "the archive's database does not answer as it should: 'fbsyncd doctor' tells what to do"
)


def routed(served: Served) -> WSGIApplication:
    """Return the application that finds the route of a request and answers it.

    Asks for no token and answers no picture: those doors come before.
    """
    app = bottle.Bottle()
    app.default_error_handler = _said_as_json
    replies = Replies(served)
    for operation in OPERATIONS:
        rule = operation.path.replace("{", "<").replace("}", ">")
        answering = _answering(replies.answer(operation.id), operation.parameters)
        app.route(rule, operation.method, answering)
        app.route(rule, "OPTIONS", _allowing(operation.method))
    if served.metrics is not None:
        app.route("/metrics", "GET", _scraping(served.metrics))
        app.route("/metrics", "OPTIONS", _allowing("GET"))
    pages = webfiles.load(datafiles.web_dir(), public_url=served.public_url)
    for path, answer in pages.items():
        app.route(path, "GET", _showing(answer))
        app.route(path, "OPTIONS", _allowing("GET"))

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.errors"] = _Tracebacks()
        found: Iterable[bytes] = app(environ, start_response)
        return found

    return application


def _scraping(metrics: Scrape) -> Callable[[], Any]:
    def scraped() -> Answer:
        data, kind = metrics()
        told = ("Content-Type", kind), ("Content-Length", str(len(data)))
        return Answer(200, (*told, ("Cache-Control", "no-store")), (data,))

    return _answering(scraped, query.NONE)


def _answering(callback: Callable[..., Any], known: query.Parameters) -> Callable[..., Any]:
    """Return *callback* as bottle calls it: typed parameters in, JSON or a refusal out."""

    def answering(**named: str) -> Any:
        environ = bottle.request.environ
        try:
            value = callback(**named, **query.read(environ.get("QUERY_STRING", ""), known))
        except Refused as refused:
            return _as_bottle(refused.answer())
        except BadCursor as e:
            return _as_bottle(query.bad(f"cursor is none of ours: {e}").answer())
        except FbsyncdError as trouble:
            return _as_bottle(_trouble(trouble).answer())
        return _as_bottle(value if isinstance(value, Answer) else json_answer(value))

    return answering


def _allowing(method: str) -> Callable[..., Any]:
    def allowing(**_named: str) -> Any:
        return bottle.HTTPResponse(b"", 204, {"Allow": _with_head(f"{method},OPTIONS")})

    return allowing


def _showing(answer: Answer) -> Callable[[], Any]:
    def showing() -> Any:
        return _as_bottle(answer)

    return showing


def _trouble(trouble: FbsyncdError) -> Refused:
    is_told = isinstance(trouble, DatabaseAway)
    # The jobs tell of that once, and whoever looks at the page asks again all the time.
    level = logging.DEBUG if is_told else logging.WARNING
    log.log(level, "a request could not be answered: %s", trouble)
    if isinstance(trouble, DatabaseTrouble) and not isinstance(trouble, DatabaseBusy):
        # What the database said, with its place and the remedy, is for the log alone.
        return Refused(503, _NO_DATABASE, headers=(("Retry-After", "10"),))
    if trouble.retryable:
        return Refused(503, "the archive is busy: try again", headers=(("Retry-After", "2"),))
    return Refused(500, _MESSAGES[500])


def _as_bottle(answer: Answer) -> Any:
    return bottle.HTTPResponse(b"".join(answer.body), answer.status, dict(answer.headers))


def _said_as_json(error: Any) -> bytes:
    """Say what bottle itself refuses (no route, wrong method, a crash) in our one shape."""
    status = error.status_code
    response = bottle.response
    response.content_type = "application/json; charset=utf-8"
    response.set_header("Cache-Control", "no-store")
    if status == 405:
        response.set_header("Allow", _with_head(error.get_header("Allow", "")))
    return error_body(code_of(status), _MESSAGES.get(status, error.status_line))


def _with_head(allowed: str) -> str:
    methods = set(allowed.split(","))
    return ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))


class _Tracebacks:
    """Where bottle writes the traceback of a crash: our log, without secrets."""

    def write(self, text: str) -> None:
        log.error("a request crashed: %s", scrub(text))

    def flush(self) -> None:
        """Do nothing: the log keeps its own buffers."""
