"""Edges of a Page: its posts and videos, listed page by page."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fbsyncd.simulator import fields as asked
from fbsyncd.simulator import listing, nodes, refusals
from fbsyncd.simulator.signing import encoded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fbsyncd.simulator.access import Access
    from fbsyncd.simulator.faults import Faults
    from fbsyncd.simulator.messages import Request
    from fbsyncd.simulator.values import Page, Post
    from fbsyncd.simulator.world import World

POSTS = ("posts", "published_posts", "feed", "scheduled_posts")
VIDEOS = ("videos", "video_reels")


class Edges:
    """Lists what a page holds, with the faults a listing can have."""

    def __init__(self, world: World, access: Access, faults: Faults, base_url: str) -> None:
        self._world = world
        self._access = access
        self._faults = faults
        self._base_url = base_url

    def listed(self, request: Request, page: Page, edge: str) -> dict[str, Any]:
        """The page of *edge* that *request* asks for, links not signed yet."""
        query, faults = request.query, self._faults
        kind = "Video" if edge in VIDEOS else "Post"
        if kind == "Video" and faults.take("refuse_videos"):
            raise refusals.edge_refused()
        fields = asked.parse(query.get("fields", ""))
        asked.check(kind, {field.name for field in fields})
        if query.get("after") and faults.take("invalid_cursors"):
            raise refusals.wrong_parameter("Invalid cursors values")
        self._weigh(query)
        if empty := faults.take("empty_page"):
            return self._nothing(request, forever=empty["forever"])
        posts = self._visible(page, edge)
        if not faults.take("ignore_until"):
            posts = listing.between(posts, query)
        found = listing.page_of(posts, query)
        items = [asked.cut(self._node(post, page, kind), kind, fields) for post in found.posts]
        return {"data": self._glitched(items), **self._paging(request, found)}

    def _visible(self, page: Page, edge: str) -> Sequence[Post]:
        everything = self._world.posts(page.id)
        if edge in VIDEOS:
            return [post for post in everything if post.published and _is_film(post)]
        posts = [post for post in everything if post.kind != "recorded_video"]
        if edge == "scheduled_posts":
            return [post for post in posts if not post.published]
        if edge == "feed" or self._faults.peek("show_unpublished"):
            return posts
        return [post for post in posts if post.published]

    def _node(self, post: Post, page: Page, kind: str) -> nodes.Node:
        if kind == "Video" and post.video:
            return nodes.video_node(post, post.video, page)
        return nodes.post_node(post, page)

    def _weigh(self, query: dict[str, str]) -> None:
        limit, fields = listing.limit_of(query), query.get("fields", "")
        if self._faults.take(
            "reduce_data",
            lambda fault: limit > fault["above"] and (fault["having"] or "") in fields,
        ):
            raise refusals.too_much()

    def _glitched(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        fault = self._faults.take("glitch")
        if fault:
            for item in items:
                if fault["post_ids"] is None or item["id"] in fault["post_ids"]:
                    item.pop("attachments", None)
        return items

    def _nothing(self, request: Request, *, forever: bool) -> dict[str, Any]:
        after = "QVFI" + secrets.token_urlsafe(24) if forever else request.query.get("after", "")
        if not after:
            after = listing.START
        paging = {"cursors": {"after": after}, "next": self._address(request, "after", after)}
        return {"data": [], "paging": paging}

    def _paging(self, request: Request, found: listing.Slice) -> dict[str, Any]:
        if not found.posts:
            return {}
        after, more = found.after, found.more
        if self._faults.take("repeat_cursor"):
            after, more = request.query.get("after") or after, True
        paging: dict[str, Any] = {"cursors": {"before": found.before, "after": after}}
        if more:
            paging["next"] = self._address(request, "after", after)
        if request.query.get("after"):
            paging["previous"] = self._address(request, "before", found.before)
        return {"paging": paging}

    def _address(self, request: Request, way: str, cursor: str) -> str:
        # The real one repeats the token here as well: whoever logs or keeps it leaks it.
        kept = {"access_token": self._access.token_of(request), **request.query}
        for name in ("after", "before", "appsecret_proof"):
            kept.pop(name, None)
        return f"{self._base_url}{quote(request.path)}?{encoded([*kept.items(), (way, cursor)])}"


def _is_film(post: Post) -> bool:
    return post.video is not None or post.kind == "recorded_video"
