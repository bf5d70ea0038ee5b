"""What an answer of the Graph API means.

The HTTP status says little (limits come as 400 and 403, wrong parameters as 500), and the type
"OAuthException" stands on nearly everything. The code decides, in a fixed order: a limit is also
"transient", and must be recognised as a limit first, or the retries would eat the budget.

Pure: it neither calls nor waits.

Source of codes: https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from fbsyncd import read
from fbsyncd.errors import (
    CallRefused,
    GraphError,
    GraphUnavailable,
    ObjectMissing,
    Throttled,
    TokenRefused,
    TooMuchData,
)

# These two limits are the app's: every Page of it must wait.
APP_LIMITS: Final = frozenset({4, 341})

_TOKEN_CODES = frozenset({102, 104, 190, 450, 452})
_LIMIT_CODES = frozenset({4, 17, 32, 341, 368, 613, *range(80000, 80015)})
_PASSING_CODES = frozenset({1, 2, 960})  # 960: a batch that took too long
_FINAL_CODES = frozenset({3, 10, 12, 100, 803, *range(200, 300)})
_BLOCKED = 368

_LIMIT_WAIT = timedelta(minutes=15)
_BLOCK_WAIT = timedelta(hours=6)
_LONGEST_WAIT = timedelta(days=1)

_RENEW = "Make a new Page access token with `fbsyncd token`, and put it in place of this one."
_PAGE_TOKEN_SUBCODE = 2069032
_REMEDIES = {
    458: "The app was removed from the account: grant it again and make a new Page access token.",
    459: "Facebook wants the account's owner to log in on facebook.com first; the token may work"
    " again after that.",
    460: f"The account's password was changed, which ends its tokens. {_RENEW}",
    463: f"The token has expired. {_RENEW} One made from a long-lived user token does not expire.",
    464: "The account is not confirmed: its owner must log in on facebook.com and confirm it.",
    467: f"The token was made invalid, by logging out or by Facebook. {_RENEW}",
    492: "The account has lost its role on the Page: give it the role back, then make a new token.",
    _PAGE_TOKEN_SUBCODE: "A Page access token is needed: ask /me/accounts with this user token and"
    " take the Page's access_token.",
}

_REFUSALS = {
    3: "The app lacks the capability for this call.",
    10: "The app or its token lacks a permission; reading a Page takes pages_read_engagement and"
    " pages_read_user_content.",
    12: "A field was asked for that this version of the Graph API no longer has.",
    100: "Facebook does not accept this call's parameters.",
    803: "Facebook does not know this id; a Page is named by its number, not by its user name.",
}


@dataclass(frozen=True, slots=True)
class _Complaint:
    """The ``error`` of an answer, with what is needed to judge it."""

    status: int
    code: int | None
    subcode: int | None
    text: str
    transient: bool
    trace: str | None
    now: datetime
    regain: timedelta

    def in_words(self, ours: str) -> str:
        """Return *ours* first, then what Facebook said, then what its support would ask for."""
        code = None if self.code is None else f"code {self.code}"
        code = f"{code}/{self.subcode}" if code and self.subcode is not None else code
        details = (code, f"HTTP {self.status}", self.trace and f"trace {self.trace}")
        return f'{ours} Facebook said: "{self.text}" ({", ".join(filter(None, details))})'


Shape = Callable[[object], bool]


def is_object(body: object) -> bool:
    """Tell whether an answer can be one object."""
    return isinstance(body, dict)


def is_listing(body: object) -> bool:
    """Tell whether an answer can be one page of a list."""
    return isinstance(read.at(body, "data"), list)


def is_batch(body: object) -> bool:
    """Tell whether an answer can be that of a batch."""
    return isinstance(body, list)


def judge(
    status: int,
    body: object,
    *,
    now: datetime,
    regain: timedelta = timedelta(),
    expected: Shape = is_object,
) -> GraphError | None:
    """Return the error an answer stands for, or None when it is one to read.

    *body* is the parsed JSON, or None when it was none. *regain* is what the usage headers say
    about when calls are possible again. The items of a batch are answers of their own, to be
    judged one by one.
    """
    error = read.at(body, "error")
    if not isinstance(error, dict):
        return _judge_shape(status, body, expected)
    text = " ".join((read.text(error, "message") or "no reason").split())
    complaint = _Complaint(
        status=status,
        code=_code(error, text),
        subcode=read.count(error, "error_subcode"),
        text=text if len(text) <= 300 else text[:299] + "…",
        transient=read.flag(error, "is_transient") is True,
        trace=read.name(error, "fbtrace_id"),
        now=now,
        regain=regain,
    )
    return next(verdict for rule in _RULES if (verdict := rule(complaint)) is not None)


def _judge_shape(status: int, body: object, expected: Shape) -> GraphError | None:
    """Judge an answer without an ``error``: a proxy's page, half an answer, or data."""
    silent = read.at(body, "error") is None
    if status == HTTPStatus.OK and silent and expected(body):
        return None
    if 400 <= status < 500 and silent and is_object(body):
        return CallRefused(f"Facebook refused the call without a reason (HTTP {status})")
    what = "no JSON" if body is None else f"JSON of the wrong shape ({type(body).__name__})"
    return GraphUnavailable(
        f"The answer was not Facebook's, or not whole: HTTP {status} with {what}"
    )


