-- Not a step of the schema: a copy does it where an archive comes from tables that hold posts or
-- videos of which nobody has said whose they are. As orphans.sql, by the way SQLite documents.
PRAGMA writable_schema = 1;
UPDATE sqlite_master SET sql = replace(sql, 'page_id TEXT NOT NULL', 'page_id TEXT')
WHERE type = 'table' AND name IN ('facebook_posts', 'facebook_video_posts');
PRAGMA writable_schema = RESET;
-- Whoever has the database open reads the schema again when a table has come or gone.
CREATE TABLE loosened (id INTEGER);
DROP TABLE loosened;
