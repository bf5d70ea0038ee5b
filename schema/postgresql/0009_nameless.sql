-- Tables of other programs may hold posts without an id. Nothing is searched in those, and a script
-- that adds one must not be stopped by what our triggers note.
CREATE FUNCTION fbsyncd_leave_out() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE TRIGGER search_stale_nameless BEFORE INSERT ON search_stale
    FOR EACH ROW WHEN (NEW.post_id IS NULL) EXECUTE FUNCTION fbsyncd_leave_out();
