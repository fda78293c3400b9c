"""syncd keeps folders of files and a Convex deployment the same, both ways, and loses no edit.

The one path. Every event, from either side, only *names keys*. For the named keys a turn reads
base, local and remote, asks `core.reconcile` what to do, writes files where told, and commits the
rest in one transaction. Whatever is queued is pushed; whatever is heard is stored with the cursor
and its keys are named like any others. "Echo" is not a mechanism: our own write is seen again, its
digest equals base, and the plan is *nothing*.

Where things are. The first line of every module says what it is for. What may import what (`cli ->
daemon -> {engine, files, remote, ledger, embedded} -> core`, `storage -> {remote, files}`, `files
-> stores -> core`) is held by tests/test_architecture.py:

    core/        pure: the nouns (`model`), the decision (`reconcile`), merging (`merge`), and every
                 rule of when, how fast and how much; the caller passes the time
    stores/      pure: which files belong to a store, what their bytes must be, how records of each
                 kind merge, and how a merged value is written into the text that was there
    files/       one store's folder, opened without following a link; `replica` is all of it as the
                 engine sees it
    ledger/      the daemon's memory, one SQLite file; `ledger` has the verbs, each one transaction
    remote/      the deployment: calls over HTTP (`client`), verbs (`replica`), news (`listener`)
    engine/      the verbs, in asyncio, behind the Protocols of `ports`; `session` wires them
        naming/      what names keys, and when they are looked at: `intake`, `rescan`
        turns/       one turn: read, decide, write, commit: `turn`, `decide`, `writer`
        exchange/    the deployment met, sent to and heard: `link`, `pusher`, `puller`
        payloads/    large files on their way, both ways
        lines/       files that grow line by line, and their rows
        stops/       what holds deletions, keys, or everything back: `guards`
        looking/     what would be done, and whether both sides are equal; nothing is changed
    storage/     the Python API by which programs keep their records in files, mirror or not
    embedded/    a Convex-compatible backend for trying and developing, and its launcher
    config.py    the configuration; `store_config` of one store, `device_token` of this machine,
                 `misconfiguration` words refusals
    daemon.py    the composition root over `opening`; `running` keeps a daemon going, with what runs
                 `beside` the engine, until `signals` end it
    report/      what is told of how things are: `standing`, `judging` (pure), `status`, `explain`
    monitoring/  how that reaches service managers, people, probes and Prometheus
    control/     what commands ask of a daemon over its socket, and the doing of it
    setup/       how an installation comes about: stores found, devices enrolled, services written
    doctor/      every check of `syncd doctor`
    cli/         one file a group of commands: parse, call, print; `attach` reaches the deployment
    errors.py    the troubles that people are told; `logs`; `slips`: what programs' own calls cost

Rules that keep edits safe, and where they live:

    A sent outbox row is frozen until answered, across restarts      ledger/outbox.py
    Answers before changes: a key with a sent row only captures      engine/turns/decide.py
    What an answer overtook is decided once more, not committed      engine/turns/decide.py
    Receipts, not digests, tell whether an operation was applied     convex/model, ledger/answers.py
    What was heard never goes back                                   ledger/entries.py
    A note is in the ledger before a file is touched                 engine/turns/writer.py
    A payload gets its name when it is whole, verified and durable   files/payloads.py
    Files are swapped, what came out is looked at, then and later    files/swap.py, files/swapped.py
    Missing is believed at the second look, unreadable never         core/doubt.py, files/read.py
    A move takes both keys or neither; in doubt there is none        core/move.py, ledger/outbox.py
    What a person's decision replaces is in history first            control/saving.py
    Deletions wait while a folder is not itself, or too many go      core/guard.py, engine/stops/
    What a save went over and did not know is listed                 engine/turns/buffers.py
    A save of many records says what its program changed in them     core/authored.py
    The offset in a file of lines moves with an answer, never ahead  engine/lines/appender.py
    A ledger that was written less often than known is an old copy   ledger/tidemark.py
    A tombstone goes when every device has passed it                 convex/model, ledger/passing.py
    Across epochs only digests count, and nothing is deleted         core/epoch.py, engine/exchange/
"""

__version__ = "0.1.0"
