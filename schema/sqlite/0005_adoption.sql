-- Rows that another program wrote: what the archive adds to them, and how it finds the new ones.

-- duplicate_of    the attachment_key of the row that shows this one's picture; such a row is there
--                 because a link was signed anew, and is not shown. Its own attachment_key is
--                 that key with a mark behind it, so that each row of a post keeps a key.
ALTER TABLE facebook_post_attachments ADD COLUMN duplicate_of TEXT;

-- key_id          the id that asset_key gives, where the row came with another id
ALTER TABLE media_storage ADD COLUMN key_id TEXT;
CREATE UNIQUE INDEX media_storage_key_id ON media_storage (key_id) WHERE key_id IS NOT NULL;

-- What another program has added and no asset has been found for; empty otherwise.
CREATE INDEX facebook_posts_unadopted ON facebook_posts (id)
    WHERE (picture_url <> '' AND local_picture_id IS NULL)
    OR (full_picture_url <> '' AND local_full_picture_id IS NULL);
CREATE INDEX facebook_post_attachments_unadopted ON facebook_post_attachments (id)
    WHERE attachment_key IS NULL;
CREATE INDEX facebook_video_posts_unadopted ON facebook_video_posts (video_id)
    WHERE picture <> '' AND local_picture_id IS NULL;

-- The triggers of the first schema name their columns; these do the same for the new ones.

CREATE TRIGGER media_storage_touch_adoption AFTER UPDATE ON media_storage
    WHEN NEW.updated_at IS OLD.updated_at AND OLD.key_id IS NOT NEW.key_id
BEGIN
    UPDATE media_storage SET updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'
    WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER facebook_post_attachments_touch_adoption AFTER UPDATE ON facebook_post_attachments
    WHEN NEW.updated_at IS OLD.updated_at AND OLD.duplicate_of IS NOT NEW.duplicate_of
BEGIN
    UPDATE facebook_post_attachments SET updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'
    WHERE rowid = NEW.rowid;
END;
