"""Runs about one file of many records, which programs hold in memory and rewrite whole.

Every record and every change of one carries a token of its own, so that what became of it can be
told by searching bytes for it.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from syncd.core.model import Kind

from . import invariants
from .deployment import Accepted, Deployment
from .disk import Inode
from .faults import Mix
from .machine import Machine
from .programs import Program
from .sources import LOG, TAPS
from .world import ACTING, World

PATH = "a.json"
FIELDS = ("status", "health", "error")
_TOKEN = re.compile(rb"[ru]\d{5}")


class RecordsMachine(Machine):
    """A computer with one deployments file."""

    kind = Kind.DEPLOYMENT
    pointer = "/deployments"


@dataclass
class Truth:
    """What was saved, by token: `parents` are what a change was made from, `records` the ids.

    `lost` is what the machine lost itself, before its daemon could have seen it, `dequeued` what
    a program that found its file in pieces left out of the queue. `late` was written to files
    that had lost their names.
    """

    parents: dict[bytes, bytes | None] = field(default_factory=dict)
    records: set[bytes] = field(default_factory=set)
    lost: set[bytes] = field(default_factory=set)
    dequeued: set[bytes] = field(default_factory=set)
    late: set[bytes] = field(default_factory=set)

    def ancestors(self, token: bytes | None) -> Iterator[bytes]:
        while token is not None:
            yield token
            token = self.parents.get(token)

    def covered(self, shown: set[bytes]) -> set[bytes]:
        return {each for token in shown for each in self.ancestors(token)} | self.lost


class Operator:
    """The program of a machine, which knows what it holds in memory and nothing else."""

    def __init__(self, world: RecordsWorld, machine: Machine) -> None:
        self.world = world
        self.machine = machine
        self.running = False
        self.busy = False
        """Whether a save of it is under way."""
        self.records: dict[str, dict[str, str]] = {}
        self.queue: list[str] = []
        self.touched: set[str] = set()

    def random(self) -> Program:
        """One thing that it does, picked at random."""
        rng = self.world.rng
        if self.busy:
            return iter(())
        if not self.running:
            self.load()
        acts = [
            (6, self.append), (8, self.update), (3, self.forget), (2, self.load), (1, self.end),
            (2, self.repeat),
        ]  # fmt: skip
        rng.choices([act for _, act in acts], [weight for weight, _ in acts])[0]()
        how = rng.choices([self.replace, self.in_place, self.delete_and_create], (5, 6, 1))[0]
        return self._alone(how) if self.running else iter(())

    def _alone(self, how: Callable[[], Program]) -> Program:
        self.busy = True
        yield from how()
        self.busy = False

    def at_once(self) -> Program:
        """A save of a single step, for the moment between two system calls."""
        if self.running and not self.busy:
            self.world.rng.choice((self.append, self.update, self.repeat))()
            yield from self.replace()

    def append(self) -> None:
        name = f"r{self.world.number():05d}"
        self.records[name] = {"id": name, "by": self.machine.name, **dict.fromkeys(FIELDS, "-")}
        self.queue.append(name)
        self.touched.add(name)

    def update(self) -> None:
        if not self.records:
            return self.append()
        name = self.world.rng.choice(sorted(self.records))
        which = self.world.rng.choice(FIELDS)
        token = f"u{self.world.number():05d}"
        former = self.records[name].get(which, "-").encode()
        self.world.truth.parents[token.encode()] = former if former != b"-" else None
        self.records[name] = {**self.records[name], which: token}
        self.touched.add(name)
        return None

    def forget(self) -> None:
        """It drops what others made and it never changed."""
        kept = {n for n, each in self.records.items() if each["by"] == self.machine.name}
        self.records = {n: e for n, e in self.records.items() if n in kept | self.touched}
        self.world.exercised["others' records dropped"] += 1

    def repeat(self) -> None:
        """It saves what it holds once more."""

    def end(self) -> None:
        """It ends, and will read the file when it starts again."""
        self.running = False
        self.world.exercised["program restarted"] += 1

    def load(self) -> None:
        """It reads the file, or begins with nothing where there is none that it can read."""
        inode = self.machine.visible(PATH)
        self.running = self.machine.folder_of(PATH) is not None
        if not self.running:
            return
        try:
            told = json.loads(inode.data if inode is not None and inode.readable else b"")
        except ValueError:
            if inode is not None and (inode.writers or not inode.readable):
                self.running = False
            # What it saved is another's now, but that it took it off the queue nobody can tell.
            self.world.truth.dequeued |= {name.encode() for name in self.queue}
            self.records, self.queue = {}, []
            return
        self.records = {each["id"]: each for each in told["deployments"]}
        self.queue = told["queue"]

    def body(self) -> bytes:
        told = {"deployments": list(self.records.values()), "queue": self.queue}
        return json.dumps(told, indent=2).encode()

    def replace(self) -> Program:
        """Save by renaming a new file into place."""
        place = self.machine.folder_of(PATH)
        if place is None:
            return
        folder, name = place
        disk, body = self.machine.disk, self.body()
        temporary = f"{name}.{self.world.number()}.tmp"
        inode = disk.create(folder, temporary, 0o644)
        disk.store(inode, body)
        self._saved(body)
        disk.rename(folder, temporary, folder, name)
        disk.flush_all()
        yield from ()

    def in_place(self, pause: float = 0.3) -> Program:
        """Truncate the file and write it in two pieces."""
        inode, body = self.machine.visible(PATH), self.body()
        if inode is None:
            yield from self.replace()
            return
        while inode.leased:
            yield 0.001
        if inode.writers:
            return
        inode.writers += 1
        for part in (b"", body[: len(body) // 2]):
            self._store(inode, part)
            yield self.world.moment(pause)
        self._saved(body)
        self._store(inode, body)
        inode.writers -= 1
        place = self.machine.folder_of(PATH)
        if place is not None and self.machine.visible(PATH) is inode:
            self.machine.disk.changed(*place, True)
        else:
            self.world.exercised["late write"] += 1
            self.world.truth.late |= set(_TOKEN.findall(body))

    def delete_and_create(self) -> Program:
        place = self.machine.folder_of(PATH)
        if place is None or self.machine.visible(PATH) is None:
            return
        self.machine.disk.unlink(*place)
        self.machine.disk.flush_all()
        self.world.exercised["deleted and created"] += 1
        yield self.world.moment(1.6)
        while self.machine.folder_of(PATH) is None:
            yield 0.5
        yield from self.replace()

    def _store(self, inode: Inode, body: bytes) -> None:
        self.machine.disk.store(inode, body)
        self.machine.disk.flush_all()
        inode.kept = None
        place = self.machine.folder_of(PATH)
        if place is not None and self.machine.visible(PATH) is inode:
            self.machine.disk.changed(*place, False)

    def _saved(self, body: bytes) -> None:
        self.world.dirty = True
        self.world.truth.records |= {name.encode() for name in self.records}
        self.world.witness.saved_tokens |= set(_TOKEN.findall(body))
        self.world.story(f"{self.machine.name} saves {sorted(self.records)} queue {self.queue}")


class RecordsWitness:
    """Sees everything that happens and says what must not have."""

    def __init__(self, world: RecordsWorld) -> None:
        self._world = world
        self.saved_tokens: set[bytes] = set()
        self._operations: set[str] = set()
        self._bodies: dict[str, set[bytes]] = {}
        self._fields: dict[str, dict[str, str]] = {}
        self._anew = False
        self.writes = 0

    def accepted(self, _sender: object, accepted: Accepted) -> None:
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
            self._check_record(accepted, told)
        elif told["deployments"]:
            world.violated("an envelope is empty", accepted.device)

    def _check_record(self, accepted: Accepted, told: dict[str, str]) -> None:
        world, name = self._world, accepted.key.record
        if told["id"] != name:
            world.violated("a record has its own id", f"{told} as {name}")
        before = self._fields.get(name, {})
        for which in FIELDS:
            former, now = before.get(which, "-").encode(), told[which].encode()
            older = {*world.truth.ancestors(former)} - {former}
            if (
                not self._anew
                and former != b"-"
                and former != now
                and (now == b"-" or now in older)
            ):
                world.violated("no revert", f"{accepted.device} sends {name}.{which} "
                               f"{now!r} over {former!r}, which was made from it")  # fmt: skip
        self._fields[name] = told

    def named(self, machine: Machine, call: str, folder: Inode, name: str) -> None:
        if name != PATH:
            return
        self.writes += 1
        inode = folder.names.get(name)
        if inode is not None and call != "rename" and not self._world.is_whole(name, inode.data):
            self._world.exercised["a torn file swapped in"] += 1

    def check(self) -> None:
        """Everything saved is somewhere, at each instant. Raises Violation."""
        world = self._world
        shown = self._shown(aside=False)
        for program in world.programs.values():
            # What a program is about to save again it may have cut off for that.
            shown |= set(_TOKEN.findall(program.body() if program.busy else b""))
        lost = self.saved_tokens - world.truth.covered(shown)
        self._complain("not shown anywhere", lost - world.truth.late)

    def check_agreement(self, *, temporaries: bool = False) -> None:
        """Every machine and the deployment agree, on all that was saved. Raises Violation."""
        world = self._world
        there = self._parts_there()
        for machine in world.machines:
            if (held := invariants.held(machine)) or invariants.guards(machine):
                world.violated("convergence", f"{machine.name} holds {held}")
            body = machine.live().get(PATH, b'{"deployments": [], "queue": []}')
            told = json.loads(body)
            here = {each["id"]: each for each in told.pop("deployments")} | {"": told}
            there.get("", {}).pop("deployments", None)
            if here != there and there:
                odd = {n: (here.get(n), there.get(n)) for n in {**here, **there}
                       if here.get(n) != there.get(n)}  # fmt: skip
                world.violated("convergence", f"{machine.name}: {odd}")
            if machine.temporaries() and not temporaries:
                world.violated("convergence", f"{machine.name} has temporary files left")
            left = machine.database.execute("SELECT record, state FROM outbox").fetchall()
            if left:
                world.violated("convergence", f"{machine.name} still has to send {left}")
        gone = {name for name in world.truth.records - world.truth.lost
                if name.decode() not in there}  # fmt: skip
        self._complain("records are gone", gone)
        queued = {name.encode() for name in there.get("", {}).get("queue", ())}
        queued |= world.truth.lost | world.truth.dequeued
        self._complain("gone from the queue", world.truth.records - queued)
        lost = self.saved_tokens - world.truth.covered(self._shown())
        self._complain("updates are neither there nor listed", lost)

    def activity(self) -> tuple[int, int, int, int]:
        """What must not grow once everything agrees."""
        calls = self._world.calls
        return len(self._world.deployment.accepted), self.writes, calls["push"], calls["fetch"]

    def after_power_cut(self, machine: Machine) -> None:
        """A save that was cut short is the machine's loss: of what nobody else had seen yet."""
        body = machine.live().get(PATH)
        torn = body is not None and not self._world.is_whole(PATH, body)
        if torn or (body is None and self._world.programs[machine.name].busy):
            truth = self._world.truth
            truth.lost |= self.saved_tokens - truth.covered(self._shown(but_not=body))

    def began_anew(self) -> None:
        """The deployment is an older one: what is newer may come back over it."""
        self._fields.clear()
        self._anew = True

    def check_counter(self) -> None:
        """Nobody counts anything here."""

    def cloned(self, *_: object) -> None: ...

    def revoked(self, *_: object) -> None: ...

    def _parts_there(self) -> dict[str, dict[str, Any]]:
        return {
            key.record: json.loads(entry.body)
            for key, entry in self._world.deployment.state.entries.items()
            if entry.body is not None
        }

    def _shown(self, but_not: bytes | None = None, *, aside: bool = True) -> set[bytes]:
        """The tokens in files, on the deployment, and in what ledgers are to do or have listed."""
        shown: set[bytes] = set()
        bodies: list[bytes] = []
        for machine in self._world.machines:
            bodies += [*machine.live().values(), *machine.temporaries()]
            bodies += machine.aside() if aside else []
            for digest, packed in machine.database.execute(_KEPT):
                if digest not in self._bodies:
                    self._bodies[digest] = set(_TOKEN.findall(zlib.decompress(packed)))
                shown |= self._bodies[digest]
        entries = self._world.deployment.state.entries.values()
        bodies += [entry.body for entry in entries if entry.body is not None]
        for body in (each for each in bodies if each != but_not):
            shown.update(_TOKEN.findall(body))
        return shown

    def _complain(self, what: str, tokens: set[bytes]) -> None:
        if tokens:
            names = sorted(token.decode() for token in tokens)
            self._world.violated("no loss", f"{what}: {names}")
        if self._world.violation is not None:
            raise self._world.violation


