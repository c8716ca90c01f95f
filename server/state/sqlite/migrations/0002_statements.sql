-- What a statement touched, warned of and failed with, by number. The user's
-- name has the host in it, so there is no column for the client.
ALTER TABLE statements DROP COLUMN client;
ALTER TABLE statements ADD COLUMN touched TEXT NOT NULL DEFAULT ''; -- one name a line
ALTER TABLE statements ADD COLUMN warnings INTEGER NOT NULL DEFAULT 0;
ALTER TABLE statements ADD COLUMN code INTEGER NOT NULL DEFAULT 0;
