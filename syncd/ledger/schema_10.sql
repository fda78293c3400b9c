-- The ledger, version 10: files over which others were renamed, here and elsewhere.

-- base_revision of what was agreed on when another file took its name. As long as it is that, what
-- is there is no edit of it. NULL: none did.
ALTER TABLE entries ADD COLUMN taken INTEGER;

-- What is written elsewhere may be what another file had before it went.
CREATE INDEX history_digest ON history (substr(digest, 1, 8));
