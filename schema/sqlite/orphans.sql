-- Not a step of the schema: a copy does it where an archive comes from tables that let attachments
-- be written before their post, or for none. SQLite takes no rule off a table by ALTER; this is the
-- way it documents for changes that leave all rows as they are
-- (https://www.sqlite.org/lang_altertable.html).
PRAGMA writable_schema = 1;
UPDATE sqlite_master SET sql = replace(sql,
    'post_id TEXT NOT NULL REFERENCES facebook_posts (id) ON DELETE CASCADE', 'post_id TEXT')
WHERE type = 'table' AND name = 'facebook_post_attachments';
PRAGMA writable_schema = RESET;
-- Whoever has the database open reads the schema again when a table has come or gone.
CREATE TABLE loosened (id INTEGER);
DROP TABLE loosened;
