"""Where a process dies: every place at which something was just made to last, or is about to be.

A point is a function and a moment of its call; production code knows nothing of it (`killing`
patches the function in the victim's process). A point that the scenario never reaches fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class When(StrEnum):
    """The moment of a call at which the process dies."""

    BEFORE = "before anything of it"
    AFTER = "after it returned"
    HALF = "after it was called with the first half of its list or bytes"
    AMID = "when it has taken half of its list"
    COMMIT = "after its statements, before COMMIT"
    SENT = "when its request is on the wire and no answer was read"


@dataclass(frozen=True)
class Point:
    """One place to die at.

    `function` is "module:qualified name", the module being the one whose reference is used.
    `inside` is the qualified name of a caller, `having` an argument: other calls do not count.
    `given` names circumstances (`given.py`), `after` the point of an earlier death. `once` is a
    file of the victim's home: calls that it did not come about in or before do not count.
    """

    name: str
    sentence: str
    function: str
    when: When
    inside: str = ""
    having: str | int = ""
    scenario: str = "edits"
    given: tuple[str, ...] = ()
    after: str = ""
    once: str = ""


BEFORE, AFTER, HALF, AMID, COMMIT, SENT = When

_LEDGER = "syncd.ledger.ledger:Ledger."
_STATE = "syncd.ledger.state:StateFolder."
_TRANSACTION = "syncd.ledger.ledger:transaction"
_REMOTE = "syncd.remote.replica:ConvexReplica."
_POST = "syncd.remote.client:ConvexHttp._post"
_STORE = "syncd.files.replica:FileReplica."
_FOLDER = "syncd.files.folder:Folder."
_HISTORY = "syncd.files.history:History."
_SWAP = "syncd.files.swap:"
_SWAPPED = "syncd.files.swapped:Swapped."
_EPOCH = "syncd.engine.exchange.epoch:Epoch."

MAKING = (
    Point("folder-unowned", "The state folder is made, its lock is not taken.",
          "fcntl:flock", BEFORE, "StateFolder.open", scenario="first"),
    Point("owner-unnamed", "The lock is taken, the owner's number is not written.",
          "os:pwrite", BEFORE, "StateFolder.open", scenario="first"),
    Point("home-unnamed", "The state folder's own name is written under a temporary one.",
          "pathlib:Path.rename", BEFORE, "StateFolder._home", scenario="first"),
    Point("ledger-empty", "The ledger's file exists without a schema.",
          "syncd.ledger.connection:_migrate", BEFORE, scenario="first"),
    Point("ledger-blank", "The ledger has its schema and no nonce.",
          "syncd.ledger.connection:_migrate", AFTER, scenario="first"),
    Point("nonce-uncommitted", "The ledger's nonce is put and not committed.",
          _TRANSACTION, COMMIT, "StateFolder.new_ledger", scenario="first"),
    Point("ledger-unbound", "The ledger is whole, bindings.json does not name it.",
          _STATE + "_bind", BEFORE, scenario="first"),
    Point("bindings-empty", "The new bindings.json is made and empty.",
          "os:fdopen", AFTER, "StateFolder._bind", scenario="first"),
    Point("bindings-unnamed", "The new bindings.json is durable under its temporary name.",
          "pathlib:Path.rename", BEFORE, "StateFolder._bind", scenario="first"),
    Point("ledger-bound", "bindings.json names the new ledger.",
          _STATE + "_bind", AFTER, scenario="first"),
    Point("stores-uncommitted", "The stores are registered and not committed.",
          _TRANSACTION, COMMIT, "register", scenario="first"),
    Point("stores-registered", "The stores are registered, a missing folder is not made.",
          "syncd.daemon:register", AFTER, scenario="first"),
)  # fmt: skip
"""A state folder and a ledger come to be."""

TYING = (
    Point("start-uncommitted", "The start number is raised and not committed.",
          _TRANSACTION, COMMIT, "Link._hello", scenario="first"),
    Point("start-committed", "The start number is raised, hello is not said.",
          _REMOTE + "hello", BEFORE),
    Point("hello-sent", "Hello is said, nothing is answered.", _POST, SENT, having="sync:hello"),
    Point("hello-answered", "Hello is answered, the ledger is not bound.",
          _REMOTE + "hello", AFTER, scenario="first"),
    Point("tie-uncommitted", "The deployment's identity is put and not committed.",
          "syncd.ledger.places:Places.put", AFTER, "Link._hello", "answered", scenario="first"),
    Point("tied", "The ledger is bound to the deployment.",
          "syncd.engine.exchange.link:Link._hello", AFTER, scenario="first"),
    Point("head-noted", "The head is known, no page of the manifest was asked for.",
          _REMOTE + "head", AFTER, scenario="first"),
    Point("manifest-page", "A page of the manifest is here and not heard.",
          _REMOTE + "manifest", AFTER, scenario="first", given=("small-pages",)),
    Point("manifest-fetched", "The bytes of a page's news are here and not heard.",
          _REMOTE + "fetch", AFTER, "Bodies.of", scenario="first"),
    Point("manifest-half-heard", "Half of a page of the manifest is in the transaction.",
          _LEDGER + "hear", AMID, "Bootstrap._hear", scenario="first", given=("small-pages",)),
    Point("manifest-heard", "One page of the manifest is heard, the next is not.",
          _LEDGER + "hear", AFTER, "Bootstrap._hear", scenario="first", given=("small-pages",)),
    Point("cursor-uncommitted", "The noted head is put as the cursor and not committed.",
          "syncd.ledger.places:Places.put", AFTER, "Bootstrap.run", "cursor", scenario="first"),
    Point("manifest-whole", "All of the manifest is heard, no store is marked.",
          "syncd.engine.exchange.bootstrap:Bootstrap._mark", BEFORE, scenario="first"),
    Point("mark-uncommitted", "A store is marked as bootstrapped and not committed.",
          _TRANSACTION, COMMIT, "Bootstrap._mark", scenario="first"),
    Point("store-marked", "One store is marked as bootstrapped, the other is not.",
          "syncd.engine.exchange.bootstrap:Bootstrap._mark", AFTER, scenario="first"),
)  # fmt: skip
"""First contact with a deployment."""

PUSHING = (
    Point("unreferenced-dropped", "Bytes that nothing names are dropped and not committed.",
          _TRANSACTION, COMMIT, "Session._prepare"),
    Point("saves-read", "Saves are read and not decided.",
          "syncd.engine.turns.readings:Readings.first", AFTER),
    Point("turn-half", "Half of a turn's decisions are in the transaction.",
          _LEDGER + "commit", AMID),
    Point("turn-uncommitted", "All of a turn's decisions are put and not committed.",
          _TRANSACTION, COMMIT, "Ledger.commit"),
    Point("turn-committed", "A turn is committed, the pusher is not told.",
          _LEDGER + "commit", AFTER),
    Point("claim-uncommitted", "Rows are marked as sent and not committed.",
          _TRANSACTION, COMMIT, "Ledger.claim"),
    Point("claimed", "Rows are frozen as sent, the deployment was not called.",
          _REMOTE + "push", BEFORE),
    Point("push-sent", "A push is on the wire, nothing is answered.",
          _POST, SENT, having="sync:push"),
    Point("push-half", "The first half of a batch is applied, the rest was never sent.",
          _REMOTE + "push", HALF),
    Point("push-answered", "A push is applied, its answer is here and not understood.",
          _POST, AFTER, having="sync:push"),
    Point("answer-understood", "The outcomes of a push are known and not acknowledged.",
          _REMOTE + "push", AFTER),
    Point("acknowledge-half", "Half of the outcomes are in the transaction.",
          _LEDGER + "acknowledge", AMID),
    Point("acknowledge-uncommitted", "The outcomes are put and not committed.",
          _TRANSACTION, COMMIT, "Ledger.acknowledge"),
    Point("acknowledged", "The outcomes are committed, nobody is told.",
          _LEDGER + "acknowledge", AFTER),
)  # fmt: skip
"""From a save to Convex."""

MOVING = (
    Point("move-committed", "Both halves of moves are queued, the pusher is not told.",
          _LEDGER + "commit", AFTER, scenario="moves"),
    Point("move-claim-uncommitted", "Both halves are marked as sent and not committed.",
          _TRANSACTION, COMMIT, "Ledger.claim", scenario="moves"),
    Point("move-claimed", "Moves are frozen as sent, the deployment was not called.",
          _REMOTE + "push", BEFORE, scenario="moves"),
    Point("move-sent", "Moves are on the wire, nothing is answered.",
          _POST, SENT, having="sync:push", scenario="moves"),
    Point("move-answered", "Moves are applied, their answers are not acknowledged.",
          _REMOTE + "push", AFTER, scenario="moves"),
    Point("move-acknowledge-half", "The answers to some halves are in the transaction.",
          _LEDGER + "acknowledge", AMID, scenario="moves"),
    Point("move-acknowledge-uncommitted", "The answers to all halves are put and not committed.",
          _TRANSACTION, COMMIT, "Ledger.acknowledge", scenario="moves"),
    Point("move-acknowledged", "The answers to moves are committed, nobody is told.",
          _LEDGER + "acknowledge", AFTER, scenario="moves"),
    Point("move-heard", "A move made elsewhere is heard, its keys are not named.",
          _LEDGER + "hear", AFTER, "Puller._drain", scenario="moves"),
    Point("move-written", "A file has the name it got elsewhere, and still its former one.",
          _STORE + "perform", AFTER, scenario="moves"),
    Point("move-unremoved", "The former name of what moved elsewhere is about to go.",
          _FOLDER + "replace", BEFORE, "_remove", scenario="moves"),
)  # fmt: skip
"""A file under another name, from here and from elsewhere."""

FOLLOWING = (
    Point("followed-unwritten", "An edit is merged into the renamed file, and neither is written.",
          "syncd.engine.turns.renamed:_given_up", AFTER, scenario="follows"),
    Point("followed-exchanged", "An edit is in the renamed file, what came out was not looked at.",
          _FOLDER + "exchange", AFTER, scenario="follows"),
    Point("followed-unremoved", "An edit is in the renamed file, its former name is about to go.",
          _FOLDER + "replace", BEFORE, "_remove", scenario="follows"),
    Point("followed-removed", "The former name has gone, and what it was is not looked at.",
          _FOLDER + "replace", AFTER, "_remove", scenario="follows"),
    Point("followed-uncommitted", "The edited file is in history, its removal is not durable.",
          _SWAPPED + "take", AFTER, "_judge_removed", scenario="follows"),
    Point("followed-committed", "What followed is queued with the end of the former name.",
          "syncd.engine.turns.writer:Writer.clear", BEFORE, "Reconciler._commit",
          scenario="follows"),
)  # fmt: skip
"""An edit under a file's former name, from here and from elsewhere."""

