"""The invariants of the design, held against a run at its steps and at its end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from syncd.core.model import Digest
from syncd.stores.layout import TEMPORARY_PREFIX

from .ancestry import EMPTY, Save, digest_of
from .deployment import Accepted
from .disk import Inode

if TYPE_CHECKING:
    from .machine import Machine
    from .world import World


def guards(machine: Machine) -> list[str]:
    """The guards that stand on a machine."""
    return [row[0] for row in machine.database.execute("SELECT store FROM guards")]


def is_bootstrapped(machine: Machine) -> bool:
    """Whether the daemon was in touch, and knows which folder its store is."""
    query = "SELECT count(*) FROM stores WHERE bootstrapped AND root IS NOT NULL"
    return bool(machine.database.execute(query).fetchone()[0])


def held(machine: Machine) -> dict[str, str]:
    """The paths that a machine holds, with the reasons."""
    return dict(machine.database.execute("SELECT path, reason FROM held"))


class Witness:
    """Sees everything that happens and says what must not have."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._saved: dict[tuple[str, str], set[Digest]] = {}
        self._removed: dict[tuple[str, str], int] = {}
        self._removed_at: dict[tuple[str, str], float] = {}
        self._operations: Counter[str] = Counter()
        self._revisions: dict[tuple[str, int], set[Digest | None]] = {}
        self._heard: dict[tuple[int, str], int] = {}
        self._cursors: dict[int, int] = {}
        self._visible: dict[tuple[str, str], set[Digest]] = {}
        self._displaced: dict[str, set[Digest]] = {}
        self._reverted: set[str] = set()
        self._doubtful: set[tuple[str, str, Digest]] = set()
        self._contested: set[tuple[str, str]] = set()
        self._conflicts: dict[int, int] = {}
        self.writes = 0

    # Told as it happens

    def saved(self, machine: str, path: str, save: Save) -> None:
        self._saved.setdefault((machine, path), set()).add(save.digest)
        self._visible.setdefault((machine, path), set()).add(save.digest)

    def removed(self, machine: str, path: str, digest: Digest) -> None:
        seen = {digest, *self._visible.get((machine, path), ())}
        mask = self._world.saves.masks(seen)
        self._removed_at.setdefault((machine, path), self._world.now)
        self._removed[machine, path] = self._removed.get((machine, path), 0) | mask

    def seen(self, machine: str, path: str) -> list[Digest]:
        """What the file held at some time."""
        return sorted(self._visible.get((machine, path), ()))

    def reverted(self, path: str) -> None:
        """Bytes came back: what was made from which save cannot be told by bytes any more."""
        self._reverted.add(path)

    def contested(self, machine: str, path: str) -> None:
        """A save met a write of the daemon: whether it knew what was written cannot be told."""
        self._contested.add((machine, path))

    def merged(self, machine: str, path: str, digest: Digest) -> None:
        """The daemon made these bytes of two versions."""
        self._saved.setdefault((machine, path), set()).add(digest)

    def unaware(self, machine: str, path: str, digest: Digest) -> None:
        """A save is listed as not having known this version; by its bytes nobody can tell."""
        self._doubtful.add((machine, path, digest))

    def named(self, machine: Machine, call: str, folder: Inode, name: str) -> None:
        """The daemon made a name of the store be something else, or nothing."""
        world = self._world
        inode = folder.names.get(name)
        if name.startswith(TEMPORARY_PREFIX):
            if inode is not None:
                self._displaced.setdefault(machine.name, set()).add(world.digest(inode.data))
            return
        self.writes += 1
        if call == "unlink":
            world.violated("never unlinked", f"{machine.name} {name}")
        if inode is None:
            return
        digest = world.digest(inode.data)
        path = name if folder is machine.store else f"d/{name}"
        self._visible.setdefault((machine.name, path), set()).add(digest)
        if not world.saves.knows(digest):
            world.violated("old or new", f"{machine.name} {name} holds what nobody saved")

    def after_power_cut(self, machine: Machine) -> None:
        world = self._world
        for path, body in machine.live().items():
            if not world.saves.knows(world.digest(body)):
                world.violated("old or new", f"{machine.name} {path} is torn after a power cut")

    def accepted(self, accepted: Accepted) -> None:
        world = self._world
        path, device = accepted.key.path, accepted.device
        self._operations[accepted.operation] += 1
        if self._operations[accepted.operation] > 1:
            world.violated("at most once", f"{device} {path}: an operation was applied twice")
        self._revisions.setdefault((path, accepted.revision), set()).add(accepted.digest)
        first_contact = any(m.ledger_changes for m in world.machines if m.name == device)
        if accepted.digest is None:
            self._check_deletion(accepted)
        elif not first_contact:
            if accepted.digest not in self._saved.get((device, path), ()):
                world.violated("no echo", f"{device} sends {path} {world.call(accepted.digest)}, "
                               "which nobody saved there")  # fmt: skip
            replaced = accepted.replaced
            if replaced is not None and world.saves.is_older(accepted.digest, replaced):
                world.violated("no revert", f"{device} sends {path} {world.call(accepted.digest)}"
                               f" over {world.call(replaced)}, which was made from it")  # fmt: skip

    def _check_deletion(self, accepted: Accepted) -> None:
        world = self._world
        path, device = accepted.key.path, accepted.device
        removed = self._removed.get((device, path), 0)
        if world.now - self._removed_at.get((device, path), world.now) < _BELIEVED:
            world.violated("deletion by rule", f"{device} believes at once that {path} is gone")
        of_deleted = 0
        for save in world.saves.of(accepted.replaced) if accepted.replaced else []:
            of_deleted |= save.bit
        lost_here = {
            digest for machine in world.machines if machine.name == device
            for (digest,) in machine.database.execute(_LOST, (path,))
        }  # fmt: skip
        known = of_deleted & removed or accepted.replaced in lost_here
        what = world.call(accepted.replaced)
        if accepted.replaced is not None and not known:
            world.violated(
                "deletion by rule", f"{device} deletes {path} {what}, which nobody deleted there"
            )

    # Looked at every few steps

    def check(self) -> None:
        """Every invariant that holds at each instant. Raises Violation."""
        self._check_loss()
        for machine in self._world.machines:
            self._check_ledger(machine)
            self._check_history(machine)
        if self._world.violation is not None:
            raise self._world.violation

    def overwritten(self, machine: str, digest: Digest) -> None:
        """Somebody there wrote over these bytes."""
        self._displaced.get(machine, set()).discard(digest)

    def _check_history(self, machine: Machine) -> None:
        world = self._world
        bodies = [*machine.live().values(), *machine.temporaries(), *machine.aside()]
        kept = {world.digest(body) for body in (*bodies, *machine.history().values())}
        lost = self._displaced.get(machine.name, set()) - kept
        if lost:
            names = [world.call(digest) for digest in sorted(lost)]
            world.violated("history", f"{machine.name} took {names} out of files and kept nothing")

    def _check_loss(self) -> None:
        world, saves = self._world, self._world.saves
        shown: set[Digest | None] = set()
        kept: set[Digest | None] = set()
        for machine in world.machines:
            shown.update(world.digest(body) for body in machine.live().values())
            shown.update(world.digest(body) for body in machine.temporaries())
            shown.update(world.digest(body) for body in machine.aside())
            kept.update(world.digest(body) for body in machine.history().values())
            for database in machine.databases:
                shown.update(row[0] for row in database.execute(_LISTED))
        shown.update(entry.digest for entry in world.deployment.state.entries.values())
        reached = saves.masks(shown) | saves.over
        lost = saves.missing(reached) & ~saves.loose
        if lost:
            names = [world.call(save.digest) + " " + save.path for save in saves.names(lost)]
            world.violated("no loss", f"not shown anywhere: {names}")
        lost = saves.missing(reached | saves.masks(kept))
        if lost:
            names = [world.call(save.digest) + " " + save.path for save in saves.names(lost)]
            world.violated("no loss", f"not even in history: {names}")

    def _check_ledger(self, machine: Machine) -> None:
        world = self._world
        cursor = int((machine.database.execute(
            "SELECT value FROM meta WHERE name = 'cursor'").fetchone() or ("0",))[0])  # fmt: skip
        which = id(machine.database)
        if cursor < self._cursors.get(which, 0):
            world.violated("the cursor goes on", f"{machine.name}: back to {cursor}")
        self._cursors[which] = cursor
        heard: dict[str, int] = {}
        for path, base, base_digest, remote, remote_digest, at in machine.database.execute(
            """SELECT path, base_revision, base_digest, remote_revision, remote_digest, remote_at
               FROM entries"""
        ):
            self._check_claim(machine, path, "base", base, base_digest)
            self._check_claim(machine, path, "remote", remote, remote_digest)
            heard[path] = at or 0
            if (at or 0) < self._heard.get((which, path), 0):
                world.violated("heard never goes back", f"{machine.name} {path}")
            self._heard[which, path] = at or 0
        for key, entry in world.deployment.state.entries.items():
            if entry.at <= cursor and heard.get(key.path, 0) < entry.at:
                world.violated("cursor after effect", f"{machine.name} {key.path}: at {entry.at} "
                               f"is before the cursor {cursor} and was not heard")  # fmt: skip
        self._check_conflicts(machine)

    def _check_claim(
        self, machine: Machine, path: str, what: str, revision: int | None, digest: str | None
    ) -> None:
        if not revision:
            return
        if digest not in self._revisions.get((path, revision), ()):
            self._world.violated(
                "the ledger claims what was", f"{machine.name} {path}: {what} r{revision}"
            )

    def _check_conflicts(self, machine: Machine) -> None:
        world = self._world
        which = id(machine.database)
        rows = machine.database.execute(
            "SELECT number, path, local_digest, remote_digest FROM conflicts WHERE number > ?",
            (self._conflicts.get(which, 0),),
        ).fetchall()
        for number, path, local, remote in rows:
            self._conflicts[which] = number
            if machine.ledger_changes or EMPTY in (local, remote):
                continue
            if path in self._reverted or (machine.name, path) in self._contested:
                continue
            if (machine.name, path, remote) in self._doubtful:
                continue
            if local == remote or world.saves.is_older(remote, local):
                world.violated("no false conflict", f"{machine.name} {path}: "
                               f"{world.call(remote)} lost to {world.call(local)}")  # fmt: skip
            elif world.saves.is_older(local, remote):
                world.violated("no false conflict", f"{machine.name} {path}: {world.call(remote)}"
                               f" lost to {world.call(local)}, its ancestor")  # fmt: skip

    # Looked at in the end

    def check_agreement(self, *, temporaries: bool = False) -> None:
        """Every machine and the deployment agree. Raises Violation.

        `temporaries`: what could not be cleared may stay until the next start.
        """
        world = self._world
        there = {
            key.path: entry.digest
            for key, entry in world.deployment.state.entries.items()
            if entry.digest is not None
        }
        for machine in world.machines:
            excused = held(machine)
            for path, reason in excused.items():
                world.exercised[f"held {reason}"] += 1
                if reason != "deleted-elsewhere":
                    world.violated("convergence", f"{machine.name} {path} is held: {reason}")
            here = {p: digest_of(b) for p, b in machine.live().items() if p not in excused}
            wanted = {path: digest for path, digest in there.items() if path not in excused}
            if here != wanted:
                names = {
                    p: f"{world.call(here.get(p))} here, {world.call(wanted.get(p))} there"
                    for p in here.keys() | wanted.keys()
                    if here.get(p) != wanted.get(p)
                }
                world.violated("convergence", f"{machine.name}: {names}")
            if machine.temporaries() and not temporaries:
                world.violated("convergence", f"{machine.name} has temporary files left")
            left = machine.database.execute("SELECT path, state FROM outbox").fetchall()
            if left:
                world.violated("convergence", f"{machine.name} still has to send {left}")
        if world.violation is not None:
            raise world.violation

    def activity(self) -> tuple[int, int, int, int]:
        """What must not grow once everything agrees."""
        world = self._world
        calls = world.calls
        return len(world.deployment.accepted), self.writes, calls["push"], calls["fetch"]


_LISTED = """SELECT digest FROM outbox WHERE digest IS NOT NULL
    UNION SELECT local_digest FROM conflicts WHERE local_digest IS NOT NULL
    UNION SELECT remote_digest FROM conflicts WHERE remote_digest IS NOT NULL
    UNION SELECT digest FROM history WHERE why = 'contested'"""

_LOST = "SELECT remote_digest FROM conflicts WHERE path = ?"

_BELIEVED = 0.99
"""Seconds for which a file must have been seen missing, as good as."""
