"""Runs about one file of many records, which programs hold in memory and rewrite whole.

Every record and every change of one carries a token of its own, so that what became of it can be
told by searching bytes for it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from functools import partial

from syncd.core.model import Kind

from .deployment import Deployment
from .disk import Inode
from .edits import is_whole
from .faults import Mix
from .machine import Machine
from .programs import Program
from .records_witness import FIELDS, PATH, RecordsWitness, Truth, tokens
from .sources import LOG, TAPS
from .world import ACTING, World


class RecordsMachine(Machine):
    """A computer with one deployments file."""

    kind = Kind.DEPLOYMENT
    pointer = "/deployments"


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
        # A copy of a machine goes on where that was: it is named after it.
        mine = self.machine.name.startswith
        kept = {n for n, each in self.records.items() if mine(each["by"])}
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
            self.world.truth.late |= tokens(body)

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
        self.world.witness.saved_tokens |= tokens(body)
        self.world.story(f"{self.machine.name} saves {sorted(self.records)} queue {self.queue}")


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
        if body is not None and not is_whole(PATH, body) and not program.busy:
            program.load()
            if program.running:
                self.play(machine, program.replace())
            else:
                self.after(1.0, partial(self._mend, machine))

    def ledger_gone(self, machine: Machine, database: sqlite3.Connection) -> None:
        self.witness.ledger_gone(machine, database)

    def join(self, machine: Machine) -> None:
        program = self.programs[machine.name] = Operator(self, machine)
        # What that left out of the queue where its file is in pieces: see `Operator.load`.
        program.queue = self.programs[machine.name.rpartition("+")[0]].queue
        super().join(machine)

    def check_name(self, machine: Machine, call: str, folder: Inode, name: str) -> None:
        self.witness.named(machine, call, folder, name)
