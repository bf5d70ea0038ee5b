-- Videos are found by their own titles and descriptions, also those of no post.

-- They are in the same index as posts, each under 'video:' and its id.
INSERT INTO search_stale (post_id)
SELECT 'video:' || video_id FROM facebook_video_posts WHERE video_id IS NOT NULL;

CREATE TRIGGER facebook_video_posts_found_new AFTER INSERT ON facebook_video_posts
    WHEN NEW.video_id IS NOT NULL
BEGIN
    INSERT INTO search_stale (post_id) VALUES ('video:' || NEW.video_id);
END;
CREATE TRIGGER facebook_video_posts_found AFTER UPDATE ON facebook_video_posts
    WHEN (OLD.video_id, OLD.title, OLD.description)
        IS NOT (NEW.video_id, NEW.title, NEW.description)
BEGIN
    INSERT INTO search_stale (post_id)
    SELECT 'video:' || video_id FROM (SELECT OLD.video_id AS video_id UNION SELECT NEW.video_id)
    WHERE video_id IS NOT NULL;
END;
CREATE TRIGGER facebook_video_posts_found_gone AFTER DELETE ON facebook_video_posts
BEGIN
    DELETE FROM post_search WHERE post_id = 'video:' || OLD.video_id;
END;
