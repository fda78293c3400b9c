"""What to do about one key, from what both sides hold and what they last agreed on. Pure.

|                          | local = base     | local changed                     |
|--------------------------|------------------|-----------------------------------|
| **remote = base**        | nothing          | push                              |
| **remote changed**       | pull             | equal: converged                  |
|                          |                  | one side deleted: the edit wins   |
|                          |                  | both edited: conflict, file wins  |

Without a base the two sides meet for the first time: equal is adopted, one-sided is copied,
different is a conflict in which the file wins. Nothing is deleted on first contact.

A push is always expected to meet exactly `plan.base`, so planning again after any crash
between the commit and the answer gives the same push.
"""

from __future__ import annotations

from syncd.core.model import (
    Conflict,
    Content,
    Hold,
    Plan,
    Reason,
    Snapshot,
    Tombstone,
    Version,
)


def reconcile(base: Snapshot | None, local: Version, remote: Snapshot) -> Plan:
    """Decide about one key.

    `base` is None where the sides never agreed; `remote` is what was last heard, NEVER where
    the deployment has never held the key. A remote that is unknown must not come here.
    """
    if local == remote.version:
        return Plan(Reason.NOTHING if remote == base else Reason.CONVERGED, base=remote)
    if base is None:
        return _first_contact(local, remote)
    if local == base.version:
        return _pull(remote)
    if remote.version == base.version:
        return _push(local, remote)
    return _clash(base, local, remote)


def _pull(remote: Snapshot) -> Plan:
    return Plan(Reason.PULL, base=remote, to_local=remote.version)


def _push(local: Version, remote: Snapshot) -> Plan:
    return Plan(Reason.PUSH, base=remote, to_remote=local)


def _first_contact(local: Version, remote: Snapshot) -> Plan:
    match local, remote.version:
        case Tombstone(), _:
            return _pull(remote)
        case Content(digest), Tombstone(last) if last == digest:
            return Plan(Reason.HELD, base=None, hold=_DELETED_ELSEWHERE)
        case _, Tombstone():
            return _push(local, remote)
        case _:
            return _conflict(None, local, remote)


def _clash(base: Snapshot, local: Version, remote: Snapshot) -> Plan:
    if isinstance(local, Tombstone):
        return _pull(remote)
    if isinstance(remote.version, Tombstone):
        return _push(local, remote)
    return _conflict(base, local, remote)


def _conflict(base: Snapshot | None, local: Version, remote: Snapshot) -> Plan:
    # The remote version becomes the base: it was met, it is kept, and the file goes over it.
    return Plan(
        Reason.CONFLICT, base=remote, to_remote=local, conflict=Conflict(base, local, remote)
    )


_DELETED_ELSEWHERE = Hold(
    "deleted-elsewhere",
    "another machine deleted this very file before this one was first in touch",
    "delete it here too, or save it once more to bring it back",
)
