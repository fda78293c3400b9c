-- The ledger, version 2: text that syncd did not write, conflicts that are resolved, what happened.

-- The digest of the last version of the file that was not written by syncd.
ALTER TABLE entries ADD COLUMN authored_digest TEXT;

-- remote_name: the author's device name, as the deployment says it. told: whether the deployment
-- knows the conflict as it stands. former_digest: what the file held before it was resolved.
ALTER TABLE conflicts ADD COLUMN remote_name TEXT;
ALTER TABLE conflicts ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conflicts ADD COLUMN resolved REAL;
ALTER TABLE conflicts ADD COLUMN resolution TEXT;
ALTER TABLE conflicts ADD COLUMN former_digest TEXT;
CREATE INDEX conflicts_untold ON conflicts (number) WHERE told = 0;
CREATE INDEX conflicts_open ON conflicts (number) WHERE resolved IS NULL;

-- What became of a path, oldest first; digest NULL: it was deleted, or the event has no version.
CREATE TABLE events (
  number INTEGER PRIMARY KEY,
  store TEXT NOT NULL,
  path TEXT NOT NULL,
  what TEXT NOT NULL,
  digest TEXT,
  revision INTEGER,
  device TEXT,
  detail TEXT,
  at REAL NOT NULL
) STRICT;
CREATE INDEX events_path ON events (store, path);
