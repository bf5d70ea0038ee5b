-- An updated_at that is written on purpose stays as written, as rows keep theirs when an archive
-- is copied. The triggers of SQLite have always let it.

CREATE OR REPLACE FUNCTION fbsyncd_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW IS DISTINCT FROM OLD AND NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN
        NEW.updated_at := clock_timestamp();
    END IF;
    RETURN NEW;
END
$$;
