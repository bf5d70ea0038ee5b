"""The routes: what may be asked over HTTP, and which part of the archive answers it.

Answers are made in :mod:`fbsyncd.server.answers`; here is no SQL and no file.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import bottle

from fbsyncd import datafiles
from fbsyncd.errors import FbsyncdError, scrub
from fbsyncd.feed import BadCursor
from fbsyncd.server import query, webfiles
from fbsyncd.server.answers import (
    Answer,
    Refused,
    code_of,
    conditional,
    error_body,
    json_answer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from fbsyncd.feed import Feed

    Route = tuple[str, Callable[..., Any], query.Parameters]

log = logging.getLogger(__name__)

_MESSAGES = {
    404: "nothing is here",
    405: "this method is not allowed here",
    500: "something went wrong in the server; its log says what",
}


def routed(
    feed: Feed, *, public_url: str = "", metrics: Callable[[], tuple[bytes, str]] | None = None
) -> WSGIApplication:
    """Return the application that finds the route of a request and answers it.

    Asks for no token and answers no picture: those doors come before.
    """
    app = bottle.Bottle()
    app.default_error_handler = _said_as_json
    for rule, callback, known in _json_routes(feed):
        app.route(rule, "GET", _answering(callback, known))
    if metrics is not None:
        app.route("/metrics", "GET", _answering(_scraped(metrics), query.NONE))
    for path, answer in webfiles.load(datafiles.web_dir(), public_url=public_url).items():
        app.route(path, "GET", _showing(answer))

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.errors"] = _Tracebacks()
        found: Iterable[bytes] = app(environ, start_response)
        return found

    return application


def _json_routes(feed: Feed) -> list[Route]:
    return [
        ("/api/posts", _posts(feed), query.POSTS),
        ("/api/posts/<post_id>", _one_post(feed), query.NONE),
        ("/api/posts/<post_id>/history", _history(feed), query.NONE),
        ("/api/stats", feed.stats, query.NONE),
        ("/healthz", lambda: {"status": "alive"}, query.NONE),
        ("/readyz", _readiness(feed), query.NONE),
    ]


def _posts(feed: Feed) -> Callable[..., Any]:
    def posts(**asked: Any) -> dict[str, Any]:
        try:
            return feed.posts(**asked)
        except BadCursor as e:
            raise Refused(400, f"cursor is none of ours: {e}", code="bad_parameter") from e

    return posts


def _one_post(feed: Feed) -> Callable[..., Any]:
    def one_post(post_id: str) -> dict[str, Any]:
        post = feed.post(post_id) if post_id.isprintable() else None
        if post is None:
            raise Refused(404, "no post of that id is archived")
        return post

    return one_post


def _history(feed: Feed) -> Callable[..., Any]:
    def history(post_id: str) -> dict[str, Any]:
        texts = feed.history(post_id) if post_id.isprintable() else None
        if texts is None:
            raise Refused(404, "no post of that id is archived")
        return {"history": texts}

    return history


def _readiness(feed: Feed) -> Callable[..., Any]:
    def readiness() -> Answer:
        parts = feed.ready()
        fit = all(state == "ok" for state in parts.values())
        status = "ready" if fit else "not ready"
        return json_answer({"status": status, "parts": parts}, status=200 if fit else 503)

    return readiness


def _scraped(metrics: Callable[[], tuple[bytes, str]]) -> Callable[..., Any]:
    def scraped() -> Answer:
        body, kind = metrics()
        told = ("Content-Type", kind), ("Content-Length", str(len(body)))
        return Answer(200, (*told, ("Cache-Control", "no-store")), (body,))

    return scraped


def _answering(callback: Callable[..., Any], known: query.Parameters) -> Callable[..., Any]:
    """Return *callback* as bottle calls it: typed parameters in, JSON or a refusal out."""

    def answering(**named: str) -> Any:
        environ = bottle.request.environ
        try:
            value = callback(**named, **query.read(environ.get("QUERY_STRING", ""), known))
        except Refused as refused:
            return _as_bottle(refused.answer())
        except FbsyncdError as trouble:
            return _as_bottle(_trouble(trouble).answer())
        answer = value if isinstance(value, Answer) else json_answer(value)
        return _as_bottle(conditional(answer, environ.get("HTTP_IF_NONE_MATCH")))

    return answering


def _showing(answer: Answer) -> Callable[[], Any]:
    def showing() -> Any:
        held = bottle.request.environ.get("HTTP_IF_NONE_MATCH")
        return _as_bottle(conditional(answer, held))

    return showing


def _trouble(trouble: FbsyncdError) -> Refused:
    log.warning("a request could not be answered: %s", trouble)
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
