-- That a post was looked for in vain is our own note and no change of the post: its updated_at stays
-- as it was, or whoever asks for what has changed since yesterday is given every missed post again
-- and again. That it counts as gone, or is back, is a change.

CREATE TRIGGER facebook_video_posts_touch_gone AFTER UPDATE ON facebook_video_posts
    WHEN NEW.updated_at IS OLD.updated_at AND OLD.deleted_at IS NOT NEW.deleted_at
BEGIN
    UPDATE facebook_video_posts SET updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'
    WHERE rowid = NEW.rowid;
END;

DROP TRIGGER facebook_posts_touch_healing;
DROP TRIGGER facebook_video_posts_touch_healing;

-- How many pictures wait for a fresh link is counted from this index alone.
DROP INDEX media_storage_unlinked;
CREATE INDEX media_storage_unlinked ON media_storage
    (link_expires_at, download_status, next_attempt_at, derived_from, needs_link)
    WHERE needs_link AND download_status <> 'success' AND derived_from IS NULL
    AND (download_status = 'pending' OR next_attempt_at IS NOT NULL);
