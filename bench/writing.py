"""The usual ways to write posts and attachments, beside which the bench of upserts runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from peewee import Database

from fbsyncd import links, models
from fbsyncd.merge import ATTACHMENT_COLUMNS, POST_COLUMNS
from fbsyncd.records import Attachment, Post
from fbsyncd.tables import FacebookPost, FacebookPostAttachment, MediaStorage

#: Posts a transaction, as a page of results has them.
PAGE = 100

Values = dict[str, Any]


def as_rows(posts: list[Post]) -> tuple[list[Values], list[Values]]:
    """Return plain rows of posts and attachments, their pictures' ids left out."""
    told = [
        {
            name: getattr(one, name)
            for name in POST_COLUMNS
            if not name.startswith("local_") and name != "deleted_at"
        }
        for one in posts
    ]
    named = [name for name in ATTACHMENT_COLUMNS if hasattr(Attachment, name)]
    attached = [
        {"post_id": one.id, "attachment_key": part.key}
        | {name: getattr(part, name) for name in named}
        for one in posts
        for part in one.attachments or ()
    ]
    return told, attached


def bare(db: Database, told: list[Values], attached: list[Values]) -> None:
    with models.transaction(db):
        for table, key, many in _both(told, attached):
            names = list(many[0])
            kept = [name for name in names if name not in key]
            sql = (
                f"INSERT INTO {table} ({', '.join(names)}) VALUES ({models.marks(len(names))})"
                f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET"
                f" {', '.join(f'{name} = excluded.{name}' for name in kept)}"
            )
            models.change_many(db, sql, [[_plain(v) for v in one.values()] for one in many])


def bare_with_pictures(db: Database, posts: list[Post]) -> None:
    told, attached, pictures = _all_rows(posts)
    with models.transaction(db):
        names = list(pictures[0])
        models.change_many(
            db,
            f"INSERT INTO media_storage ({', '.join(names)}) VALUES ({models.marks(len(names))})"
            " ON CONFLICT DO NOTHING",
            sorted([_plain(value) for value in one.values()] for one in pictures),
        )
        bare(db, told, attached)


def peewee_many(db: Database, told: list[Values], attached: list[Values]) -> None:
    with models.transaction(db):
        _peewee(db, told, attached, 200)


def by_row(db: Database, told: list[Values], attached: list[Values]) -> None:
    for one in told:
        with models.transaction(db):
            _peewee(db, [one], [], 1)
    for one in attached:
        with models.transaction(db):
            _peewee(db, [], [one], 1)


def _peewee(db: Database, told: list[Values], attached: list[Values], size: int) -> None:
    for model, (_, key, many) in zip(
        (FacebookPost, FacebookPostAttachment), _both(told, attached), strict=True
    ):
        target = [getattr(model, name) for name in key]
        for at in range(0, len(many), size):
            chunk = many[at : at + size]
            kept = [getattr(model, name) for name in chunk[0] if name not in key]
            query = model.insert_many(chunk).on_conflict(conflict_target=target, preserve=kept)
            query.execute(db)


def _both(told: list[Values], attached: list[Values]) -> list[tuple[str, list[str], list[Values]]]:
    return [
        ("facebook_posts", ["id"], told),
        ("facebook_post_attachments", ["post_id", "attachment_key"], attached),
    ]


def _plain(value: Any) -> Any:
    return models.to_text(value) if isinstance(value, datetime) else value


def with_pictures(db: Database, posts: list[Post]) -> None:
    for at in range(0, len(posts), PAGE):
        told, attached, pictures = _all_rows(posts[at : at + PAGE])
        with models.transaction(db):
            for start in range(0, len(pictures), 200):
                MediaStorage.insert_many(
                    pictures[start : start + 200]
                ).on_conflict_ignore().execute(db)
            _peewee(db, told, attached, 200)


def _all_rows(posts: list[Post]) -> tuple[list[Values], list[Values], list[Values]]:
    """Return plain rows of posts, attachments and their pictures, each with its picture's id."""
    told, attached = as_rows(posts)
    for one in told:
        one["local_full_picture_id"] = links.link_id(one["full_picture_url"])
    for one in attached:
        one["local_media_id"] = links.link_id(one["media_url"])
    named = {one["media_url"]: "attachments" for one in attached}
    named |= {one["full_picture_url"]: "posts" for one in told}
    return told, attached, [_picture(url, category) for url, category in named.items()]


def _picture(url: str, category: str) -> Values:
    return {
        "id": links.link_id(url),
        "asset_key": links.asset_key(url),
        "category": category,
        "original_url": url,
        "link_expires_at": links.expires_at(url),
        "download_status": "pending",
        "needs_link": False,
        "attempts": 0,
        "heal_attempts": 0,
    }
