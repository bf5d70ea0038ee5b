-- Not a step of the schema: a copy does it where an archive comes from tables that let attachments
-- be written before their post, or for none.
ALTER TABLE facebook_post_attachments
    DROP CONSTRAINT IF EXISTS facebook_post_attachments_post_id_fkey,
    ALTER COLUMN post_id DROP NOT NULL;
