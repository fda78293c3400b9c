"""One turn: the named keys are read, decided, written where told, and committed together.

The only place where a decision meets the world. Disk and ledger only, never the network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from syncd.core.decision import Decision, View
from syncd.core.flap import Flaps
from syncd.core.guard import RootState
from syncd.core.model import (
    Key,
    Reason,
    Tombstone,
)
from syncd.core.reading import Found, Reading
from syncd.engine.decide import Decider, Turn
from syncd.engine.guards import Guards
from syncd.engine.ports import Clock, LocalReplica
from syncd.engine.writer import Writer
from syncd.ledger.ledger import Ledger

READ_BYTES = 16 * 1024 * 1024
"""Bytes of files that one turn holds in memory; the rest of its keys wait for the next."""

log = structlog.get_logger()


Amendment = Callable[[Reading, View], Sequence[Decision] | None]
"""What to do about a key as it is read and known now; None: not now."""


class Reconciler:
    """Considers keys, many at a time, one turn at a time."""

    def __init__(
        self, ledger: Ledger, stores: Mapping[str, LocalReplica], guards: Guards, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._stores = stores
        self._guards = guards
        self._clock = clock
        self.flaps = Flaps()
        self.writer = Writer(ledger, stores, guards, clock)
        self._decider = Decider(ledger, stores, guards, clock)
        self.between_turns = asyncio.Lock()
        """Held while a turn runs: what it has read must still be so when it commits."""

    async def consider(self, keys: Sequence[Key]) -> Turn:
        """Bring `keys` nearer to agreement. Raises LedgerError; then nothing was recorded."""
        async with self.between_turns:
            turn = Turn()
            if any(self.writer.unfinished(key) for key in keys):
                await self._recover(turn)
                # Decided below: naming them too, a write that fails each time never came to rest.
                turn.again = [again for again in turn.again if again[0] not in keys]
            ready = self._decidable(keys)
            readings = await asyncio.to_thread(self._read, ready)
            turn.again += [(key, 0.0) for key in ready[len(readings) :]]
            decided = (self._decider.decide(key, each, turn) for key, each in readings.items())
            decisions = [decision for decision in decided if decision is not None]
            found = [key for key, reading in readings.items() if isinstance(reading, Found)]
            await self._carry_out(self._allowed(decisions, found), turn)
            return turn

    async def amend(self, key: Key, decide: Amendment) -> Turn | None:
        """Carry out what `decide` makes of `key` now; None, and nothing done, if it cannot be.

        For what no reading of files tells: see `late`. Raises LedgerError.
        """
        async with self.between_turns:
            turn = Turn()
            if not self._guards.confirmed or not self._decidable([key]):
                return None
            reading = (await asyncio.to_thread(self._read, [key]))[key]
            decided = decide(reading, self._ledger.view(key))
            if decided is None:
                return None
            await self._carry_out(decided, turn)
            return turn

    async def recover(self) -> list[Key]:
        """Finish what a crash left half done; the keys to consider after it."""
        async with self.between_turns:
            turn = Turn()
            await self._recover(turn)
            return [key for key, _ in turn.again]

    async def _recover(self, turn: Turn) -> None:
        if not self._guards.confirmed:
            return  # The notes of an old copy must not be settled: see engine/epoch.py.
        performed = await self.writer.recover()
        turn.again += [(key, 0.0) for key in performed.again]
        await self._commit(performed.done, turn)

    def _allowed(self, decisions: Sequence[Decision], found: Sequence[Key]) -> list[Decision]:
        now = self._clock.monotonic()
        return [self.flaps.judged(d, now) for d in self._guards.admitted(decisions, found)]

    async def _carry_out(self, decisions: Sequence[Decision], turn: Turn) -> None:
        performed = await self.writer.write(
            [decision for decision in decisions if decision.plan.to_local is not None]
        )
        turn.again += [(key, 0.0) for key in performed.again] + performed.later
        await self._commit(
            [decision for decision in decisions if decision.plan.to_local is None] + performed.done,
            turn,
        )

    async def _commit(self, decisions: Sequence[Decision], turn: Turn) -> None:
        if decisions:
            fresh = self._ledger.commit(decisions, self._clock.now())
            self._tell(decisions, fresh)
        await self.writer.clear()
        turn.queued |= any(decision.plan.to_remote is not None for decision in decisions)

    def _decidable(self, keys: Sequence[Key]) -> list[Key]:
        # A store that was never bootstrapped, or whose folder is away or another one, is scanned
        # whole once that ends: nothing is lost by passing its keys over now. (sim: turns in a
        # replaced folder pull edits into it and take their absence later for a deletion.)
        ready = {
            name
            for name in {key.store for key in keys} & self._stores.keys()
            if self._guards.bootstrapped(name)
            and self._guards.root_state(name) is RootState.PRESENT
        }
        return [
            key
            for key in keys
            if key.store in ready
            and self._stores[key.store].includes(key.path)
            and not self.writer.unfinished(key)
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

    def _tell(self, decisions: Sequence[Decision], fresh_holds: set[Key]) -> None:
        for decision in decisions:
            plan, key = decision.plan, str(decision.key)
            if plan.hold is not None:
                if decision.key in fresh_holds:
                    log.warning("held", key=key, reason=plan.hold.reason,
                                detail=plan.hold.detail, advice=plan.hold.advice)  # fmt: skip
            elif plan.conflict is not None:
                log.warning("conflict", key=key, kept="the file; the other version is listed")
            elif plan.reason is Reason.MERGED:
                log.info("merged", key=key)
            elif plan.reason is Reason.PULL:
                log.info("pulled", key=key, deleted=isinstance(plan.to_local, Tombstone))
