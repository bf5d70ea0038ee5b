"""Answers of the simulated Graph API."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from fbsyncd.simulator import fields as asked
from fbsyncd.simulator import listing, nodes, refusals
from fbsyncd.simulator.messages import Answer, Request, as_json
from fbsyncd.simulator.refusals import Refusal
from fbsyncd.simulator.signing import Link, encoded

if TYPE_CHECKING:
    from fbsyncd.simulator.access import Access
    from fbsyncd.simulator.faults import Switchboard
    from fbsyncd.simulator.signing import Signer
    from fbsyncd.simulator.values import Page, Post
    from fbsyncd.simulator.world import World

_VERSION = re.compile(r"v\d+\.\d+")
_LATEST = "v26.0"


class Graph:
    """Reads the world for whoever holds a good token; changes nothing."""

    def __init__(self, world: World, signer: Signer, access: Access, faults: Switchboard) -> None:
        self._world = world
        self._signer = signer
        self._access = access
        self._faults = faults

    def answer(self, request: Request) -> Answer:
        """Answer one call (not a batch)."""
        version, path = _split(request.path)
        headers = {"facebook-api-version": version or _LATEST, "Cache-Control": "no-store"}
        try:
            found = self._found(request, path)
        except Refusal as refusal:
            return as_json(refusal.body, refusal.status, {**headers, **refusal.headers})
        return as_json(self._signed(found, secrets.token_urlsafe(16)), 200, headers)

    def _found(self, request: Request, path: list[str]) -> Any:
        query = request.query
        if "ids" in query:
            raise refusals.ids_removed()
        self._access.holder(request)
        match path:
            case [node_id]:
                return self._node(node_id, query)
            case [page_id, "posts" | "published_posts" | "feed" | "videos" as edge]:
                return self._edge(request, self._page(page_id), edge)
        raise refusals.unknown_path("/".join(path))

    def _page(self, page_id: str) -> Page:
        page = self._world.pages.get(page_id)
        if page is None:
            raise refusals.object_missing(page_id)
        return page

    def _node(self, node_id: str, query: dict[str, str]) -> Any:
        kind, node = self._described(node_id)
        return asked.cut(node, kind, asked.parse(query.get("fields", "")))

    def _described(self, node_id: str) -> tuple[str, nodes.Node]:
        world = self._world
        if node_id in world.pages:
            return "Page", nodes.page_node(world.pages[node_id])
        post = world.post(node_id)
        if post:
            return "Post", nodes.post_node(post, world.pages[post.page_id])
        if video := world.video(node_id):
            return "Video", nodes.video_node(*video, world.pages[video[0].page_id])
        if photo := world.photo(node_id):
            return "Photo", nodes.photo_node(photo[1], photo[0], world.pages[photo[0].page_id])
        raise refusals.object_missing(node_id)

    def _edge(self, request: Request, page: Page, edge: str) -> Any:
        query = request.query
        kind = "Video" if edge == "videos" else "Post"
        posts = [post for post in self._world.posts(page.id) if _listed(post, edge)]
        found = listing.page_of(listing.between(posts, query), query)
        fields = asked.parse(query.get("fields", ""))
        asked.check(kind, {field.name for field in fields})
        items = [asked.cut(self._item(post, page, edge), kind, fields) for post in found.posts]
        return {"data": items, **self._paging(request, found)}

    def _item(self, post: Post, page: Page, edge: str) -> nodes.Node:
        if edge == "videos" and post.video:
            return nodes.video_node(post, post.video, page)
        return nodes.post_node(post, page)

    def _paging(self, request: Request, found: listing.Slice) -> dict[str, Any]:
        if not found.posts:
            return {}
        paging: dict[str, Any] = {"cursors": {"before": found.before, "after": found.after}}
        if found.more:
            paging["next"] = self._address(request, "after", found.after)
        if request.query.get("after"):
            paging["previous"] = self._address(request, "before", found.before)
        return {"paging": paging}

    def _address(self, request: Request, way: str, cursor: str) -> str:
        # The real one repeats the token here as well: whoever logs or keeps it leaks it.
        kept = {"access_token": self._access.token_of(request), **request.query}
        for name in ("after", "before", "appsecret_proof"):
            kept.pop(name, None)
        return f"{self._signer.base_url}{request.path}?{encoded([*kept.items(), (way, cursor)])}"

    def _signed(self, value: Any, gid: str) -> Any:
        if isinstance(value, Link):
            return self._signer.sign(value, gid)
        if isinstance(value, dict):
            return {name: self._signed(below, gid) for name, below in value.items()}
        if isinstance(value, list):
            return [self._signed(item, gid) for item in value]
        return value


def _split(path: str) -> tuple[str, list[str]]:
    parts = [part for part in path.split("/") if part]
    if parts and _VERSION.fullmatch(parts[0]):
        return parts[0], parts[1:]
    return "", parts


def _listed(post: Post, edge: str) -> bool:
    if edge == "videos":
        return post.video is not None and post.published
    return post.published or edge == "feed"
