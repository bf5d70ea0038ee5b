"""A client of the Graph API as tests need it: with a clock and pauses of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fbsyncd.graph import Graph, Listing
from fbsyncd.records import Post

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TOKEN = "EAABsbCS1iHgBAKvL9ZC"


@dataclass(slots=True)
class Waits:
    """Takes the place of Event.wait: notes the pauses, and stops the program after some."""

    pauses: list[float] = field(default_factory=list)
    stop_at: float = float("inf")

    def __call__(self, seconds: float) -> bool:
        self.pauses += [seconds] if seconds else []
        return len(self.pauses) >= self.stop_at


@contextmanager
def graph_at(
    url: str,
    wait: Callable[[float], bool] | None = None,
    now: Callable[[], datetime] = lambda: NOON,
    secret: str | None = None,
) -> Iterator[Graph]:
    graph = Graph(
        url=url,
        version="v26.0",
        app_secret=secret,
        now=now,
        wait=wait or Waits(),
        user_agent="fbsyncd/test",
    )
    with closing(graph):
        yield graph


def ids(listings: Iterator[Listing[Post]]) -> list[str]:
    return [post.id for listing in listings for post in listing.records]
