-- The ledger, version 8: in which folder a write was noted.

-- The number of its inode, NULL: not known. Another folder in its place tells nothing of the write.
ALTER TABLE notes ADD COLUMN folder INTEGER;
