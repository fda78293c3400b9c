"""A new epoch: ledger and deployment parted, and begin again without deleting anything.

What is queued and sent is dropped, its bytes kept in history; every store is met anew, and only
the digests of what was agreed before count: see `core.epoch`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Mapping
from itertools import chain

import structlog

from syncd.core.epoch import End, rebase
from syncd.core.model import Digest, Key
from syncd.engine.ports import Clock, LocalReplica
from syncd.engine.stops.guards import Guards
from syncd.engine.turns.turn import Reconciler
from syncd.ledger.epochs import Review
from syncd.ledger.ledger import Ledger
from syncd.ledger.places import LEFT, SUCCESSOR

log = structlog.get_logger()


class Epoch:
    """Ends one epoch and lets the next begin."""

    def __init__(
        self,
        ledger: Ledger,
        stores: Mapping[str, LocalReplica],
        guards: Guards,
        reconciler: Reconciler,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._stores = stores
        self._guards = guards
        self._reconciler = reconciler
        self._clock = clock

    async def confirm(self) -> Iterable[Key]:
        """The deployment knows this ledger: writing files may go on. The keys to consider, to be
        used up at once.
        """
        if self._guards.confirmed:
            return ()
        self._guards.confirmed = True
        recovered = await self._reconciler.recover()
        if not self._reconciler.began:
            return recovered  # Nothing was kept from being written: the walk at start names it all.
        entries = self._ledger.entries
        unfinished = (key for store in self._stores for key, _ in entries.unfinished(store))
        return chain(recovered, unfinished)

    async def take_up(self) -> None:
        """Take up the ledger as it was found when it was opened, before anything is decided.

        The epoch of an old copy ends: offline too, where nobody else could tell. Where another
        ledger followed the files since, what was noted before is settled only as far as that let
        it lie: the temporary names that it cleared would pass for writes that were done.
        """
        if self._ledger.epochs.is_old_copy:
            await self.end(End.OLD_COPY)
        elif self._ledger.places.get(LEFT) is not None:
            await self._reconciler.recover(doubted=True)
            with self._ledger.transaction():
                self._ledger.epochs.drop_notes()
                self._ledger.records.disown()
            self._reconciler.writer.reload()

    async def end(self, end: End) -> None:
        """End the epoch: hello is to be said again, and every store to be bootstrapped.

        Notes are settled first, for what they say about files is true; where the folder is away
        they wait for it, and say nothing of bases any more. But of an old copy only those whose
        temporary names are taken: the others speak of writes that came to their end long ago,
        under a ledger that is gone.
        """
        is_old = end is End.OLD_COPY
        self._guards.confirmed = self._guards.confirmed or not is_old
        await self._reconciler.recover(doubted=is_old)
        async with self._reconciler.between_turns:
            await self._save_outbox()
            with self._ledger.transaction():
                dropped = self._ledger.epochs.drop_notes() if is_old else []
                self._ledger.epochs.end()
                if is_old:
                    self._ledger.records.disown()
                self._ledger.epochs.begin_review(Review(self._clock.now(), end.value))
                self._ledger.forgetting.deletions()
                self._renumber(end)
            self._reconciler.writer.reload()
            self._guards.reload()
        await self._retire(dropped)
        log.warning("epoch_began", why=end.value, next="files and deployment are compared anew; "
                    "nothing is deleted")  # fmt: skip

    async def leave(self) -> None:
        """Another ledger follows the files from now on, and would take what lies there for its own.

        What a write met and is still under its temporary name is taken up before: the other ledger
        has no note of it, and could only put it into history (sim).
        """
        await self._reconciler.recover()
        with self._ledger.transaction():
            self._ledger.records.disown()

    def settle(self, store: str) -> None:
        """What the deployment holds of `store` is heard: take up what was agreed on before.

        Runs inside the transaction that marks the store bootstrapped.
        """
        memories = self._ledger.epochs.remembered(store)
        replica = self._stores[store]
        there = set(replica.scan().stats) if memories and replica.pointer is None else set()
        for memory in memories:
            present = memory.local or memory.key.path in there
            former = self._ledger.epochs.former(memory.key)
            base = rebase(memory.agreed, memory.remote, former, present=present)
            if base is not None:
                self._ledger.entries.agree([(memory.key, base)])
        self._ledger.epochs.settle(store)
        if replica.pointer is not None:
            device = self._ledger.places.get("device") or ""
            known = self._ledger.records.paths(store) if self._is_successor else ()
            self._ledger.records.begin(store, device, {*replica.scan().stats, *known})

    @property
    def _is_successor(self) -> bool:
        """Whether another ledger was here before: programs may hold any file that it knew."""
        return self._ledger.places.get(SUCCESSOR) is not None

    def _renumber(self, end: End) -> None:
        places = self._ledger.places
        if end is End.OLD_COPY:
            # Under the old name the other copy goes on, and each would take the other for older.
            places.put("nonce", secrets.token_hex(16))
            places.put("start", "0")
        places.put("answered", "0")
        places.put("registered", "")
        places.put("epoch", str(int(places.get("epoch") or 0) + 1))

    async def _save_outbox(self) -> None:
        saved: list[tuple[Key, Digest]] = []
        for key, digest in self._ledger.epochs.unsaved():
            body, store = self._ledger.contents.get(digest), self._stores.get(key.store)
            if body is not None and store is not None:
                saved.append((key, await asyncio.to_thread(store.swapped.keep, body)))
        with self._ledger.transaction():
            for key, digest in saved:
                self._ledger.past.replaced(key, digest, "epoch", self._clock.now())

    async def _retire(self, dropped: list[tuple[Key, str]]) -> None:
        for key, temporary in dropped:
            folder, slash, _ = key.path.rpartition("/")
            store = self._stores.get(key.store)
            if store is not None:
                await asyncio.to_thread(store.retire, [folder + slash + temporary])