HEARING = (
    Point("page-arrived", "A page of the feed is here and not heard.", _REMOTE + "changes", AFTER),
    Point("page-half-heard", "Half of a page is in the transaction.",
          _LEDGER + "hear", AMID, "Puller._drain"),
    Point("cursor-unput", "A page's news are put, its cursor is not.",
          "syncd.ledger.places:Places.put", BEFORE, "Puller._drain", "cursor"),
    Point("page-uncommitted", "A page and its cursor are put and not committed.",
          _TRANSACTION, COMMIT, "Puller._drain"),
    Point("page-heard", "A page is heard, its keys are not named.",
          _LEDGER + "hear", AFTER, "Puller._drain"),
)  # fmt: skip
"""From Convex to the ledger."""

WRITING = (
    Point("half-staged", "Half of the new bytes are under a temporary name.",
          "syncd.files.folder:write_all", HALF, "Folder.create"),
    Point("stage-unsynced", "The new bytes are under a temporary name, not made durable.",
          "os:fsync", BEFORE, "make_durable"),
    Point("one-staged", "One file's new bytes are durable, the others' are not.",
          "syncd.files.staging:make_durable", AFTER),
    Point("some-staged", "Half of a turn's writes are staged.", _STORE + "stage", HALF),
    Point("all-staged", "All of a turn's writes are staged, nothing is noted.",
          _LEDGER + "note", BEFORE),
    Point("note-half", "Half of the notes are listed.", _LEDGER + "note", AMID),
    Point("note-uncommitted", "The notes are put and not committed.",
          _TRANSACTION, COMMIT, "Ledger.note"),
    Point("noted", "The notes are committed, no file is touched.", _LEDGER + "note", AFTER),
    Point("unexchanged", "A replacement is about to be made.", _FOLDER + "exchange", BEFORE),
    Point("exchanged", "The names are exchanged, what came out was not looked at.",
          _FOLDER + "exchange", AFTER),
    Point("looked", "What came out was looked at, nothing is done about it.",
          _SWAP + "_judge", BEFORE),
    Point("labelled", "Whose the old bytes are is written, they lie under the temporary name.",
          _SWAPPED + "_label", AFTER),
    Point("copied", "The old bytes are in history and still under the temporary name.",
          _HISTORY + "copy", AFTER, "Swapped.take"),
    Point("taken", "The old file is aside, no folder is made durable.", _SWAPPED + "take", AFTER),
    Point("swapped-unsynced", "The store's names are durable, those of what is aside are not.",
          _SWAPPED + "sync", BEFORE, "perform_all"),
    Point("some-performed", "Half of a turn's writes are done.", _STORE + "perform", HALF),
    Point("folder-unsynced", "The names of a folder are changed, not made durable.",
          _FOLDER + "sync", BEFORE),
    Point("performed", "Files are written and all is durable, the ledger knows the notes only.",
          _STORE + "perform", AFTER),
    Point("write-committed", "Written files are the base now, leftovers are not cleared.",
          "syncd.engine.turns.writer:Writer.clear", BEFORE, "Reconciler._commit"),
    Point("leftover-uncleared", "A temporary name without a note is about to be cleared.",
          "syncd.files.write:_clear", BEFORE, "discard_all"),
    Point("leftover-cleared", "One temporary name is cleared, the next is not.",
          "syncd.files.write:_clear", AFTER, "discard_all"),
    Point("uncreated", "A new file is noted and about to get its name.",
          _FOLDER + "move", BEFORE, "_create"),
    Point("created", "A new file has its name, its folder is not durable.",
          _FOLDER + "move", AFTER, "_create"),
    Point("unremoved", "A removal is noted, the file has its name.",
          _FOLDER + "replace", BEFORE, "_remove"),
    Point("removed", "The removed file has its temporary name and was not looked at.",
          _FOLDER + "replace", AFTER, "_remove"),
    Point("removal-kept", "The removed file is in history, nothing is durable.",
          _SWAPPED + "take", AFTER, "_judge_removed"),
)  # fmt: skip
"""From the ledger to a file."""

