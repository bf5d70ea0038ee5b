-- Not a step of the schema: a copy does it where an archive comes from tables that hold posts of
-- which nobody has said when they were made.
ALTER TABLE facebook_posts ALTER COLUMN created_time DROP NOT NULL;
