"""The tables as peewee models; ``schema/`` holds their DDL, and a test holds the two together.

The models are bound to no database: a query is executed on the one a station was handed,
``query.execute(db)``.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Final

from peewee import BooleanField, CompositeKey, Field, FloatField, IntegerField, Model, TextField

from fbsyncd.models import from_text, to_text


class UTCTimeField(Field):
    """A moment: timestamptz on PostgreSQL, sortable text on SQLite."""

    field_type = "TIMESTAMPTZ"

    def db_value(self, value: datetime | str | None) -> str | None:
        return to_text(value) if isinstance(value, datetime) else value

    def python_value(self, value: object) -> datetime | None:
        return from_text(value)


class DashedUUIDField(Field):
    """A UUID: native on PostgreSQL, 36 characters with dashes on SQLite.

    peewee's own field drops the dashes on SQLite, and rows written by other programs have them.
    """

    field_type = "UUID"

    def db_value(self, value: uuid.UUID | str | None) -> str | None:
        return None if value is None else str(value)

    def python_value(self, value: uuid.UUID | str | None) -> uuid.UUID | None:
        return uuid.UUID(value) if isinstance(value, str) else value


class Table(Model):
    """Base of all tables; both stamps are kept by the database (defaults and triggers)."""

    created_at = UTCTimeField()
    updated_at = UTCTimeField()


class Archive(Model):
    """Facts about the archive itself: its id."""

    name = TextField(primary_key=True)
    value = TextField()


class MediaStorage(Table):
    """One asset: one picture in one size."""

    id = DashedUUIDField(primary_key=True)
    asset_key = TextField(unique=True)
    key_id = DashedUUIDField(null=True)
    category = TextField()
    derived_from = DashedUUIDField(null=True)
    original_url = TextField(null=True)
    link_expires_at = UTCTimeField(null=True)
    needs_link = BooleanField()
    local_filename = TextField(null=True)
    local_path = TextField(null=True)
    public_url = TextField(null=True)
    file_size = IntegerField(null=True)
    mime_type = TextField(null=True)
    width = IntegerField(null=True)
    height = IntegerField(null=True)
    sha256 = TextField(null=True)
    replaced_sha256 = TextField(null=True)
    download_status = TextField()
    error_message = TextField(null=True)
    attempts = IntegerField()
    next_attempt_at = UTCTimeField(null=True)
    lease_owner = TextField(null=True)
    lease_until = UTCTimeField(null=True)
    downloaded_at = UTCTimeField(null=True)
    developed_at = UTCTimeField(null=True)
    heal_attempts = IntegerField()
    heal_after = UTCTimeField(null=True)

    class Meta:
        table_name = "media_storage"


class FacebookPage(Table):
    """A Page as it describes itself."""

    id = TextField(primary_key=True)
    name = TextField(null=True)
    username = TextField(null=True)
    category = TextField(null=True)
    about = TextField(null=True)
    website = TextField(null=True)
    fan_count = IntegerField(null=True)

    class Meta:
        table_name = "facebook_pages"


class FacebookPost(Table):
    """A post; ``local_*`` name the assets of its links, archived or not yet."""

    id = TextField(primary_key=True)
    page_id = TextField()
    message = TextField(null=True)
    story = TextField(null=True)
    type = TextField(null=True)
    status_type = TextField(null=True)
    permalink_url = TextField(null=True)
    picture_url = TextField(null=True)
    full_picture_url = TextField(null=True)
    video_url = TextField(null=True)
    source = TextField(null=True)
    created_time = UTCTimeField()
    updated_time = UTCTimeField(null=True)
    is_published = BooleanField(null=True)
    is_hidden = BooleanField(null=True)
    deleted_at = UTCTimeField(null=True)
    local_picture_id = DashedUUIDField(null=True)
    local_full_picture_id = DashedUUIDField(null=True)
    misses = IntegerField()
    first_missed_at = UTCTimeField(null=True)
    last_missed_at = UTCTimeField(null=True)
    last_seen_at = UTCTimeField(null=True)

    class Meta:
        table_name = "facebook_posts"


class FacebookPostAttachment(Table):
    """One attachment of a post; an album's photos are one row each."""

    id = IntegerField(primary_key=True)
    post_id = TextField()
    attachment_key = TextField(null=True)
    duplicate_of = TextField(null=True)
    position = IntegerField()
    type = TextField(null=True)
    media_url = TextField(null=True)
    thumbnail_url = TextField(null=True)
    title = TextField(null=True)
    description = TextField(null=True)
    target_id = TextField(null=True)
    width = IntegerField(null=True)
    height = IntegerField(null=True)
    removed_at = UTCTimeField(null=True)
    local_media_id = DashedUUIDField(null=True)
    local_thumbnail_id = DashedUUIDField(null=True)

    class Meta:
        table_name = "facebook_post_attachments"


