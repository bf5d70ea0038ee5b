-- Asking anew for dead links, and posts that are missed at the source.

-- heal_after      not asked for again before; heal_attempts counts how often it was
ALTER TABLE media_storage ADD COLUMN heal_attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE media_storage ADD COLUMN heal_after TIMESTAMPTZ;

CREATE INDEX media_storage_dying ON media_storage (link_expires_at)
    WHERE download_status <> 'success' AND derived_from IS NULL
    AND (download_status = 'pending' OR next_attempt_at IS NOT NULL);
CREATE INDEX media_storage_unlinked ON media_storage (link_expires_at)
    WHERE needs_link AND download_status <> 'success' AND derived_from IS NULL
    AND (download_status = 'pending' OR next_attempt_at IS NOT NULL);
CREATE INDEX media_storage_downloaded ON media_storage (downloaded_at);

-- Over all rows this index tempts SQLite to find the queue by "derived_from IS NULL", and so to
-- read and sort all of it for each claim.
DROP INDEX media_storage_derived;
CREATE INDEX media_storage_derived ON media_storage (derived_from) WHERE derived_from IS NOT NULL;

-- misses          how often it was looked for in vain since it was last seen; 0 again when it
--                 is back. last_seen_at is the last time it is known to have been there.
ALTER TABLE facebook_posts ADD COLUMN misses INTEGER NOT NULL DEFAULT 0;
ALTER TABLE facebook_posts ADD COLUMN first_missed_at TIMESTAMPTZ;
ALTER TABLE facebook_posts ADD COLUMN last_missed_at TIMESTAMPTZ;
ALTER TABLE facebook_posts ADD COLUMN last_seen_at TIMESTAMPTZ;
CREATE INDEX facebook_posts_missed ON facebook_posts (last_missed_at) WHERE misses > 0;

ALTER TABLE facebook_video_posts ADD COLUMN deleted_at TIMESTAMPTZ;
ALTER TABLE facebook_video_posts ADD COLUMN misses INTEGER NOT NULL DEFAULT 0;
ALTER TABLE facebook_video_posts ADD COLUMN first_missed_at TIMESTAMPTZ;
ALTER TABLE facebook_video_posts ADD COLUMN last_missed_at TIMESTAMPTZ;
ALTER TABLE facebook_video_posts ADD COLUMN last_seen_at TIMESTAMPTZ;
CREATE INDEX facebook_video_posts_missed ON facebook_video_posts (last_missed_at) WHERE misses > 0;
