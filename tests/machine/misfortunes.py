"""What happens to machines and the deployment between calls: folders go, connections break."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from syncd.core.model import Digest
from syncd.core.pause import LOCKED, Operation

from . import invariants
from .ancestry import digest_of
from .deployment import Deployment, State
from .disk import Inode
from .machine import OTHER, STORE, Machine

if TYPE_CHECKING:
    from .world import World


class Misfortunes:
    """Strikes every now and then, each misfortune as often as the run's mix says."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._backups: list[State] = []
        self._images: dict[str, list[bytes]] = {}

    def strike(self) -> None:
        """Something may happen to some machine."""
        world = self._world
        machine = world.rng.choice(world.machines)
        self._copy(machine)
        for fault in ("partition", "clock_jump", "unreadable", "unmounted", "stopped",
                      "overflow", "revoked", "ledger_lost", "ledger_old", "ledger_foreign",
                      "cloned", "restored", "replaced", "git", "reaped"):  # fmt: skip
            if world.happens(fault):
                getattr(self, fault)(machine)

    def partition(self, machine: Machine) -> None:
        """The network is away."""
        machine.partitioned = True
        self._world.after(self._world.moment(4.0), lambda: setattr(machine, "partitioned", False))

    def clock_jump(self, machine: Machine) -> None:
        """The wall clock is set."""
        machine.clock.skew += self._world.rng.choice((-1e7, -10.0, -0.02, 0.02, 10.0, 1e7))

    def unreadable(self, machine: Machine) -> None:
        """A file or the folder cannot be read for a while."""
        world = self._world
        files = [inode for _, inode in machine.inodes()] + [machine.store]
        inode = world.rng.choice(files)
        world.story(f"{machine.name}: something becomes unreadable")
        self._mode(machine, inode, readable=False)
        world.after(world.moment(3.0), partial(self._mode, machine, inode, readable=True))

    def _mode(self, machine: Machine, inode: Inode, *, readable: bool) -> None:
        inode.readable = readable
        inode.ctime = machine.disk.stamp()
        place = machine.folder_of(machine.path_of(inode) or "")
        if place is not None and place[1]:
            machine.disk.changed(*place, False)

    def unmounted(self, machine: Machine) -> None:
        """The store's folder is away, or an empty one lies in its place."""
        world, names = self._world, machine.disk.root.names
        # Before the first contact nobody can know which folder is meant.
        first_contact = not invariants.is_bootstrapped(machine)
        if names.get("store") is not machine.store or first_contact:
            return
        world.story(f"{machine.name}: the store's folder is away")
        del names["store"]
        if world.rng.random() < 0.5:
            machine.disk.make_folder(machine.disk.root, "store")

        def back() -> None:
            names["store"] = machine.store
            world.story(f"{machine.name}: the store's folder is back")
            self.overflow(machine)

        world.after(world.moment(5.0), back)
        if world.rng.random() < 0.7:
            self.overflow(machine)

    def stopped(self, machine: Machine) -> None:
        """Somebody stops the daemon."""
        machine.stop()

    def overflow(self, machine: Machine) -> None:
        """The watcher's queue ran over: everything has to be walked."""
        if machine.session is not None:
            for store in (STORE, OTHER) if machine.other else (STORE,):
                machine.session.rescan.request(store)

    def git(self, machine: Machine) -> None:
        """Git begins something in the store, and ends it some time later."""
        world = self._world
        if machine.git is None:
            name = world.rng.choice((LOCKED, "a rebase"))
            machine.git = Operation(name, machine.clock.now())
            world.story(f"{machine.name}: {name} begins")
            world.after(world.moment(6.0), lambda: setattr(machine, "git", None))

    def reaped(self, _machine: Machine) -> None:
        """The deployment lets tombstones go that every device has passed, and ledgers follow."""
        world = self._world
        gone = world.deployment.reap({machine.device for machine in world.machines})
        for entry in gone:
            world.exercised["tombstone reaped"] += 1
            what = f"{entry.key.path} r{entry.revision} at {entry.at}"
            world.story(f"the tombstone of {what} is reaped")
        world.dirty = world.dirty or bool(gone)
        for machine in world.machines:
            machine.forget()

    def revoked(self, machine: Machine) -> None:
        """The deployment does not know the machine's token for a while."""
        world = self._world
        world.deployment.revoke(machine.device)
        world.witness.revoked(machine.device)
        revoked = world.deployment.revoked
        world.after(world.moment(3.0), lambda: revoked.discard(machine.device))

    def ledger_lost(self, machine: Machine) -> None:
        """The ledger is gone."""
        self._lose(machine, "the ledger is lost")
        machine.new_ledger()

    def ledger_old(self, machine: Machine) -> None:
        """The ledger is what it was some time ago."""
        images = self._images.get(machine.name)
        if images:
            tidemark = machine.tidemark
            self._lose(machine, "the ledger is an old copy")
            machine.use_ledger(self._world.rng.choice(images), tidemark)
            self._world.witness.copied_back(machine)

    def ledger_foreign(self, machine: Machine) -> None:
        """The ledger is another machine's.

        Not that of a copy of this one: both have one name and one past, and whatever the other
        had in its files since, nobody can tell that it was not here.
        """
        alike = {each.name for each in self._world.machines if each.home == machine.home}
        others = [name for name in self._images if name not in alike]
        if others:
            tidemark = machine.tidemark
            self._lose(machine, "the ledger is another machine's")
            machine.use_ledger(self._world.rng.choice(self._images[others[0]]), tidemark)
            self._world.witness.copied_back(machine)

    def cloned(self, machine: Machine) -> None:
        """A copy of the machine as it is now begins to run."""
        world = self._world
        mounted = machine.disk.root.names.get("store") is machine.store
        if mounted and len(world.machines) < 5 and not machine.database.in_transaction:
            clone = type(machine)(world, f"{machine.name}+{len(world.machines)}", of=machine)
            world.story(f"{clone.name} is a copy of {machine.name}")
            world.witness.cloned(machine.name, clone.name)
            world.join(clone)

    def restored(self, _machine: Machine) -> None:
        """The deployment is what it was at a backup; connections may live on."""
        world = self._world
        if not self._backups:
            return
        world.story("the deployment is restored from a backup")
        # Backups of what never was, seen from then on, are gone.
        del self._backups[world.rng.randrange(len(self._backups)) + 1 :]
        world.deployment.restore(self._backups[-1])
        world.witness.began_anew()
        for machine in self._copies():
            # Receipts are of a device: what one copy writes from now on passes for what another
            # had written before. That is then pulled over, not met anew.
            world.saves.loosen(world.saves.masks(map(digest_of, machine.live().values())))
        self._cut_connections(0.5)

    def _copies(self) -> list[Machine]:
        """The machines that are, or have, a copy that runs."""
        devices = [machine.device for machine in self._world.machines]
        return [each for each in self._world.machines if devices.count(each.device) > 1]

    def replaced(self, _machine: Machine) -> None:
        """Another deployment answers behind the URL, and after a while the first again."""
        world = self._world
        if world.away is None:
            world.away = world.deployment
            self._answers(world.deployment_type(world.rng, world.away.page_rows))
            world.deployment.refused = world.away.refused
            world.deployment.breaking = world.away.breaking
            world.after(world.moment(6.0), self._first_again)

    def _first_again(self) -> None:
        if self._world.away is not None:
            self._answers(self._world.away)
            self._world.away = None

    def _answers(self, deployment: Deployment) -> None:
        self._world.story(f"another deployment answers: {deployment.name[:6]}")
        self._world.deployment = deployment
        self._world.witness.began_anew()
        self._backups.clear()
        self._cut_connections(1.0)

    def _copy(self, machine: Machine) -> None:
        """Take a backup or a copy of a ledger now and then, where the mix has use for it."""
        world = self._world
        if world.mix.restored and world.rng.random() < 0.1:
            self._backups.append(world.deployment.backup())
        old = world.mix.ledger_old or world.mix.ledger_foreign
        if old and not machine.database.in_transaction and world.rng.random() < 0.1:
            self._images.setdefault(machine.name, []).append(machine.database.serialize())

    def saved(self, digest: Digest) -> None:
        """The deployment may take something amiss in what was just saved."""
        world = self._world
        if len(world.saves.of(digest)) == 1 and world.happens("refused"):
            there = world.deployment
            world.rng.choice((there.refused, there.breaking)).add(digest)

    def committed(self, machine: Machine) -> None:
        """A transaction of its ledger is done: it may be copied while files are being written."""
        world = self._world
        copied = world.mix.ledger_old and world.rng.random() < 0.1
        if copied and machine.database.execute("SELECT 1 FROM notes").fetchone():
            self._images.setdefault(machine.name, []).append(machine.database.serialize())

    def _lose(self, machine: Machine, what: str) -> None:
        world = self._world
        if machine.alive:
            machine.kill(what)
        world.story(f"{machine.name}: {what}")
        world.ledger_gone(machine, machine.databases.pop())
        machine.ledger_changes += 1

    def _cut_connections(self, chance: float) -> None:
        if self._world.rng.random() < chance:
            self._world.generation += 1

    def end(self) -> None:
        """Make whole what misfortunes left."""
        world = self._world
        self._first_again()
        world.deployment.revoked.clear()
        for machine in world.machines:
            world.after(1.0, partial(world.wake, machine))
            machine.partitioned = False
            machine.git = None
            machine.disk.root.names["store"] = machine.store
            machine.store.readable = True
            for _, inode in machine.inodes():
                inode.readable = True
            world.after(world.moment(1.0), machine.start)