class FacebookVideoPost(Table):
    """A video of a Page."""

    video_id = TextField(primary_key=True)
    post_id = TextField(null=True)
    page_id = TextField()
    title = TextField(null=True)
    description = TextField(null=True)
    permalink_url = TextField(null=True)
    source = TextField(null=True)
    length = FloatField(null=True)
    picture = TextField(null=True)
    created_time = UTCTimeField(null=True)
    updated_time = UTCTimeField(null=True)
    local_picture_id = DashedUUIDField(null=True)
    deleted_at = UTCTimeField(null=True)
    misses = IntegerField()
    first_missed_at = UTCTimeField(null=True)
    last_missed_at = UTCTimeField(null=True)
    last_seen_at = UTCTimeField(null=True)

    class Meta:
        table_name = "facebook_video_posts"


class SyncState(Table):
    """How far one stream of one Page has been read."""

    page_id = TextField()
    stream = TextField()
    state = TextField()
    message = TextField(null=True)
    hold_until = UTCTimeField(null=True)
    high_water = UTCTimeField(null=True)
    covered_since = UTCTimeField(null=True)
    synced_at = UTCTimeField(null=True)
    recent_at = UTCTimeField(null=True)
    full_at = UTCTimeField(null=True)
    walk_kind = TextField(null=True)
    walk_since = UTCTimeField(null=True)
    walk_started_at = UTCTimeField(null=True)
    walk_newest = UTCTimeField(null=True)
    walk_reached = UTCTimeField(null=True)

    class Meta:
        table_name = "sync_state"
        primary_key = CompositeKey("page_id", "stream")


class FacebookPostHistory(Model):
    """A text a post had earlier."""

    post_id = TextField()
    seen_from = UTCTimeField()
    seen_until = UTCTimeField()
    message = TextField(null=True)
    story = TextField(null=True)

    class Meta:
        table_name = "facebook_post_history"
        primary_key = CompositeKey("post_id", "seen_from")


class FormerPicture(Model):
    """A picture that a post or a video named once."""

    owner_id = TextField()
    media_id = DashedUUIDField()

    class Meta:
        table_name = "former_pictures"
        primary_key = CompositeKey("owner_id", "media_id")


class ListedPost(Model):
    """A post that an unfinished walk over the whole window has met."""

    page_id = TextField()
    walk_started_at = UTCTimeField()
    post_id = TextField()
    month = TextField()

    class Meta:
        table_name = "listed_posts"
        primary_key = CompositeKey("page_id", "walk_started_at", "post_id")


class SourceMonth(Model):
    """How many posts of a month the source listed."""

    page_id = TextField()
    month = TextField()
    posts = IntegerField()
    listed_at = UTCTimeField()

    class Meta:
        table_name = "source_months"
        primary_key = CompositeKey("page_id", "month")


class Forgotten(Model):
    """What was removed on purpose and is not archived again."""

    kind = TextField()
    id = TextField()
    forgotten_at = UTCTimeField()
    posts = IntegerField()
    attachments = IntegerField()
    videos = IntegerField()
    pictures = IntegerField()
    files = IntegerField()
    bytes = IntegerField()

    class Meta:
        table_name = "forgotten"
        primary_key = CompositeKey("kind", "id")


TABLES: Final[list[type[Model]]] = [
    Archive,
    MediaStorage,
    FacebookPage,
    FacebookPost,
    FacebookPostAttachment,
    FacebookVideoPost,
    SyncState,
    FacebookPostHistory,
    FormerPicture,
    ListedPost,
    SourceMonth,
    Forgotten,
]
