"""The ``fields`` parameter: parsing it, and cutting a node down to what was asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fbsyncd.simulator.refusals import deprecated_field, unknown_field, wrong_fields

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from fbsyncd.simulator.nodes import Node

_TOKEN = re.compile(r"\s*([a-z0-9_]+|[{},]|\.[a-z_]+\([^)]*\))", re.IGNORECASE)

DEFAULTS = {
    "Post": "created_time,message,story,id",
    "Video": "updated_time,description,id",
    "Photo": "created_time,name,id",
    "Page": "name,id",
    "StoryAttachment": "description,media,subattachments,target,title,type,url",
}
# Removed with v3.3; a single one of them fails the whole request.
DEPRECATED = frozenset({"link", "name", "caption", "description", "object_id", "source", "type"})
_WORDS = {
    "Post": (
        "id message message_tags story story_tags created_time updated_time backdated_time "
        "permalink_url full_picture picture icon status_type is_published is_hidden is_expired "
        "is_popular is_spherical parent_id from shares scheduled_publish_time properties place "
        "privacy promotable_id target via width height attachments actions admin_creator "
        "application call_to_action comments reactions likes event instagram_eligibility "
        "is_eligible_for_promotion is_instagram_eligible timeline_visibility to"
    ),
    "Video": (
        "id title description length created_time updated_time permalink_url picture source "
        "published status from icon views post_id format thumbnails embed_html embeddable "
        "content_category content_tags custom_labels is_crosspost_video live_status place "
        "privacy scheduled_publish_time universal_video_id event ad_breaks"
    ),
    "Photo": (
        "id created_time updated_time name width height link from picture images webp_images "
        "alt_text alt_text_custom page_story_id album icon place event backdated_time "
        "can_backdate can_delete can_tag name_tags target"
    ),
    "Page": (
        "id name username about category category_list website fan_count followers_count link "
        "verification_status tasks access_token description phone emails location hours cover "
        "picture bio business engagement founded mission"
    ),
    "StoryAttachment": (
        "description description_tags media media_type subattachments target title type "
        "unshimmed_url url"
    ),
}
KNOWN: Mapping[str, frozenset[str]] = {
    kind: frozenset(words.split()) for kind, words in _WORDS.items()
}


@dataclass(frozen=True, slots=True)
class Field:
    """One asked-for field, with the limit of its edge and the fields below it."""

    name: str
    limit: int | None = None
    fields: tuple[Field, ...] = ()


def parse(text: str) -> tuple[Field, ...]:
    """Parse ``id,attachments{media,subattachments.limit(100){url}}``; Refusal when malformed."""
    tokens = _tokens(text)
    fields = _parsed(tokens)
    if tokens:
        raise wrong_fields(text)
    return fields


def cut(node: Node, kind: str, asked: tuple[Field, ...]) -> Node:
    """What of *node* was asked for (the kind's default fields when nothing was).

    The id always comes along. Refusal (12 or 100) for fields this kind of node does not have.
    """
    fields = asked or parse(DEFAULTS[kind])
    check(kind, {field.name for field in fields})
    chosen = {field.name: _cut(node[field.name], field) for field in fields if field.name in node}
    if "id" in node and kind != "StoryAttachment":
        chosen["id"] = node["id"]
    return chosen


def check(kind: str, names: Collection[str]) -> None:
    """Refuse names that *kind* does not have, as the real API does: all or nothing."""
    if kind == "Post" and DEPRECATED.intersection(names):
        raise deprecated_field()
    unknown = sorted(set(names) - KNOWN[kind])
    if unknown:
        raise unknown_field(unknown[0], kind)


def _cut(value: Any, field: Field) -> Any:
    if field.name in ("attachments", "subattachments"):
        items = value["data"][: field.limit or 10]
        return {"data": [cut(item, "StoryAttachment", field.fields) for item in items]}
    return _narrowed(value, field.fields)


def _narrowed(value: Any, fields: tuple[Field, ...]) -> Any:
    if not fields:
        return value
    if isinstance(value, list):
        return [_narrowed(item, fields) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("data"), list):
        return {**value, "data": _narrowed(value["data"], fields)}
    asked = {field.name: field.fields for field in fields}
    return {name: _narrowed(below, asked[name]) for name, below in value.items() if name in asked}


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if not found:
            raise wrong_fields(text)
        tokens.append(found[1])
        at = found.end()
    tokens.reverse()
    return tokens


def _parsed(tokens: list[str]) -> tuple[Field, ...]:
    fields = []
    while tokens and tokens[-1] != "}":
        fields.append(_field(tokens))
        if tokens and tokens[-1] == ",":
            tokens.pop()
    return tuple(fields)


def _field(tokens: list[str]) -> Field:
    name, limit = tokens.pop(), None
    below: tuple[Field, ...] = ()
    if not name[0].isalnum():
        raise wrong_fields(name)
    while tokens and tokens[-1].startswith("."):
        modifier = re.fullmatch(r"\.limit\((\d+)\)", tokens.pop())
        limit = int(modifier[1]) if modifier else limit
    if tokens and tokens[-1] == "{":
        tokens.pop()
        below = _parsed(tokens)
        if not tokens:
            raise wrong_fields(name)
        tokens.pop()
    return Field(name, limit, below)
