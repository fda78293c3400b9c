-- The ledger, version 11: what the devices are called whose changes were heard.

CREATE TABLE devices (
  device TEXT PRIMARY KEY,
  name TEXT NOT NULL
) STRICT, WITHOUT ROWID;