ELSEWHERE = (
    Point("copy-unnamed", "The copy in history lies under its arriving name.",
          "pathlib:Path.rename", BEFORE, "History.put", given=("history-elsewhere",)),
    Point("copy-undurable", "The old file cannot be moved aside, its copy is not durable.",
          _SWAPPED + "_unlabel", AFTER, given=("history-elsewhere",)),
    Point("copied-removed", "The old bytes are in history only, by copy.",
          _FOLDER + "remove", AFTER, "Swapped.take", given=("history-elsewhere",)),
    Point("checked-copied", "Without exchange: the old bytes are copied, the file has them still.",
          _HISTORY + "copy", AFTER, "_replace_checked", given=("no-exchange",)),
    Point("checked-replaced", "Without exchange: the plain rename is done.",
          _FOLDER + "replace", AFTER, "_replace_checked", given=("no-exchange",)),
)  # fmt: skip
"""Other file systems: history on another one, stores on one that cannot exchange."""

MEETING = (
    Point("met-a-save", "A person's save came out of the exchange and lies under our name.",
          _SWAP + "_give_back", BEFORE, given=("person-saves",)),
    Point("given-back", "The person's save has its name again, the folder is not durable.",
          _FOLDER + "exchange", AFTER, "_give_back", given=("person-saves",)),
    Point("met-performed", "All of a turn's writes are done but the one that met a save.",
          _STORE + "perform", AFTER, given=("person-saves",), once="saved-by-a-person.done"),
    Point("unabandoned", "The write came to nothing, its note stands.",
          _LEDGER + "abandon", BEFORE, given=("person-saves",)),
    Point("abandon-uncommitted", "The note is removed and not committed.",
          _TRANSACTION, COMMIT, "Ledger.abandon", given=("person-saves",)),
    Point("abandoned", "The note is gone, our bytes lie under the temporary name.",
          _LEDGER + "abandon", AFTER, given=("person-saves",)),
)  # fmt: skip
"""A save in the instant of a write."""

