"""The daemon's memory: one SQLite file, written by one process.

`ledger` has the verbs, each one transaction: `commits` a turn's end, `answers` what the deployment
answered, `views` what a turn asks before it decides, over `many` rows at once. In it: `entries`
(base, last heard), `authoring` (what programs wrote last, and syncd), `outbox` (`claimable`: what
of it is next; `uploads`), `contents`, `places`, `records`, `attention` (holds, guards, health),
`deletions` (those a guard counts; `rejecting`), `conflicts`, `epochs`, `events` (the log), `past`
(the index of history), `logs` (how far lines went), `passing` (which tombstones are needed no
more), `costs`; `forgetting` when a store changes, or a file is gone.
`schema*.sql` are the steps that make one. `tidemark` knows an old copy of it. `state` owns the
folder around it: `belonging` (which ledger is whose), `following` (which one is in use),
`residence` (that the folder is still there), `lock` and `owner` (who has it), `room` (whether it
can be written).
"""
