"""How long requests take: the outermost layer of the application, which answers nothing itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from fbsyncd.server import mediafile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST"})


def timed(app: WSGIApplication, took: Callable[[str, str, str, float], None]) -> WSGIApplication:
    """Return *app* with *took* told the method, route, status and seconds of each request.

    The route is the rule that matched, never the path: paths are without number, and whoever asks
    chooses them. The time ends when the answer is made; sending it is the client's.
    """

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        statuses: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            statuses.append(status[:3])
            return start_response(status, headers, exc_info)

        path = str(environ["PATH_INFO"])
        method = str(environ["REQUEST_METHOD"])
        try:
            return app(environ, start)
        finally:
            took(
                method if method in _METHODS else "other",
                _route(environ, path),
                statuses[-1] if statuses else "500",
                time.perf_counter() - began,
            )

    return application


def _route(environ: WSGIEnvironment, path: str) -> str:
    if path.startswith(mediafile.PREFIX):
        return mediafile.PREFIX
    route = environ.get("bottle.route")
    return str(route.rule) if route is not None else "none"
