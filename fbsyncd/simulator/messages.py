"""A request and its answer, as values between the socket and the parts that answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Mapping

Where = Literal["graph", "cdn", "control"]


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked. *path* is decoded, *raw_query* is not; header names are lower case."""

    method: str
    path: str
    raw_query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    kind: Where = "graph"

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query string; of a repeated one the last."""
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered, and how badly the wire treats it.

    *delay* seconds pass first; *drop* closes the connection without a word; *cut* ends it after
    so many bytes of the body; *rate* sends that many bytes a second; *length* is the
    Content-Length told (None: the true one, -1: none at all); *endless* repeats the body for ever.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: bool = False
    cut: int | None = None
    rate: int | None = None
    length: int | None = None
    endless: bool = False


def as_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer that holds *value* as JSON, with the content type the Graph API uses."""
    body = json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
    return Answer(
        status, body, {"Content-Type": "application/json; charset=UTF-8", **(headers or {})}
    )