def _code(error: read.Json, text: str) -> int | None:
    """Return the code; before v2.1 it stood in the text, as in ``(#200) Permissions error``."""
    in_text = re.match(r"\(#(\d+)\)", text)
    return read.count(error, "code") or (int(in_text[1]) if in_text else None)


# The rules, in the order they are asked


def _too_much(complaint: _Complaint) -> GraphError | None:
    if "reduce the amount of data" not in complaint.text.lower():
        return None
    return TooMuchData(
        complaint.in_words("The answer would be too large."),
        code=complaint.code,
        subcode=complaint.subcode,
        trace=complaint.trace,
    )


def _token(complaint: _Complaint) -> GraphError | None:
    named = "access token" in complaint.text.lower()
    if complaint.code not in _TOKEN_CODES and not (named and complaint.code in {None, 2500}):
        return None
    subcode = complaint.subcode
    if "page access token" in complaint.text.lower():
        subcode = _PAGE_TOKEN_SUBCODE
    return TokenRefused(
        complaint.in_words("Facebook refuses the access token."),
        remedy=_REMEDIES.get(subcode or 0, _RENEW),
        code=complaint.code,
        subcode=complaint.subcode,
    )


def _limit(complaint: _Complaint) -> GraphError | None:
    if complaint.code not in _LIMIT_CODES and complaint.status != HTTPStatus.TOO_MANY_REQUESTS:
        return None
    blocked = complaint.code == _BLOCKED
    least = _BLOCK_WAIT if blocked else _LIMIT_WAIT
    until = complaint.now + min(max(least, complaint.regain), _LONGEST_WAIT)
    reason = "Facebook has blocked these calls" if blocked else "Too many calls"
    words = f"{reason}: none before {until:%Y-%m-%d %H:%M} UTC."
    return Throttled(complaint.in_words(words), until=until, code=complaint.code)


def _passing(complaint: _Complaint) -> GraphError | None:
    if not complaint.transient and complaint.code not in _PASSING_CODES:
        return None
    return _unavailable(complaint)


def _final(complaint: _Complaint) -> GraphError | None:
    return _refused(complaint) if complaint.code in _FINAL_CODES else None


def _otherwise(complaint: _Complaint) -> GraphError:
    return _unavailable(complaint) if complaint.status >= 500 else _refused(complaint)


_RULES: Final[tuple[Callable[[_Complaint], GraphError | None], ...]] = (
    _too_much,
    _token,
    _limit,
    _passing,
    _final,
    _otherwise,
)


def _unavailable(complaint: _Complaint) -> GraphUnavailable:
    return GraphUnavailable(
        complaint.in_words("Facebook cannot answer just now."),
        code=complaint.code,
        subcode=complaint.subcode,
        trace=complaint.trace,
    )


def _refused(complaint: _Complaint) -> CallRefused:
    missing = (complaint.code, complaint.subcode) == (100, 33)
    verdict = ObjectMissing if missing else CallRefused
    words = "The object is not there, or not for this token." if missing else _refusal(complaint)
    return verdict(
        complaint.in_words(words),
        code=complaint.code,
        subcode=complaint.subcode,
        trace=complaint.trace,
    )


def _refusal(complaint: _Complaint) -> str:
    code = complaint.code or 0
    return _REFUSALS.get(10 if 200 <= code < 300 else code, "Facebook refuses this call.")
