-- Videos are found by their own titles and descriptions, also those of no post.

-- They are in the same index as posts, each under 'video:' and its id.
INSERT INTO search_stale (post_id)
SELECT 'video:' || video_id FROM facebook_video_posts WHERE video_id IS NOT NULL;

CREATE FUNCTION fbsyncd_found_video() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM post_search WHERE post_id = 'video:' || OLD.video_id;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO search_stale (post_id)
        SELECT 'video:' || NEW.video_id WHERE NEW.video_id IS NOT NULL;
    ELSIF (OLD.video_id, OLD.title, OLD.description)
        IS DISTINCT FROM (NEW.video_id, NEW.title, NEW.description) THEN
        INSERT INTO search_stale (post_id)
        SELECT DISTINCT 'video:' || video_id
        FROM (VALUES (OLD.video_id), (NEW.video_id)) AS told (video_id)
        WHERE video_id IS NOT NULL;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER facebook_video_posts_found
    AFTER INSERT OR UPDATE OR DELETE ON facebook_video_posts
    FOR EACH ROW EXECUTE FUNCTION fbsyncd_found_video();
