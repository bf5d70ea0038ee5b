-- Another program may go on writing to a media_storage it made. What it calls archived is not: it
-- tells no SHA-256, and nobody has looked at the file. Such a row has no asset_key, and as long as
-- it has none it is neither archived nor queued; the program takes it in within seconds.

CREATE TRIGGER media_storage_told AFTER INSERT ON media_storage
    WHEN NEW.asset_key IS NULL OR (NEW.download_status = 'success' AND (NEW.category IS NULL
        OR NEW.local_filename IS NULL OR NEW.file_size IS NULL OR NEW.sha256 IS NULL))
BEGIN
    UPDATE media_storage SET asset_key = NULL, download_status = 'failed', next_attempt_at = NULL,
        error_message = 'not taken in yet', lease_owner = NULL, lease_until = NULL
    WHERE rowid = NEW.rowid;
END;
CREATE TRIGGER media_storage_told_again AFTER UPDATE ON media_storage
    WHEN (NEW.asset_key IS NULL
            AND (NEW.download_status <> 'failed' OR NEW.next_attempt_at IS NOT NULL))
        OR (NEW.download_status = 'success' AND (NEW.category IS NULL
            OR NEW.local_filename IS NULL OR NEW.file_size IS NULL OR NEW.sha256 IS NULL))
BEGIN
    UPDATE media_storage SET asset_key = NULL, download_status = 'failed', next_attempt_at = NULL,
        error_message = 'not taken in yet', lease_owner = NULL, lease_until = NULL
    WHERE rowid = NEW.rowid;
END;

-- A file that is archived stays the row's, whatever name another program gives its own: a name of
-- ours begins with the SHA-256, and never changes without it.
CREATE TRIGGER media_storage_kept AFTER UPDATE ON media_storage
    WHEN OLD.local_filename LIKE OLD.sha256 || '.%' AND NEW.sha256 = OLD.sha256
        AND coalesce(NEW.local_filename, '') NOT LIKE NEW.sha256 || '.%'
        AND EXISTS (SELECT 1 FROM archive WHERE name = 'limits')
BEGIN
    UPDATE media_storage SET local_filename = OLD.local_filename, local_path = OLD.local_path,
        public_url = OLD.public_url, file_size = OLD.file_size, mime_type = OLD.mime_type,
        width = OLD.width, height = OLD.height, download_status = OLD.download_status,
        error_message = OLD.error_message, next_attempt_at = OLD.next_attempt_at
    WHERE rowid = NEW.rowid;
END;

-- A script may take pictures away, and leaves foreign keys off: nothing is to name a row that is
-- gone. What named it is as it was before it was adopted, and so is its picture's place in the queue.
CREATE TRIGGER media_storage_gone AFTER DELETE ON media_storage
    WHEN EXISTS (SELECT 1 FROM archive WHERE name = 'limits')
BEGIN
    UPDATE facebook_posts SET local_picture_id = NULL WHERE local_picture_id = OLD.id;
    UPDATE facebook_posts SET local_full_picture_id = NULL WHERE local_full_picture_id = OLD.id;
    UPDATE facebook_video_posts SET local_picture_id = NULL WHERE local_picture_id = OLD.id;
    -- A table that was made here does without: there it must not be empty.
    UPDATE OR IGNORE facebook_post_attachments SET attachment_key = NULL, duplicate_of = NULL,
        removed_at = CASE WHEN duplicate_of IS NULL THEN removed_at END
    WHERE local_media_id = OLD.id OR local_thumbnail_id = OLD.id;
    UPDATE facebook_post_attachments SET local_media_id = NULL WHERE local_media_id = OLD.id;
    UPDATE facebook_post_attachments SET local_thumbnail_id = NULL
    WHERE local_thumbnail_id = OLD.id
        OR local_thumbnail_id IN (SELECT id FROM media_storage WHERE derived_from = OLD.id);
    DELETE FROM former_pictures WHERE media_id = OLD.id;
    -- What is forgotten takes its own with it, and counts them.
    DELETE FROM media_storage WHERE derived_from = OLD.id
        AND id NOT IN (SELECT media_id FROM condemned_files);
END;

-- Rows that were written so before these triggers were there.
UPDATE media_storage SET asset_key = NULL WHERE asset_key IS NOT NULL
    AND download_status = 'success' AND (category IS NULL
        OR local_filename IS NULL OR file_size IS NULL OR sha256 IS NULL);
