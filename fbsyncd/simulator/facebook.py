"""The simulated Facebook as one object that can be started, asked, changed and stopped."""

from __future__ import annotations

import itertools
import threading
from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from fbsyncd.simulator.access import Access
from fbsyncd.simulator.cdn import Cdn
from fbsyncd.simulator.changes import Changes
from fbsyncd.simulator.clock import Clock
from fbsyncd.simulator.control import Control
from fbsyncd.simulator.faults import Faults
from fbsyncd.simulator.graph import Graph
from fbsyncd.simulator.pictures import Gallery
from fbsyncd.simulator.replay import load
from fbsyncd.simulator.server import Server
from fbsyncd.simulator.signing import Signer
from fbsyncd.simulator.usage import Usage
from fbsyncd.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

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
    replay: Sequence[str | Path]
    step: bool
    alive: float
    cdn: str


_DEFAULTS: Options = {
    "posts": 40,
    "pages": 1,
    "seed": 1,
    "port": 0,
    "pictures": "scenes",
    "app_secret": "",
    "newest": None,
    "replay": (),
    "step": False,
    "alive": 0,
    "cdn": "",
}


class Simulator:
    """A small Facebook on a loopback port.

    *posts* posts on each of *pages* pages, the youngest of *newest* (now, when not given); ids,
    texts and pictures depend on *seed* alone. *pictures* is "scenes" or, for load, "plain".
    With an *app_secret* every call must carry its ``appsecret_proof``. *replay* names files with
    recorded answers, shown in place of made-up posts: all of them at once or, with *step*, the
    first one until :meth:`replay_next`. *alive* lets a new post appear every so many seconds.
    With *cdn*, an address, links lead to another server, which is to have the pictures.
    """

    def __init__(self, **options: Unpack[Options]) -> None:
        if unknown := options.keys() - _DEFAULTS.keys():
            raise TypeError(f"Simulator has no option {', '.join(sorted(unknown))}")
        wanted: Options = {**_DEFAULTS, **options}
        seed = wanted["seed"]
        self.clock = Clock()
        self.requests: deque[Request] = deque(maxlen=50_000)
        self.calls: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.faults = Faults(Usage(self.clock))
        self.gallery = Gallery(wanted["pictures"])
        self.world = World(self.gallery, seed)
        newest = wanted["newest"] or self.clock.now().replace(microsecond=0)
        self.world.populate(wanted["pages"], 0 if wanted["replay"] else wanted["posts"], newest)
        self._tapes = _tapes(wanted["replay"], step=wanted["step"])
        self.replay_next()
        self._lend(Changes(self.world, self.gallery, self.clock, seed))
        self.access = Access(self.world, self.faults, seed, wanted["app_secret"])
        self._server = Server(wanted["port"], self._respond)
        self.signer = Signer(self._server.url, self.clock, seed, wanted["cdn"])
        self._graph = Graph(self.world, self.signer, self.access, self.faults)
        self._cdn = Cdn(self.gallery, self.signer, self.faults)
        self._control = Control(self)
        self._alive = wanted["alive"]
        self._threads: list[threading.Thread] = []

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

    def replay_next(self) -> list[str] | None:
        """Show the next recording; returns its files, or None when there is none left."""
        if not self._tapes:
            return None
        paths = self._tapes.popleft()
        self.world.play(load(paths))
        return [str(path) for path in paths]

    def start(self) -> Self:
        """Begin to answer."""
        self._run("simulator", lambda: self._server.serve_forever(0.05))
        if self._alive:
            self._run("simulator-life", self._live)
        return self

    def stop(self) -> None:
        """Stop answering; every thread has ended when this returns."""
        self._server.close()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def state(self) -> dict[str, Any]:
        """How things stand: clock, pages, counters, armed faults."""
        return {
            "now": self.clock.now().isoformat(),
            "url": self.url,
            "user_token": self.access.user_token,
            "short_token": self.access.short_token,
            "pages": [
                {"id": page.id, "name": page.name, "token": page.token} for page in self.pages
            ],
            "posts": {page.id: len(self.world.posts(page.id)) for page in self.pages},
            "calls": dict(self.calls),
            "faults": self.faults.armed(),
        }

    def count(self, kind: str, part: str = "") -> int:
        """How many requests of *kind* ("graph", "cdn") had *part* in their path."""
        with self._lock:
            asked = list(self.requests)
        return sum(request.kind == kind and part in request.path for request in asked)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _respond(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            self.calls[request.kind] += 1
        if request.kind == "cdn":
            return self._cdn.answer(request)
        if request.kind == "control":
            return self._control.answer(request)
        return self._graph.answer(request)

    def _run(self, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name=name)
        self._threads.append(thread)
        thread.start()

    def _live(self) -> None:
        """Post something every now and then until the server stops."""
        roles = itertools.cycle(("photo", "album", "photo", "reel", "photo", "photo"))
        pages = itertools.cycle(self.pages)
        while not self._server.stopping.wait(self._alive):
            self.add_post(next(roles), page_id=next(pages).id)

    def _lend(self, changes: Changes) -> None:
        self.add_post = changes.add_post
        self.schedule = changes.schedule
        self.publish = changes.publish
        self.edit = changes.edit
        self.replace_photo = changes.replace_photo
        self.grow_album = changes.grow_album
        self.remove_photo = changes.remove_photo
        self.remove = changes.remove
        self.restore = changes.restore
        self.change_permalink = changes.change_permalink
        self.purge = changes.purge


def _tapes(paths: Sequence[str | Path], *, step: bool) -> deque[list[str | Path]]:
    if step:
        return deque([path] for path in paths)
    return deque([list(paths)] if paths else [])
