"""The shapes of answers, as JSON Schema: what ``/openapi.json`` promises and the tests hold.

Every member that an object names here is always there; ``null`` is what is not known.
"""

from __future__ import annotations

from typing import Any, Final

from fbsyncd.feed.media import STATUSES
from fbsyncd.media import CATEGORIES

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
TEXT_OR_NONE: Final[Schema] = {"type": ["string", "null"]}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
COUNT_OR_NONE: Final[Schema] = {"type": ["integer", "null"], "minimum": 0}
FLAG: Final[Schema] = {"type": "boolean"}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}
TIME_OR_NONE: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}


def ref(name: str) -> Schema:
    """Return a reference to one of :data:`SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def many(items: Schema) -> Schema:
    """Return the shape of a list."""
    return {"type": "array", "items": items}


def of(members: Schema, *, is_open: bool = False, description: str = "") -> Schema:
    """Return the shape of an object; an *is_open* one may have members that are not named."""
    told: Schema = {"type": "object", "properties": members, "required": list(members)}
    if not is_open:
        told["additionalProperties"] = False
    return told | ({"description": description} if description else {})


def listing(what: str, name: str) -> Schema:
    """Return the shape of one page of a list."""
    return of({what: many(ref(name)), "next_cursor": TEXT_OR_NONE})


def by(keys: Schema) -> Schema:
    """Return the shape of an object whose members' names are not known beforehand."""
    return {"type": "object", "additionalProperties": keys}


_UNDATED: Final[Schema] = COUNT | {
    "description": "Posts without a time: they are archived and counted in all, and have no place"
    " among those that are shown."
}
_STATE: Final[Schema] = {
    "type": ["string", "null"],
    "description": "`archived`, `pending`, `healing` (a fresh link or the file is being fetched),"
    " `lost: why`, `unavailable: why`; null where there is no picture.",
}
_SHOWN: Final[Schema] = {
    "display_image_url": TEXT_OR_NONE
    | {
        "description": "The picture to show: the local one, else the link it came from, if that is"
        " http or https, not known to be dead, and not found to lead to no picture."
    },
    "has_local_image": FLAG,
    "image_state": _STATE,
}
_SIZED: Final[Schema] = {
    "width": COUNT_OR_NONE,
    "height": COUNT_OR_NONE,
    "images": many(ref("Image")) | {"description": "The archived sizes, the smallest first."},
}
_STREAM: Final[Schema] = of(
    {
        "state": TEXT,
        "message": TEXT_OR_NONE,
        "last_sync": TIME_OR_NONE,
        "hold_until": TIME_OR_NONE,
    }
)
_READING: Final[Schema] = {
    "last_sync": TIME_OR_NONE,
    "state": TEXT_OR_NONE | {"description": "null: it was never read."},
    "message": TEXT_OR_NONE,
    "streams": by(_STREAM),
    "next_sync": TIME_OR_NONE,
    "is_syncing": FLAG,
}

