-- The ledger, version 1: frozen, ledgers of it are out there. Every later change is a numbered step,
-- schema_2.sql and on. Digests are lower-case hex; times are seconds since the epoch, for
-- people; `at` is the deployment's commit time and the only order that decides anything.

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A configured folder. Nothing is decided about a store before it is bootstrapped.
CREATE TABLE stores (
  store TEXT PRIMARY KEY,
  configuration TEXT NOT NULL,
  root TEXT,
  bootstrapped INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- base: what both sides last agreed on (revision NULL: never). remote: what was last heard.
CREATE TABLE entries (
  store TEXT NOT NULL,
  path TEXT NOT NULL,
  record TEXT NOT NULL,
  base_revision INTEGER,
  base_digest TEXT,
  base_size INTEGER,
  remote_revision INTEGER,
  remote_digest TEXT,
  remote_size INTEGER,
  remote_last TEXT,
  remote_at INTEGER,
  remote_device TEXT,
  PRIMARY KEY (store, path, record)
) STRICT, WITHOUT ROWID;

-- What a file was when it was last read, so that an unchanged one is not read again.
CREATE TABLE files (
  store TEXT NOT NULL,
  path TEXT NOT NULL,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  ctime_ns INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  digest TEXT NOT NULL,
  read_ns INTEGER NOT NULL,
  PRIMARY KEY (store, path)
) STRICT, WITHOUT ROWID;

-- At most one sent and one queued row a key. A sent row is frozen until it is answered.
CREATE TABLE outbox (
  place INTEGER PRIMARY KEY,
  operation TEXT NOT NULL UNIQUE,
  store TEXT NOT NULL,
  path TEXT NOT NULL,
  record TEXT NOT NULL,
  kind TEXT NOT NULL,
  format TEXT NOT NULL,
  digest TEXT,
  size INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'sent', 'parked')),
  expect_revision INTEGER,
  expect_digest TEXT,
  reason TEXT,
  detail TEXT,
  since REAL NOT NULL,
  UNIQUE (store, path, record, state)
) STRICT;
CREATE INDEX outbox_state ON outbox (state, place);
CREATE INDEX outbox_deletions ON outbox (store) WHERE state = 'queued' AND digest IS NULL;

-- Written before files are touched, removed by the commit that follows.
CREATE TABLE notes (
  store TEXT NOT NULL,
  path TEXT NOT NULL,
  temporary TEXT NOT NULL,
  inode INTEGER NOT NULL,
  expected TEXT,
  digest TEXT,
  base_revision INTEGER NOT NULL,
  base_digest TEXT,
  base_size INTEGER,
  PRIMARY KEY (store, path)
) STRICT, WITHOUT ROWID;

-- Bytes by digest, compressed: what is queued, heard, agreed on, or in conflict.
CREATE TABLE contents (
  digest TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  packed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE conflicts (
  number INTEGER PRIMARY KEY,
  store TEXT NOT NULL,
  path TEXT NOT NULL,
  record TEXT NOT NULL,
  base_digest TEXT,
  local_digest TEXT,
  remote_digest TEXT,
  remote_revision INTEGER NOT NULL,
  remote_device TEXT,
  since REAL NOT NULL
) STRICT;

-- Every version that a remote change replaced or deleted here; bytes are in the history folder.
CREATE TABLE history (
  number INTEGER PRIMARY KEY,
  store TEXT NOT NULL,
  path TEXT NOT NULL,
  digest TEXT NOT NULL,
  why TEXT NOT NULL,
  since REAL NOT NULL
) STRICT;
CREATE INDEX history_path ON history (store, path);

CREATE TABLE held (
  store TEXT NOT NULL,
  path TEXT NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  advice TEXT NOT NULL,
  since REAL NOT NULL,
  PRIMARY KEY (store, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE guards (
  store TEXT PRIMARY KEY,
  reason TEXT NOT NULL,
  missing INTEGER NOT NULL,
  since REAL NOT NULL
) STRICT, WITHOUT ROWID;

-- One row a part of the daemon, so that `status` works with the daemon down.
CREATE TABLE health (
  part TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  detail TEXT NOT NULL,
  since REAL NOT NULL,
  checked REAL NOT NULL
) STRICT, WITHOUT ROWID;
