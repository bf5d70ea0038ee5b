"""Calls of the Graph API: paced before, judged after, and repeated when the fault may pass.

A limit, a dead token or a refusal ends the call at once: repeating those eats the budget or
achieves nothing. It knows no endpoints; those are in :mod:`fbsyncd.graph`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from fbsyncd.errors import (
    GraphError,
    GraphUnavailable,
    Interrupted,
    Throttled,
    TokenRefused,
    Unreached,
    conceal,
)
from fbsyncd.graph import usage, verdict
from fbsyncd.graph.answer import Answer
from fbsyncd.graph.pace import APP, Pace
from fbsyncd.outside import FACEBOOK, Outside

if TYPE_CHECKING:
    from fbsyncd.graph.exchange import Exchange

log = logging.getLogger(__name__)

TRIES: Final = 5
FIRST_PAUSE: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Account:
    """In whose name a call is made: the Page it counts for, and that Page's token."""

    page_id: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the Graph API is, in which version, and how we name and prove ourselves there."""

    url: str
    version: str
    user_agent: str
    app_secret: str | None = field(default=None, repr=False)

    def proof(self, token: str) -> dict[str, str]:
        """Return the parameter that proves we hold the app's secret; none without a secret.

        The app's own token, ``id|secret``, proves itself.
        """
        if not self.app_secret or "|" in token:
            return {}
        proof = hmac.new(self.app_secret.encode(), token.encode(), hashlib.sha256)
        conceal(proof.hexdigest(), self.app_secret, token)
        return {"appsecret_proof": proof.hexdigest()}


@dataclass(frozen=True, slots=True)
class _Call:
    """One exchange, the Page it counts for, and as how many calls Facebook counts it."""

    page_id: str
    ask: Callable[[], Answer]
    expected: verdict.Shape
    secrets: tuple[str, ...] = field(repr=False)
    weight: int = 1
    tries: int = TRIES


class Caller:
    """Makes calls; safe to use from several threads.

    *wait* pauses for some seconds and returns True when the program is stopping, like
    ``threading.Event.wait``; then the call ends with GraphUnavailable.
    """

    def __init__(
        self, endpoint: Endpoint, now: Callable[[], datetime], wait: Callable[[float], bool]
    ) -> None:
        self.pace = Pace()
        self.made: Counter[str] = Counter()
        self.served_version: str | None = None
        self.outside = Outside(now)
        self._endpoint = endpoint
        self._exchange: Exchange | None = None
        self._now = now
        self._wait = wait
        self._lock = threading.Lock()

    @property
    def app_secret(self) -> str | None:
        """Return the app's secret, if there is one."""
        return self._endpoint.app_secret

    def get(
        self,
        account: Account,
        path: str,
        query: Mapping[str, str],
        expected: verdict.Shape = verdict.is_object,
    ) -> object:
        """Return the JSON at *path*; raises GraphError."""
        token = _checked(account.token)
        path = f"/{self._endpoint.version}/{path}"
        query = {**query, **self._endpoint.proof(token)}
        ask = partial(self._way().get, path, token, query)
        return self._make(_Call(account.page_id, ask, expected, self._secrets(token)))

    def batch(
        self,
        account: Account,
        paths: Sequence[str],
        query: Mapping[str, str],
        tries: int = TRIES,
    ) -> list[object]:
        """Return the answers at several paths, each to be judged with :meth:`hear`.

        There may be fewer than paths. Raises GraphError for the batch as a whole, after *tries*
        if its fault may pass.
        """
        token = _checked(account.token)
        proof = self._endpoint.proof(token)
        each = urlencode({**query, **proof})  # an item does not inherit the proof
        items = [{"method": "GET", "relative_url": f"{path}?{each}"} for path in paths]
        form = {"batch": json.dumps(items), "include_headers": "true", **proof}
        path = f"/{self._endpoint.version}/"
        answers = self._make(
            _Call(
                account.page_id,
                partial(self._way().post, path, token, form),
                verdict.is_batch,
                self._secrets(token),
                weight=len(items),
                tries=tries,
            )
        )
        return answers if isinstance(answers, list) else []

    def hear(
        self, page_id: str, answer: Answer, expected: verdict.Shape = verdict.is_object
    ) -> GraphError | None:
        """Take in what an answer says of the budgets, and return the error it stands for."""
        now = self._now()
        self.pace.hear(page_id, answer.headers, now)
        told = usage.of_page(answer.headers, page_id) or usage.UNUSED
        error = verdict.judge(
            answer.status, answer.body, now=now, regain=told.regain, expected=expected
        )
        if isinstance(error, GraphUnavailable) and _is_anothers(answer):
            return Unreached(str(error))
        if isinstance(error, Throttled):
            self.pace.close(APP if error.code in verdict.APP_LIMITS else page_id, error.until)
        return error

    def close(self) -> None:
        """Close the connections."""
        if self._exchange is not None:
            self._exchange.close()

    def _way(self) -> Exchange:
        """Return the connections, which are made with the first call."""
        # Late: the daemon's first answer need not wait for what this loads.
        from fbsyncd.graph.exchange import Exchange

        with self._lock:
            if self._exchange is None:
                self._exchange = Exchange(self._endpoint.url, self._endpoint.user_agent)
            return self._exchange

    def _secrets(self, token: str) -> tuple[str, ...]:
        return token, *self._endpoint.proof(token).values(), self._endpoint.app_secret or ""

    def _make(self, call: _Call) -> object:
        for tried in range(1, call.tries + 1):
            self._keep_pace(call.page_id)
            try:
                return self._once(call)
            except GraphUnavailable as error:
                if self._gives_up(call, tried, error):
                    raise
            # Full jitter, so that many Pages that failed together do not come back together.
            self._rest(random.uniform(0, 2 ** (tried - 1)) * FIRST_PAUSE)
        raise AssertionError("the last try returns or raises")

    def _gives_up(self, call: _Call, tried: int, error: GraphUnavailable) -> bool:
        """Tell whether to try no more: known to be offline, one try shows whether that is over."""
        unreached = isinstance(error, Unreached)
        if tried == call.tries or (unreached and self.outside.is_away(FACEBOOK)):
            # One that is tried less often than most says nothing of the way out.
            if unreached and tried == TRIES:
                self.outside.lost(FACEBOOK, str(error))
            return True
        level = logging.DEBUG if unreached else logging.INFO
        log.log(level, "page %s: try %d of %d: %s", call.page_id, tried, call.tries, error)
        return False

    def _once(self, call: _Call) -> object:
        with self._lock:
            self.made[call.page_id] += call.weight
        answer = call.ask()
        self._compare_version(answer.headers)
        error = self.hear(call.page_id, answer, call.expected)
        used = self.pace.used(call.page_id, self._now()).percent
        log.debug("page %s: HTTP %d, %.0f%% of the calls used", call.page_id, answer.status, used)
        if not isinstance(error, GraphUnavailable):
            self.outside.back(FACEBOOK)
        if error is not None:
            # Facebook repeats a token it cannot read, and a mistyped one looks like any text.
            error.hide(call.secrets)
            raise error
        return answer.body

    def _keep_pace(self, page_id: str) -> None:
        now = self._now()
        until = self.pace.closed_until(page_id, now)
        if until is not None:
            raise Throttled(
                f"The calls are used up: none before {until:%Y-%m-%d %H:%M} UTC.", until=until
            )
        self._rest(usage.pause(self.pace.used(page_id, now)))

    def _rest(self, pause: timedelta) -> None:
        if self._wait(pause.total_seconds()):
            raise Interrupted("The program is stopping")

    def _compare_version(self, headers: Mapping[str, str]) -> None:
        # An expired version does not fail: another one is served without a word.
        served, asked = headers.get("facebook-api-version"), self._endpoint.version
        if served is None or served == self.served_version:
            return
        self.served_version = served
        if served != asked:
            log.warning(
                "Graph API %s was asked for and %s is served: set api_version", asked, served
            )


def _is_anothers(answer: Answer) -> bool:
    """Tell whether somebody in between answered: with a page, or by sending us elsewhere.

    Facebook's own errors of 5xx may be pages too.
    """
    page = answer.headers.get("content-type", "").lower().startswith("text/html")
    named = any(name.lower().startswith(("facebook-", "x-fb-")) for name in answer.headers)
    return (
        answer.body is None
        and not named
        and answer.status < 500
        and (page or 300 <= answer.status < 400)
    )


def _checked(token: str) -> str:
    # http.client would put a token it cannot send into the text of its exception.
    if re.fullmatch(r"[!-~]+", token):
        return token
    raise TokenRefused(
        "The access token is empty, or holds characters that no token has.",
        remedy="Copy the token again, without blanks or line ends.",
    )
