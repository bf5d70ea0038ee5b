"""Who may ask: access tokens and the proof of the app secret."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from fbsyncd.simulator import refusals
from fbsyncd.simulator.cast import token

if TYPE_CHECKING:
    from fbsyncd.simulator.messages import Request
    from fbsyncd.simulator.values import Page
    from fbsyncd.simulator.world import World

APP_ID = "1234567890123456"


class Access:
    """Knows the good tokens: one of each page, one of the user who runs them all."""

    def __init__(self, world: World, seed: int, app_secret: str = "") -> None:
        self.user_token = token("user", seed)
        self._world = world
        self._secret = app_secret
        self._dead: dict[str, int | None] = {}

    @property
    def app_token(self) -> str:
        """The token of the app itself, ``id|secret``."""
        return f"{APP_ID}|{self._secret or 'no-secret'}"

    def kill(self, page_id: str, subcode: int | None) -> None:
        """Refuse this page's token from now on, with error 190 and *subcode*."""
        self._dead[page_id] = subcode

    def revive(self, page_id: str) -> None:
        """Accept this page's token again."""
        self._dead.pop(page_id, None)

    def token_of(self, request: Request) -> str:
        """The token a request carries, in its header or as a parameter; empty when none."""
        header = request.headers.get("authorization", "")
        if header.lower().startswith("bearer "):
            return header[7:].strip()
        return request.query.get("access_token", "") or _posted_token(request)

    def holder(self, request: Request) -> Page | None:
        """The page whose token the request carries; None for the user's and the app's."""
        given = self.token_of(request)
        if not given:
            raise refusals.token_missing()
        self._prove(request, given)
        if given in (self.user_token, self.app_token):
            return None
        page = self.page_of(given)
        if page is None:
            raise refusals.token_refused()
        if page.id in self._dead:
            raise refusals.token_refused(self._dead[page.id])
        return page

    def page_of(self, given: str) -> Page | None:
        """The page a token belongs to, dead or alive."""
        return next((page for page in self._world.pages.values() if page.token == given), None)

    def alive(self, given: str) -> bool:
        """Whether a token would be accepted."""
        page = self.page_of(given)
        return given == self.user_token or (page is not None and page.id not in self._dead)

    def _prove(self, request: Request, given: str) -> None:
        if not self._secret or given == self.app_token:
            return
        proof = request.query.get("appsecret_proof", "")
        right = hmac.new(self._secret.encode(), given.encode(), "sha256").hexdigest()
        if not hmac.compare_digest(proof, right):
            raise refusals.proof_refused(given=bool(proof))


def _posted_token(request: Request) -> str:
    if "form" not in request.headers.get("content-type", ""):
        return ""
    return parse_qs(request.body.decode("utf-8", "replace")).get("access_token", [""])[-1]
