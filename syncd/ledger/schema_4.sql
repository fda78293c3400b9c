-- The ledger, version 4: more than one entry a file, files that only grow, moves, payloads.

-- What a records file is to hold of each of its keys; NULL: nothing, or the key is a whole file.
ALTER TABLE entries ADD COLUMN local_digest TEXT;
ALTER TABLE entries ADD COLUMN local_size INTEGER;

-- What happened to one record, and which version of it was replaced; these lie in `contents`.
ALTER TABLE events ADD COLUMN record TEXT NOT NULL DEFAULT '';
ALTER TABLE history ADD COLUMN record TEXT NOT NULL DEFAULT '';

-- One record may be held while the rest of its file is not.
CREATE TABLE held_4 (
  store TEXT NOT NULL,
  path TEXT NOT NULL,
  record TEXT NOT NULL DEFAULT '',
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  advice TEXT NOT NULL,
  since REAL NOT NULL,
  PRIMARY KEY (store, path, record)
) STRICT, WITHOUT ROWID;
INSERT INTO held_4 SELECT store, path, '', reason, detail, advice, since FROM held;
DROP TABLE held;
ALTER TABLE held_4 RENAME TO held;

-- A note of a records file says nothing of bases: its keys were agreed on before it.
CREATE TABLE notes_4 (
  store TEXT NOT NULL,
  path TEXT NOT NULL,
  temporary TEXT NOT NULL,
  inode INTEGER NOT NULL,
  expected TEXT,
  digest TEXT,
  base_revision INTEGER,
  base_digest TEXT,
  base_size INTEGER,
  PRIMARY KEY (store, path)
) STRICT, WITHOUT ROWID;
INSERT INTO notes_4 SELECT * FROM notes;
DROP TABLE notes;
ALTER TABLE notes_4 RENAME TO notes;

-- Of a tombstone that was heard: where its content went.
ALTER TABLE entries ADD COLUMN remote_moved_to TEXT;

-- Of a deletion that is half of a move: the operation of the creation that goes with it.
ALTER TABLE outbox ADD COLUMN target TEXT;

-- Where a new file may have been before: by its bytes, and its inode or its last name.
CREATE INDEX files_digest ON files (store, digest, inode);

-- The revision of our own last operation that the deployment acknowledged: it holds a receipt for
-- it, unless it was restored.
ALTER TABLE entries ADD COLUMN receipt_revision INTEGER;

-- upload: of content that file storage holds for the deployment, NULL for text. A row is sent once
-- its content is there.
ALTER TABLE outbox ADD COLUMN upload TEXT CHECK (upload IN ('wanted', 'there'));
CREATE INDEX outbox_wanted ON outbox (digest) WHERE upload = 'wanted';

-- Who waits for a payload: asked of each that comes, of thousands.
CREATE INDEX entries_awaiting ON entries (remote_digest)
  WHERE remote_digest IS NOT NULL AND base_digest IS NOT remote_digest;

-- Whether a conflict is listed: asked of each that is met, of thousands.
CREATE INDEX conflicts_key ON conflicts (store, path, record);

-- bulk: whether it was queued with many others, and so lets the others go before it by turns.
ALTER TABLE outbox ADD COLUMN bulk INTEGER NOT NULL DEFAULT 0;
CREATE INDEX outbox_upload ON outbox (bulk, place) WHERE upload = 'wanted';
CREATE INDEX outbox_pressing ON outbox (state, bulk, place) WHERE state = 'queued' AND bulk = 0;

-- The device that made the key, empty where none did; NULL: it was not told, the key is our own.
ALTER TABLE entries ADD COLUMN origin TEXT;

-- Files of lines, one row for each life of one. length and tail: what the deployment acknowledged;
-- whole: where the last whole line ended that was seen; tried: where the first append ended.
CREATE TABLE logs (
  store TEXT NOT NULL,
  generation TEXT NOT NULL,
  path TEXT NOT NULL,
  inode INTEGER NOT NULL,
  length INTEGER NOT NULL,
  tail TEXT NOT NULL,
  whole INTEGER NOT NULL,
  tried_length INTEGER NOT NULL,
  tried_tail TEXT NOT NULL,
  PRIMARY KEY (store, generation),
  UNIQUE (store, inode)
) STRICT, WITHOUT ROWID;

-- When an execution said that it began, in ms since the epoch, though its text omits it by now.
ALTER TABLE entries ADD COLUMN started INTEGER;

-- Of a record, or the rest of its file: it was known before this ledger began, or began anew, and
-- no save of it was seen since. What a program holds of it in memory nobody knows.
ALTER TABLE entries ADD COLUMN unseen INTEGER NOT NULL DEFAULT 0;

-- What calls to the deployment cost, by UTC day since the epoch: calls as the platform counts them,
-- bytes of arguments, of answers, and of payloads in either direction.
CREATE TABLE costs (
  day INTEGER PRIMARY KEY,
  calls INTEGER NOT NULL,
  sent INTEGER NOT NULL,
  received INTEGER NOT NULL,
  uploaded INTEGER NOT NULL,
  downloaded INTEGER NOT NULL
) STRICT;

-- Bytes lie apart from the digests they are found by: with both in one tree, each look-up read a
-- page for every few of them, and a body of over a kilobyte took pages of its own.
CREATE TABLE contents_4 (
  digest TEXT NOT NULL PRIMARY KEY,
  size INTEGER NOT NULL,
  packed BLOB NOT NULL
) STRICT;
INSERT INTO contents_4 SELECT * FROM contents;
DROP TABLE contents;
ALTER TABLE contents_4 RENAME TO contents;

-- Whether what comes is what was deleted: asked of every turn while deletions wait.
CREATE INDEX deletions_digest ON deletions (store, direction, digest);
