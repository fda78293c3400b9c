-- The ledger, version 10: files over which others were renamed here.

-- base_revision of what was agreed on when another file took its name. As long as it is that, what
-- is there is no edit of it. NULL: none did.
ALTER TABLE entries ADD COLUMN taken INTEGER;
