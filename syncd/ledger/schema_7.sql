-- The ledger, version 7: what programs may have read of a record.

-- What its file was last written with, NULL: it never was. What was agreed on since is to be written
-- once the programs rest, and no save can have been made from it.
ALTER TABLE entries ADD COLUMN shown_digest TEXT;
UPDATE entries SET shown_digest = base_digest WHERE local_digest IS NOT NULL;
