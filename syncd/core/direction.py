"""Which ways a store's changes go, and what that makes of a plan. Pure.

|      | a local change                  | a remote change                | both changed      |
|------|---------------------------------|--------------------------------|-------------------|
| both | is pushed                       | is pulled                      | merged; file wins |
| own  | (for keys that this device made, as both; of another's a file is adopted where both  |
|      | are equal and held where not, and nothing is written, pushed or deleted)             |
| push | is pushed                       | is listed, the file over it    | listed; file wins |
| pull | is held; a deletion is put back | is pulled                      | is held           |

What is on the deployment alone, `own` and `push` leave there.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from syncd.core.model import (
    NEVER,
    Conflict,
    Content,
    Hold,
    Plan,
    Reason,
    Snapshot,
    Tombstone,
    Version,
)


class Way(StrEnum):
    """The direction of a store."""

    BOTH = "both"
    OWN = "own"
    PUSH = "push"
    PULL = "pull"

    @property
    def merges(self) -> bool:
        """Whether versions of both sides may become one."""
        return self in (Way.BOTH, Way.OWN)

    @property
    def leaves(self) -> bool:
        """Whether entries may be on the deployment and not here."""
        return self in (Way.OWN, Way.PUSH)


def directed(
    plan: Plan, way: Way, base: Snapshot | None, local: Version, remote: Snapshot, *, theirs: bool
) -> Plan:
    """What reconcile's `plan` comes to in a store of this direction.

    `theirs`: another device made the key, or it was made on the deployment.
    """
    if plan.reason in (Reason.NOTHING, Reason.CONVERGED):
        return plan
    match way:
        case Way.BOTH:
            return plan
        case Way.OWN:
            return _not_ours(base, local) if theirs else plan
        case Way.PUSH:
            return _pushed(plan, base, local, remote)
        case Way.PULL:
            return _pulled(plan, local, remote)


def _not_ours(base: Snapshot | None, local: Version) -> Plan:
    if isinstance(local, Content):
        return Plan(Reason.HELD, None, hold=_ANOTHERS)
    return _left(base)


def _left(base: Snapshot | None) -> Plan:
    """Nothing is here and nothing is done; what was here once is agreed on no more."""
    if base is None or isinstance(base.version, Tombstone):
        return Plan(Reason.NOTHING, base=None)
    return Plan(Reason.CONVERGED, base=NEVER)


def _pushed(plan: Plan, base: Snapshot | None, local: Version, remote: Snapshot) -> Plan:
    if isinstance(local, Tombstone) and (base is None or isinstance(base.version, Tombstone)):
        return _left(base)
    if plan.reason is Reason.PUSH:
        return plan
    lost = Conflict(base, local, remote) if isinstance(remote.version, Content) else None
    reason = Reason.CONFLICT if lost else Reason.PUSH
    return Plan(reason, base=remote, to_remote=local, conflict=lost)


def _pulled(plan: Plan, local: Version, remote: Snapshot) -> Plan:
    if plan.to_local is not None:
        return plan
    if isinstance(local, Tombstone):
        return Plan(Reason.PULL, base=remote, to_local=remote.version)
    return Plan(Reason.HELD, None, hold=_ONLY_PULLED)


_ANOTHERS: Final = Hold(
    "another-devices",
    "another device, or a program on the deployment, made the entry of this name, and what it "
    "holds is not what this file holds",
    'give the file another name, or set direction = "both" for its store',
)

_ONLY_PULLED: Final = Hold(
    "pull-only",
    "it was changed here, and this store only takes what is on the deployment",
    'delete the file to have it as it is there, or set direction = "both" for its store',
)

UNSENT: Final = frozenset({_ANOTHERS.reason, _ONLY_PULLED.reason})
"""Why what a file holds is not sent; what of it was queued before that was known neither."""
