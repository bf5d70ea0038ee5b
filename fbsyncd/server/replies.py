"""What the routes answer, by the names of their operations. Here is no SQL and no file."""

from __future__ import annotations

from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import UUID

import bottle

from fbsyncd.errors import UsageError
from fbsyncd.server import body, openapi
from fbsyncd.server.answers import Answer, Refused, json_answer
from fbsyncd.server.operations import ELSEWHERE, OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from fbsyncd.feed import Feed

    Scrape = Callable[[], tuple[bytes, str]]

#: Set in the environ of a request that carries the right token.
TRUSTED: Final = "fbsyncd.trusted"

_MEMBERS: Final = {"page": str, "full": bool}
_REACHED: Final = {"facebook": None, "pictures": None}
_LATER: Final = (("Retry-After", "30"),)
_SOON: Final = (("Retry-After", "2"),)
#: So many requests wait for the database to be written to. It may be another program that keeps it
#: locked, and with every thread of the server waiting nobody could even read.
_WRITERS: Final = 2
#: Seconds in which one of those is mostly done.
_COURTESY: Final = 0.25


class Desk(Protocol):
    """Where wishes are taken to whoever does the work; see :class:`fbsyncd.desk.Desk`."""

    def sync(self, page_id: str | None = None, *, full: bool = False) -> list[dict[str, Any]]:
        """Have Pages read soon. Raises UsageError for one that is not configured."""

    def retry(self, id_: UUID) -> bool:
        """Queue a failed picture again; return whether it was one that had failed."""

    def pages(self) -> dict[str, dict[str, Any]]:
        """Return of each Page whether it is being read, and when it is read next."""

    def unreached(self) -> dict[str, str | None]:
        """Return since when ``facebook`` and ``pictures`` are out of reach, None: they are not."""

    def parts(self) -> dict[str, str]:
        """Return each part of the daemon, with ``ok`` or what is wrong with it."""

    def doubt(self) -> None:
        """Have files compared with their rows soon: one is not as its row says."""


@dataclass(frozen=True, slots=True)
class Served:
    """What the routes answer for: the *feed*, the *desk* if somebody works here, metrics if any.

    *is_guarded*: the doors before the routes ask for a token.
    """

    feed: Feed
    desk: Desk | None = None
    metrics: Scrape | None = None
    public_url: str = ""
    is_guarded: bool = False


class Replies:
    """The answers, by the names of their operations; what they return becomes JSON."""

    def __init__(self, served: Served) -> None:
        self._feed = served.feed
        self._desk = served.desk
        self._writers = BoundedSemaphore(_WRITERS)
        elsewhere = [one for one in ELSEWHERE if served.metrics or one.path != "/metrics"]
        self._document = openapi.document([*OPERATIONS, *elsewhere], is_guarded=served.is_guarded)

    def answer(self, operation: str) -> Callable[..., Any]:
        """Return what answers *operation*."""
        feed = self._feed
        known: dict[str, Callable[..., Any]] = {
            "listPosts": feed.posts,
            "getPost": self._post,
            "getHistory": self._history,
            "listVideos": feed.videos,
            "listPages": self._pages,
            "listMedia": feed.media,
            "retryMedia": self._retry,
            "getStats": self._stats,
            "getTimeline": feed.timeline,
            "startSync": self._sync,
            "isAlive": lambda: {"status": "alive"},
            "isReady": self._ready,
            "describe": lambda: self._document,
        }
        return known[operation]

    def _post(self, post_id: str) -> dict[str, Any]:
        post: dict[str, Any] = _found(self._feed.post(_plain(post_id)), "post")
        return post

    def _history(self, post_id: str) -> dict[str, Any]:
        return {"history": _found(self._feed.history(_plain(post_id)), "post")}

    def _pages(self, **asked: Any) -> dict[str, Any]:
        known = self._known()
        answer = self._feed.pages(**asked, also=known)
        return answer | {"pages": _watched(answer["pages"], known)}

    def _stats(self) -> dict[str, Any]:
        known = self._known()
        stats = self._feed.stats(also=known)
        unreached = self._desk.unreached() if self._desk else _REACHED
        return stats | {"pages": _watched(stats["pages"], known), "unreached": unreached}

    def _known(self) -> dict[str, dict[str, Any]]:
        """Return what the desk knows of the Pages that are configured, read or not."""
        return self._desk.pages() if self._desk else {}

    def _sync(self) -> Answer:
        wanted = body.read(bottle.request.environ, _MEMBERS)
        try:
            begun = self._at_desk().sync(wanted.get("page"), full=wanted.get("full", False))
        except UsageError as e:
            raise Refused(404, str(e)) from e
        return json_answer({"pages": begun}, status=202)

    def _retry(self, media_id: str) -> Answer:
        body.read(bottle.request.environ, {})
        id_ = _uuid(media_id)
        row = _found(self._feed.media_row(id_), "row of media")
        if row["derived_from"]:
            raise Refused(409, f"it is made of another picture: retry {row['derived_from']}")
        desk = self._at_desk()
        if row["download_status"] == "success":
            raise Refused(409, "it is archived already")
        if not self._writers.acquire(timeout=_COURTESY):
            raise Refused(503, "the archive is busy: try again", headers=_SOON)
        try:
            desk.retry(id_)
        finally:
            self._writers.release()
        return json_answer(self._feed.media_row(id_) or row, status=202)

    def _ready(self) -> Answer:
        told = self._feed.ready(whole=TRUSTED in bottle.request.environ)
        told |= self._desk.parts() if self._desk else {}
        fit = all(state == "ok" for state in told.values())
        status = {"status": "ready" if fit else "not ready", "parts": told}
        answer = json_answer(status, status=200 if fit else 503)
        if fit:
            return answer
        return Answer(503, (*answer.headers, *_LATER), answer.body)

    def _at_desk(self) -> Desk:
        if self._desk is None:
            message = "nothing runs here that could do this: start `fbsyncd run`"
            raise Refused(503, message, headers=_LATER)
        return self._desk


def _watched(pages: list[dict[str, Any]], known: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    nothing = {"next_sync": None, "is_syncing": False}
    return [page | known.get(page["id"], nothing) for page in pages]


def _found(value: Any, what: str) -> Any:
    if value is None:
        raise Refused(404, f"no {what} of that id is archived")
    return value


def _plain(text: str) -> str:
    # PostgreSQL takes no NUL, not even to say that there is no such post.
    return text.replace("\0", "\ufffd")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as e:
        raise Refused(404, "no row of media of that id is archived") from e
