"""What this program writes into tables of older programs beside what they did. Decides only.

A column of theirs may have a name that one of ours needs, or be narrower than what is written into
it later, when a picture comes or fails. Both are told of before anything is adopted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from fbsyncd.adopt.catalogue import EXACT
from fbsyncd.adopt.inventory import Column, Table
from fbsyncd.adopted import IDS

_TEXT: Final = frozenset({"text"})
_TIME: Final = frozenset({"time"})
_FLAG: Final = frozenset({"flag"})
_COUNT: Final = frozenset({"whole", "digits"})
_SIZE: Final = frozenset({"whole", "digits", "number"})
#: Stands for the kind that ids of pictures have.
_ID: Final = frozenset({"id"})
_MISSED: Final = {
    "misses": _COUNT,
    **dict.fromkeys(("first_missed_at", "last_missed_at", "last_seen_at", "deleted_at"), _TIME),
}
#: The columns that only this program needs, and what they hold.
_KEPT: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "media_storage": {
        **dict.fromkeys(("asset_key", "replaced_sha256", "lease_owner"), _TEXT),
        **dict.fromkeys(("attempts", "heal_attempts"), _COUNT),
        **dict.fromkeys(("link_expires_at", "next_attempt_at", "lease_until"), _TIME),
        **dict.fromkeys(("developed_at", "heal_after"), _TIME),
        "needs_link": _FLAG,
        "derived_from": _ID,
        "key_id": _ID,
    },
    "facebook_posts": _MISSED,
    "facebook_video_posts": _MISSED,
    "facebook_post_attachments": {
        "attachment_key": _TEXT,
        "duplicate_of": _TEXT,
        "removed_at": _TIME,
    },
}
#: Those of which each row has a value, given by the database where none is told.
_REQUIRED: Final = frozenset({"misses", "attempts", "heal_attempts", "needs_link"})
#: What an earlier program says of its files too, and the most characters of it; 0: no bound.
_FILES: Final[Mapping[str, int]] = {
    "local_filename": 72,
    "local_path": 255,
    "public_url": 100,
    "mime_type": 32,
    "sha256": 64,
    "category": 11,
    "download_status": 7,
    "original_url": 2048,
    "error_message": 0,
}
_SIZES: Final = ("file_size", "width", "height")
_NEVER_EMPTIED: Final = frozenset({"download_status", "original_url", "category"})
#: What of a type's name lets SQLite hold numbers as texts.
_AS_TEXTS: Final = ("char", "clob", "text")


def refusals(table: Table, written: Collection[str], id_kind: str) -> Iterator[str]:
    """Yield why columns of *table* do not bear what is *written* or kept there, with remedies.

    *id_kind* is what ids of pictures are.
    """
    kept = _KEPT.get(table.name, {})
    is_media = table.name == "media_storage"
    written = {*written, "post_id"}
    for column in table.columns.values():
        name = column.name
        if column.is_computed and name in {*written, *kept, *_FILES, *_SIZES}:
            yield f"{table.name}.{name} is computed by the database: {_renamed(table, name)}"
        elif name in kept:
            kinds = frozenset({id_kind}) if kept[name] is _ID else kept[name]
            if why := _unkept(column, kinds):
                yield (
                    f"{table.name}.{name} {why}, and fbsyncd keeps something of its own under"
                    f" that name: {_renamed(table, name)}"
                )
        elif is_media and name in {*_FILES, *_SIZES}:
            yield from _unfit(table, column)
        elif column.largest == EXACT and name in IDS & written:
            yield (
                f"{table.name}.{name} is {column.type.upper()}, and SQLite makes fractions of ids"
                " there: make the table anew, with TEXT for it"
            )
        elif column.type == "character" and name in written and name.endswith("id"):
            yield (
                f"{table.name}.{name} is CHAR({column.length}), which fills ids up with blanks:"
                f" ALTER TABLE {table.name} ALTER COLUMN {name} TYPE VARCHAR({column.length})"
            )


def _renamed(table: Table, name: str) -> str:
    return f"ALTER TABLE {table.name} RENAME COLUMN {name} TO own_{name}"


def _unkept(column: Column, kinds: Collection[str]) -> str:
    """Return what keeps a column from being used as ours is; empty when nothing does."""
    is_number = bool(_COUNT.union(_FLAG).intersection(kinds))
    if column.kind == "any":
        if is_number and any(word in column.type for word in _AS_TEXTS):
            return f"is {column.type.upper()}"
    elif column.kind not in kinds or column.type == "date":
        return f"is {column.type}"
    if column.length is not None:
        return f"takes {column.length} characters only"
    if column.name in _REQUIRED:
        return "" if column.has_default and not column.can_be_null else "may be empty"
    return "" if column.can_be_null else "must not be empty"


def _unfit(table: Table, column: Column) -> Iterator[str]:
    """Yield what of a file's row a column does not take."""
    name, alter = column.name, f"ALTER TABLE {table.name} ALTER COLUMN {column.name}"
    most = _FILES.get(name)
    if most is not None and column.kind not in {"text", "any"}:
        yield f"{table.name}.{name} is {column.type}, text is needed: {alter} TYPE TEXT"
    elif most is not None and column.length is not None and not 0 < most <= column.length:
        needed = f"up to {most:,} are" if most else "any number is"
        yield (
            f"{table.name}.{name} takes {column.length} characters only, and {needed} needed:"
            f" {alter} TYPE TEXT"
        )
    if not column.can_be_null and name not in _NEVER_EMPTIED:
        remedy = (
            "make the table anew, without NOT NULL there"
            if column.kind == "any"
            else f"{alter} DROP NOT NULL"
        )
        yield f"{table.name}.{name} must not be empty, and it is until there is a file: {remedy}"
