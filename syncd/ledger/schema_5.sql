-- The ledger, version 5: tombstones are witnesses too, and operations get their ids when claimed.

-- The newest snapshots are shown to the deployment with every call that asks for news.
DROP INDEX entries_heard;
CREATE INDEX entries_heard ON entries (remote_at) WHERE remote_at IS NOT NULL;

-- Whose deletion waits for the creation under this id.
CREATE INDEX outbox_target ON outbox (target) WHERE target IS NOT NULL;