RECOVERING = (
    Point("unrecovered", "The next start is about to recover an exchange that was not looked at.",
          _STORE + "recover", BEFORE, after="exchanged"),
    Point("recovery-looked", "Recovery looked at what came out and did nothing about it.",
          _SWAP + "_judge", BEFORE, "recover_in", after="exchanged"),
    Point("recovery-kept", "Recovery moved the old file aside.",
          _SWAPPED + "take", AFTER, "recover_in", after="exchanged"),
    Point("recovered", "Recovery is done with one file, the ledger does not know.",
          _STORE + "recover", AFTER, after="exchanged"),
    Point("recovery-half", "Half of what recovery found is in the transaction.",
          _LEDGER + "commit", AMID, "Reconciler._recover", after="performed"),
    Point("recovery-uncommitted", "What recovery found is put and not committed.",
          _TRANSACTION, COMMIT, "Reconciler._recover", after="performed"),
    Point("recovery-committed", "What recovery found is committed, nothing is cleared.",
          "syncd.engine.turns.writer:Writer.clear", BEFORE, "Reconciler._recover",
          after="performed"),
    Point("recovery-abandoned", "Recovery found a write not done and dropped its note.",
          _LEDGER + "abandon", AFTER, "Writer.recover", after="noted"),
    Point("recovery-met-a-save", "Recovery is about to give a person's save its name back.",
          _SWAP + "_give_back", BEFORE, "recover_in", after="met-a-save"),
    Point("recovery-removal", "Recovery looked at a removed file and did nothing about it.",
          _SWAP + "_judge_removed", BEFORE, "recover_in", after="removed"),
    Point("leftovers-found", "The walk found temporary names that no note names.",
          _STORE + "retire", BEFORE, after="all-staged"),
    Point("leftover-retired", "One leftover is in history, the next is not.",
          _HISTORY + "keep", AFTER, "FileReplica.retire", after="all-staged"),
    Point("resent", "Rows that an earlier run sent are sent again and answered, unacknowledged.",
          _REMOTE + "push", AFTER, after="push-answered"),
)  # fmt: skip
"""A second death, in what the next start does about the first."""

