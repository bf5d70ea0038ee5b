"""A witness who remembers what a simulated Facebook showed, and knows nothing of fbsyncd's rows.

At the end of a day without trouble it asks again whatever the archive asked that day, fetches each
picture it is told of, and keeps the hashes. Whatever it had in hand, the archive must hold.
"""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from plant import query

from fbsyncd.archive import Archive
from fbsyncd.simulator import Simulator
from fbsyncd.simulator.nodes import post_node, video_node
from fbsyncd.simulator.signing import Link
from fbsyncd.simulator.values import Post

SIGNATURE = {"oh", "oe", "ccb", "edm"}
NAMED = {"picture", "full_picture", "src"}
LOST = (
    "SELECT original_url, download_status, next_attempt_at, error_message FROM media_storage"
    " WHERE derived_from IS NULL AND download_status <> 'success'"
)


class Witness:
    """What the simulated Facebook told the archive while all was well."""

    def __init__(self, facebook: Simulator) -> None:
        self.facebook = facebook
        #: The SHA-256 of each picture by its link without the signature.
        self.pictures: dict[str, str] = {}
        self.texts: set[tuple[str, str | None]] = set()

    def attend(self) -> None:
        """Ask again what was asked since the last time, and fetch what is new in the answers."""
        asked = [request for request in self.facebook.requests if request.kind == "graph"]
        for request in asked:
            headers = {"Authorization": request.headers["authorization"]}
            if request.method == "POST":
                headers["Content-Type"] = request.headers["content-type"]
            path = f"{quote(request.path)}?{request.raw_query}"
            answer = self._ask(path, headers, request.body or None)
            if answer is not None:
                self._hear(json.loads(answer))
        self.forget()

    def forget(self) -> None:
        """Leave out what was asked: the archive may not have been able to use the answers."""
        self.facebook.requests.clear()

    def had(self, post: Post) -> set[str]:
        """Return the hashes of the pictures *post* names that were in hand once."""
        page = self.facebook.world.home(post)
        nodes: list[Any] = [post_node(post, page)]
        if post.video:
            nodes.append(video_node(post, post.video, page))
        return {
            sha256
            for link in _links(nodes)
            if (sha256 := self.pictures.get(identity(_address(link))))
        }

    def _hear(self, answer: Any) -> None:
        if isinstance(answer, list):  # a batch
            for item in filter(None, answer):
                self._hear(json.loads(item["body"]))
            return
        for node in [answer, *answer.get("data", [])]:
            if "_" in str(node.get("id", "")):
                self.texts.add((node["id"], node.get("message")))
        for link in _links(answer):
            key = identity(link)
            if key not in self.pictures:
                parts = urlsplit(link)
                content = self._ask(f"{parts.path}?{parts.query}", {}, None)
                if content is not None:
                    self.pictures[key] = hashlib.sha256(content).hexdigest()

    def _ask(self, path: str, headers: dict[str, str], body: bytes | None) -> bytes | None:
        request = urllib.request.Request(self.facebook.url + path, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                content: bytes = response.read()
                return content
        except urllib.error.HTTPError as error:
            error.close()
            return None


def _links(node: Any) -> Iterator[Any]:
    if isinstance(node, list):
        for each in node:
            yield from _links(each)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name in NAMED and isinstance(value, str | Link):
                yield value
            else:
                yield from _links(value)


def _address(link: Link) -> str:
    return f"{quote(link.path)}?{urlencode(link.params)}"


def identity(link: str) -> str:
    """Return what stays the same of a link, however it is signed."""
    parts = urlsplit(link)
    kept = [
        (name, value)
        for name, value in parse_qsl(parts.query)
        if name not in SIGNATURE and not name.startswith("_nc_")
    ]
    return f"{parts.path}?{urlencode(sorted(kept))}"


def compare_pictures(witness: Witness, archive: Archive, files: Iterable[Path]) -> None:
    """Find every remembered picture among *files*; the archive may lack only what nobody had."""
    there = {hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    lost = {key for key, sha256 in witness.pictures.items() if sha256 not in there}
    told = "SELECT original_url, download_status, error_message FROM media_storage"
    rows = [row for row in query(archive, told) if identity(row[0] or "") in lost]
    assert not lost, f"{len(lost)} pictures are lost: {rows}"
    for url, status, again, why in query(archive, LOST):
        assert (status, again) == ("failed", None), f"{url}: {why}"
        assert identity(url) not in witness.pictures, f"{url}: {why}"


def compare_posts(witness: Witness, archive: Archive) -> None:
    """Find every remembered text, and those posts marked as gone that are."""
    now = "SELECT id, message FROM facebook_posts"
    once = "SELECT post_id, message FROM facebook_post_history"
    there = {(id_, text) for sql in (now, once) for id_, text in query(archive, sql)}
    assert witness.texts <= there, witness.texts - there
    facebook = witness.facebook
    marked = dict(query(archive, "SELECT id, deleted_at FROM facebook_posts"))
    listed = {post.id for post in facebook.world.posts(facebook.page_id)}
    assert {id_ for id_, at in marked.items() if at is None} == listed
