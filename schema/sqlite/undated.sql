-- Not a step of the schema: a copy does it where an archive comes from tables that hold posts of
-- which nobody has said when they were made. As orphans.sql, by the way SQLite documents.
PRAGMA writable_schema = 1;
UPDATE sqlite_master SET sql = replace(sql, 'created_time TEXT NOT NULL', 'created_time TEXT')
WHERE type = 'table' AND name = 'facebook_posts';
PRAGMA writable_schema = RESET;
-- Whoever has the database open reads the schema again when a table has come or gone.
CREATE TABLE loosened (id INTEGER);
DROP TABLE loosened;
