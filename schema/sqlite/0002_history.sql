-- What the archive remembers beside the present: earlier texts and pictures of posts,
-- what the source listed, and what a person had removed on purpose.

-- A text a post had from seen_from until another one was seen in its place.
-- The key is made of facts, not of numbers given out here: copies of an archive agree on it.
CREATE TABLE facebook_post_history (
    post_id TEXT NOT NULL REFERENCES facebook_posts (id) ON DELETE CASCADE,
    seen_from TEXT NOT NULL,
    seen_until TEXT NOT NULL,
    message TEXT,
    story TEXT,
    PRIMARY KEY (post_id, seen_from)
);

-- A picture that a post or a video (owner_id) named once and names no longer.
CREATE TABLE former_pictures (
    owner_id TEXT NOT NULL,
    media_id TEXT NOT NULL REFERENCES media_storage (id) ON DELETE CASCADE,
    PRIMARY KEY (owner_id, media_id)
);

CREATE INDEX former_pictures_media ON former_pictures (media_id);

-- The posts a walk over the whole window has met so far; emptied when it comes to its end.
CREATE TABLE listed_posts (
    page_id TEXT NOT NULL,
    walk_started_at TEXT NOT NULL,
    post_id TEXT NOT NULL,
    month TEXT NOT NULL,
    PRIMARY KEY (page_id, walk_started_at, post_id)
);

-- How many posts of a month (UTC, as 2026-03) the last such walk met.
CREATE TABLE source_months (
    page_id TEXT NOT NULL,
    month TEXT NOT NULL,
    posts INTEGER NOT NULL,
    listed_at TEXT NOT NULL,
    PRIMARY KEY (page_id, month)
);

-- What was removed on purpose, and what went with it. Such an id is not archived again.
CREATE TABLE forgotten (
    kind TEXT NOT NULL CHECK (kind IN ('post', 'page', 'video')),
    id TEXT NOT NULL,
    forgotten_at TEXT NOT NULL,
    posts INTEGER NOT NULL DEFAULT 0,
    attachments INTEGER NOT NULL DEFAULT 0,
    videos INTEGER NOT NULL DEFAULT 0,
    pictures INTEGER NOT NULL DEFAULT 0,
    files INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, id)
);

-- Files whose rows are gone and that are still to be removed from the disk.
CREATE TABLE condemned_files (
    media_id TEXT PRIMARY KEY,
    category TEXT NOT NULL,
    filename TEXT,
    size INTEGER
);
