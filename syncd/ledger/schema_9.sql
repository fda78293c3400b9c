-- The ledger, version 9: what may be sent stands behind any number of rows that wait for uploads.

-- In place of one that had them too, and only of what was not queued with many others.
DROP INDEX outbox_pressing;
CREATE INDEX outbox_ready ON outbox (bulk, place)
  WHERE state = 'queued' AND upload IS NOT 'wanted';
