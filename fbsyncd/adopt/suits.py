"""Whether tables of our names are what they seem, and what of ours they cannot hold. Decides only.

A table that only shares its name is refused, with the reason. One that differs in what can be
borne is taken: columns that lack are added, and what its columns cannot hold is made to fit when
it is written (:mod:`fbsyncd.adopted`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final
from uuid import UUID

from fbsyncd.adopt.inventory import Column, Inventory, Table
from fbsyncd.adopted import Limit
from fbsyncd.merge import ATTACHMENT_COLUMNS, POST_COLUMNS, VIDEO_COLUMNS
from fbsyncd.migrate import ADOPTABLE

_PAGE_COLUMNS: Final = ("id", "name", "username", "category", "about", "website", "fan_count")
#: What each table is told apart by: columns it must have, and some of which it must have one.
_MARKS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "media_storage": (("id", "original_url"), ()),
    "facebook_pages": (("id",), ()),
    "facebook_posts": (("id",), ("picture_url", "full_picture_url")),
    "facebook_post_attachments": (("id", "post_id"), ("media_url", "thumbnail_url")),
    "facebook_video_posts": (("video_id",), ("picture", "permalink_url", "source")),
}
#: The columns that say which row is which.
KEYS: Final = {
    "media_storage": "id",
    "facebook_pages": "id",
    "facebook_posts": "id",
    "facebook_video_posts": "video_id",
}
#: What is written into each table when a row is added, and what of it is never empty.
_WRITTEN: Final[Mapping[str, Collection[str]]] = {
    "media_storage": ("id", "original_url", "download_status"),
    "facebook_pages": _PAGE_COLUMNS,
    "facebook_posts": POST_COLUMNS,
    "facebook_post_attachments": ATTACHMENT_COLUMNS,
    "facebook_video_posts": VIDEO_COLUMNS,
}
_NEVER_EMPTY: Final = {
    "media_storage": {"id", "original_url", "download_status"},
    "facebook_pages": {"id"},
    "facebook_posts": {"id", "page_id", "created_time"},
    "facebook_post_attachments": {"id", "post_id", "attachment_key", "position"},
    "facebook_video_posts": {"video_id", "page_id", "created_time"},
}

#: Columns of times in the tables of older programs.
TIMES: Final = ("created_time", "updated_time", "created_at", "updated_at")

_TEXT: Final = {"text"}
_IDS: Final = {"text", "whole"}
_TIME: Final = {"time"}
_NUMBER: Final = {"whole", "number", "text"}
_FLAG: Final = {"flag", "whole"}
_SIZE: Final = {"whole", "number"}
_KINDS: Final = {
    **dict.fromkeys(TIMES, _TIME),
    "downloaded_at": _TIME,
    "deleted_at": _TIME,
    "removed_at": _TIME,
    "is_published": _FLAG,
    "is_hidden": _FLAG,
    "length": _NUMBER,
    "fan_count": _NUMBER,
    "width": _SIZE,
    "height": _SIZE,
    "file_size": _SIZE,
    "position": _SIZE,
    "page_id": _IDS,
    "video_id": _IDS,
    "facebook_pages.id": _IDS,
    "facebook_post_attachments.id": {"whole", "text", "uuid"},
    "media_storage.id": {"uuid", "text"},
}
_FILLERS: Final = {"is_published": "1", "is_hidden": "0", "length": "0", "fan_count": "0"}


def refusals(inventory: Inventory) -> list[str]:
    """Return why tables of our names cannot be adopted; nothing when they can."""
    return [reason for name in sorted(inventory.tables) for reason in _refusals(inventory, name)]


def limits(inventory: Inventory) -> dict[str, dict[str, Limit]]:
    """Return what columns of tables that can be adopted do not take of what may be written."""
    found = {
        name: _limits(inventory.tables[name]) for name in ADOPTABLE if name in inventory.tables
    }
    return {name: columns for name, columns in found.items() if columns}


def needs_links(inventory: Inventory) -> bool:
    """Tell whether every picture must have a link, those that are made here too."""
    table = inventory.tables.get("media_storage")
    return table is not None and not table.columns["original_url"].can_be_null


def has_unique_links(inventory: Inventory) -> bool:
    """Tell whether no two pictures may have the same link."""
    table = inventory.tables.get("media_storage")
    return table is not None and any("original_url" in key for key in table.keys)


def texts(table: Table) -> list[str]:
    """Return the columns of *table* that hold texts and that this program reads."""
    return [
        name
        for name in _WRITTEN[table.name]
        if name in table.columns and (_KINDS.get(name) or _TEXT) in (_TEXT, _IDS)
    ]


def uuid(text: str) -> str | None:
    """Return a UUID as this program writes it, None for what is none."""
    try:
        return str(UUID(text))
    except ValueError:
        return None


def has_numbers(inventory: Inventory) -> bool:
    """Tell whether ids of Pages or videos are numbers somewhere; Facebook writes digits only."""
    return any(
        table.kind(column) == "whole" and _kinds(inventory, name, column) == _IDS
        for name, table in inventory.tables.items()
        if name in ADOPTABLE
        for column in table.columns
    )


def _refusals(inventory: Inventory, name: str) -> Iterator[str]:
    table = inventory.tables[name]
    if name not in ADOPTABLE:
        return
    if not table.is_table:
        yield f"{name} is not a table but a view"
        return
    if table.has_no_place:
        yield f"{name} {table.has_no_place}"
        return
    needed, some = _MARKS[name]
    lacking = [column for column in needed if column not in table.columns]
    if lacking or (some and not any(column in table.columns for column in some)):
        what = " and ".join(lacking) or " or ".join(some)
        yield f"{name} has no {what}: it only shares its name"
        return
    for column in table.columns.values():
        yield from _unfit(inventory, table, column)


def _unfit(inventory: Inventory, table: Table, column: Column) -> Iterator[str]:
    place = f"{table.name}.{column.name}"
    if column.name in _WRITTEN[table.name] or column.name in _KINDS:
        wanted = _kinds(inventory, table.name, column.name)
        if column.kind not in {*wanted, "any"}:
            remedy = f": ALTER TABLE {table.name} ALTER COLUMN {column.name} TYPE TEXT"
            yield (
                f"{place} is {column.type}, {' or '.join(sorted(wanted))} is needed"
                f"{remedy if wanted == _TEXT else ''}"
            )
    if column.can_be_null or column.name in _NEVER_EMPTY[table.name]:
        return
    if column.name not in _WRITTEN[table.name]:
        if not column.has_default:
            yield f"{place} must not be empty and has no default: no row could be added"
    elif column.name not in _FILLERS and _kinds(inventory, table.name, column.name) != _TEXT:
        yield f"{place} must not be empty, and Facebook does not always say it"


def _kinds(inventory: Inventory, table: str, column: str) -> set[str]:
    if column.startswith("local_") and column.endswith("_id"):
        media = inventory.tables.get("media_storage")
        return {(media and media.kind("id")) or "uuid"}
    return _KINDS.get(f"{table}.{column}") or _KINDS.get(column) or _TEXT


def _limits(table: Table) -> dict[str, Limit]:
    found: dict[str, Limit] = {}
    for name in _WRITTEN[table.name]:
        column = table.columns.get(name)
        if column is None or name in {"id", "video_id", "page_id", "post_id"}:
            continue
        required = not column.can_be_null and name not in _NEVER_EMPTY[table.name]
        if required or column.length is not None:
            found[name] = (column.length, _FILLERS.get(name, "") if required else None)
    return found
