"""syncd keeps folders of files and a Convex deployment the same, both ways, and loses no edit.

The one path. Every event, from either side, only *names keys*. For the named keys a turn reads
base, local and remote, asks `core.reconcile` what to do, writes files where told, and commits the
rest in one transaction. Whatever is queued is pushed; whatever is heard is stored with the cursor
and its keys are named like any others. "Echo" is not a mechanism: our own write is seen again, its
digest equals base, and the plan is *nothing*.

Where things are, and what may import what (`cli -> daemon -> {engine, files, remote, ledger,
embedded} -> core`, `files -> stores -> core`; a test holds it):

    core/      pure: the nouns (`model`), the decision (`reconcile`), when to look (`settle`,
               `doubt`), when deletions wait (`guard`)
    stores/    pure: which files belong to a store (`layout`), what their bytes must be (`codec`)
    files/     one store's folder: `read`, `scan`, `write` (stage, swap, look, recover), `history`,
               `watch`; `replica` is all of it as the engine sees it, `vigil` keeps it watched
    ledger/    one SQLite file: `entries` (base, last heard), `outbox`, `contents`, `places`,
               `attention` (conflicts, holds, guards, health); `ledger` has the verbs, each one
               transaction; `state` owns the folder around it
    remote/    the deployment: `client` (calls over HTTP), `wire` (messages), `replica` (verbs),
               `listener` (wake-ups, from a child process that runs the official client)
    engine/    the verbs, in asyncio, behind the Protocols of `ports`: `intake` (named keys),
               `turn` and `writer` (one turn), `pusher`, `puller`, `bootstrap`, `link`, `rescan`;
               `session` wires them
    embedded/  a Convex-compatible backend for trying and developing, and its launcher
    daemon.py  the composition root; `config`, `errors`, `logs`, `status` beside it; `cli/` prints

Rules that keep edits safe, and where they live:

    A sent outbox row is frozen until answered, across restarts      ledger/outbox.py
    Answers before changes: a key with a sent row only captures      engine/turn.py
    Receipts, not digests, tell whether an operation was applied     convex/model, ledger/ledger.py
    What was heard never goes back                                   ledger/entries.py
    A note is in the ledger before a file is touched                 engine/writer.py
    Files are swapped, then what came out is looked at               files/write.py, files/swap.py
    Missing is believed at the second look, unreadable never         core/doubt.py, files/read.py
    Deletions wait while a folder is missing, replaced or emptied    core/guard.py, engine/guards.py
"""

__version__ = "0.1.0"
