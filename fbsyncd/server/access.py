"""Who may ask: the token of the API, and paths that can be read in one way only."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from fbsyncd.server.answers import Refused

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


def readable_path(environ: WSGIEnvironment) -> str:
    """Return the path that is asked for, decoded. Raises Refused (404) when it is not UTF-8."""
    try:
        return str(environ["PATH_INFO"]).encode("latin-1").decode("utf-8")
    except UnicodeDecodeError as e:
        # bottle would drop the bytes it cannot read, and find a route nobody has checked.
        raise Refused(404, "nothing is here") from e


def is_api(path: str) -> bool:
    """Tell whether *path* belongs to the part that the token guards; metrics name Pages too."""
    return path in {"/api", "/metrics"} or path.startswith("/api/")


def check_token(authorization: str, auth_token: str) -> None:
    """Raise Refused (401) unless *authorization* carries *auth_token* as Bearer token.

    The comparison takes the same time whatever is given.
    """
    scheme, _, given = authorization.partition(" ")
    told = hashlib.sha256(given.strip().encode("latin-1", "replace")).digest()
    expected = hashlib.sha256(auth_token.encode()).digest()
    if hmac.compare_digest(told, expected) and scheme.lower() == "bearer":
        return
    asked = 'Bearer realm="fbsyncd"' + (', error="invalid_token"' if authorization else "")
    message = "this needs the header Authorization: Bearer, with the server.auth_token"
    raise Refused(401, message, headers=(("WWW-Authenticate", asked),))