BEGINNING_ANEW = (
    Point("epoch-met", "The ledger was found to be an old copy, nothing is done about it.",
          _EPOCH + "end", BEFORE, scenario="old-copy"),
    Point("outbox-saved", "What was queued is in history, the epoch has not ended.",
          _EPOCH + "_save_outbox", AFTER, scenario="old-copy"),
    Point("epoch-uncommitted", "The epoch's end is put and not committed.",
          _EPOCH + "_renumber", AFTER, scenario="old-copy"),
    Point("epoch-begun", "The new epoch began, hello is not said again.",
          _EPOCH + "end", AFTER, scenario="old-copy"),
    Point("epoch-half-heard", "In the new epoch, one store of two is heard and marked.",
          "syncd.engine.exchange.bootstrap:Bootstrap._mark", AFTER, scenario="old-copy"),
    Point("address-unwritten", "The embedded backend listens, its address is not written.",
          "pathlib:Path.write_text", BEFORE, "open_daemon", scenario="embedded"),
    Point("token-unwritten", "This device is enrolled, its token is not written.",
          "syncd.embedded.enroll:enroll", AFTER, scenario="embedded"),
    Point("token-empty", "The token's file is made and empty.",
          "os:fdopen", AFTER, "own_token", scenario="embedded"),
    Point("token-written", "The token is written, nothing is mirrored.",
          "syncd.embedded.enroll:own_token", AFTER, scenario="embedded"),
)  # fmt: skip
"""A new epoch; a first start with an embedded backend."""

