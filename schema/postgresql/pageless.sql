-- Not a step of the schema: a copy does it where an archive comes from tables that hold posts or
-- videos of which nobody has said whose they are.
ALTER TABLE facebook_posts ALTER COLUMN page_id DROP NOT NULL;
ALTER TABLE facebook_video_posts ALTER COLUMN page_id DROP NOT NULL;
