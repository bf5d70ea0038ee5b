"""Pages of an edge: limit, cursors, since and until.

Both bounds are inclusive to the second here. Cursors are opaque and name a place in time, so
they outlive insertions and deletions; the real ones may not, and nobody should keep them.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fbsyncd.simulator.clock import moment
from fbsyncd.simulator.refusals import wrong_parameter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fbsyncd.simulator.values import Post

DEFAULT_LIMIT = 25
HIGHEST_LIMIT = 100
# A cursor that stands before everything, for a page that is empty and yet has a next one.
START = "QVFI" + urlsafe_b64encode(b"99999999999|").decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Slice:
    """One page of an edge. Cursors are empty only when nothing was found."""

    posts: Sequence[Post]
    before: str
    after: str
    more: bool


def limit_of(query: Mapping[str, str]) -> int:
    """The asked-for number of objects; more than 100 is an error, not a clamp."""
    text = query.get("limit", str(DEFAULT_LIMIT))
    if not text.isdecimal() or not 0 < int(text) <= HIGHEST_LIMIT:
        raise wrong_parameter(f"limit must be from 1 to {HIGHEST_LIMIT}")
    return int(text)


def between(posts: Sequence[Post], query: Mapping[str, str]) -> list[Post]:
    """Those of *posts* that ``since`` and ``until`` let through."""
    since, until = _moment(query, "since"), _moment(query, "until")
    return [
        post
        for post in posts
        if (since is None or int(post.created.timestamp()) >= since)
        and (until is None or int(post.created.timestamp()) <= until)
    ]


def page_of(posts: Sequence[Post], query: Mapping[str, str]) -> Slice:
    """The page of *posts* (newest first) that limit and cursors name."""
    limit = limit_of(query)
    if query.get("before"):
        newer = [post for post in posts if _place(post) > place_of(query["before"])]
        chosen, more = newer[-limit:], True
    else:
        if query.get("after"):
            edge = place_of(query["after"])
            posts = [post for post in posts if _place(post) < edge]
        chosen, more = list(posts[:limit]), len(posts) > limit
    if not chosen:
        return Slice((), "", "", more=False)
    return Slice(chosen, cursor(chosen[0]), cursor(chosen[-1]), more)


def cursor(post: Post) -> str:
    """The cursor that stands at *post*."""
    second, post_id = _place(post)
    return "QVFI" + urlsafe_b64encode(f"{second}|{post_id}".encode()).decode().rstrip("=")


def place_of(text: str) -> tuple[int, str]:
    """Where a cursor stands; Refusal (100) when it is none of ours."""
    code = text.removeprefix("QVFI")
    try:
        plain = urlsafe_b64decode(code + "=" * (-len(code) % 4)).decode()
        second, _, post_id = plain.partition("|")
        return int(second), post_id
    except ValueError:
        raise wrong_parameter("Invalid cursors values") from None


def _place(post: Post) -> tuple[int, str]:
    return int(post.created.timestamp()), post.id


def _moment(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if not text:
        return None
    if text.isdecimal():
        return int(text)
    try:
        return int(moment(text).timestamp())
    except ValueError:
        raise wrong_parameter(f"{name} must be a time") from None
