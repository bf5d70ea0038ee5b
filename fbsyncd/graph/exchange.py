"""One HTTP exchange with the Graph API: bounded in time and size, and silent about secrets.

It neither judges an answer nor repeats a call. Redirects are not followed: the Graph API sends
none, so one comes from something in between, and the token must not go where it points.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Final

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from fbsyncd.errors import GraphUnavailable, TooMuchData, Unreached
from fbsyncd.graph.answer import Answer, parsed

CONNECT_TIMEOUT: Final = 10.0
READ_TIMEOUT: Final = 60.0  # between two pieces of an answer
WHOLE_TIMEOUT: Final = 180.0
LARGEST_ANSWER: Final = 32 * 1024 * 1024  # a hundred posts take about half a megabyte

_PIECE = 64 * 1024
# Another certificate than Facebook's is a portal's or a proxy's.
_NO_WAY = (
    requests.exceptions.SSLError,
    requests.exceptions.ProxyError,
    requests.ConnectTimeout,
)


class Exchange:
    """Connections to one Graph API, shared by all threads.

    *patience* is for a whole answer, in seconds. Proxies and certificates of the environment count,
    but not for plain http, which is only allowed to the machine itself.
    """

    def __init__(self, url: str, user_agent: str, patience: float = WHOLE_TIMEOUT) -> None:
        self._url = url.rstrip("/")
        self._patience = patience
        self._session = requests.Session()
        self._session.trust_env = self._url.startswith("https:")
        # Cookies are the one part of a session that threads would share and change.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers.update(
            {"User-Agent": user_agent, "Accept": "application/json", "Accept-Encoding": "gzip"}
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=16))

    def get(self, path: str, token: str, query: Mapping[str, str]) -> Answer:
        """Ask for *path*; raises GraphUnavailable and TooMuchData."""
        return self._exchange(requests.Request("GET", self._url + path, params=query), token)

    def post(self, path: str, token: str, form: Mapping[str, str]) -> Answer:
        """Send a form to *path*; raises as :meth:`get` does. An empty *token* is not sent."""
        return self._exchange(requests.Request("POST", self._url + path, data=form), token)

    def close(self) -> None:
        """Close the connections that are idle."""
        self._session.close()

    def _exchange(self, request: requests.Request, token: str) -> Answer:
        request.auth = _Bearer(token)
        try:
            prepared = self._session.prepare_request(request)
            settings = self._session.merge_environment_settings(prepared.url, {}, True, None, None)
            with self._session.send(
                prepared,
                timeout=(
                    min(CONNECT_TIMEOUT, self._patience),
                    min(READ_TIMEOUT, self._patience),
                ),
                allow_redirects=False,
                **settings,
            ) as response:
                body = _body(response, self._patience)
                return Answer(response.status_code, response.headers, parsed(body))
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            # Not "from error": its text holds the URL, and the URL the proof of the app's secret.
            kind = Unreached if _is_no_way(error) else GraphUnavailable
            raise kind(f"{self._url} did not answer: {_root(error)}") from None


class _Bearer(AuthBase):
    """The token, in a header and never in a URL; with it no .netrc is looked into."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _body(response: requests.Response, patience: float) -> bytes:
    # read1 returns what is there: iter_content would wait for a full piece, and a server that
    # drips one byte at a time could hold a thread for hours.
    deadline = time.monotonic() + patience
    body = bytearray()
    while piece := response.raw.read1(_PIECE, decode_content=True):
        body += piece
        if len(body) > LARGEST_ANSWER:
            raise TooMuchData(f"The answer is larger than {LARGEST_ANSWER} bytes")
        if time.monotonic() > deadline:
            raise GraphUnavailable(f"The answer was not whole after {patience:g} seconds")
    return bytes(body)


def _is_no_way(error: BaseException) -> bool:
    """Tell whether nothing was reached at all: no name, no connection, no trust."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(error, _NO_WAY) or isinstance(reason, urllib3.exceptions.NewConnectionError)


def _root(error: BaseException) -> str:
    """Return the reason at the bottom of requests' and urllib3's wrappings."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return f"{error or type(error).__name__}"
