"""What the code under test tells of itself and leaves no other trace of: merges, doubts, logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.core.decision import Decision
from syncd.core.model import Digest, Key

from .sources import LOG, TAPS

if TYPE_CHECKING:
    from .world import World


class Hearsay:
    """Passes it on to the run's witnesses. `world.acting` is whose daemon it is about."""

    def __init__(self, world: World) -> None:
        self._world = world
        LOG.told = self._logged
        TAPS.merged = self._merged
        TAPS.tried = self._tried
        TAPS.unaware = self._unaware
        TAPS.followed = self._followed

    def _merged(self, local: bytes, remote: bytes, result: bytes, *, clashed: bool) -> None:
        world, machine = self._world, self._world.acting
        if machine is None or (clashed and result == local):
            return  # The file stays as it is: it knows nothing more than before.
        world.exercised["merged"] += 1
        saves, digest = world.saves, world.digest(result)
        known = saves.mask(world.digest(local)) | saves.mask(world.digest(remote))
        if saves.mask(digest) | known != saves.mask(digest):
            save = saves.save(result, machine.name, "", known, world.now, whole=False)
            world.story(f"{machine.name} merges to #{save.number}")
        for path in world.names:
            world.witness.merged(machine.name, path, digest)
            if result == local:
                # A crash before the commit, and these bytes still do not know the other's.
                world.witness.unaware(machine.name, path, world.digest(remote))

    def _tried(self, local: bytes, remote: bytes, result: bytes) -> None:
        # Whether it will be written is not known yet: bytes that are somebody's tell nothing.
        if not self._world.saves.knows(self._world.digest(result)):
            self._merged(local, remote, result, clashed=False)

    def _unaware(self, key: Key, digest: Digest) -> None:
        if self._world.acting is not None:
            self._world.exercised["unaware save"] += 1
            self._world.witness.unaware(self._world.acting.name, key.path, digest)

    def _followed(self, edit: Decision, made: Decision) -> None:
        world, machine = self._world, self._world.acting
        if machine is None or edit.body is None or made.body is None:
            return
        side = "here" if edit.plan.to_remote is not None else "elsewhere"
        world.exercised[f"an edit made {side} follows a move"] += 1
        world.story(f"{machine.name} brings what {edit.key.path} holds to {made.key.path}")
        brought, digest = world.digest(edit.body), world.digest(made.body)
        world.witness.followed(machine.name, edit.key.path, brought, made.key.path, digest)

    def _logged(self, line: str) -> None:
        machine = self._world.acting
        name = machine.name if machine else "?"
        self._world.story(f"{name}: {line}")
        if line.startswith("root_adopted "):
            self._world.exercised["root adopted"] += 1
        if line.startswith("epoch_began "):
            self._world.exercised[f"epoch: {line.split('why=')[1].split(' next=')[0]}"] += 1
            if not self._world.may_part():
                self._world.violated("no epoch without a cause", line)
        met = line.startswith("contested ") or line.endswith("outcome=Contested")
        # What a late save of a counter added is listed, and not summed.
        met = met or (line.startswith("late_save ") and "listed=True" in line)
        if met and machine is not None:
            self._world.exercised["contested"] += 1
            self._world.witness.contested(name, line.split("key=")[1].split(":")[1].split(" ")[0])
