"""The simulated Facebook as one object that can be started, asked, changed and stopped."""

from __future__ import annotations

import threading
from collections import Counter, deque
from datetime import datetime
from typing import TYPE_CHECKING, Self, TypedDict, Unpack

from fbsyncd.simulator.access import Access
from fbsyncd.simulator.cdn import Cdn
from fbsyncd.simulator.clock import Clock
from fbsyncd.simulator.faults import Faults
from fbsyncd.simulator.graph import Graph
from fbsyncd.simulator.pictures import Gallery
from fbsyncd.simulator.server import Server
from fbsyncd.simulator.signing import Signer
from fbsyncd.simulator.usage import Usage
from fbsyncd.simulator.world import World

if TYPE_CHECKING:
    from fbsyncd.simulator.messages import Answer, Request
    from fbsyncd.simulator.values import Page


class Options(TypedDict, total=False):
    """How a simulator is set up; see :class:`Simulator`."""

    posts: int
    pages: int
    seed: int
    port: int
    pictures: str
    app_secret: str
    newest: datetime | None


_DEFAULTS: Options = {
    "posts": 40,
    "pages": 1,
    "seed": 1,
    "port": 0,
    "pictures": "scenes",
    "app_secret": "",
    "newest": None,
}


class Simulator:
    """A small Facebook on a loopback port.

    *posts* posts on each of *pages* pages, the youngest of *newest* (now, when not given); ids,
    texts and pictures depend on *seed* alone. *pictures* is "scenes" or, for load, "plain".
    With an *app_secret* every call must carry its ``appsecret_proof``.
    """

    def __init__(self, **options: Unpack[Options]) -> None:
        wanted: Options = {**_DEFAULTS, **options}
        seed = wanted["seed"]
        self.clock = Clock()
        self.requests: deque[Request] = deque(maxlen=50_000)
        self.calls: Counter[str] = Counter()
        self.faults = Faults(Usage(self.clock))
        self.gallery = Gallery(wanted["pictures"])
        self.world = World(self.clock, self.gallery, seed)
        newest = wanted["newest"] or self.clock.now().replace(microsecond=0)
        self.world.populate(wanted["pages"], wanted["posts"], newest)
        self._lend_changes()
        self.access = Access(self.world, self.faults, seed, wanted["app_secret"])
        self._server = Server(wanted["port"], self._respond)
        signer = Signer(self._server.url, self.clock, seed)
        self._graph = Graph(self.world, signer, self.access, self.faults)
        self._cdn = Cdn(self.gallery, signer, self.faults)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="simulator"
        )

    @property
    def url(self) -> str:
        """Where the Graph API is; its links lead to the same place."""
        return self._server.url

    @property
    def pages(self) -> list[Page]:
        """The pages, each with id, token and name."""
        return list(self.world.pages.values())

    @property
    def page_id(self) -> str:
        """The first page's id."""
        return self.pages[0].id

    @property
    def token(self) -> str:
        """The first page's token."""
        return self.pages[0].token

    def start(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering; every thread has ended when this returns."""
        self._server.close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _respond(self, request: Request) -> Answer:
        self.requests.append(request)
        self.calls[request.kind] += 1
        if request.kind == "cdn":
            return self._cdn.answer(request)
        return self._graph.answer(request)

    def _lend_changes(self) -> None:
        self.add_post = self.world.add_post
        self.schedule = self.world.schedule
        self.publish = self.world.publish
        self.edit = self.world.edit
        self.replace_photo = self.world.replace_photo
        self.grow_album = self.world.grow_album
        self.remove = self.world.remove
        self.restore = self.world.restore
        self.change_permalink = self.world.change_permalink
        self.purge = self.world.purge
