"""What may be asked over HTTP, as data: the routes are made of it, and so is ``/openapi.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fbsyncd.server import query
from fbsyncd.server.query import Parameters
from fbsyncd.server.shapes import FLAG, TEXT, Schema, listing, many, of, ref

JSON: Final = "application/json"

#: How a parameter of a path is described.
IN_PATH: Final[Mapping[str, tuple[Schema, str]]] = {
    "post_id": ({"type": "string", "minLength": 1}, "The id of a post."),
    "media_id": ({"type": "string", "format": "uuid"}, "The id of a row of media."),
    "category": ({"enum": ["posts", "attachments", "thumbnails"]}, "A folder of the archive."),
    "filename": (
        {"type": "string", "pattern": r"^[0-9a-f]{64}\.(jpg|png|gif|webp|avif)$"},
        "The SHA-256 of the file, and its kind.",
    ),
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked for.

    *id* is its name, *path* has its parameters in braces. *answer* is the shape of what comes with
    *status*, as *kinds*. *refusals* are statuses beside those that every operation may have.
    *body* are the members a JSON body may have, *links* say where values of the answer lead.
    """

    id: str
    path: str
    summary: str
    answer: Schema
    method: str = "GET"
    parameters: Parameters = field(default_factory=dict)
    refusals: tuple[int, ...] = ()
    status: int = 200
    kinds: tuple[str, ...] = (JSON,)
    body: Mapping[str, Schema] = field(default_factory=dict)
    links: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    is_kept: bool = True  # its answer has an ETag


def _link(operation: str, **parameters: str) -> dict[str, Any]:
    return {"operationId": operation, "parameters": parameters}


_POST: Final = {"post_id": "$response.body#/posts/0/id"}
_ROW: Final = {"media_id": "$response.body#/media/0/id"}
_FILE: Final[Schema] = {"type": "string", "format": "binary"}

OPERATIONS: Final = (
    Operation(
        "listPosts",
        "/api/posts",
        "Posts, the newest first",
        listing("posts", "Post"),
        parameters=query.POSTS,
        links={
            "first": _link("getPost", **_POST),
            "firstHistory": _link("getHistory", **_POST),
            "next": _link("listPosts", cursor="$response.body#/next_cursor"),
            "samePage": _link("listVideos", page_id="$response.body#/posts/0/page_id"),
        },
    ),
    Operation("getPost", "/api/posts/{post_id}", "One post", ref("Post"), refusals=(404,)),
    Operation(
        "getHistory",
        "/api/posts/{post_id}/history",
        "What a post said earlier, the oldest text first",
        of({"history": many(ref("EarlierText"))}),
        refusals=(404,),
    ),
    Operation(
        "listVideos",
        "/api/videos",
        "Videos, the newest first",
        listing("videos", "Video"),
        parameters=query.VIDEOS,
        links={"next": _link("listVideos", cursor="$response.body#/next_cursor")},
    ),
    Operation(
        "listPages",
        "/api/pages",
        "The Pages, by id",
        listing("pages", "Page"),
        parameters=query.PAGING,
        links={
            "posts": _link("listPosts", page_id="$response.body#/pages/0/id"),
            "next": _link("listPages", cursor="$response.body#/next_cursor"),
        },
    ),
    Operation(
        "listMedia",
        "/api/media",
        "Rows of media, the newest first: what is safe, what waits, what failed and why",
        listing("media", "MediaRow"),
        parameters=query.MEDIA,
        links={
            "retry": _link("retryMedia", **_ROW),
            "next": _link("listMedia", cursor="$response.body#/next_cursor"),
        },
    ),
    Operation(
        "retryMedia",
        "/api/media/{media_id}/retry",
        "Try a picture again now that failed",
        ref("MediaRow"),
        method="POST",
        refusals=(404, 409, 415),
        status=202,
    ),
    Operation("getStats", "/api/stats", "What is archived, what waits, what failed", ref("Stats")),
    Operation(
        "getTimeline",
        "/api/timeline",
        "Posts by month and by type, pictures by the day they came and by the day their link dies",
        ref("Timeline"),
        parameters=query.TIMELINE,
    ),
    Operation(
        "startSync",
        "/api/sync",
        "Read Pages now: all of them, or one; what is new, or the whole window (full)",
        ref("Started"),
        method="POST",
        refusals=(404, 415),
        status=202,
        body={"page": TEXT, "full": FLAG},
    ),
    Operation("isAlive", "/healthz", "Whether the server answers", ref("Health")),
    Operation("isReady", "/readyz", "Whether every part is fit; 503 when not", ref("Readiness")),
    Operation("describe", "/openapi.json", "This description", {"type": "object"}),
)

#: Answered beside the routes.
ELSEWHERE: Final = (
    Operation(
        "getMetrics",
        "/metrics",
        "The archive, measured for Prometheus",
        TEXT,
        kinds=("text/plain",),
        is_kept=False,
    ),
    Operation(
        "getFile",
        "/media/facebook/{category}/{filename}",
        "An archived file, or parts of it",
        _FILE,
        kinds=("image/jpeg", "image/png", "image/gif", "image/webp", "image/avif"),
        refusals=(404,),
    ),
    Operation("getPage", "/", "The dashboard", TEXT, kinds=("text/html",)),
)
