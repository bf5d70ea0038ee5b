-- The archive: what Facebook said (facebook_*), what is kept of it (media_storage),
-- and how far each Page has been read (sync_state).
-- Times are UTC. Nothing is deleted because Facebook no longer shows it.

CREATE TABLE archive (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

INSERT INTO archive (name, value) VALUES ('id', lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a'
    || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))));

-- One row is one asset: one picture in one size, whatever link it is reached by.
-- pending            queued, or handed to a worker while lease_until is ahead
-- failed + time      tried, tried again at next_attempt_at
-- failed, no time    given up; error_message says why
-- success            the file is on disk with this size and this SHA-256
CREATE TABLE media_storage (
    id TEXT PRIMARY KEY,
    asset_key TEXT NOT NULL UNIQUE,
    category TEXT NOT NULL CHECK (category IN ('posts', 'attachments', 'thumbnails')),
    derived_from TEXT REFERENCES media_storage (id),
    original_url TEXT,
    link_expires_at TEXT,
    needs_link INTEGER NOT NULL DEFAULT 0,
    local_filename TEXT,
    local_path TEXT,
    public_url TEXT,
    file_size INTEGER,
    mime_type TEXT,
    width INTEGER,
    height INTEGER,
    sha256 TEXT,
    download_status TEXT NOT NULL DEFAULT 'pending'
        CHECK (download_status IN ('pending', 'success', 'failed')),
    error_message TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TEXT,
    lease_owner TEXT,
    lease_until TEXT,
    downloaded_at TEXT,
    developed_at TEXT,
    created_at TEXT NOT NULL DEFAULT
        (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'),
    updated_at TEXT NOT NULL DEFAULT
        (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'),
    CHECK (derived_from IS NOT NULL OR original_url IS NOT NULL),
    CHECK (download_status <> 'success'
           OR (local_filename IS NOT NULL AND file_size IS NOT NULL AND sha256 IS NOT NULL))
);

CREATE INDEX media_storage_queue ON media_storage (link_expires_at, id)
    WHERE download_status <> 'success';
CREATE INDEX media_storage_undeveloped ON media_storage (id)
    WHERE download_status = 'success' AND developed_at IS NULL;
CREATE INDEX media_storage_file ON media_storage (category, local_filename);
CREATE INDEX media_storage_derived ON media_storage (derived_from);

CREATE TABLE facebook_pages (
    id TEXT PRIMARY KEY,
    name TEXT,
    username TEXT,
    category TEXT,
    about TEXT,
    website TEXT,
    fan_count INTEGER,
    created_at TEXT NOT NULL DEFAULT
        (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'),
    updated_at TEXT NOT NULL DEFAULT
        (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00')
);

CREATE TABLE facebook_posts (
    id TEXT PRIMARY KEY,
    page_id TEXT NOT NULL,
    message TEXT,
    story TEXT,
    type TEXT,
    status_type TEXT,
    permalink_url TEXT,
    picture_url TEXT,
    full_picture_url TEXT,
    video_url TEXT,
    source TEXT,
    created_time TEXT NOT NULL,
    updated_time TEXT,
    is_published INTEGER,
    is_hidden INTEGER,
    deleted_at TEXT,
    local_picture_id TEXT REFERENCES media_storage (id),
    local_full_picture_id TEXT REFERENCES media_storage (id),
    created_at TEXT NOT NULL DEFAULT
        (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'),
    updated_at TEXT NOT NULL DEFAULT
        (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00')
);

CREATE INDEX facebook_posts_newest ON facebook_posts (created_time DESC, id DESC);
CREATE INDEX facebook_posts_page ON facebook_posts (page_id, created_time DESC, id DESC);
CREATE INDEX facebook_posts_picture ON facebook_posts (local_picture_id);
CREATE INDEX facebook_posts_full_picture ON facebook_posts (local_full_picture_id);

CREATE TABLE facebook_post_attachments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    post_id TEXT NOT NULL REFERENCES facebook_posts (id) ON DELETE CASCADE,
    attachment_key TEXT,
    position INTEGER NOT NULL DEFAULT 0,
    type TEXT,
    media_url TEXT,
    thumbnail_url TEXT,
    title TEXT,
    description TEXT,
    target_id TEXT,
    width INTEGER,
    height INTEGER,
    removed_at TEXT,
    local_media_id TEXT REFERENCES media_storage (id),
    local_thumbnail_id TEXT REFERENCES media_storage (id),
    created_at TEXT NOT NULL DEFAULT
        (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'),
    updated_at TEXT NOT NULL DEFAULT
        (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'),
    UNIQUE (post_id, attachment_key)
);

CREATE INDEX facebook_post_attachments_media ON facebook_post_attachments (local_media_id);
CREATE INDEX facebook_post_attachments_thumbnail ON facebook_post_attachments (local_thumbnail_id);
CREATE INDEX facebook_post_attachments_target ON facebook_post_attachments (target_id);

CREATE TABLE facebook_video_posts (
    video_id TEXT PRIMARY KEY,
    post_id TEXT,
    page_id TEXT NOT NULL,
    title TEXT,
    description TEXT,
    permalink_url TEXT,
    source TEXT,
    length REAL,
    picture TEXT,
    created_time TEXT,
    updated_time TEXT,
    local_picture_id TEXT REFERENCES media_storage (id),
    created_at TEXT NOT NULL DEFAULT
        (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'),
    updated_at TEXT NOT NULL DEFAULT
        (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00')
);

CREATE INDEX facebook_video_posts_page ON facebook_video_posts (page_id, created_time DESC);
CREATE INDEX facebook_video_posts_picture ON facebook_video_posts (local_picture_id);

-- How far one stream (posts or videos) of one Page has been read.
-- The walk_* columns are set while a walk is unfinished: a killed walk goes on at walk_reached.
CREATE TABLE sync_state (
    page_id TEXT NOT NULL,
    stream TEXT NOT NULL CHECK (stream IN ('posts', 'videos')),
    state TEXT NOT NULL DEFAULT 'new',
    message TEXT,
    hold_until TEXT,
    high_water TEXT,
    covered_since TEXT,
    synced_at TEXT,
    recent_at TEXT,
    full_at TEXT,
    walk_kind TEXT,
    walk_since TEXT,
    walk_started_at TEXT,
    walk_newest TEXT,
    walk_reached TEXT,
    created_at TEXT NOT NULL DEFAULT
        (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'),
    updated_at TEXT NOT NULL DEFAULT
        (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'),
    PRIMARY KEY (page_id, stream)
);

CREATE TRIGGER media_storage_touch AFTER UPDATE ON media_storage
    WHEN NEW.updated_at IS OLD.updated_at AND (
        (OLD.id, OLD.asset_key, OLD.category, OLD.derived_from, OLD.original_url,
         OLD.link_expires_at, OLD.needs_link, OLD.local_filename, OLD.local_path,
         OLD.public_url, OLD.file_size, OLD.mime_type, OLD.width, OLD.height,
         OLD.sha256, OLD.download_status, OLD.error_message, OLD.attempts,
         OLD.next_attempt_at, OLD.lease_owner, OLD.lease_until, OLD.downloaded_at,
         OLD.developed_at)
        IS NOT
        (NEW.id, NEW.asset_key, NEW.category, NEW.derived_from, NEW.original_url,
         NEW.link_expires_at, NEW.needs_link, NEW.local_filename, NEW.local_path,
         NEW.public_url, NEW.file_size, NEW.mime_type, NEW.width, NEW.height,
         NEW.sha256, NEW.download_status, NEW.error_message, NEW.attempts,
         NEW.next_attempt_at, NEW.lease_owner, NEW.lease_until, NEW.downloaded_at,
         NEW.developed_at))
BEGIN
    UPDATE media_storage SET updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'
    WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER facebook_pages_touch AFTER UPDATE ON facebook_pages
    WHEN NEW.updated_at IS OLD.updated_at AND (
        (OLD.id, OLD.name, OLD.username, OLD.category, OLD.about, OLD.website,
         OLD.fan_count)
        IS NOT
        (NEW.id, NEW.name, NEW.username, NEW.category, NEW.about, NEW.website,
         NEW.fan_count))
BEGIN
    UPDATE facebook_pages SET updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'
    WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER facebook_posts_touch AFTER UPDATE ON facebook_posts
    WHEN NEW.updated_at IS OLD.updated_at AND (
        (OLD.id, OLD.page_id, OLD.message, OLD.story, OLD.type, OLD.status_type,
         OLD.permalink_url, OLD.picture_url, OLD.full_picture_url, OLD.video_url,
         OLD.source, OLD.created_time, OLD.updated_time, OLD.is_published,
         OLD.is_hidden, OLD.deleted_at, OLD.local_picture_id, OLD.local_full_picture_id)
        IS NOT
        (NEW.id, NEW.page_id, NEW.message, NEW.story, NEW.type, NEW.status_type,
         NEW.permalink_url, NEW.picture_url, NEW.full_picture_url, NEW.video_url,
         NEW.source, NEW.created_time, NEW.updated_time, NEW.is_published,
         NEW.is_hidden, NEW.deleted_at, NEW.local_picture_id, NEW.local_full_picture_id))
BEGIN
    UPDATE facebook_posts SET updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'
    WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER facebook_post_attachments_touch AFTER UPDATE ON facebook_post_attachments
    WHEN NEW.updated_at IS OLD.updated_at AND (
        (OLD.id, OLD.post_id, OLD.attachment_key, OLD.position, OLD.type, OLD.media_url,
         OLD.thumbnail_url, OLD.title, OLD.description, OLD.target_id, OLD.width,
         OLD.height, OLD.removed_at, OLD.local_media_id, OLD.local_thumbnail_id)
        IS NOT
        (NEW.id, NEW.post_id, NEW.attachment_key, NEW.position, NEW.type, NEW.media_url,
         NEW.thumbnail_url, NEW.title, NEW.description, NEW.target_id, NEW.width,
         NEW.height, NEW.removed_at, NEW.local_media_id, NEW.local_thumbnail_id))
BEGIN
    UPDATE facebook_post_attachments SET updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'
    WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER facebook_video_posts_touch AFTER UPDATE ON facebook_video_posts
    WHEN NEW.updated_at IS OLD.updated_at AND (
        (OLD.video_id, OLD.post_id, OLD.page_id, OLD.title, OLD.description,
         OLD.permalink_url, OLD.source, OLD.length, OLD.picture, OLD.created_time,
         OLD.updated_time, OLD.local_picture_id)
        IS NOT
        (NEW.video_id, NEW.post_id, NEW.page_id, NEW.title, NEW.description,
         NEW.permalink_url, NEW.source, NEW.length, NEW.picture, NEW.created_time,
         NEW.updated_time, NEW.local_picture_id))
BEGIN
    UPDATE facebook_video_posts SET updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'
    WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER sync_state_touch AFTER UPDATE ON sync_state
    WHEN NEW.updated_at IS OLD.updated_at AND (
        (OLD.page_id, OLD.stream, OLD.state, OLD.message, OLD.hold_until,
         OLD.high_water, OLD.covered_since, OLD.synced_at, OLD.recent_at, OLD.full_at,
         OLD.walk_kind, OLD.walk_since, OLD.walk_started_at, OLD.walk_newest,
         OLD.walk_reached)
        IS NOT
        (NEW.page_id, NEW.stream, NEW.state, NEW.message, NEW.hold_until,
         NEW.high_water, NEW.covered_since, NEW.synced_at, NEW.recent_at, NEW.full_at,
         NEW.walk_kind, NEW.walk_since, NEW.walk_started_at, NEW.walk_newest,
         NEW.walk_reached))
BEGIN
    UPDATE sync_state SET updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'
    WHERE rowid = NEW.rowid;
END;
