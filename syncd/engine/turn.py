"""One turn: the named keys are read, decided, written where told, and committed together.

The only place where a decision meets the world. Disk and ledger only, never the network.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from syncd.core.decision import Decision, FileState, View
from syncd.core.doubt import Doubts
from syncd.core.model import (
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
from syncd.engine.guards import Guards
from syncd.engine.ports import Clock, LocalReplica
from syncd.engine.writer import Writer
from syncd.ledger.ledger import Ledger

READ_BYTES = 16 * 1024 * 1024
"""Bytes of files that one turn holds in memory; the rest of its keys wait for the next."""

log = structlog.get_logger()


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


class Reconciler:
    """Considers keys, many at a time, one turn at a time."""

    def __init__(
        self, ledger: Ledger, stores: Mapping[str, LocalReplica], guards: Guards, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._stores = stores
        self._guards = guards
        self._clock = clock
        self._doubts = Doubts()
        self._writer = Writer(ledger, stores, clock)
        self._turn = asyncio.Lock()

    async def consider(self, keys: Sequence[Key]) -> Turn:
        """Bring `keys` nearer to agreement. Raises LedgerError; then nothing was recorded."""
        async with self._turn:
            turn = Turn()
            if any(self._writer.unfinished(key) for key in keys):
                await self._recover(turn)
            ready = self._decidable(keys)
            readings = await asyncio.to_thread(self._read, ready)
            turn.again += [(key, 0.0) for key in ready[len(readings) :]]
            decided = [self._decide(key, reading, turn) for key, reading in readings.items()]
            decisions = [decision for decision in decided if decision is not None]
            performed = await self._writer.write(
                [decision for decision in decisions if decision.plan.to_local is not None]
            )
            turn.again += [(key, 0.0) for key in performed.again]
            await self._commit(
                [decision for decision in decisions if decision.plan.to_local is None]
                + performed.done,
                turn,
            )
            return turn

    async def recover(self) -> list[Key]:
        """Finish what a crash left half done; the keys to consider after it."""
        async with self._turn:
            turn = Turn()
            await self._recover(turn)
            return [key for key, _ in turn.again]

    async def _recover(self, turn: Turn) -> None:
        performed = await self._writer.recover()
        turn.again += [(key, 0.0) for key in performed.again]
        await self._commit(performed.done, turn)

    async def _commit(self, decisions: Sequence[Decision], turn: Turn) -> None:
        if decisions:
            fresh = self._ledger.commit(decisions, self._clock.now())
            self._tell(decisions, fresh)
        await self._writer.clear()
        turn.queued |= any(decision.plan.to_remote is not None for decision in decisions)

    def _decidable(self, keys: Sequence[Key]) -> list[Key]:
        # A store that was never bootstrapped, or whose folder is away, is scanned whole once
        # that ends: nothing is lost by passing its keys over now.
        ready = {
            name
            for name in {key.store for key in keys} & self._stores.keys()
            if self._guards.bootstrapped(name) and self._stores[name].identity() is not None
        }
        return [
            key
            for key in keys
            if key.store in ready
            and self._stores[key.store].includes(key.path)
            and not self._writer.unfinished(key)
        ]

    def _read(self, keys: Sequence[Key]) -> dict[Key, Reading]:
        """Readings of the first of `keys`, as many as fit into memory, at least one."""
        readings: dict[Key, Reading] = {}
        total = 0
        for key in keys:
            if total > READ_BYTES:
                break
            reading = self._stores[key.store].read(key.path)
            readings[key] = reading
            total += len(reading.body) if isinstance(reading, Found) else 0
        return readings

    def _decide(self, key: Key, reading: Reading, turn: Turn) -> Decision | None:
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
        if isinstance(plan.to_remote, Tombstone) and self._guarded(key.store, turn):
            # The guard stands in status; the deletion is decided anew once it is gone.
            return None
        decision = self._decision(key, plan, found, capture=capture)
        if plan.reason is Reason.NOTHING and not capture and self._known(decision):
            return None
        match plan.to_local:
            case Content():
                return self._with_bytes(decision, plan.to_local, turn)
            case Tombstone():
                return decision
            case None:
                return replace(decision, body=found.body if found else None)

    def _guarded(self, store: str, turn: Turn) -> bool:
        if store not in turn.guarded:
            turn.guarded[store] = self._guards.check(store)
        return turn.guarded[store]

    def _with_bytes(self, decision: Decision, content: Content, turn: Turn) -> Decision | None:
        body = self._ledger.contents.get(content.digest)
        if body is None:
            turn.wanted.append(decision.key)
            return None
        return replace(decision, body=body)

    def _known(self, decision: Decision) -> bool:
        known = self._ledger.places.file(decision.key.store, decision.key.path)
        now = decision.file
        same = (known and (known.stat, known.digest)) == (now and (now.stat, now.digest))
        return same and not self._ledger.attention.is_held(decision.key)

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

    def _tell(self, decisions: Sequence[Decision], fresh_holds: set[Key]) -> None:
        for decision in decisions:
            plan, key = decision.plan, str(decision.key)
            if plan.hold is not None:
                if decision.key in fresh_holds:
                    log.warning("held", key=key, reason=plan.hold.reason,
                                detail=plan.hold.detail, advice=plan.hold.advice)  # fmt: skip
            elif plan.reason is Reason.CONFLICT:
                log.warning("conflict", key=key, kept="the file; the other version is in status")
            elif plan.reason is Reason.PULL:
                log.info("pulled", key=key, deleted=isinstance(plan.to_local, Tombstone))


def _behind(sent: Version, local: Version) -> Plan:
    # What was sent is frozen; a save that differs from it waits behind it in the outbox.
    if local == sent:
        return Plan(Reason.NOTHING, base=None)
    return Plan(Reason.PUSH, base=None, to_remote=local)
