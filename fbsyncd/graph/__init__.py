"""The Graph API, as far as an archive needs it: a Page, its posts and videos, and posts by id.

A walk that ends normally was complete; every other end is an error. Nothing is kept between runs,
cursors least of all: they die when posts come or go. Only reading calls are made.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar
from urllib.parse import quote

from fbsyncd import read, worth
from fbsyncd.errors import CallRefused, GraphError, GraphUnavailable, TooMuchData
from fbsyncd.graph import verdict
from fbsyncd.graph.answer import Answer, parsed
from fbsyncd.graph.caller import TRIES, Account, Caller, Endpoint
from fbsyncd.graph.ladder import LIMITS, START, Ladder
from fbsyncd.graph.trail import Trail
from fbsyncd.records import (
    BARE_POST_FIELDS,
    PAGE_FIELDS,
    POST_FIELDS,
    VIDEO_FIELDS,
    BadRecord,
    PageInfo,
    Post,
    Video,
)
from fbsyncd.worth import Worth

log = logging.getLogger(__name__)

BATCH: Final = 50  # what Facebook takes in one batch

R = TypeVar("R", Post, Video)


@dataclass(frozen=True, slots=True)
class Listing(Generic[R]):
    """One page of a list, newest first; *skipped* counts records that could not be read."""

    records: tuple[R, ...]
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class _Edge(Generic[R]):
    """A list of a Page: its name, its fields, fewer of them for the heaviest, and its reader."""

    name: str
    fields: str
    bare: tuple[str, ...]
    read: Callable[[object, str], R]


_POSTS: Final = _Edge("posts", POST_FIELDS, (BARE_POST_FIELDS,), Post.from_json)
# A video without its title would look like one whose title was taken away: no bare fields here.
_VIDEOS: Final = _Edge("videos", VIDEO_FIELDS, (), Video.from_json)


class Graph:
    """A client for several Pages at once, each with its own token.

    *wait* pauses for some seconds and returns True when the program is stopping (give it
    ``threading.Event.wait``); every pause goes through it. All methods raise GraphError:

    - GraphUnavailable after five tries, or when a walk cannot be completed;
    - Throttled, TokenRefused, CallRefused at once, and they concern this Page only, but for the
      limits of the app.
    """

    def __init__(  # noqa: PLR0913 - one call in one place; a bag of six would only hide them
        self,
        *,
        url: str,
        version: str,
        app_secret: str | None = None,
        now: Callable[[], datetime],
        wait: Callable[[float], bool],
        user_agent: str,
    ) -> None:
        self._caller = Caller(Endpoint(url, version, user_agent, app_secret), now, wait)
        self._app_id = ""
        self._ladders: dict[tuple[str, str], Ladder] = {}
        self.pace = self._caller.pace
        self.outside = self._caller.outside

    @property
    def calls(self) -> Mapping[str, int]:
        """Return how many calls were made for each Page; each item of a batch is one."""
        return self._caller.made

    def at_once(self, page_id: str, edge: str) -> int:
        """Return how many objects of an edge (posts, videos) one call lists, as far as known."""
        ladder = self._ladders.get((page_id, edge))
        return ladder.rung.limit if ladder else LIMITS[START]

    @property
    def served_version(self) -> str | None:
        """Return the version the last answer was made by; None before the first."""
        return self._caller.served_version

    def posts(
        self,
        page_id: str,
        token: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Listing[Post]]:
        """Walk the Page's own posts.

        *since* and *until* save calls, but Facebook does not promise to keep to them.
        """
        return self._walk(_POSTS, Account(page_id, token), _bounds(since, until))

    def videos(
        self,
        page_id: str,
        token: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Listing[Video]]:
        """Walk the Page's videos; some Pages refuse this list (CallRefused) and only this one."""
        return self._walk(_VIDEOS, Account(page_id, token), _bounds(since, until))

    def page(self, page_id: str, token: str) -> PageInfo:
        """Return what the Page says about itself."""
        query = {"fields": PAGE_FIELDS}
        node = self._caller.get(Account(page_id, token), quote(page_id, safe=""), query)
        try:
            return PageInfo.from_json(node)
        except BadRecord as error:
            raise GraphUnavailable(f"page {page_id} could not be read: {error}") from error

    def token_worth(self, page_id: str, token: str) -> Worth | None:
        """Return what Facebook says of the Page's token; None without the app's secret."""
        secret = self._caller.app_secret
        if not secret:
            return None

        def ask(path: str, token: str, query: Mapping[str, str]) -> object:
            return self._caller.get(Account(page_id, token), path, query)

        # One secret is one app's, whosever token names it.
        self._app_id = self._app_id or worth.app_of(ask, token)
        return worth.of_token(ask, token, self._app_id, secret)

    def batch_posts(
        self, page_id: str, token: str, ids: Sequence[str], tries: int = TRIES
    ) -> list[Post | GraphError]:
        """Return the posts of these ids, at most BATCH of them, in the same order.

        An error stands in the place of each post that was not given. What is wrong with the batch
        as a whole is raised, after so many *tries*. It is one exchange, but counts as one call for
        each id.
        """
        return self._batch(_POSTS, Account(page_id, token), ids, tries)

    def batch_videos(
        self, page_id: str, token: str, ids: Sequence[str], tries: int = TRIES
    ) -> list[Video | GraphError]:
        """Return the videos of these ids as :meth:`batch_posts` returns posts."""
        return self._batch(_VIDEOS, Account(page_id, token), ids, tries)

    def close(self) -> None:
        """Close the connections."""
        self._caller.close()

    def _walk(
        self, edge: _Edge[R], account: Account, bounds: Mapping[str, str]
    ) -> Iterator[Listing[R]]:
        trail = Trail()
        while True:
            page = self._page(edge, account, {**bounds, **trail.place})
            yield _listing(edge, page, account.page_id)
            if not trail.follow(page):
                return

    def _page(self, edge: _Edge[R], account: Account, query: Mapping[str, str]) -> object:
        """Return one page of a list, asking for less until Facebook can give it."""
        place = (account.page_id, edge.name)
        ladder = self._ladders.setdefault(place, Ladder(edge.fields, edge.bare))
        while True:
            try:
                page = self._ask(edge, account, ladder, query)
            except TooMuchData as error:
                if not ladder.step_down():
                    raise
                log.info("page %s: %d %s at once: %s", *place, ladder.rung.limit, error)
            else:
                ladder.answered()
                return page

    def _ask(
        self, edge: _Edge[R], account: Account, ladder: Ladder, query: Mapping[str, str]
    ) -> object:
        path = f"{quote(account.page_id, safe='')}/{edge.name}"
        rung = {"fields": ladder.rung.fields, "limit": str(ladder.rung.limit)}
        try:
            return self._caller.get(account, path, {**rung, **query}, verdict.is_listing)
        except CallRefused as error:
            # The same call without a cursor was accepted, so only the cursor can be wrong.
            if error.code != 100 or "after" not in query:
                raise
            raise GraphUnavailable(f"The list could not be read to its end: {error}") from error

    def _batch(
        self, edge: _Edge[R], account: Account, ids: Sequence[str], tries: int
    ) -> list[R | GraphError]:
        if len(ids) > BATCH:
            raise ValueError(f"a batch holds at most {BATCH} ids, not {len(ids)}")
        if not ids:
            return []
        paths = [quote(id_, safe="") for id_ in ids]
        given: list[object] = self._caller.batch(account, paths, {"fields": edge.fields}, tries)
        whole = [*given, *[None] * len(ids)][: len(ids)]
        return [self._item(edge, account.page_id, item) for item in whole]

    def _item(self, edge: _Edge[R], page_id: str, item: object) -> R | GraphError:
        if item is None:
            return GraphUnavailable("Facebook ran out of time before this item of the batch")
        headers = {
            read.text(header, "name") or "": read.text(header, "value") or ""
            for header in read.items(item, "headers")
        }
        body = parsed(read.text(item, "body") or "")
        error = self._caller.hear(page_id, Answer(read.count(item, "code") or 0, headers, body))
        if error is not None:
            return error
        try:
            return edge.read(body, page_id)
        except BadRecord as bad:
            return CallRefused(f"One of the {edge.name} of page {page_id} cannot be read: {bad}")


def _bounds(since: datetime | None, until: datetime | None) -> dict[str, str]:
    given = {"since": since, "until": until}
    return {name: str(int(time.timestamp())) for name, time in given.items() if time is not None}


def _listing(edge: _Edge[R], page: object, page_id: str) -> Listing[R]:
    nodes = _nodes(page)
    records: list[R] = []
    for node in nodes:
        try:
            records.append(edge.read(node, page_id))
        except BadRecord as error:
            log.warning("page %s: one of its %s is passed over: %s", page_id, edge.name, error)
    return Listing(tuple(records), skipped=len(nodes) - len(records))


def _nodes(page: object) -> list[object]:
    nodes = read.at(page, "data")
    return nodes if isinstance(nodes, list) else []
