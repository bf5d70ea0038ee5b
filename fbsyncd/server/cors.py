"""What pages of other origins may do: what ``server.cors_origins`` says, and nothing else.

An origin that is named may read and, with the token, act. ``*`` lets every site read and none
act. Cookies are never asked for: this server has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from fbsyncd.server.answers import Answer, Headers, Refused

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

READING: Final = frozenset({"GET", "HEAD"})
_VARIES: Final = ("Vary", "Origin")
_SEEN: Final = (
    "Access-Control-Expose-Headers",
    "Accept-Ranges, Content-Range, ETag, Retry-After, X-Request-Id",
)
_ALLOWED: Final = (
    "Authorization, Content-Type, If-Match, If-None-Match, If-Range, Range, X-Request-Id"
)


class Cors:
    """The origins whose pages may ask; none by default."""

    def __init__(self, origins: Iterable[str] = ()) -> None:
        self.origins = frozenset(origins)
        self._anyone = "*" in self.origins

    def preflight(self, environ: WSGIEnvironment) -> Answer | None:
        """Answer a browser that asks before it sends; None for every other request.

        Raises Refused (403) for an origin or a method that is not allowed.
        """
        method = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
        if environ["REQUEST_METHOD"] != "OPTIONS" or method is None:
            return None
        origin = environ.get("HTTP_ORIGIN", "")
        named = origin in self.origins and origin != "*"
        if not named and not (self._anyone and method in READING):
            raise Refused(403, "server.cors_origins does not allow this origin to do that")
        told = (
            ("Access-Control-Allow-Origin", origin if named else "*"),
            ("Access-Control-Allow-Methods", "GET, HEAD, POST" if named else "GET, HEAD"),
            ("Access-Control-Allow-Headers", _ALLOWED),
            ("Access-Control-Max-Age", "600"),
        )
        return Answer(204, (*told, _VARIES))

    def told(self, environ: WSGIEnvironment, headers: Headers) -> Headers:
        """Return *headers* and what else an answer has to say to the origin that asked."""
        if not self.origins:
            return headers
        # A browser refuses an answer that names its origin twice, and a preflight has named it.
        said_already = {name.lower() for name, _ in headers} - {"vary"}
        more = [pair for pair in self._headers(environ) if pair[0].lower() not in said_already]
        # One line for all it varies with: some caches read the first only.
        kept = [pair for pair in headers if pair[0].lower() != "vary"]
        varies = [text for name, text in (*headers, *more) if name.lower() == "vary"]
        said = (pair for pair in more if pair != _VARIES)
        return *kept, *said, ("Vary", ", ".join(dict.fromkeys(varies)))

    def _headers(self, environ: WSGIEnvironment) -> Headers:
        origin = environ.get("HTTP_ORIGIN", "")
        if origin in self.origins and origin != "*":
            return ("Access-Control-Allow-Origin", origin), _SEEN, _VARIES
        if self._anyone and environ["REQUEST_METHOD"] in READING:
            return ("Access-Control-Allow-Origin", "*"), _SEEN, _VARIES
        return (_VARIES,)