SCHEMAS: Final[dict[str, Schema]] = {
    "Error": of({"error": of({"code": TEXT, "message": TEXT})}),
    "Image": of({"url": TEXT, "width": COUNT, "height": COUNT}),
    "Attachment": of(
        {
            "type": TEXT_OR_NONE,
            "title": TEXT_OR_NONE,
            "description": TEXT_OR_NONE,
            "media_url": TEXT_OR_NONE,
            "thumbnail_url": TEXT_OR_NONE,
            "local_media_url": TEXT_OR_NONE,
            "local_thumbnail_url": TEXT_OR_NONE,
            **_SHOWN,
            **_SIZED,
        }
    ),
    "Post": of(
        {
            "id": TEXT,
            "page_id": TEXT,
            "type": TEXT_OR_NONE,
            "message": TEXT_OR_NONE,
            "story": TEXT_OR_NONE,
            "permalink_url": TEXT_OR_NONE,
            "created_time": TIME,
            "updated_time": TIME_OR_NONE,
            "deleted_at": TIME_OR_NONE | {"description": "Since when Facebook shows it no more."},
            "edits": COUNT | {"description": "How many earlier texts its history has."},
            **_SHOWN,
            "local_picture_url": TEXT_OR_NONE,
            "local_full_picture_url": TEXT_OR_NONE,
            "original_picture_url": TEXT_OR_NONE,
            "original_full_picture_url": TEXT_OR_NONE,
            **_SIZED,
            "attachments": many(ref("Attachment")),
        }
    ),
    "EarlierText": of(
        {
            "message": TEXT_OR_NONE,
            "story": TEXT_OR_NONE,
            "from": TIME_OR_NONE,
            "until": TIME_OR_NONE,
        }
    ),
    "Video": of(
        {
            "video_id": TEXT,
            "page_id": TEXT,
            "post_id": TEXT_OR_NONE,
            "title": TEXT_OR_NONE,
            "description": TEXT_OR_NONE,
            "permalink_url": TEXT_OR_NONE,
            "length": {"type": ["number", "null"], "description": "Seconds."},
            "created_time": TIME_OR_NONE,
            "updated_time": TIME_OR_NONE,
            "deleted_at": TIME_OR_NONE,
            **_SHOWN,
            "local_picture_url": TEXT_OR_NONE,
            "original_picture_url": TEXT_OR_NONE,
            **_SIZED,
        }
    ),
    "Page": of(
        {
            "id": TEXT,
            **dict.fromkeys(("name", "username", "category", "about", "website"), TEXT_OR_NONE),
            "fan_count": COUNT_OR_NONE,
            "posts": COUNT,
            "undated_posts": _UNDATED,
            "videos": COUNT,
            "oldest_post": TIME_OR_NONE,
            "newest_post": TIME_OR_NONE,
            **_READING,
        }
    ),
    "MediaRow": of(
        {
            "id": {"type": "string", "format": "uuid"},
            "category": {"type": "string", "enum": list(CATEGORIES)},
            "download_status": {"type": "string", "enum": list(STATUSES)},
            "error_message": TEXT_OR_NONE,
            "attempts": COUNT,
            "next_attempt_at": TIME_OR_NONE,
            "link_expires_at": TIME_OR_NONE,
            "derived_from": {"type": ["string", "null"], "format": "uuid"},
            "local_filename": TEXT_OR_NONE,
            "local_path": TEXT_OR_NONE,
            "file_size": COUNT_OR_NONE,
            "mime_type": TEXT_OR_NONE,
            "sha256": TEXT_OR_NONE,
            "width": COUNT_OR_NONE,
            "height": COUNT_OR_NONE,
            "downloaded_at": TIME_OR_NONE,
            "created_at": TIME,
            "updated_at": TIME,
            "post_id": TEXT_OR_NONE | {"description": "A post that shows it."},
            "video_id": TEXT_OR_NONE | {"description": "A video whose poster it is."},
            "is_working": FLAG | {"description": "It is being fetched or developed just now."},
            "given_up": FLAG
            | {"description": "It is not tried again by itself, and no other row has its picture."},
            "image_state": _STATE,
            "public_url": TEXT_OR_NONE,
            "original_url": TEXT_OR_NONE
            | {"description": "The link it comes from, on the terms of `display_image_url`."},
        }
    ),
    "Stats": of(
        {
            **dict.fromkeys(("posts", "posts_with_local_pictures"), COUNT),
            **dict.fromkeys(("attachments", "attachments_with_local_pictures"), COUNT),
            **dict.fromkeys(("videos", "videos_with_local_pictures"), COUNT),
            "media": of(
                {
                    **dict.fromkeys(("success", "pending", "failed", "given_up"), COUNT),
                    "unlinked": COUNT,
                    **dict.fromkeys(("files", "bytes"), COUNT),
                    "by_category": by(of({"files": COUNT, "bytes": COUNT})),
                },
                description="`unlinked` are those `pending` ones that wait for a fresh link.",
            ),
            "pictures": of(
                {"safe": COUNT, "all": COUNT}, description="Those Facebook names, not those made."
            ),
            "expires_next": TIME_OR_NONE,
            "deadlines": of(
                {
                    "pending": COUNT,
                    "pace_per_hour": {"type": "number", "minimum": 0},
                    "will_die": COUNT,
                    "dead": COUNT,
                },
                description="`will_die` is how many links die before their turn, at this pace.",
            ),
            "pages": many(of({"id": TEXT, "name": TEXT_OR_NONE, **_READING}, is_open=True)),
            "tokens": many(
                of(
                    {
                        "page_id": TEXT,
                        "state": {"enum": ["ok", "ending", "dead", "unknown"]},
                        **dict.fromkeys(("expires_at", "data_access_expires_at"), TIME_OR_NONE),
                        "days_left": COUNT_OR_NONE | {"description": "To the earlier end."},
                        "message": TEXT_OR_NONE,
                        "checked_at": TIME_OR_NONE,
                    }
                )
            ),
            "budgets": many(
                of(
                    {
                        "page_id": TEXT_OR_NONE | {"description": "null: the app's budget."},
                        "percent": {"type": "number", "minimum": 0},
                        "back_at": TIME_OR_NONE | {"description": "No call is made before."},
                        "heard_at": TIME_OR_NONE,
                    }
                )
            ),
            "reconcile": of(dict.fromkeys(("last_scan", "last_scrub"), TIME_OR_NONE)),
            "unavailable": TEXT_OR_NONE | {"description": "Why no file can be had now."},
            "unavailable_kind": {"enum": ["away", "unread", "linked", None]},
            "unreached": of(
                {"facebook": TIME_OR_NONE, "pictures": TIME_OR_NONE},
                description="Since when nobody answers there; null: somebody does.",
            ),
            "free_bytes": COUNT_OR_NONE | {"description": "What the disk still takes."},
            "disk_bytes": COUNT_OR_NONE | {"description": "How large the disk is."},
        },
        is_open=True,
    ),
    "Timeline": of(
        {
            "posts": many(of({"month": TEXT, "posts": COUNT})),
            "undated": _UNDATED,
            "types": many(of({"type": TEXT, "posts": COUNT})),
            "archived": many(of({"day": TEXT, "pictures": COUNT, "bytes": COUNT})),
            "dying": many(of({"day": TEXT, "pictures": COUNT})),
            "zone": TEXT | {"description": "Whose days and months these are."},
        }
    ),
    "Started": of(
        {
            "pages": many(
                of({"id": TEXT, "full": FLAG, "state": {"enum": ["started", "queued"]}})
                | {"description": "`queued`: it is being read, and is read once more after."}
            )
        }
    ),
    "Health": of({"status": {"const": "alive"}}),
    "Readiness": of(
        {"status": {"enum": ["ready", "not ready"]}, "parts": by(TEXT)},
        description="Each part is `ok` or says what is wrong, in full to who sends the token.",
    ),
}
