-- The ledger, version 3: deletions are counted and may wait, epochs, where a store lies.

-- What a store's configured path was, so that a store that is moved is told from one replaced.
ALTER TABLE stores ADD COLUMN place TEXT;

-- direction: to_remote, to_local, or both where something is wrong with the folder itself.
CREATE TABLE guards_3 (
  store TEXT NOT NULL,
  direction TEXT NOT NULL CHECK (direction IN ('to_remote', 'to_local', 'both')),
  reason TEXT NOT NULL,
  missing INTEGER NOT NULL,
  since REAL NOT NULL,
  PRIMARY KEY (store, direction)
) STRICT, WITHOUT ROWID;
INSERT INTO guards_3 SELECT store, 'both', reason, missing, since FROM guards;
DROP TABLE guards;
ALTER TABLE guards_3 RENAME TO guards;

-- Deletions of the last ten minutes that were let through (gone), those that wait for a person,
-- and those a person let go: approved until they are, and then spent, which is not counted.
CREATE TABLE deletions (
  store TEXT NOT NULL,
  direction TEXT NOT NULL CHECK (direction IN ('to_remote', 'to_local')),
  path TEXT NOT NULL,
  record TEXT NOT NULL,
  digest TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('gone', 'waiting', 'approved', 'spent')),
  since REAL NOT NULL,
  PRIMARY KEY (store, direction, path, record)
) STRICT, WITHOUT ROWID;

-- The last digests that were agreed on before the base: a deployment that holds one was restored.
CREATE TABLE former (
  number INTEGER PRIMARY KEY,
  store TEXT NOT NULL,
  path TEXT NOT NULL,
  record TEXT NOT NULL,
  digest TEXT NOT NULL
) STRICT;
CREATE INDEX former_key ON former (store, path, record, number);
CREATE TRIGGER entries_former AFTER UPDATE OF base_digest ON entries
WHEN old.base_digest IS NOT NULL AND old.base_digest IS NOT new.base_digest
BEGIN
  INSERT INTO former (store, path, record, digest)
    VALUES (old.store, old.path, old.record, old.base_digest);
  DELETE FROM former
    WHERE store = old.store AND path = old.path AND record = old.record AND number NOT IN (
      SELECT number FROM former
      WHERE store = old.store AND path = old.path AND record = old.record
      ORDER BY number DESC LIMIT 16);
END;

-- What was agreed on when an epoch ended, until its store is bootstrapped in the new one.
CREATE TABLE agreed (
  store TEXT NOT NULL,
  path TEXT NOT NULL,
  record TEXT NOT NULL,
  digest TEXT,
  PRIMARY KEY (store, path, record)
) STRICT, WITHOUT ROWID;

-- The newest live snapshots are shown to the deployment with every call that asks for news.
CREATE INDEX entries_heard ON entries (remote_at) WHERE remote_digest IS NOT NULL;
