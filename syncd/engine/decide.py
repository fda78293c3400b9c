"""From what was read of a key to the decision about it. No IO but reads of the ledger."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from syncd.core.decision import Decision, FileState, View
from syncd.core.doubt import Doubts
from syncd.core.model import (
    BYTES_DAMAGED,
    TOMBSTONE,
    Content,
    Hold,
    Key,
    OperationId,
    Plan,
    Reason,
    Tombstone,
    Version,
)
from syncd.core.reading import Found, Missing, Reading, Unreadable, Unsettled
from syncd.core.reconcile import reconcile
from syncd.engine.combine import Combiner, Lacking
from syncd.engine.guards import Guards
from syncd.engine.ports import Clock, LocalReplica
from syncd.ledger.ledger import Ledger


@dataclass(slots=True)
class Turn:
    """What a turn leaves to others.

    `again`: keys to name at a monotonic time. `wanted`: keys whose bytes must be fetched.
    `deferred`: keys to name when their sent row is answered. `queued`: rows were queued.
    `guarded`: the stores looked at for deletions, and whether these must wait.
    """

    again: list[tuple[Key, float]] = field(default_factory=list)
    wanted: list[Key] = field(default_factory=list)
    deferred: list[Key] = field(default_factory=list)
    queued: bool = False
    guarded: dict[str, bool] = field(default_factory=dict)


class Decider:
    """Asks reconcile, and sees to what it cannot know: doubts, guards, bytes."""

    def __init__(
        self, ledger: Ledger, stores: Mapping[str, LocalReplica], guards: Guards, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._stores = stores
        self._guards = guards
        self._clock = clock
        self._doubts = Doubts()
        self._combiner = Combiner(ledger)

    def decide(self, key: Key, reading: Reading, turn: Turn) -> Decision | None:
        """What to do about `key`, None for nothing now; what is left to others is in `turn`."""
        view = self._ledger.view(key)
        match reading:
            case Found(content):
                self._doubts.certain(key)
                return self._plan(key, content, reading, view, turn)
            case Missing():
                return self._decide_missing(key, view, turn)
            case Unsettled(hold):
                when = self._doubts.unsettled(key, self._clock.monotonic())
                if when is None:
                    return self._held(key, hold)
                turn.again.append((key, when))
                return None
            case Unreadable(hold):
                self._doubts.certain(key)
                return self._held(key, hold)

    def _decide_missing(self, key: Key, view: View, turn: Turn) -> Decision | None:
        if view.sent is not None:
            turn.deferred.append(key)
            return None
        if view.base is not None and isinstance(view.base.version, Content):
            if self._guarded(key.store, turn):
                # Nobody knows whether the file is gone or its folder is not the right one.
                return None
            when = self._doubts.missing(key, self._clock.monotonic())
            if when is not None:
                turn.again.append((key, when))
                return None
        return self._plan(key, TOMBSTONE, None, view, turn)

    def _plan(
        self, key: Key, local: Version, found: Found | None, view: View, turn: Turn
    ) -> Decision | None:
        capture = view.sent is not None
        if view.sent is not None:
            plan = _behind(view.sent, local)
        else:
            plan = reconcile(view.base, local, view.remote)
        decision = self._decision(key, plan, found, capture=capture)
        if plan.reason is Reason.NOTHING and not capture and self._known(decision):
            return None
        match plan.to_local:
            case Content():
                return self._with_bytes(decision, plan.to_local, turn)
            case Tombstone():
                return decision
            case None:
                return self._refined(decision, found, view, turn)

    def _refined(
        self, decision: Decision, found: Found | None, view: View, turn: Turn
    ) -> Decision | None:
        if found is None or decision.capture:
            return replace(decision, body=found.body if found else None)
        whole = replace(decision, body=found.body)
        refined = self._combiner.refine(whole, view)
        if not isinstance(refined, Lacking):
            return refined
        # Bytes that nobody can have lose the conflict: the save goes over them.
        return whole if not self._want(decision.key, turn) else None

    def _want(self, key: Key, turn: Turn) -> bool:
        """Have the bytes of `key` fetched, unless that was tried and they are damaged."""
        if self._ledger.attention.reason(key) == BYTES_DAMAGED:
            return False
        turn.wanted.append(key)
        return True

    def _guarded(self, store: str, turn: Turn) -> bool:
        if store not in turn.guarded:
            turn.guarded[store] = self._guards.check(store)
        return turn.guarded[store]

    def _with_bytes(self, decision: Decision, content: Content, turn: Turn) -> Decision | None:
        body = self._ledger.contents.get(content.digest)
        if body is None:
            self._want(decision.key, turn)
            return None
        return replace(decision, body=body)

    def _known(self, decision: Decision) -> bool:
        known = self._ledger.places.file(decision.key.store, decision.key.path)
        now = decision.file
        same = (known and (known.stat, known.digest)) == (now and (now.stat, now.digest))
        if known is not None and now is not None and known.racy and not now.racy:
            return False  # Read late enough to be trusted: the next scan need not read it.
        return same and self._ledger.attention.reason(decision.key) is None

    def _decision(
        self, key: Key, plan: Plan, found: Found | None, *, capture: bool = False
    ) -> Decision:
        store = self._stores[key.store]
        file = None
        if found is not None:
            file = FileState(found.stat, found.content.digest, self._clock.read_ns())
        operation = OperationId(secrets.token_hex(16))
        return Decision(key, store.kind, store.format(key.path), plan, operation, file,
                        capture=capture)  # fmt: skip

    def _held(self, key: Key, hold: Hold) -> Decision:
        return self._decision(key, Plan(Reason.HELD, None, hold=hold), None)


def _behind(sent: Version, local: Version) -> Plan:
    # What was sent is frozen; a save that differs from it waits behind it in the outbox.
    if local == sent:
        return Plan(Reason.NOTHING, base=None)
    return Plan(Reason.PUSH, base=None, to_remote=local)
