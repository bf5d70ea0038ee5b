"""Answers of the simulated Graph API."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from fbsyncd.simulator import account, nodes, refusals
from fbsyncd.simulator import fields as asked
from fbsyncd.simulator.batch import batch
from fbsyncd.simulator.cdn_faults import PORTAL
from fbsyncd.simulator.edges import POSTS, VIDEOS, Edges
from fbsyncd.simulator.messages import Answer, Request, as_json
from fbsyncd.simulator.refusals import Refusal
from fbsyncd.simulator.signing import Link

if TYPE_CHECKING:
    from fbsyncd.simulator.access import Access
    from fbsyncd.simulator.faults import Faults
    from fbsyncd.simulator.signing import Signer
    from fbsyncd.simulator.usage import Usage
    from fbsyncd.simulator.values import Page
    from fbsyncd.simulator.world import World

LATEST = "v26.0"
_VERSION = re.compile(r"v\d+\.\d+")


class Graph:
    """Reads the world for whoever holds a good token; changes nothing in it."""

    def __init__(self, world: World, signer: Signer, access: Access, faults: Faults) -> None:
        self._world = world
        self._signer = signer
        self._access = access
        self._faults = faults
        self._usage: Usage = faults.usage_meter
        self._edges = Edges(world, access, faults, signer.base_url)

    def answer(self, request: Request) -> Answer:
        """Answer one request: a call or a batch of calls, with the faults of the wire."""
        answer = self._spoiled() or self._answered(request)
        if self._faults.take("truncate_json"):
            answer = replace(answer, body=answer.body[: len(answer.body) // 2])
        if hang := self._faults.take("hang"):
            answer = replace(answer, delay=hang["seconds"])
        return answer

    def call(self, request: Request) -> Answer:
        """Answer one call, be it alone or an item of a batch."""
        version, path = split(request.path)
        served = self._faults.peek("serve_version")
        headers = {
            "facebook-api-version": served["version"] if served else version or LATEST,
            "Cache-Control": "private, no-cache, no-store, must-revalidate",
        }
        page_id = self._access.page_id_of(request)
        try:
            found = self._found(request, path)
        except Refusal as refusal:
            told = {**headers, **self._usage.headers(page_id), **refusal.headers}
            return as_json(refusal.body, refusal.status, told)
        if isinstance(found, Answer):
            return found
        told = {**headers, **self._usage.headers(page_id)}
        return as_json(self._signed(found, secrets.token_urlsafe(16)), 200, told)

    def _spoiled(self) -> Answer | None:
        take = self._faults.take
        if take("drop"):
            return Answer(500, drop=True)
        if take("html"):
            return Answer(200, PORTAL, {"Content-Type": "text/html; charset=utf-8"})
        if take("empty_body"):
            return Answer(200, b"", {"Content-Type": "application/json; charset=UTF-8"})
        return as_json([{"id": "0"}]) if take("array") else None

    def _answered(self, request: Request) -> Answer:
        if request.method == "POST" and not split(request.path)[1]:
            return batch(self, request, self._access, self._faults)
        if split(request.path)[1] == ["oauth", "access_token"]:
            return self._exchanged(request)
        if request.method not in ("GET", "HEAD"):
            refusal = Refusal(400, 100, "Unsupported request.", type="GraphMethodException")
            return as_json(refusal.body, refusal.status)
        return self.call(request)

    def _exchanged(self, request: Request) -> Answer:
        """Answer whoever has no token of the app's yet."""
        try:
            return as_json(self._access.exchanged(form_of(request)))
        except Refusal as refusal:
            return as_json(refusal.body, refusal.status)

    def _found(self, request: Request, path: list[str]) -> Any:
        if "ids" in request.query:
            raise refusals.ids_removed()
        holder = self._access.holder(request)
        self._hinder(holder.id if holder else "")
        match path:
            case ["app"]:
                return account.app()
            case ["debug_token"]:
                return account.debug_token(self._access, request, self._faults)
            case ["me", "accounts"]:
                return account.accounts(self._world, self._access, request)
            case [page_id, "picture"]:
                return account.picture(self._page(page_id, holder), request, self._signer)
            case [node_id]:
                return self._node(node_id, request, holder)
            case [page_id, edge] if edge in POSTS + VIDEOS:
                page = self._readable(page_id, holder)
                return self._edges.listed(request, page, edge)
        raise refusals.unknown_path("/".join(path))

    def _hinder(self, page_id: str) -> None:
        """Raise what stands armed against a call with this page's token."""
        self._usage.count(page_id)
        throttle = self._faults.take(
            "throttle",
            lambda fault: fault["page"] in (None, page_id) and not self._usage.over(fault["until"]),
        )
        if throttle:
            raise self._usage.refusal(throttle["code"], page_id, throttle["minutes"])
        if self._faults.take("transient", lambda fault: fault["page"] in (None, page_id)):
            raise refusals.transient()
        if other := self._faults.take("refuse"):
            message = other["message"] or f"(#{other['code']}) Refused by order"
            raise Refusal(other["status"], other["code"], message)

    def _page(self, page_id: str, holder: Page | None) -> Page:
        if page_id == "me" and holder:
            return holder
        page = self._world.page(page_id)
        if page is None:
            raise refusals.object_missing(page_id)
        return page

    def _readable(self, page_id: str, holder: Page | None) -> Page:
        page = self._page(page_id, holder)
        if holder is None:
            raise refusals.token_refused(2069032)
        if holder.id != page.id and not self._world.open_to_all:
            raise refusals.no_permission()
        return page

    def _node(self, node_id: str, request: Request, holder: Page | None) -> Any:
        if self._faults.peek("poison", lambda fault: fault["alone"] and node_id in fault["ids"]):
            raise refusals.transient()
        kind, node = self._described(node_id, holder)
        return asked.cut(node, kind, asked.parse(request.query.get("fields", "")))

    def _described(self, node_id: str, holder: Page | None) -> tuple[str, nodes.Node]:
        world = self._world
        if post := world.post(node_id):
            kind = "Video" if post.kind == "recorded_video" else "Post"
            return kind, nodes.post_node(post, world.home(post))
        if video := world.video(node_id):
            return "Video", nodes.video_node(*video, world.home(video[0]))
        if photo := world.photo(node_id):
            return "Photo", nodes.photo_node(photo[1], photo[0], world.home(photo[0]))
        page = self._page(node_id, holder)
        node = nodes.page_node(page)
        if holder is None:
            node["access_token"] = page.token
        return "Page", node

    def _signed(self, value: Any, gid: str) -> Any:
        if isinstance(value, Link):
            return self._signer.sign(value, gid)
        if isinstance(value, dict):
            return {name: self._signed(below, gid) for name, below in value.items()}
        if isinstance(value, list):
            return [self._signed(item, gid) for item in value]
        return value


def form_of(request: Request) -> dict[str, str]:
    """The parameters of a request, from its address and its body."""
    return {**request.query, **dict(parse_qsl(request.body.decode("utf-8", "replace")))}


def split(path: str) -> tuple[str, list[str]]:
    """The version at the head of a path (empty: none) and what follows it."""
    parts = [part for part in path.split("/") if part]
    if parts and _VERSION.fullmatch(parts[0]):
        return parts[0], parts[1:]
    return "", parts
