"""A reader of the simulated Facebook for its tests: plain requests, nothing of the product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fbsyncd.simulator import Simulator

EVERYTHING = (
    "id,message,created_time,updated_time,permalink_url,full_picture,picture,status_type,"
    "is_published,attachments{media_type,type,url,title,description,target{id,url},"
    "media{image{src,width,height},source},subattachments.limit(100){type,target{id,url},"
    "media{image{src,width,height}}}}"
)


class Reader:
    """Asks the simulator as a client with the first page's token would."""

    def __init__(self, facebook: Simulator) -> None:
        self.facebook = facebook
        self.session = requests.Session()
        self.session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.session.close()

    def graph(self, path: str, token: str | None = None, **query: Any) -> requests.Response:
        """GET /v26.0/{path} with a Bearer token."""
        headers = {"Authorization": f"Bearer {token or self.facebook.token}"}
        url = f"{self.facebook.url}/v26.0/{path}"
        return self.session.get(url, params=query, headers=headers, timeout=60)

    def get(self, url: str, **options: Any) -> requests.Response:
        """GET any address, without a token."""
        return self.session.get(url, timeout=60, **options)

    def posts(self, **query: Any) -> list[dict[str, Any]]:
        """One page of the first page's posts, with all fields unless asked otherwise."""
        query = {"limit": 100, "fields": EVERYTHING, **query}
        answer = self.graph(f"{self.facebook.page_id}/posts", **query).json()
        found: list[dict[str, Any]] = answer["data"]
        return found

    def post(self, post_id: str) -> dict[str, Any]:
        """One post as its node."""
        node: dict[str, Any] = self.graph(post_id, fields=EVERYTHING).json()
        return node


def links(value: Any) -> Iterator[str]:
    """Every CDN link inside a JSON value."""
    if isinstance(value, dict):
        for below in value.values():
            yield from links(below)
    elif isinstance(value, list):
        for item in value:
            yield from links(item)
    elif isinstance(value, str) and "oh=" in value:
        yield value


def error(answer: requests.Response) -> tuple[int, int, int | None]:
    """HTTP status, code and subcode of a refusal."""
    body = answer.json()["error"]
    return answer.status_code, body["code"], body.get("error_subcode")
