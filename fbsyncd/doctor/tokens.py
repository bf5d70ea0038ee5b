"""What was seen of the Graph API, judged: network, version, clock and each Page's token."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from fbsyncd.doctor.facebook import PageSeen, Seen
from fbsyncd.doctor.findings import Finding, failed, ok, skipped, warning
from fbsyncd.errors import GraphError, Throttled, TokenRefused, sentences
from fbsyncd.tokens import AHEAD
from fbsyncd.worth import Worth

GRAPH: Final = "graph"
CLOCK: Final = "clock"
TOKEN: Final = "token"

NEEDED: Final = ("pages_read_engagement", "pages_read_user_content")
#: Seconds the two clocks may differ: answers take a while, and times are told in whole seconds.
NEAR: Final = 60
#: From so many seconds on links are taken for dead that live, and the other way round.
FAR: Final = 3600
_SECRET: Final = "set facebook.app_secret to the secret of the app that the token was made with"
_RENEW: Final = "grant the app {}, then make a new Page token with `fbsyncd token`"
_RENEWALS: Final = {
    "the token": "`fbsyncd token` makes one that does not end",
    "its access to data": "let the person log in to the app again, then run `fbsyncd token`",
}


def check(seen: Seen, asked: str, now: datetime) -> Iterator[Finding]:
    """Tell what *seen* means where version *asked* is configured."""
    if not seen.pages and seen.stopped is None:
        yield skipped(GRAPH, "no Page is named that is read, so there is nothing to ask")
        return
    yield graph(seen, asked)
    yield clock(seen.skew)
    if seen.is_foreign:
        yield skipped(TOKEN, "not tried: what answers is not Facebook")
        return
    for page in seen.pages:
        yield token(page, now)
    if seen.is_offline:
        yield skipped(TOKEN, "not tried: offline")
    elif seen.stopped:
        yield skipped(TOKEN, f"not tried for the other Pages: {seen.stopped}")


def graph(seen: Seen, asked: str) -> Finding:
    """Return the finding about the way to Facebook and the version it serves."""
    if seen.is_offline:
        says = f"offline: {seen.stopped}"
        remedy = "nothing, if this machine is meant to be; what is archived is served all the same"
        return warning(GRAPH, says, remedy)
    if seen.is_foreign:
        says = f"what answers for {seen.url} is not Facebook"
        return warning(GRAPH, says, "log in to the network, or look at the proxy in between")
    if seen.version is None:
        return skipped(GRAPH, "nothing was asked")
    if seen.version != asked:
        says = f"{seen.url} serves {seen.version}, though {asked} is asked for"
        return warning(GRAPH, says, f'set api_version = "{seen.version}" in [facebook]')
    return ok(GRAPH, f"{seen.url} answers and serves {asked}, as asked for")


def clock(skew: float | None) -> Finding:
    """Return the finding about a clock that is *skew* seconds ahead of Facebook's."""
    if skew is None:
        return skipped(CLOCK, "Facebook's time is not known")
    if abs(skew) <= NEAR:
        return ok(CLOCK, "agrees with Facebook's")
    direction = "ahead of" if skew > 0 else "behind"
    says = f"{_span(timedelta(seconds=abs(skew)))} {direction} Facebook's"
    remedy = "set the clock: `timedatectl set-ntp true`"
    found = warning if abs(skew) < FAR else failed
    return found(CLOCK, says, remedy)


def forgotten(page_id: str, at: datetime | None) -> Finding:
    """Return the finding about a Page that was removed *at* a time and is configured still."""
    when = f" on {at:%Y-%m-%d}" if at else ""
    says = f"Page {page_id} was forgotten on purpose{when} and is not read"
    return warning(TOKEN, says, "take it out of config.toml")


def token(page: PageSeen, now: datetime) -> Finding:
    """Return the finding about one Page's token."""
    name = f"Page {page.page_id}: "
    if page.can_derive is not None:
        return _user_token(page, name)
    if page.trouble is not None:
        return _refused(page.trouble, name, page)
    if page.worth is None:
        return ok(TOKEN, f"{name}its posts can be read (kind and end of the token: {page.untold})")
    return _worth(page, page.worth, now)


def _user_token(page: PageSeen, name: str) -> Finding:
    says = f"{name}this is a person's token, not the Page's"
    if not page.can_derive:
        remedy = "give that person a role on the Page; then `fbsyncd token` makes the Page's own"
        return failed(TOKEN, f"{says}, and the Page's cannot be had with it", remedy)
    found = warning if page.trouble is None else failed
    remedy = "`fbsyncd token` makes the Page's own, to be put in its place"
    return found(TOKEN, f"{says}; the Page's own can be had with it", remedy)


def _refused(error: GraphError, name: str, page: PageSeen) -> Finding:
    says = f"{name}{' '.join(str(error).removeprefix(name).split())}"
    if isinstance(error, TokenRefused):
        return failed(TOKEN, says, " ".join(filter(None, (error.remedy, page.renewal))))
    if isinstance(error, Throttled):
        return warning(TOKEN, says, "wait; the daemon does, and goes on by itself")
    if error.retryable:
        return warning(TOKEN, says, "try again later")
    if "appsecret_proof" in says:
        return failed(TOKEN, says, _SECRET)
    if lacking := _lacking(page.worth):
        return failed(TOKEN, sentences(says, f"The token lacks {lacking}."), _RENEW.format(lacking))
    return failed(TOKEN, says, "look at the rights of the token and at the Page's id")


def _worth(page: PageSeen, worth: Worth, now: datetime) -> Finding:
    name = f"Page {page.page_id}: "
    ends = {"the token": worth.expires_at, "its access to data": worth.data_access_expires_at}
    for what, end in ends.items():
        if end is not None and end - now < AHEAD:
            at = f"{what} ends in {_span(end - now)}" if end > now else f"{what} has ended"
            remedy = ". ".join(filter(None, (_RENEWALS[what], page.renewal)))
            return warning(TOKEN, f"{name}{at} ({end:%Y-%m-%d})", remedy)
    dated = " and ".join(f"{what} ends {end:%Y-%m-%d}" for what, end in ends.items() if end)
    kind = (worth.kind or "unknown").lower().replace("_", " ")
    says = f"{name}a {kind} token; {dated or 'it does not end'}"
    if lacking := _lacking(worth):
        return warning(TOKEN, f"{says}, without {lacking}", _RENEW.format(lacking))
    return ok(TOKEN, says)


def _lacking(worth: Worth | None) -> str:
    """Return the rights that reading takes and the token was not given; nothing when unknown."""
    missing = [scope for scope in NEEDED if worth and scope not in worth.scopes]
    return " and ".join(missing)


def _span(length: timedelta) -> str:
    seconds = length.total_seconds()
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
