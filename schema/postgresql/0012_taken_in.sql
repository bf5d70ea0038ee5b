-- Another program may go on writing to a media_storage it made. What it calls archived is not: it
-- tells no SHA-256, and nobody has looked at the file. Such a row has no asset_key, and as long as
-- it has none it is neither archived nor queued; the program takes it in within seconds.

-- A table that was made here refuses such rows by itself.
CREATE FUNCTION fbsyncd_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM archive WHERE name = 'limits') THEN
        NEW.asset_key := NULL;
        NEW.download_status := 'failed';
        NEW.next_attempt_at := NULL;
        NEW.error_message := 'not taken in yet';
        NEW.lease_owner := NULL;
        NEW.lease_until := NULL;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER media_storage_told_again BEFORE UPDATE ON media_storage
    FOR EACH ROW WHEN ((NEW.asset_key IS NULL
            AND (NEW.download_status <> 'failed' OR NEW.next_attempt_at IS NOT NULL))
        OR (NEW.download_status = 'success' AND (NEW.category IS NULL
            OR NEW.local_filename IS NULL OR NEW.file_size IS NULL OR NEW.sha256 IS NULL)))
    EXECUTE FUNCTION fbsyncd_told();

-- After the row is there: what is changed before goes into EXCLUDED, and so into a row that waits.
CREATE FUNCTION fbsyncd_told_first() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE media_storage SET asset_key = NULL, download_status = 'pending'
    WHERE id = NEW.id OR (NEW.id IS NULL AND id IS NULL AND asset_key IS NULL);
    RETURN NULL;
END
$$;
CREATE TRIGGER media_storage_told AFTER INSERT ON media_storage
    FOR EACH ROW WHEN (NEW.asset_key IS NULL OR (NEW.download_status = 'success'
        AND (NEW.category IS NULL OR NEW.local_filename IS NULL OR NEW.file_size IS NULL
            OR NEW.sha256 IS NULL)))
    EXECUTE FUNCTION fbsyncd_told_first();

-- A file that is archived stays the row's, whatever name another program gives its own: a name of
-- ours begins with the SHA-256, and never changes without it.
CREATE FUNCTION fbsyncd_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM archive WHERE name = 'limits') THEN
        NEW.local_filename := OLD.local_filename;
        NEW.local_path := OLD.local_path;
        NEW.public_url := OLD.public_url;
        NEW.file_size := OLD.file_size;
        NEW.mime_type := OLD.mime_type;
        NEW.width := OLD.width;
        NEW.height := OLD.height;
        NEW.download_status := OLD.download_status;
        NEW.error_message := OLD.error_message;
        NEW.next_attempt_at := OLD.next_attempt_at;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER media_storage_kept BEFORE UPDATE ON media_storage
    FOR EACH ROW WHEN (OLD.local_filename LIKE OLD.sha256 || '.%' AND NEW.sha256 = OLD.sha256
        AND coalesce(NEW.local_filename, '') NOT LIKE NEW.sha256 || '.%')
    EXECUTE FUNCTION fbsyncd_kept();

-- A script may take pictures away: nothing is to name a row that is gone, and nothing to keep it.
-- What named it is as it was before it was adopted, and so is its picture's place in the queue.
-- Before the row goes, because foreign keys are looked at as soon as it has gone.
CREATE FUNCTION fbsyncd_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM archive WHERE name = 'limits') THEN
        UPDATE facebook_posts SET local_picture_id = NULL WHERE local_picture_id = OLD.id;
        UPDATE facebook_posts SET local_full_picture_id = NULL
        WHERE local_full_picture_id = OLD.id;
        UPDATE facebook_video_posts SET local_picture_id = NULL WHERE local_picture_id = OLD.id;
        BEGIN
            UPDATE facebook_post_attachments SET attachment_key = NULL, duplicate_of = NULL,
                removed_at = CASE WHEN duplicate_of IS NULL THEN removed_at END
            WHERE local_media_id = OLD.id OR local_thumbnail_id = OLD.id;
        EXCEPTION WHEN not_null_violation THEN
            NULL; -- A table that was made here does without: there it must not be empty.
        END;
        UPDATE facebook_post_attachments SET local_media_id = NULL WHERE local_media_id = OLD.id;
        UPDATE facebook_post_attachments SET local_thumbnail_id = NULL
        WHERE local_thumbnail_id = OLD.id;
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER media_storage_gone BEFORE DELETE ON media_storage
    FOR EACH ROW EXECUTE FUNCTION fbsyncd_gone();

-- Rows that were written so before these triggers were there.
UPDATE media_storage SET asset_key = NULL WHERE asset_key IS NOT NULL
    AND download_status = 'success' AND (category IS NULL
        OR local_filename IS NULL OR file_size IS NULL OR sha256 IS NULL);
