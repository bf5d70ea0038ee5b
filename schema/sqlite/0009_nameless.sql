-- Tables of other programs may hold posts without an id. Nothing is searched in those, and a script
-- that adds one must not be stopped by what our triggers note.
CREATE TRIGGER search_stale_nameless BEFORE INSERT ON search_stale WHEN NEW.post_id IS NULL
BEGIN
    SELECT RAISE(IGNORE);
END;
