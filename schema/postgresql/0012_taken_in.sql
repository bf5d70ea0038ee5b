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

-- Rows that were written so before these triggers were there.
UPDATE media_storage SET asset_key = NULL WHERE asset_key IS NOT NULL
    AND download_status = 'success' AND (category IS NULL
        OR local_filename IS NULL OR file_size IS NULL OR sha256 IS NULL);
