-- Finding posts by any part of their text, and the orders in which the API lists rows.

-- folded          the texts of a post as they are searched, one a line: see fbsyncd/fold.py.
--                 The program writes it; triggers tell which posts it has to look at again.
CREATE TABLE post_search (
    id INTEGER PRIMARY KEY,
    post_id TEXT NOT NULL UNIQUE,
    folded TEXT NOT NULL
);

-- Every three characters that follow each other, whatever the language: no word must be known.
CREATE VIRTUAL TABLE post_search_grams USING fts5 (
    folded, content='post_search', content_rowid='id', tokenize='trigram case_sensitive 1'
);

CREATE TRIGGER post_search_added AFTER INSERT ON post_search BEGIN
    INSERT INTO post_search_grams (rowid, folded) VALUES (NEW.id, NEW.folded);
END;
CREATE TRIGGER post_search_removed AFTER DELETE ON post_search BEGIN
    INSERT INTO post_search_grams (post_search_grams, rowid, folded)
    VALUES ('delete', OLD.id, OLD.folded);
END;
CREATE TRIGGER post_search_changed AFTER UPDATE ON post_search BEGIN
    INSERT INTO post_search_grams (post_search_grams, rowid, folded)
    VALUES ('delete', OLD.id, OLD.folded);
    INSERT INTO post_search_grams (rowid, folded) VALUES (NEW.id, NEW.folded);
END;

-- Posts whose text has changed since it was folded, by whatever program. A post may be in it more
-- than once: a row added is never in anyone's way.
CREATE TABLE search_stale (
    id INTEGER PRIMARY KEY,
    post_id TEXT NOT NULL
);

INSERT INTO search_stale (post_id) SELECT id FROM facebook_posts;

CREATE TRIGGER facebook_posts_search_new AFTER INSERT ON facebook_posts BEGIN
    INSERT INTO search_stale (post_id) VALUES (NEW.id);
END;
CREATE TRIGGER facebook_posts_search AFTER UPDATE ON facebook_posts
    WHEN (OLD.id, OLD.message, OLD.story) IS NOT (NEW.id, NEW.message, NEW.story)
BEGIN
    INSERT INTO search_stale (post_id) VALUES (OLD.id), (NEW.id);
END;
CREATE TRIGGER facebook_posts_search_gone AFTER DELETE ON facebook_posts BEGIN
    DELETE FROM post_search WHERE post_id = OLD.id;
END;

CREATE TRIGGER facebook_post_attachments_search_new AFTER INSERT ON facebook_post_attachments
    WHEN NEW.post_id IS NOT NULL AND coalesce(NEW.title, NEW.description) IS NOT NULL
BEGIN
    INSERT INTO search_stale (post_id) VALUES (NEW.post_id);
END;
CREATE TRIGGER facebook_post_attachments_search AFTER UPDATE ON facebook_post_attachments
    WHEN (OLD.post_id, OLD.title, OLD.description, OLD.removed_at)
        IS NOT (NEW.post_id, NEW.title, NEW.description, NEW.removed_at)
BEGIN
    INSERT INTO search_stale (post_id)
    SELECT post_id FROM (SELECT OLD.post_id AS post_id UNION SELECT NEW.post_id)
    WHERE post_id IS NOT NULL;
END;
CREATE TRIGGER facebook_post_attachments_search_gone AFTER DELETE ON facebook_post_attachments
    WHEN OLD.post_id IS NOT NULL AND coalesce(OLD.title, OLD.description) IS NOT NULL
BEGIN
    INSERT INTO search_stale (post_id) VALUES (OLD.post_id);
END;

CREATE TRIGGER facebook_video_posts_search_new AFTER INSERT ON facebook_video_posts
    WHEN NEW.post_id IS NOT NULL
BEGIN
    INSERT INTO search_stale (post_id) VALUES (NEW.post_id);
END;
CREATE TRIGGER facebook_video_posts_search AFTER UPDATE ON facebook_video_posts
    WHEN (OLD.post_id, OLD.title, OLD.description) IS NOT (NEW.post_id, NEW.title, NEW.description)
BEGIN
    INSERT INTO search_stale (post_id)
    SELECT post_id FROM (SELECT OLD.post_id AS post_id UNION SELECT NEW.post_id)
    WHERE post_id IS NOT NULL;
END;
CREATE TRIGGER facebook_video_posts_search_gone AFTER DELETE ON facebook_video_posts
    WHEN OLD.post_id IS NOT NULL
BEGIN
    INSERT INTO search_stale (post_id) VALUES (OLD.post_id);
END;

CREATE INDEX facebook_video_posts_newest
    ON facebook_video_posts (coalesce(created_time, created_at) DESC, video_id DESC);
CREATE INDEX media_storage_newest ON media_storage (created_at DESC, id DESC);
CREATE INDEX media_storage_unsafe ON media_storage (created_at DESC, id DESC)
    WHERE download_status <> 'success';
