"""What loses a conflict lies in history too, from before the conflict is listed.

The list and its bytes are in the ledger. With the ledger lost and the deployment out of reach,
history is where a person finds them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import structlog

from syncd.core.decision import Decision
from syncd.core.model import Digest, Key
from syncd.engine.ports import Clock, LocalReplica
from syncd.ledger.ledger import Ledger

WHY = "conflict"
"""How the history index calls these bytes. No file need ever have held them."""

log = structlog.get_logger()


class Losers:
    """Puts the bytes of remote versions that lose into history."""

    def __init__(self, ledger: Ledger, stores: Mapping[str, LocalReplica], clock: Clock) -> None:
        self._ledger = ledger
        self._stores = stores
        self._clock = clock

    async def keep(self, decisions: Sequence[Decision]) -> None:
        """Keep what the conflicts of `decisions` name, before any of it is committed."""
        await self._keep(
            (decision.key, decision.plan.conflict.remote.digest)
            for decision in decisions
            if decision.plan.conflict is not None
        )

    async def shelved(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Those of `decisions` that may go on: what they make lose is kept, if it is a payload.

        The ledger keeps no payloads, so without room for one in history its key waits.
        """
        return [each for each in decisions if await self._shelve(each)]

    async def _shelve(self, decision: Decision) -> bool:
        key, conflict = decision.key, decision.plan.conflict
        lost = conflict.remote.digest if conflict is not None else None
        if lost is None or self._ledger.contents.has(lost):
            return True
        try:
            await asyncio.to_thread(self._stores[key.store].transit.payloads.shelve, lost)
        except OSError as error:
            log.warning("conflict_put_off", key=str(key), why=str(error))
            return False
        with self._ledger.transaction():
            self._ledger.past.replaced(key, lost, WHY, self._clock.now())
        return True

    async def catch_up(self) -> None:
        """Keep what earlier runs listed and could not keep."""
        await self._keep((each.key, each.remote) for each in self._ledger.conflicts.unresolved())

    async def _keep(self, lost: Iterable[tuple[Key, Digest | None]]) -> None:
        kept = [(key, digest) for key, digest in lost if digest and await self._put(key, digest)]
        if kept:
            with self._ledger.transaction():
                for key, digest in kept:
                    self._ledger.past.replaced(key, digest, WHY, self._clock.now())

    async def _put(self, key: Key, digest: Digest) -> bool:
        store, body = self._stores.get(key.store), self._ledger.contents.get(digest)
        if store is None or body is None or self._ledger.past.known(key, digest, WHY):
            return False
        try:
            await asyncio.to_thread(store.swapped.keep, body)
        except OSError as error:
            # A full or failing disk must not keep a save from being sent: the ledger has it.
            log.warning("loser_not_kept", key=str(key), why=str(error), next="the next start")
            return False
        return True
