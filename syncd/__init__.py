"""syncd keeps folders of files and a Convex deployment the same, both ways, and loses no edit.

The one path. Every event, from either side, only *names keys*. For the named keys a turn reads
base, local and remote, asks `core.reconcile` what to do, writes files where told, and commits the
rest in one transaction. Whatever is queued is pushed; whatever is heard is stored with the cursor
and its keys are named like any others. "Echo" is not a mechanism: our own write is seen again, its
digest equals base, and the plan is *nothing*.

Where things are, and what may import what (`cli -> daemon -> {engine, files, remote, ledger,
embedded} -> core`, `storage -> {remote, files}`, `files -> stores -> core`; a test holds it):

    core/      pure: the nouns (`model`), the decision (`reconcile`), when to look (`settle`,
               `doubt`, `flap`, `pause`, `putback`), which way (`direction`), when deletions wait
               (`guard`), and what still counts when ledger and deployment have parted (`epoch`);
               which file is which under another name (`move`), and where it is since
               (`whereabouts`); merging (`merge`, `sequence`, `lines`, `counter`) of values that
               keep their spelling (`value`); what a text changes
               in another (`delta`; `patience` finds it); what calls cost (`cost`), how fast and how
               far (`ceiling`), how soon a few saves go (`pace`), how often a payload travels
               (`rest`), what waits with whole stores (`backlog`), what is kept in memory (`recent`)
    stores/    pure: which files belong to a store (`layout`), what their bytes must be (`codec`),
               how a kind's records merge (`annotations`, `merge`) and are written (`splice`;
               `yaml_*`), files of many records taken apart and written (`records`, `join`),
               whole lines of files that grow (`lines`)
    files/     one store's folder, opened without following a link (`root`, `folder`): `read`,
               `scan`, `write` (stage, `swap`, look, recover), `history`, `watch`; `replica` is all
               of it as the engine sees it, `vigil` keeps it watched;
               `lease` and `swapped` (programs that still write), `claim` (one daemon a folder),
               `git` (what git is doing there); `payloads` and `transit` (files of any size);
               `lines` (files that grow, under second names)
    ledger/    one SQLite file: `entries` (base, last heard), `outbox`, `claimable` (what of it
               is next), `contents`, `places`, `attention` (holds, guards, health), `deletions`
               (those a guard counts; `rejecting`), `conflicts`, `forgetting`, `epochs`,
               `events` (the log), `past` (the index of history), `logs` (how far lines went),
               `passing` (which tombstones are needed no more), `costs`; `ledger` has the verbs,
               each one transaction (`commits`: a turn's end, `answers`), `views` what a turn asks
               before it decides; `many` writes and looks up many rows at once; `tidemark` knows an
               old copy of it; `state` owns the folder around it (`belonging`: which ledger is
               whose, `following`: which one is in use), `owner` tells who does; `schema*.sql` are
               the steps that make one
    remote/    the deployment: `client` (calls over HTTP), `meter` (counts and bounds them), `wire`,
               `operation` (messages), `replica` (verbs), `storage` (payloads), `listener`
               (wake-ups, by the official client in a child process)
    engine/    the verbs, in asyncio, behind the Protocols of `ports` and `freight`.
               Named keys: `intake`; later looks: `rescan`, `late`, `audit`, `patience`, `apart`.
               One turn: `turn`, `readings`, `decide`, `plan`, `combine`, `merging`, `moves`,
               `renamed` (edits that follow a move), `losers`, `writer`; of many records `splits`,
               `parts`, `versions`, `saves`, `rewrite`.
               The deployment: `online` over `link` (with `bootstrap`), `pusher`, `puller`, `feed`
               (`witnesses`, `known` news of our own, `presence`: how far we are), and `carrier`
               (`uploads` of what `outgoing` reads, `downloads` by way of `incoming`,
               `transfers`: how far they are, `unawaited`); `teller` (conflicts).
               What stops: `guards` (with `roots`, `window`, `vanishing`), `holding`, `pauses`
               (git), `hiatus` (a person); `epoch`. Files of lines: `tailer`, `generations` and
               `continuing` (which file is which log), `appender`. Only looking: `preview`,
               `verify`. `registry` (changed stores),
               `retention` (of history), `health`, `telling` (the log); `session` wires them
    storage/   what programs use: `records` (models, and what is made from them), `rows`, the four
               systems (`workflows`, `assets`, `deployments`, `metrics`; `blocking` is the same
               without a loop) on files (`file`, `edit`, `index`) with the `mirror` behind them
    embedded/  a Convex-compatible backend for trying and developing, and its launcher
    control/   what commands ask for: `channel` and `client` (a unix socket), `acts` (doing it, in
               the daemon or, where none runs, in the command)
    daemon.py  the composition root over `opening`; `running` keeps a daemon going, with what
               runs `beside` the engine; `standing`, `judging` (pure) and `status` say how things
               are, to `cli/` and, by way of `pulse`, to the service manager (`supervisor`),
               people (`notify`) and probes (`endpoint`, `metrics`); `attach`, `listing`,
               `explain`, `planning`, `doctor/`, `discovery`, `enrolment` and `units` serve
               `cli/`, which prints; `slips` says what calls of commands and programs cost,
               `misconfiguration` words what `config` refuses; `signals` end a run, `tally` counts
               the log's words, `errors` are the troubles that people are told

Rules that keep edits safe, and where they live:

    A sent outbox row is frozen until answered, across restarts      ledger/outbox.py
    Answers before changes: a key with a sent row only captures      engine/decide.py
    What an answer overtook is decided once more, not committed      engine/decide.py
    Receipts, not digests, tell whether an operation was applied     convex/model, ledger/ledger.py
    What was heard never goes back                                   ledger/entries.py
    A note is in the ledger before a file is touched                 engine/writer.py
    A payload gets its name when it is whole, verified and durable   files/payloads.py
    Files are swapped, what came out is looked at, then and later    files/swap.py, files/swapped.py
    Missing is believed at the second look, unreadable never         core/doubt.py, files/read.py
    A move takes both keys or neither; in doubt there is none        core/move.py, ledger/outbox.py
    What a person's decision replaces is in history first            control/saving.py
    Deletions wait while a folder is not itself, or too many go      core/guard.py, engine/guards.py
    A save of many records says what its program changed in them     core/authored.py
    The offset in a file of lines moves with an answer, never ahead  engine/appender.py
    A ledger that was written less often than known is an old copy   ledger/tidemark.py
    A tombstone goes when every device has passed it                 convex/model, ledger/passing.py
    Across epochs only digests count, and nothing is deleted         core/epoch.py, engine/epoch.py
"""

__version__ = "0.1.0"
