"""Who may ask: access tokens and the proof of the app secret."""

from __future__ import annotations

import hmac
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from fbsyncd.simulator import refusals
from fbsyncd.simulator.cast import token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fbsyncd.simulator.faults import Faults
    from fbsyncd.simulator.messages import Request
    from fbsyncd.simulator.switchboard import Fault
    from fbsyncd.simulator.values import Page
    from fbsyncd.simulator.world import World

APP_ID = "1234567890123456"


class Access:
    """Knows the good tokens: one of each page, and two of the user who runs them all.

    The user's short-lived one is good for :meth:`exchanged` and for nothing else.
    """

    def __init__(self, world: World, faults: Faults, seed: int, app_secret: str = "") -> None:
        self.user_token = token("user", seed)
        self.short_token = token("short", seed)
        self._seed = seed
        self._renewed = 0
        self._world = world
        self._faults = faults
        self._secret = app_secret

    @property
    def app_token(self) -> str:
        """The token of the app itself, ``id|secret``."""
        return f"{APP_ID}|{self._secret or 'no-secret'}"

    def token_of(self, request: Request) -> str:
        """The token a request carries, in its header or as a parameter; empty when none."""
        header = request.headers.get("authorization", "")
        if header.lower().startswith("bearer "):
            return header[7:].strip()
        return _parameter(request, "access_token")

    def proof_of(self, request: Request) -> str:
        """The ``appsecret_proof`` a request carries; empty when none."""
        return _parameter(request, "appsecret_proof")

    def holder(self, request: Request) -> Page | None:
        """The page whose token the request carries; None for the user's and the app's.

        Refusal when the token is missing, unknown or dead, or not proven.
        """
        given = self.token_of(request)
        if not given:
            raise refusals.token_missing()
        self._prove(request, given)
        if given in (self.user_token, self.app_token):
            return None
        page = self.page_of(given)
        if page is None:
            raise refusals.token_refused()
        if death := self._death(page):
            raise refusals.token_refused(death["subcode"])
        return page

    def page_of(self, given: str) -> Page | None:
        """The page a token belongs to, dead or alive."""
        return next((page for page in self._world.pages.values() if page.token == given), None)

    def pages(self) -> list[str]:
        """The ids of the pages that the user has granted to the app: all there are."""
        return list(self._world.pages)

    def page_id_of(self, request: Request) -> str:
        """The id of the page whose token a request carries; empty when it is no page's."""
        page = self.page_of(self.token_of(request))
        return page.id if page else ""

    def exchanged(self, form: Mapping[str, str]) -> dict[str, Any]:
        """The long-lived user token for the short-lived one, if the app proves itself."""
        if form.get("grant_type") != "fb_exchange_token":
            raise refusals.wrong_parameter("Invalid grant_type")
        if form.get("client_id") != APP_ID:
            raise refusals.wrong_app(101, "Error validating application. Invalid application ID.")
        if self._secret and form.get("client_secret") != self._secret:
            raise refusals.wrong_app(1, "Error validating client secret.")
        if form.get("fb_exchange_token") not in (self.short_token, self.user_token):
            raise refusals.token_refused(463)
        return {"access_token": self.user_token, "token_type": "bearer", "expires_in": 5183944}

    def renew(self, page_id: str) -> str:
        """Give a page another token and return it; the one before is refused from now on."""
        self._renewed += 1
        page = self._world.pages[page_id]
        fresh = token(f"page/{page_id}", self._seed, self._renewed)
        self._world.pages[page_id] = replace(page, token=fresh)
        return fresh

    def alive(self, given: str) -> bool:
        """Whether a token would be accepted."""
        page = self.page_of(given)
        return given == self.user_token or (page is not None and self._death(page) is None)

    def _death(self, page: Page) -> Fault | None:
        return self._faults.peek("token_dead", lambda fault: fault["page"] in (None, page.id))

    def _prove(self, request: Request, given: str) -> None:
        if "|" in given and given != self.app_token:
            raise refusals.signature_refused()
        if not self._secret or given == self.app_token:
            return
        proof = self.proof_of(request)
        right = hmac.new(self._secret.encode(), given.encode(), "sha256").hexdigest()
        if not hmac.compare_digest(proof.encode(), right.encode()):
            raise refusals.proof_refused(given=bool(proof))


def _parameter(request: Request, name: str) -> str:
    if name in request.query or "form" not in request.headers.get("content-type", ""):
        return request.query.get(name, "")
    return parse_qs(request.body.decode("utf-8", "replace")).get(name, [""])[-1]
