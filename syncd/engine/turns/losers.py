"""What loses a conflict lies in history too, from before the conflict is listed.

The list and its bytes are in the ledger. With the ledger lost and the deployment out of reach,
history is where a person finds them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import structlog

from syncd.core.decision import Decision
from syncd.core.model import Content, Digest, Key
from syncd.core.wording import STATE_DISK, refusal
from syncd.engine.ports import Clock, LocalReplica
from syncd.engine.turns.parts import FileTurn
from syncd.ledger.ledger import Ledger

WHY = "conflict"
"""How the history index calls these bytes. No file need ever have held them."""

ALONE = "unsent"
"""How it calls what was to be sent while neither file nor deployment held it."""

log = structlog.get_logger()


class Losers:
    """Puts the bytes of remote versions that lose into history."""

    def __init__(self, ledger: Ledger, stores: Mapping[str, LocalReplica], clock: Clock) -> None:
        self._ledger = ledger
        self._stores = stores
        self._clock = clock

    async def keep(self, decisions: Sequence[Decision], files: Sequence[FileTurn] = ()) -> None:
        """Keep what the conflicts of a turn name, before any of it is committed.

        And what the ledger alone would hold of records files.
        """
        found = [(each.key, each.plan.conflict) for each in decisions]
        found += [lost for file in files if file.taken for lost in file.taken.conflicts]
        await self._keep((key, lost.remote.digest) for key, lost in found if lost is not None)
        for key, body in [alone for file in files for alone in file.alone]:
            digest = Content.of(body).digest
            if await self._put(key, digest, body, ALONE):
                self._index([(key, digest)], ALONE)

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
            log.warning("conflict_put_off", key=str(key), why=refusal(error), advice=STATE_DISK)
            return False
        self._index([(key, lost)], WHY)
        return True

    async def catch_up(self) -> None:
        """Keep what earlier runs listed and could not keep."""
        await self._keep((each.key, each.remote) for each in self._ledger.conflicts.unresolved())

    async def _keep(self, lost: Iterable[tuple[Key, Digest | None]]) -> None:
        # One after the other: all that ever lost may not fit into memory.
        kept = [(key, digest) for key, digest in lost if digest and await self._put(key, digest)]
        if kept:
            self._index(kept, WHY)

    async def _put(
        self, key: Key, digest: Digest, body: bytes | None = None, why: str = WHY
    ) -> bool:
        """Keep `body`, or what the ledger has of `digest`; whether that is news."""
        store = self._stores.get(key.store)
        if store is None or self._ledger.past.known(key, digest, why):
            return False
        body = body if body is not None else self._ledger.contents.get(digest)
        if body is None:
            return False
        try:
            await asyncio.to_thread(store.swapped.keep, body)
        except OSError as error:
            # A full or failing disk must not keep a save from being sent: the ledger has it.
            log.warning("loser_not_kept", key=str(key), why=refusal(error),
                        next="the ledger has it; the next start tries again")  # fmt: skip
            return False
        return True

    def _index(self, kept: Sequence[tuple[Key, Digest]], why: str) -> None:
        with self._ledger.transaction():
            for key, digest in kept:
                self._ledger.past.replaced(key, digest, why, self._clock.now())
