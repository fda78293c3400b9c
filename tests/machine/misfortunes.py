"""What happens to machines and the deployment between calls: folders go, connections break."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from . import invariants
from .ancestry import digest_of
from .disk import Inode
from .machine import STORE, Machine

if TYPE_CHECKING:
    from .world import World


class Misfortunes:
    """Strikes every now and then, each misfortune as often as the run's mix says."""

    def __init__(self, world: World) -> None:
        self._world = world

    def strike(self) -> None:
        """Something may happen to some machine."""
        world = self._world
        machine = world.rng.choice(world.machines)
        for fault in ("partition", "clock_jump", "unreadable", "unmounted", "stopped",
                      "ledger_lost", "overflow", "revoked"):  # fmt: skip
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
            machine.session.rescan.request(STORE)

    def revoked(self, machine: Machine) -> None:
        """The deployment does not know the machine's token for a while."""
        revoked = self._world.deployment.revoked
        revoked.add(machine.name)
        self._world.after(self._world.moment(3.0), lambda: revoked.discard(machine.name))

    def ledger_lost(self, machine: Machine) -> None:
        """The ledger is gone."""
        world = self._world
        if machine.alive:
            machine.kill("the ledger is lost")
        world.story(f"{machine.name}: the ledger is lost")
        machine.databases.pop()
        machine.new_ledger()
        machine.ledger_changes += 1
        world.saves.loosen(world.saves.masks(digest_of(body) for body in machine.temporaries()))

    def end(self) -> None:
        """Make whole what misfortunes left."""
        world = self._world
        world.deployment.revoked.clear()
        for machine in world.machines:
            machine.partitioned = False
            machine.disk.root.names["store"] = machine.store
            machine.store.readable = True
            for _, inode in machine.inodes():
                inode.readable = True
            world.after(world.moment(1.0), machine.start)
