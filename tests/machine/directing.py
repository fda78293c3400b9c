"""What must hold of stores whose changes go one way, or that keep to what their device made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.core.direction import Way
from syncd.stores.layout import TEMPORARY_PREFIX

from .deployment import Accepted
from .disk import Inode
from .machine import key_of

if TYPE_CHECKING:
    from .machine import Machine
    from .world import World

_PLOTS = (
    (Way.PUSH, Way.BOTH), (Way.PULL, Way.BOTH), (Way.OWN, Way.OWN), (Way.OWN, Way.BOTH),
    (Way.PUSH, Way.PULL),
)  # fmt: skip
"""Which ways the changes of the first two machines go; those of all others, both."""

EXCUSED = {Way.PULL: "pull-only", Way.OWN: "another-devices"}
"""Why a file may be held on a machine for good."""


def direct(world: World) -> None:
    """Have changes go one way only on some machines."""
    for machine, way in zip(world.machines, world.rng.choice(_PLOTS), strict=False):
        machine.way = way
        world.exercised[f"store to {way}"] += 1
        world.story(f"{machine.name}: the store is to {way}")


def check_accepted(world: World, sender: Machine, accepted: Accepted) -> None:
    """A store that pulls sends nothing, one of its own nothing of what another device made."""
    path = accepted.key.path
    if sender.way is Way.PULL:
        world.violated("a pull store sends nothing", f"{sender.name} sends {path}")
    made_by = world.deployment.state.entries[accepted.key].origin
    if sender.way is Way.OWN and made_by != sender.device:
        world.violated("own is own", f"{sender.name} sends {path}, which {made_by or 'app'} made")


def check_named(world: World, machine: Machine, folder: Inode, name: str) -> None:
    """A store that pushes is never written to, one of its own not with what another made."""
    if name.startswith(TEMPORARY_PREFIX):
        return
    path = machine.path_in(folder, name) or name
    if machine.way is Way.PUSH:
        world.violated("a push store is not written to", f"{machine.name} {path}")
    entry = world.deployment.state.entries.get(key_of(path))
    if machine.way is Way.OWN and entry is not None and entry.origin != machine.device:
        world.violated("own is own", f"{machine.name} writes {path}, which is another's")


def is_apart(world: World, machine: Machine, path: str) -> bool:
    """Whether what the deployment alone holds of `path` may stay there."""
    entry = world.deployment.state.entries.get(key_of(path))
    if entry is None or machine.visible(path) is not None:
        return False
    if machine.way is Way.PUSH:
        return True
    return machine.way is Way.OWN and entry.origin != machine.device
