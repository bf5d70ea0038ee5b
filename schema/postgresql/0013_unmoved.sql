-- That a post was looked for in vain is our own note and no change of the post: its updated_at stays
-- as it was, or whoever asks for what has changed since yesterday is given every missed post again
-- and again. That it counts as gone, or is back, is a change.

-- The program says in its transaction that it only takes notes, since rows that are copied keep the
-- times they were written with.
CREATE FUNCTION fbsyncd_touch_undone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('fbsyncd.notes', true) = 'on' THEN
        NEW.updated_at := OLD.updated_at;
    END IF;
    RETURN NEW;
END
$$;

-- Triggers go by their names, and this one is to be the last, also after those of other programs.
CREATE TRIGGER zz_facebook_posts_unmoved BEFORE UPDATE ON facebook_posts
    FOR EACH ROW WHEN (OLD.last_missed_at IS DISTINCT FROM NEW.last_missed_at
        AND OLD.deleted_at IS NOT DISTINCT FROM NEW.deleted_at)
    EXECUTE FUNCTION fbsyncd_touch_undone();
CREATE TRIGGER zz_facebook_video_posts_unmoved BEFORE UPDATE ON facebook_video_posts
    FOR EACH ROW WHEN (OLD.last_missed_at IS DISTINCT FROM NEW.last_missed_at
        AND OLD.deleted_at IS NOT DISTINCT FROM NEW.deleted_at)
    EXECUTE FUNCTION fbsyncd_touch_undone();

-- How many pictures wait for a fresh link is counted from this index alone.
DROP INDEX media_storage_unlinked;
CREATE INDEX media_storage_unlinked ON media_storage
    (link_expires_at, download_status, next_attempt_at, derived_from, needs_link)
    WHERE needs_link AND download_status <> 'success' AND derived_from IS NULL
    AND (download_status = 'pending' OR next_attempt_at IS NOT NULL);
