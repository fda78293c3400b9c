"""Reconcile's answer for a key, as the direction of its store has it."""

from __future__ import annotations

from collections.abc import Mapping

from syncd.core.decision import View
from syncd.core.direction import Way, directed
from syncd.core.model import TOMBSTONE, Content, Key, Plan, Version
from syncd.core.reconcile import reconcile
from syncd.engine.ports import LocalReplica
from syncd.ledger.ledger import Ledger


class Planner:
    """Plans one key after the other."""

    def __init__(self, ledger: Ledger, stores: Mapping[str, LocalReplica]) -> None:
        self._ledger = ledger
        self._stores = stores

    def plan(self, key: Key, view: View, local: Version) -> Plan:
        """What to do about `key`, of which nothing waits for its answer."""
        plan = reconcile(view.base, local, view.remote)
        way = self._stores[key.store].way
        theirs = way is Way.OWN and not ours(self._ledger, self._ledger.records.origin(key))
        return directed(plan, way, view.base, local, view.remote, theirs=theirs)

    def wants_no_file(self, key: Key, view: View) -> bool:
        """Whether none would be written where none is; while a row waits for its answer nobody
        knows.
        """
        if view.sent is not None:
            return True
        return not isinstance(self.plan(key, view, TOMBSTONE).to_local, Content)


def ours(ledger: Ledger, origin: str | None) -> bool:
    """Whether this device made a key of that origin; one of which nothing was told is our own."""
    return origin is None or origin == ledger.places.get("device")