_KEPT = """SELECT digest, packed FROM contents WHERE digest IN (
    SELECT local_digest FROM entries UNION SELECT digest FROM outbox
    UNION SELECT local_digest FROM conflicts UNION SELECT remote_digest FROM conflicts)"""


class RecordsWorld(World):
    """Machines with one file of records each."""

    def __init__(
        self, seed: int, mix: Mix, machines: int = 2, *, checks: int = 8,
        deployment: type[Deployment] = Deployment,
    ) -> None:  # fmt: skip
        super().__init__(seed, mix, machines, checks=checks, deployment=deployment)
        self.counting = False
        self.truth = Truth()
        self.machines = [RecordsMachine(self, f"m{i}") for i in range(machines)]
        self.programs = {machine.name: Operator(self, machine) for machine in self.machines}
        self.witness: RecordsWitness = RecordsWitness(self)  # type: ignore[assignment]
        LOG.told = lambda line: self.story(f"{self.acting and self.acting.name}: {line}")
        TAPS.merged = TAPS.tried = self._told_merge
        TAPS.unaware = lambda key, digest: None

    def _told_merge(self, *_: object, **__: object) -> None:
        self.exercised["merged"] += 1

    def begin(self) -> None:
        for machine in self.machines:
            program = self.programs[machine.name]
            if self.rng.random() < 0.6:
                self.play(machine, program.random())
            self.after(self.moment(1.0), machine.start)
            if self.rng.random() < 0.5:
                machine.clock.skew = self.rng.choice((-1e6, -3.0, 3.0, 1e6))
            # A last save of some programs: what is put back after it stays.
            if self.rng.random() < 0.5:
                self.at(ACTING - self.moment(0.5), partial(self._last, machine))
        self.after(self.moment(1.0), self._act)
        self.after(self.moment(1.0), self._misfortune)

    def _last(self, machine: Machine) -> None:
        program = self.programs[machine.name]
        if program.busy:
            self.after(0.1, partial(self._last, machine))
            return
        if not program.running:
            program.load()
        if program.running:
            program.update()
            self.play(machine, program.replace())

    def _act(self) -> None:
        if self.now >= ACTING - 1:
            return
        machine = self.rng.choice(self.machines)
        self.play(machine, self.programs[machine.name].random())
        busy = self.rng.random() < 0.7
        self.after(self.moment(0.4 if busy else 3.0), self._act)

    def meddle(self, machine: Machine) -> None:
        self.play(machine, self.programs[machine.name].at_once())

    def after_power_cut(self, machine: Machine) -> None:
        self.witness.after_power_cut(machine)
        program = self.programs[machine.name]
        program.running = program.busy = False
        for _, inode in machine.inodes():
            inode.writers = 0
        self.after(self.moment(2.0), partial(self._mend, machine))

    def _mend(self, machine: Machine) -> None:
        """A program finds its file in pieces, and begins with what it knows: nothing."""
        body, program = machine.live().get(PATH), self.programs[machine.name]
        if body is not None and not self.is_whole(PATH, body) and not program.busy:
            program.load()
            if program.running:
                self.play(machine, program.replace())
            else:
                self.after(1.0, partial(self._mend, machine))

    def join(self, machine: Machine) -> None:
        super().join(machine)
        self.programs[machine.name] = Operator(self, machine)

    def check_name(self, machine: Machine, call: str, folder: Inode, name: str) -> None:
        self.witness.named(machine, call, folder, name)
