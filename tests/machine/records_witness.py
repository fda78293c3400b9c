"""What must hold of records files, and what was ever saved to them, by tokens."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from sqlite3 import Connection
from typing import TYPE_CHECKING, Any

from . import invariants
from .deployment import Accepted
from .disk import Inode
from .edits import is_whole

if TYPE_CHECKING:
    from .machine import Machine
    from .records_world import RecordsWorld

PATH = "a.json"
FIELDS = ("status", "health", "error")
_TOKEN = re.compile(rb"[ru]\d{5}")


def tokens(body: bytes) -> set[bytes]:
    """The tokens of the records and changes that are in a text."""
    return set(_TOKEN.findall(body))


@dataclass
class Truth:
    """What was saved, by token: `parents` are what a change was made from, `records` the ids.

    `lost` is what the machine lost itself, before its daemon could have seen it, `dequeued` what
    a program that found its file in pieces left out of the queue. `late` was written to files
    that had lost their names. `loose` is what only a ledger showed that is gone: history is enough.
    `cut` is what a power cut left to ledgers alone.
    """

    parents: dict[bytes, bytes | None] = field(default_factory=dict)
    records: set[bytes] = field(default_factory=set)
    lost: set[bytes] = field(default_factory=set)
    dequeued: set[bytes] = field(default_factory=set)
    late: set[bytes] = field(default_factory=set)
    loose: set[bytes] = field(default_factory=set)
    cut: set[bytes] = field(default_factory=set)

    def ancestors(self, token: bytes | None) -> Iterator[bytes]:
        while token is not None:
            yield token
            token = self.parents.get(token)

    def closed(self, shown: set[bytes]) -> set[bytes]:
        """These and what they were made from."""
        return {each for token in shown for each in self.ancestors(token)}

    def covered(self, shown: set[bytes]) -> set[bytes]:
        return self.closed(shown) | self.lost


class RecordsWitness:
    """Sees everything that happens and says what must not have."""

    def __init__(self, world: RecordsWorld) -> None:
        self._world = world
        self.saved_tokens: set[bytes] = set()
        self._operations: set[str] = set()
        self._bodies: dict[str, set[bytes]] = {}
        self._fields: dict[str, dict[str, str]] = {}
        self._epochs = 0
        """How often the deployment forgot something."""
        self._revoked: set[str] = set()
        self._copied: set[str] = set()
        self._reverted: set[str] = set()
        """Records of which two versions met that had nothing in common: see `_check_record`."""
        self.writes = 0

    def accepted(self, sender: Machine, accepted: Accepted) -> None:
        world = self._world
        if accepted.operation in self._operations:
            world.violated("at most once", f"{accepted.device}: applied twice")
        self._operations.add(accepted.operation)
        if accepted.digest is None:
            world.violated("no deletion", f"{accepted.device} deletes {accepted.key.record}")
            return
        entry = world.deployment.state.entries[accepted.key]
        told = json.loads(entry.body or b"")
        if accepted.key.record:
            self._check_record(sender, accepted, told)
        elif told["deployments"]:
            world.violated("an envelope is empty", accepted.device)

    def _check_record(self, sender: Machine, accepted: Accepted, told: dict[str, str]) -> None:
        world, name = self._world, accepted.key.record
        if told["id"] != name:
            world.violated("a record has its own id", f"{told} as {name}")
        if self._met_anew(sender) and accepted.revision > 1:
            # Where the two met for the first time the file wins, and what lost is kept.
            self._reverted.add(name)
        before = self._fields.get(name, {})
        for which in FIELDS:
            former, now = before.get(which, "-").encode(), told[which].encode()
            older = {*world.truth.ancestors(former)} - {former}
            if former in (b"-", now) or not (now == b"-" or now in older):
                continue
            kept = name in self._reverted and any(former in self._kept(m) for m in world.machines)
            if not kept:
                world.violated("no revert", f"{sender.name} sends {name}.{which} "
                               f"{now!r} over {former!r}, which was made from it")  # fmt: skip
        self._fields[name] = told

    def _met_anew(self, machine: Machine) -> bool:
        """Whether machine and deployment ever met without knowing what was agreed on before."""
        told = machine.device in self._revoked or machine.name in self._copied
        began = machine.ledger_changes or self._epochs or invariants.epoch_of(machine)[2]
        return told or bool(began)

    def _kept(self, machine: Machine) -> set[bytes]:
        """The tokens that a machine shows beside its files."""
        kept = self._shelved(machine)
        for database in machine.databases:
            kept |= self._listed(database, _LISTED)
        return kept

    def approved(self, machine: Machine) -> None:
        """A person let deletions go: the records of the file are looked for all the same."""

    def named(self, machine: Machine, call: str, folder: Inode, name: str) -> None:
        if name != PATH:
            return
        self.writes += 1
        inode = folder.names.get(name)
        if inode is not None and call != "rename" and not is_whole(name, inode.data):
            self._world.exercised["a torn file swapped in"] += 1

    def check(self) -> None:
        """Everything saved is somewhere, at each instant. Raises Violation."""
        world = self._world
        shown = self._shown(aside=False)
        for program in world.programs.values():
            # What a program is about to save again it may have cut off for that.
            shown |= tokens(program.body() if program.busy else b"")
        self._complain("not shown anywhere", self._lost(shown) - world.truth.late)

    def _lost(self, shown: set[bytes]) -> set[bytes]:
        """What was saved and is neither shown nor, where that is enough, in history."""
        truth = self._world.truth
        lost = self.saved_tokens - truth.covered(shown)
        if lost & truth.loose:
            kept = truth.covered(shown.union(*map(self._shelved, self._world.machines)))
            lost -= truth.loose & kept
        return lost

    def _shelved(self, machine: Machine) -> set[bytes]:
        return set().union(*map(tokens, machine.history().values()))

    def ledger_gone(self, machine: Machine, database: Connection) -> None:
        """What only the ledger listed must be in history."""
        truth = self._world.truth
        listed = self._listed(database, _LISTED).union(*map(tokens, machine.temporaries()))
        truth.loose |= truth.closed(listed)
        # What else is left of it in files that a power cut tore goes with the next save.
        truth.lost |= self._lost(self._shown(torn=False)) & truth.cut
        if self._epochs:
            self._two_disasters(truth.closed(listed))

    def _two_disasters(self, listed: Collection[bytes] = ()) -> None:
        """A ledger and the deployment are gone, and with them what no file held any more.

        Programs leave out records that others made, and all after a power cut. What that ledger
        had `listed` is in history even so; what one listed that was lost before was in files.
        """
        truth = self._world.truth
        truth.lost |= self._lost(self._shown(torn=False)).difference(listed)

    def check_agreement(self, *, temporaries: bool = False) -> None:
        """Every machine and the deployment agree, on all that was saved. Raises Violation."""
        world = self._world
        there = self._parts_there()
        for machine in world.machines:
            flapping = self._flapping(machine)
            if any(invariants.guards(machine)):
                world.violated("convergence", f"{machine.name} guards")
            body = machine.live().get(PATH, b'{"deployments": [], "queue": []}')
            told = json.loads(body)
            here = {each["id"]: each for each in told.pop("deployments")} | {"": told}
            there.get("", {}).pop("deployments", None)
            if here != there and there:
                odd = {n: (here.get(n), there.get(n)) for n in {**here, **there}
                       if here.get(n) != there.get(n) and n not in flapping}  # fmt: skip
                if odd:
                    world.violated("convergence", f"{machine.name}: {odd}")
            if machine.temporaries() and not temporaries:
                world.violated("convergence", f"{machine.name} has temporary files left")
            left = machine.database.execute("SELECT record, state FROM outbox").fetchall()
            if left:
                world.violated("convergence", f"{machine.name} still has to send {left}")
        gone = {name for name in world.truth.records - world.truth.lost
                if name.decode() not in there}  # fmt: skip
        # What a power cut left to a ledger alone may be in that of another deployment.
        parted = any(machine.ledger_changes for machine in world.machines)
        excused = world.truth.cut if parted else set()
        self._complain("records are gone", gone - excused)
        queued = {name.encode() for name in there.get("", {}).get("queue", ())}
        queued |= world.truth.lost | world.truth.dequeued | excused
        self._complain("gone from the queue", world.truth.records - queued)
        self._complain("updates are neither there nor listed", self._lost(self._shown()))

    def _flapping(self, machine: Machine) -> set[str]:
        """Records that are held because machines that met anew took turns with them."""
        held = machine.database.execute("SELECT record, reason FROM held").fetchall()
        if any(reason != "flapping" for _, reason in held) or (
            held and not self._met_anew(machine)
        ):
            self._world.violated("convergence", f"{machine.name} holds {held}")
        self._world.exercised["held flapping"] += len(held)
        return {record for record, _ in held}

    def activity(self) -> tuple[int, int, int, int]:
        """What must not grow once everything agrees."""
        calls = self._world.calls
        return len(self._world.deployment.accepted), self.writes, calls["push"], calls["fetch"]

    def after_power_cut(self, machine: Machine) -> None:
        """A save that was cut short is the machine's loss: of what nobody else had seen yet.

        What only its ledgers have seen is one disaster away from that.
        """
        body = machine.live().get(PATH)
        torn = body is not None and not is_whole(PATH, body)
        busy = self._world.programs[machine.name].busy
        truth, beside = self._world.truth, self._shown(but_not=body if torn else None)
        if torn or busy:  # A whole file it has not made: it had deleted its own.
            truth.lost |= self.saved_tokens - truth.covered(beside)
        if body is None and busy:
            # It had deleted its file to make it anew: as where it finds it in pieces, who waited
            # in its queue is known where another queue names it (see Operator.load).
            mine = {name.encode() for name in self._world.programs[machine.name].queue}
            truth.dequeued |= mine - self._queued()
        if torn or (body is None and busy):
            for database in machine.databases:
                beside -= self._listed(database, _KEPT)
            truth.cut |= self.saved_tokens - truth.covered(beside)

    def _queued(self) -> set[bytes]:
        """Who waits in a queue of a file, of a deployment or of a ledger."""
        bodies: list[bytes] = []
        for machine in self._world.machines:
            bodies += machine.live().values()
            for database in machine.databases:
                bodies += [zlib.decompress(packed) for _, packed in database.execute(_KEPT)]
        for deployment in filter(None, (self._world.deployment, self._world.away)):
            entries = deployment.state.entries.values()
            bodies += [entry.body for entry in entries if entry.body is not None]
        queues = [json.loads(body).get("queue", ()) for body in bodies if is_whole(PATH, body)]
        return {name.encode() for queue in queues for name in queue}

    def copied_back(self, _machine: Machine) -> None:
        """Its ledger is an old copy: nothing here is counted by epochs."""

    def began_anew(self) -> None:
        """The deployment is an older one: what is newer may come back over it."""
        self._fields.clear()
        self._operations.clear()
        self._epochs += 1
        if any(machine.ledger_changes for machine in self._world.machines):
            self._two_disasters()

    def check_counter(self) -> None:
        """Nobody counts anything here."""

    def cloned(self, *names: str) -> None:
        """Two machines have the same records, and perhaps no ledger that knew what was agreed."""
        self._copied.update(names)

    def revoked(self, device: str) -> None:
        """The deployment forgets what the device knew it by."""
        self._revoked.add(device)

    def _parts_there(self) -> dict[str, dict[str, Any]]:
        return {
            key.record: json.loads(entry.body)
            for key, entry in self._world.deployment.state.entries.items()
            if entry.body is not None
        }

    def _shown(
        self, but_not: bytes | None = None, *, aside: bool = True, torn: bool = True
    ) -> set[bytes]:
        """The tokens in files, on the deployment, and in what ledgers are to do or have listed."""
        shown: set[bytes] = set()
        bodies: list[bytes] = []
        for machine in self._world.machines:
            live = machine.live().items()
            bodies += [body for name, body in live if torn or is_whole(name, body)]
            bodies += machine.temporaries()
            bodies += machine.aside() if aside else []
            for database in machine.databases:
                shown |= self._listed(database, _KEPT)
        for deployment in filter(None, (self._world.deployment, self._world.away)):
            entries = deployment.state.entries.values()
            bodies += [entry.body for entry in entries if entry.body is not None]
        for body in (each for each in bodies if each != but_not):
            shown |= tokens(body)
        return shown

    def _listed(self, database: Connection, query: str) -> set[bytes]:
        found: set[bytes] = set()
        for digest, packed in database.execute(query):
            if digest not in self._bodies:
                self._bodies[digest] = tokens(zlib.decompress(packed))
            found |= self._bodies[digest]
        return found

    def _complain(self, what: str, tokens: set[bytes]) -> None:
        if tokens:
            names = sorted(token.decode() for token in tokens)
            self._world.violated("no loss", f"{what}: {names}")
        if self._world.violation is not None:
            raise self._world.violation


_BODIES = "SELECT digest, packed FROM contents WHERE digest IN ({})"
_CONFLICTS = """SELECT local_digest FROM conflicts UNION SELECT remote_digest FROM conflicts
    UNION SELECT digest FROM outbox"""
_LISTED = _BODIES.format(_CONFLICTS)
_KEPT = _BODIES.format(f"SELECT local_digest FROM entries UNION {_CONFLICTS}")
