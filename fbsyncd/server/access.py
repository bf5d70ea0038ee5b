"""Who may ask: under which name, from which page, with which token, for paths of one reading.

A browser sends what any page tells it to send, also to this machine. So a page that is not ours
may not act here (it is told by Origin and Sec-Fetch-Site), and no name may lead here that is not
ours: a page whose own name is pointed at this machine (DNS rebinding) would pass for us.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import socket
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fbsyncd.server.answers import Refused

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

#: Characters of a request's path and query. The longest we make ourselves are far shorter.
LONGEST_URI: Final = 8000

_HOST: Final = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{0,5})?", re.ASCII)
_SLASHES: Final = re.compile(r"(?:https?://[^/]*)?/(?:/|%2f)", re.IGNORECASE)
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def readable_path(environ: WSGIEnvironment) -> str:
    """Return the path that is asked for, decoded.

    Raises Refused: 404 when it is not UTF-8 or begins with several slashes, 414 when path and query
    are longer than any of ours.
    """
    target = environ.get("REQUEST_URI", "")
    if len(target) > LONGEST_URI:
        raise Refused(414, f"path and query are longer than {LONGEST_URI} characters")
    if _SLASHES.match(target):
        # waitress drops all but one, and a proxy's rule for /api would not have seen this as such.
        raise Refused(404, "nothing is here")
    try:
        return str(environ["PATH_INFO"]).encode("latin-1").decode("utf-8")
    except UnicodeDecodeError as e:
        # bottle would drop the bytes it cannot read, and find a route nobody has checked.
        raise Refused(404, "nothing is here") from e


def is_api(path: str) -> bool:
    """Tell whether *path* belongs to the part that the token guards; metrics name Pages too."""
    return path in {"/api", "/metrics"} or path.startswith("/api/")


def is_for_every_name(path: str) -> bool:
    """Tell whether *path* is answered whatever name it is asked under.

    Probes ask under names nobody told us, and learn nothing of what is archived. A picture is
    found by the hash of its content only, so who asks for it has it already.
    """
    return path in {"/healthz", "/readyz"} or path.startswith("/media/")


class Guard:
    """Lets requests in or raises Refused.

    *hosts* are the names this server is known by, beside those of this machine; *origins* those
    whose pages may act here. An IP address is always a good name: none can be rebound.
    """

    def __init__(
        self, *, auth_token: str | None, hosts: Iterable[str] = (), origins: Iterable[str] = ()
    ) -> None:
        self._expected = _digest(auth_token) if auth_token else None
        self._origins = frozenset(origins) - {"*"}
        machine = socket.gethostname().lower()
        names = {"localhost", machine, f"{machine}.local", *(name.lower() for name in hosts)}
        self._is_ours = lru_cache(maxsize=256)(lambda host: host_name(host) in names)

    def check(self, environ: WSGIEnvironment, path: str) -> None:
        """Raise Refused unless *environ* may ask for *path*: 400, 401, 403 or 421."""
        if environ["REQUEST_METHOD"] not in _SAFE:
            self._require_own_page(environ)
        if not is_for_every_name(path):
            self._require_own_name(environ)
        if self._expected is not None and is_api(path):
            _require_token(environ.get("HTTP_AUTHORIZATION", ""), self._expected)

    def has_token(self, environ: WSGIEnvironment) -> bool:
        """Tell whether a token is asked for here, and *environ* carries it."""
        given = environ.get("HTTP_AUTHORIZATION", "")
        return self._expected is not None and _is_token(given, self._expected)

    def _is_own_name(self, host: str) -> bool:
        return is_address(host) or self._is_ours(host)

    def _require_own_name(self, environ: WSGIEnvironment) -> None:
        host = environ.get("HTTP_HOST")
        # Before HTTP/1.1 there was none; browsers, of which this is about, always send it.
        if host is not None and not self._is_own_name(host):
            raise Refused(
                421,
                "this server does not know itself by the name in the header Host: ask under its"
                " own, or add the name to server.allowed_hosts",
            )

    def _require_own_page(self, environ: WSGIEnvironment) -> None:
        site, origin = environ.get("HTTP_SEC_FETCH_SITE"), environ.get("HTTP_ORIGIN")
        if origin is not None and origin.lower() in self._origins:
            return
        if site is not None:
            is_own = site in {"same-origin", "none"}
        else:
            is_own = origin is None or _netloc(origin) == environ.get("HTTP_HOST", "").lower()
        if not is_own:
            raise Refused(403, "a page of another site cannot do this")


def host_name(host: str) -> str | None:
    """Return the name in a Host header, in small letters and without port, None for nonsense."""
    match = _HOST.fullmatch(host)
    if match is None:
        return None
    return str(match[1] or match[2]).lower().removesuffix(".")


@lru_cache(maxsize=256)
def is_address(host: str) -> bool:
    """Tell whether a Host header names an IP address."""
    try:
        ipaddress.ip_address(host_name(host) or "")
    except ValueError:
        return False
    return True


def _netloc(origin: str) -> str:
    """Return what a Host header says to a page of *origin*; empty for what is no origin."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _is_token(authorization: str, expected: bytes) -> bool:
    """Tell whether this is the right Bearer token; takes the same time whatever is given."""
    scheme, _, given = authorization.partition(" ")
    told = hashlib.sha256(given.strip().encode("latin-1", "replace")).digest()
    return hmac.compare_digest(told, expected) and scheme.lower() == "bearer"


def _require_token(authorization: str, expected: bytes) -> None:
    if _is_token(authorization, expected):
        return
    asked = 'Bearer realm="fbsyncd"' + (', error="invalid_token"' if authorization else "")
    message = "this needs the header Authorization: Bearer, with the server.auth_token"
    raise Refused(401, message, headers=(("WWW-Authenticate", asked),))
