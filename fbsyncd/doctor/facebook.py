"""The Graph API from here: reached, in which version, with which clock, and what tokens are worth.

Each Page is asked for the id of its newest post, which takes exactly the rights a sync takes. What
Facebook says of the token itself is asked only with the app's secret, since only the app may ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Final

from fbsyncd import handed, read
from fbsyncd.archive import USER_AGENT
from fbsyncd.config import Page
from fbsyncd.config.settings import Facebook
from fbsyncd.doctor.patience import Deadline, OutOfTime, within
from fbsyncd.errors import (
    ConfigError,
    GraphError,
    GraphUnavailable,
    Throttled,
    TokenRefused,
)
from fbsyncd.graph import verdict
from fbsyncd.graph.answer import Answer
from fbsyncd.graph.caller import Account, Endpoint
from fbsyncd.graph.exchange import Exchange
from fbsyncd.worth import Worth, app_of, of_token

#: Seconds for one call, for one Page, and for all Pages together.
CALL_SECONDS: Final = 8.0
PAGE_SECONDS: Final = 15.0
ALL_SECONDS: Final = 60.0


@dataclass(slots=True)
class PageSeen:
    """What came of asking about one Page. *trouble* is why its posts cannot be read.

    *worth* is what Facebook says of the token, and *untold* why it does not; *can_derive* whether
    it gives the Page's own token for this one, None when it was not asked. *renewal* is how another
    token gets to the service, where writing its file is not enough.
    """

    page_id: str
    trouble: GraphError | None = None
    worth: Worth | None = None
    untold: str = "only told with app_secret"
    can_derive: bool | None = None
    renewal: str = ""


@dataclass(slots=True)
class Seen:
    """What came of all the calls; *version* and *skew* (seconds we are ahead) by any answer.

    *stopped* is why not all Pages were asked about.
    """

    url: str
    stopped: str | None = None
    has_answered: bool = False
    version: str | None = None
    skew: float | None = None
    pages: list[PageSeen] = field(default_factory=list)

    @property
    def is_offline(self) -> bool:
        """Tell whether nobody answered at all."""
        return self.stopped is not None and not self.has_answered

    @property
    def is_foreign(self) -> bool:
        """Tell whether what answered was not Facebook."""
        return self.has_answered and self.version is None


def look(asking: Asking, pages: Iterable[Page], held: Mapping[str, datetime]) -> Seen:
    """Ask about each Page in turn, until there is a reason to stop.

    The first that nobody answers is the last: without a network the others would only wait. So is
    one that meets the limit of the app. A Page that Facebook wants no calls for is left alone;
    *held* tells until when.
    """
    seen = asking.seen
    for page in pages:
        if until := held.get(page.id):
            words = f"Facebook wants no calls before {until:%Y-%m-%d %H:%M} UTC"
            seen.pages.append(PageSeen(page.id, Throttled(words, until=until)))
            continue
        try:
            seconds = min(PAGE_SECONDS, asking.deadline.left)
            seen.pages.append(within(seconds, partial(asking.about, page)))
        except OutOfTime:
            seen.stopped = f"{seen.url} did not answer in time"
        except GraphUnavailable as error:
            seen.stopped = str(error)
        else:
            seen.stopped = _app_limit(seen.pages[-1].trouble)
        if seen.stopped:
            break
    return seen


def _app_limit(trouble: GraphError | None) -> str | None:
    is_ours = isinstance(trouble, Throttled) and trouble.code in verdict.APP_LIMITS
    return "Facebook wants no more calls of this app for now" if is_ours else None


class Asking:
    """The calls of one examination; they share a *deadline*, and any answer adds to *seen*."""

    def __init__(
        self, config: Facebook, environ: Mapping[str, str], now: Callable[[], datetime]
    ) -> None:
        secret = config.app_secret.get_secret_value() or None
        self.deadline = Deadline(ALL_SECONDS)
        self.seen = Seen(config.graph_url)
        self._endpoint = Endpoint(config.graph_url, config.api_version, USER_AGENT, secret)
        self._environ = environ
        self._now = now

    def about(self, page: Page) -> PageSeen:
        """Ask about one Page. Raises GraphUnavailable when there is no answer at all."""
        told = PageSeen(page.id)
        told.renewal = handed.renewal(page.access_token_file, self._environ)
        try:
            self._ask_about(Account(page.id, page.token(self._environ)), told)
        except ConfigError as error:
            remedy = "" if told.renewal else "put the Page's token there"
            told.trouble = TokenRefused(str(error), remedy=remedy)
        return told

    def _ask_about(self, account: Account, told: PageSeen) -> None:
        path = f"{account.page_id}/posts"
        try:
            self._get(path, account.token, {"limit": "1", "fields": "id"}, verdict.is_listing)
        except GraphError as error:
            told.trouble = error
            if not self.seen.has_answered:
                raise
        try:
            told.worth = self._worth(account.token)
        except GraphError as error:
            told.untold = str(error)
        kind = told.worth.kind if told.worth else None
        if kind == "USER" or (kind is None and told.trouble and _wants_page_token(told.trouble)):
            told.can_derive = self._derived(account)

    def _worth(self, token: str) -> Worth | None:
        """Return what the app may know of *token*; the app is known by its id and its secret."""
        secret = self._endpoint.app_secret
        if not secret:
            return None
        return of_token(self._get, token, app_of(self._get, token), secret)

    def _derived(self, account: Account) -> bool:
        try:
            node = self._get(account.page_id, account.token, {"fields": "access_token"})
        except GraphError:
            return False
        return read.text(node, "access_token") is not None

    def _get(
        self,
        path: str,
        token: str,
        query: Mapping[str, str],
        expected: verdict.Shape = verdict.is_object,
    ) -> object:
        patience = min(CALL_SECONDS, max(self.deadline.left, 0.1))
        # The app's own token proves itself.
        proof = {} if "|" in token else self._endpoint.proof(token)
        exchange = Exchange(self._endpoint.url, self._endpoint.user_agent, patience)
        try:
            path = f"/{self._endpoint.version}/{path}"
            answer = exchange.get(path, token, {**query, **proof})
        finally:
            exchange.close()
        self._hear(answer)
        error = verdict.judge(answer.status, answer.body, now=self._now(), expected=expected)
        if error is not None:
            error.hide((token, self._endpoint.app_secret or "", *proof.values()))
            raise error
        return answer.body

    def _hear(self, answer: Answer) -> None:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        self.seen.has_answered = True
        self.seen.version = headers.get("facebook-api-version", self.seen.version)
        theirs = _date(headers.get("date", ""))
        if theirs is not None and "facebook-api-version" in headers:
            self.seen.skew = (self._now() - theirs).total_seconds()


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _wants_page_token(error: GraphError) -> bool:
    return isinstance(error, TokenRefused) and "page access token" in str(error).lower()
