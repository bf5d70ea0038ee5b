"""From an app and a person's short-lived token to long-lived tokens of that person's Pages.

Three steps: the person's token is exchanged for one of 60 days, that one lists the Pages with a
token of each, and the app tells when those end. A Page token made this way does not. Nothing is
asked twice, and no token is shown: they go into files that only their owner can read.

Source: https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from fbsyncd import read, worth
from fbsyncd.errors import GraphError, TokenRefused, UsageError
from fbsyncd.graph import verdict
from fbsyncd.graph.answer import Answer
from fbsyncd.graph.caller import Endpoint
from fbsyncd.graph.exchange import Exchange
from fbsyncd.graph.trail import Trail
from fbsyncd.worth import Worth

_EXPLORER: Final = (
    "make a new user token, with pages_show_list, pages_read_engagement and"
    " pages_read_user_content, on https://developers.facebook.com/tools/explorer"
)


@dataclass(frozen=True, slots=True)
class Keys:
    """Who asks: an app, and the short-lived token of a person with a role on the Pages."""

    app_id: str
    user_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Granted:
    """A Page with its new token; *worth* is None when the app would not tell."""

    page_id: str
    name: str
    token: str = field(repr=False)
    worth: Worth | None = None


class Grant:
    """One walk to the tokens; the *endpoint* holds the app's secret."""

    def __init__(self, endpoint: Endpoint, keys: Keys, now: datetime) -> None:
        self._endpoint = endpoint
        self._exchange = Exchange(endpoint.url, endpoint.user_agent)
        self._keys = keys
        self._now = now

    def pages(self) -> list[Granted]:
        """Return the Pages of that person with their tokens.

        Raises TokenRefused and other GraphErrors, with what to do.
        """
        try:
            long_lived = self._long_lived()
            return [self._looked_at(page) for page in self._listed(long_lived)]
        finally:
            self._exchange.close()

    def _long_lived(self) -> str:
        form = {
            "grant_type": "fb_exchange_token",
            "client_id": self._keys.app_id,
            "client_secret": self._endpoint.app_secret or "",
            "fb_exchange_token": self._keys.user_token,
        }
        # A form, so that neither secret stands in an address that a proxy may keep.
        path = f"/{self._endpoint.version}/oauth/access_token"
        try:
            body = self._judged(self._exchange.post(path, "", form), self._keys.user_token)
        except TokenRefused as error:
            raise TokenRefused(str(error), remedy=f"To go on, {_EXPLORER}.") from error
        token = read.name(body, "access_token")
        if token is None:
            raise TokenRefused(
                "Facebook gave no long-lived token.", remedy=f"To go on, {_EXPLORER}."
            )
        return token

    def _listed(self, token: str) -> list[Granted]:
        trail = Trail()
        found: list[Granted] = []
        while True:
            query = {"fields": "id,name,access_token", "limit": "100", **trail.place}
            page = self._get("me/accounts", token, query)
            for node in read.items(page, "data"):
                page_id, own = read.name(node, "id"), read.name(node, "access_token")
                if page_id and own:
                    found.append(Granted(page_id, read.text(node, "name") or page_id, own))
            if not trail.follow(page):
                return found

    def _looked_at(self, page: Granted) -> Granted:
        secret = self._endpoint.app_secret or ""
        try:
            told = worth.of_token(self._get, page.token, self._keys.app_id, secret)
        except GraphError:
            # The token is there all the same; its first sync will show what it is good for.
            return page
        return Granted(page.page_id, page.name, page.token, told)

    def _get(self, path: str, token: str, query: Mapping[str, str]) -> object:
        query = {**query, **self._endpoint.proof(token)}
        answer = self._exchange.get(f"/{self._endpoint.version}/{path}", token, query)
        return self._judged(answer, token)

    def _judged(self, answer: Answer, token: str) -> object:
        error = verdict.judge(answer.status, answer.body, now=self._now)
        if error is not None:
            error.hide((token, self._endpoint.app_secret or "", self._keys.user_token))
            raise error
        return answer.body


def write(page: Granted, folder: Path) -> Path:
    """Write a Page's token into its file in *folder*, readable by its owner only; return the file.

    The file is replaced whole: a daemon that looks meanwhile sees the old token or the new one.
    What root writes into the folder of another user, a service say, becomes that user's.
    Raises UsageError when it cannot be written.
    """
    path = folder / f"page-{page.page_id}.token"
    part = folder / f".{path.name}.{secrets.token_hex(4)}"
    try:
        owner = _owner(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(part, "x", encoding="ascii", opener=_private) as file:
            if owner and os.geteuid() == 0:
                os.chown(folder, *owner, follow_symlinks=False)
                os.chown(file.fileno(), *owner)
            file.write(f"{page.token}\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return path


def _owner(folder: Path) -> tuple[int, int] | None:
    """Return whose the folder is, or whose it would be; None for root's."""
    there = next(place for place in (folder, *folder.parents) if place.exists()).stat()
    return (there.st_uid, there.st_gid) if there.st_uid else None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)
