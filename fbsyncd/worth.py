"""What a token is worth, as Facebook tells the app that made it.

Only the app may ask, so nothing of this is known without the app's secret. A token has two ends:
its own, and the one of its access to data, some 90 days after the person last granted the app.

Source: https://developers.facebook.com/docs/graph-api/reference/debug_token
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from fbsyncd import read
from fbsyncd.errors import CallRefused, TokenRefused

#: Asks for a path with a token and a query, and returns the JSON; raises GraphError.
Ask = Callable[[str, str, Mapping[str, str]], object]


@dataclass(frozen=True, slots=True)
class Worth:
    """One token; a time is None when that end does not come. *message* says why it is not valid.

    *scopes* are the rights it was given, in Facebook's names.
    """

    is_valid: bool
    kind: str | None = None
    expires_at: datetime | None = None
    data_access_expires_at: datetime | None = None
    message: str | None = None
    scopes: tuple[str, ...] = ()

    @property
    def end(self) -> datetime | None:
        """Return when it stops to be of use: the earlier of the two ends."""
        ends = [end for end in (self.expires_at, self.data_access_expires_at) if end is not None]
        return min(ends, default=None)


def of_token(ask: Ask, token: str, app_id: str, app_secret: str) -> Worth:
    """Return what *token* is worth; *ask* raises what stands in the way.

    Raises CallRefused when the secret is not that app's: that says nothing of the token.
    """
    try:
        answer = ask("debug_token", f"{app_id}|{app_secret}", {"input_token": token})
    except TokenRefused as error:
        raise CallRefused(
            f"facebook.app_secret is not the secret of app {app_id}, which the token is of: {error}"
        ) from error
    data = read.at(answer, "data")
    return Worth(
        is_valid=read.flag(data, "is_valid") is True,
        kind=read.text(data, "type"),
        expires_at=_end(data, "expires_at"),
        data_access_expires_at=_end(data, "data_access_expires_at"),
        message=read.text(data, "error", "message"),
        scopes=_scopes(data),
    )


def app_of(ask: Ask, token: str) -> str:
    """Return the id of the app that *token* was made for."""
    return read.name(ask("app", token, {"fields": "id"}), "id") or ""


def _scopes(data: object) -> tuple[str, ...]:
    """Return the rights, without those that were granted for other Pages only."""
    elsewhere = {
        read.text(one, "scope")
        for one in read.items(data, "granular_scopes")
        if _is_elsewhere(one, read.name(data, "profile_id"))
    }
    return tuple(scope for scope in _words(data, "scopes") if scope not in elsewhere)


def _words(node: object, key: str) -> list[str]:
    found = read.at(node, key)
    return [str(word) for word in found] if isinstance(found, list) else []


def _is_elsewhere(granular: object, page_id: str | None) -> bool:
    """Tell whether a right was given for some Pages, and not this one; none named are all."""
    targets = _words(granular, "target_ids")
    return bool(targets) and page_id is not None and page_id not in targets


def _end(data: object, key: str) -> datetime | None:
    """Return when something ends; Facebook's 0 means that it does not."""
    at = read.moment(data, key)
    return at if at is not None and at.timestamp() > 0 else None
