"""The WSGI application: what a request passes before a route answers it.

A request passes three doors: its path must be UTF-8, ``/media`` is answered beside bottle (it is
the busiest and needs nothing of it), and ``/api`` asks for the token when one is set. Behind them
bottle finds the route (:mod:`fbsyncd.server.routes`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fbsyncd.server import access, mediafile, routes
from fbsyncd.server.answers import Answer, Refused, with_safety

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from fbsyncd.feed import Feed
    from fbsyncd.media import Media

    Scrape = Callable[[], tuple[bytes, str]]


def make_app(
    feed: Feed,
    media: Media,
    *,
    auth_token: str | None = None,
    public_url: str = "",
    metrics: Scrape | None = None,
) -> WSGIApplication:
    """Return the whole HTTP face as one WSGI application.

    With *auth_token* every call below ``/api`` needs it as Bearer token, and so does ``/metrics``;
    pictures, the page and the health checks do not, for browsers and probes cannot send one.
    *public_url* is where links to pictures point if they are not relative. *metrics* returns the
    answer to a scrape and its content type; without it there is no ``/metrics``.
    """
    routed = routes.routed(feed, public_url=public_url, metrics=metrics)

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            answer = _before_routes(environ, media, auth_token)
        except Refused as refused:
            answer = refused.answer()
        if answer is not None:
            return answer.send(environ, start_response)
        found: Iterable[bytes] = routed(environ, _safely(start_response))
        return found

    return application


def _before_routes(environ: WSGIEnvironment, media: Media, auth_token: str | None) -> Answer | None:
    path = access.readable_path(environ)
    if path.startswith(mediafile.PREFIX):
        return mediafile.answer(media, environ)
    if auth_token and access.is_api(path):
        access.check_token(environ.get("HTTP_AUTHORIZATION", ""), auth_token)
    return None


def _safely(start_response: StartResponse) -> Callable[..., Any]:
    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        return start_response(status, with_safety(headers), exc_info)

    return start