_STORAGE = "syncd.remote.storage:ConvexStorage."
_UPLOADS = "syncd.engine.payloads.uploads:"
_OUTGOING = "syncd.engine.payloads.outgoing:"
_PAYLOADS = "syncd.files.payloads:Payloads."

LAST_PART = 1 << 19
"""Bytes that the last part of each of the scenario's payloads has."""

CARRYING = (
    Point("upload-unasked", "Payloads are queued, the deployment was not asked for them.",
          _STORAGE + "missing", BEFORE, scenario="payloads"),
    Point("upload-begun", "The first part of a payload is read, an upload is about to begin.",
          _OUTGOING + "Outgoing.next", AFTER, scenario="payloads"),
    Point("upload-cut", "Some parts of a payload are on the wire, the last is not.",
          "syncd.engine.payloads.transfers:Transfers.advance", AFTER, "Outgoing.parts",
          having=LAST_PART, scenario="payloads"),
    Point("upload-answered", "A payload is in file storage, nothing names it.",
          _STORAGE + "_post", AFTER, scenario="payloads"),
    Point("upload-whole", "A payload is committed, its row is not marked.",
          _STORAGE + "upload", AFTER, scenario="payloads"),
    Point("upload-uncommitted", "A row is marked as uploaded and not committed.",
          _TRANSACTION, COMMIT, "Uploads._there", scenario="payloads"),
    Point("upload-told", "A row is marked as uploaded, nobody claimed it.",
          _UPLOADS + "Uploads._there", AFTER, scenario="payloads"),
    Point("download-begun", "A payload's file is made and empty.",
          _PAYLOADS + "receive", AFTER, scenario="payloads"),
    Point("download-half", "A first part of a payload is in its file.",
          "syncd.files.payloads:Arrival.write", AFTER, scenario="payloads"),
    Point("download-unsynced", "A payload is whole and not durable.",
          "os:fsync", BEFORE, "Arrival.finish", scenario="payloads"),
    Point("download-unnamed", "A payload is durable under the name of a part.",
          _PAYLOADS + "take", BEFORE, scenario="payloads"),
    Point("download-named", "A payload has its name, its key is not named.",
          _PAYLOADS + "take", AFTER, scenario="payloads"),
    Point("payload-copied", "A payload is copied beside one of its files, not durable.",
          _PAYLOADS + "copy", AFTER, scenario="payloads"),
    Point("payload-moved", "A payload was moved beside its file, no folder is durable.",
          _PAYLOADS + "move", AFTER, scenario="payloads"),
    Point("payload-prepared", "A payload lies beside its file, nobody knows of it.",
          "syncd.files.staging:prepare", AFTER, scenario="payloads"),
    Point("payload-staged", "A payload is staged and not noted.",
          "syncd.files.transit:Transit.stage", AFTER, scenario="payloads"),
    Point("payload-exchanged", "A payload has its name, the old one was not looked at.",
          _FOLDER + "exchange", AFTER, scenario="payloads"),
    Point("loser-unshelved", "A payload lost and is not in history.",
          _PAYLOADS + "shelve", BEFORE, scenario="payloads"),
    Point("loser-shelved", "A payload that lost is in history, the conflict is not listed.",
          _PAYLOADS + "shelve", AFTER, scenario="payloads"),
)  # fmt: skip
"""Payloads, both ways."""

POINTS = {
    point.name: point
    for point in (
        *MAKING, *TYING, *PUSHING, *MOVING, *FOLLOWING, *HEARING, *WRITING, *ELSEWHERE, *MEETING,
        *RECOVERING, *BEGINNING_ANEW, *CARRYING,
    )
}  # fmt: skip
