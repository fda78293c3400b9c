-- The ledger, version 5: tombstones are witnesses too.

-- The newest snapshots are shown to the deployment with every call that asks for news.
DROP INDEX entries_heard;
CREATE INDEX entries_heard ON entries (remote_at) WHERE remote_at IS NOT NULL;
