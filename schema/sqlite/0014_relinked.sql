-- Another program may write another link into a row whose picture is known. A sync that reads the
-- post puts that right, but old posts are not read for weeks, and a link lives for days.

-- waits_for       the picture of the link, while it is fetched: what is shown stays until then
CREATE TABLE changed_links (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    attachment_key TEXT,
    waits_for TEXT
);

-- What the program writes itself names the new picture along with its link, or is noted in vain.
CREATE TRIGGER facebook_posts_relinked AFTER UPDATE ON facebook_posts
    WHEN NEW.id IS NOT NULL AND (
        (NEW.picture_url <> '' AND NEW.picture_url IS NOT OLD.picture_url
            AND NEW.local_picture_id IS NOT NULL AND NEW.local_picture_id IS OLD.local_picture_id)
        OR (NEW.full_picture_url <> '' AND NEW.full_picture_url IS NOT OLD.full_picture_url
            AND NEW.local_full_picture_id IS NOT NULL
            AND NEW.local_full_picture_id IS OLD.local_full_picture_id))
        AND EXISTS (SELECT 1 FROM archive WHERE name = 'limits')
BEGIN
    INSERT INTO changed_links (kind, owner_id) VALUES ('posts', NEW.id);
END;
CREATE TRIGGER facebook_video_posts_relinked AFTER UPDATE ON facebook_video_posts
    WHEN NEW.video_id IS NOT NULL AND NEW.picture <> '' AND NEW.picture IS NOT OLD.picture
        AND NEW.local_picture_id IS NOT NULL AND NEW.local_picture_id IS OLD.local_picture_id
        AND EXISTS (SELECT 1 FROM archive WHERE name = 'limits')
BEGIN
    INSERT INTO changed_links (kind, owner_id) VALUES ('videos', NEW.video_id);
END;
CREATE TRIGGER facebook_post_attachments_relinked AFTER UPDATE ON facebook_post_attachments
    WHEN NEW.post_id IS NOT NULL AND NEW.attachment_key IS NOT NULL
        AND NEW.attachment_key IS OLD.attachment_key AND (
        (NEW.media_url <> '' AND NEW.media_url IS NOT OLD.media_url
            AND NEW.local_media_id IS OLD.local_media_id)
        OR (NEW.thumbnail_url <> '' AND NEW.thumbnail_url IS NOT OLD.thumbnail_url
            AND NEW.local_thumbnail_id IS OLD.local_thumbnail_id))
        AND EXISTS (SELECT 1 FROM archive WHERE name = 'limits')
BEGIN
    INSERT INTO changed_links (kind, owner_id, attachment_key)
    VALUES ('attachments', NEW.post_id, NEW.attachment_key);
END;
