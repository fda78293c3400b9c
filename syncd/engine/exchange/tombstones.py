"""Forgets files that are gone on both sides, once the deployment has forgotten them: once a day.

A program that makes and deletes a million files would else leave a million rows behind. The row of
such a file says that the deployment holds a tombstone, and at which revision. While it does, the
row is needed: without it the same file, made again, would be met for the first time, and held as
deleted elsewhere. Once the tombstone is reaped, which is when every device has passed it, the
deployment takes the file like one that never was: see `convex/model/reaped.ts`. So both forget the
same, and what is decided without the row is what would be decided with it. But these stay:

- The newest snapshots, for they are witnesses: that a tombstone was reaped the deployment knows.
- What is on its way, noted, held, waits for a person, or lies in its folder by now.
- Keys of records files: programs hold all records of a file in memory, and the row alone tells that
  one which a save brings back was deleted.
- What was reaped since the last round, until the next: an editor may still hold the file.

Where the deployment reaps nothing, because a machine is away for months or they are too many,
nothing is forgotten here either. What an epoch's end leaves of files that are gone everywhere is
met anew, says nothing, and is forgotten too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from syncd.engine.exchange.witnesses import LEAST
from syncd.engine.ports import LocalReplica
from syncd.ledger.ledger import Ledger

NEWEST = LEAST
"""Snapshots that stay, whatever they are of: those that are shown with every question."""

SLICE = 500
"""Rows that are looked at before others get their turn."""


class Tombstones:
    """What the ledger keeps of files that are gone."""

    def __init__(
        self, ledger: Ledger, stores: Mapping[str, LocalReplica], between_turns: asyncio.Lock
    ) -> None:
        self._ledger = ledger
        self._stores = stores
        self._between_turns = between_turns

    async def forget(self) -> int:
        """Forget what was reaped when this was called last; how many files. Raises LedgerError."""
        with self._ledger.transaction():
            before = self._ledger.passing.forgettable()
        whole = [name for name, store in self._stores.items() if store.pointer is None]
        return sum([await self._forget_in(store, before) for store in whole])

    async def _forget_in(self, store: str, before: int) -> int:
        forgotten, after = 0, ""
        while True:
            # RACE: between turns: what a turn has seen of a file stands until it is committed.
            async with self._between_turns:
                place = min(before, self._witnessed())
                last = self._ledger.forgetting.path_behind(store, after, SLICE)
                with self._ledger.transaction():
                    forgotten += self._ledger.forgetting.gone(store, after, last, place)
            if last is None:
                return forgotten
            after = last
            await asyncio.sleep(0)

    def _witnessed(self) -> int:
        """The place of the oldest of the newest snapshots."""
        newest = self._ledger.entries.witnesses(0, NEWEST, NEWEST)
        return newest[-1][0] if len(newest) == NEWEST else 0
