-- A lost picture that came back with other bytes: the SHA-256 it had before.
ALTER TABLE media_storage ADD COLUMN replaced_sha256 TEXT;
