-- What is counted and compared over all rows is answered by indexes alone: rows are wide, and a
-- million of them, read one by one, are most of a large database.

-- All a scan and a scrub compare with the disk, and what the statistics add up, in order of files.
DROP INDEX media_storage_file;
CREATE INDEX media_storage_file ON media_storage
    (category, local_filename, id, file_size, sha256, download_status, derived_from);

-- Which pictures are archived: asked for each picture a post names. "id IS NOT NULL" is true of
-- every row; a query that does not say so is not tempted by these two, as the queue's would be.
CREATE INDEX media_storage_archived ON media_storage (id, download_status)
    WHERE download_status = 'success' AND id IS NOT NULL;

-- How those stand that are not.
CREATE INDEX media_storage_states ON media_storage
    (download_status, derived_from, next_attempt_at, id)
    WHERE download_status <> 'success' AND id IS NOT NULL;

-- In order of the first picture, so that neighbours are looked up as neighbours. The indexes of
-- one column each stay: a table of older programs loses nothing.
CREATE INDEX facebook_posts_pictures ON facebook_posts (local_picture_id, local_full_picture_id);
CREATE INDEX facebook_post_attachments_pictures ON facebook_post_attachments
    (local_media_id, local_thumbnail_id, removed_at);

-- Of a long queue the forecast adds up every row.
DROP INDEX media_storage_dying;
CREATE INDEX media_storage_dying ON media_storage
    (link_expires_at, download_status, next_attempt_at, derived_from)
    WHERE download_status <> 'success' AND derived_from IS NULL
    AND (download_status = 'pending' OR next_attempt_at IS NOT NULL);
