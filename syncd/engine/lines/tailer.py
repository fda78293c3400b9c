"""Follows files that only grow: which there are, and whether they grew. See `appender`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace

from syncd.core.model import Key
from syncd.core.reading import Stat
from syncd.core.settle import Settler
from syncd.engine.lines.appender import Appender
from syncd.engine.lines.generations import QUIET, Generations
from syncd.engine.naming.rescan import interval
from syncd.engine.ports import Clock, LinesReplica, RemoteLogs, Seen
from syncd.engine.stops.holding import hold_found
from syncd.engine.waiting import woken
from syncd.ledger.ledger import Ledger
from syncd.ledger.places import UNKNOWN, StoreRecord

COPIED = 2.0
"""Seconds after which a file that seems to be copied just now is looked at again."""


class Tailer:
    """The stores of layout `lines`. `remote` None: their files are only followed."""

    def __init__(
        self,
        ledger: Ledger,
        folders: Mapping[str, LinesReplica],
        remote: RemoteLogs | None,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._folders = folders
        self._clock = clock
        self._stores = {
            name: Generations(ledger, name, folder, clock) for name, folder in folders.items()
        }
        self._turn = asyncio.Lock()
        self._appender: Appender | None = None
        if remote is not None:
            self._appender = Appender(ledger, folders, self._stores, remote, clock, self._turn)
        self._settler = Settler()
        self._requested: set[str] = set()
        self._deleted: dict[str, float] = {}
        self._named = asyncio.Event()
        self._wakened = asyncio.Event()
        self.idle = asyncio.Event()
        """Set while no file is to be looked at and no line waits to be sent."""
        self.looked = asyncio.Event()
        """Set once every store was walked."""
        for name in folders:
            self.request(name)
        self._rest()

    def touched(self, key: Key, *, settled: bool) -> None:
        """A file event. A file that grows steadily is looked at once a second at most."""
        # Only whole lines are taken, so nothing is to be waited for, settled or not.
        self._settler.touch(key, self._clock.monotonic(), settled=True)
        self._name()

    def request(self, store: str) -> None:
        """Walk `store` soon."""
        self._requested.add(store)
        self._name()

    def follows(self, store: str) -> bool:
        """Whether the files of `store` are files of lines."""
        return store in self._stores

    def look_again(self, stores: Iterable[str]) -> None:
        """A person has decided about files of `stores`: what was not taken is tried again."""
        if self._appender is not None:
            self._appender.begin()
        for store in filter(self.follows, stores):
            self.request(store)

    @property
    def waiting(self) -> int:
        """How many files are to be looked at or sent from."""
        unseen = self._appender.unseen if self._appender is not None else ()
        behind = sum(len(g.behind) for store, g in self._stores.items() if store not in unseen)
        return len(self._settler) + len(self._requested) + behind

    async def run(self) -> None:
        """Follow files until cancelled. Raises LedgerError."""
        walk = self._clock.monotonic() + interval()
        while True:
            await self.look()
            due = min([walk, self._settler.next_due() or walk, *self._deleted.values()])
            pause = max(0.0, due - self._clock.monotonic())
            await woken(self._named, pause if self._stores else None)
            self._named.clear()
            now = self._clock.monotonic()
            self._requested.update(store for store, when in self._deleted.items() if when <= now)
            if now >= walk:
                self._requested.update(self._stores)
                walk = now + interval()

    async def look(self) -> None:
        """Look at what is due, and walk what is requested."""
        async with self._turn:
            requested, self._requested = self._requested, set()
            for store in sorted(requested):
                await self._walk(store)
            keys = self._settler.take(self._clock.monotonic(), 1000)
            for store in sorted({key.store for key in keys} - requested):
                paths = [key.path for key in keys if key.store == store]
                found = await asyncio.to_thread(self._folders[store].look, paths)
                if len(found) < len(paths):
                    # Renamed or deleted: where it is now, and whether, a walk tells.
                    await self._walk(store)
                else:
                    await self._meet(store, found)
        if requested or keys:
            self._wakened.set()
        self.looked.set()
        self._rest()

    async def send(self) -> None:
        """Send until cancelled. Raises the trouble of the first call that failed for good."""
        if self._appender is not None:
            self._appender.begin()
        while True:
            self._wakened.clear()
            await self._send_all()
            self._rest()
            await self._wakened.wait()

    async def flush(self) -> None:
        """Send what the files hold now, and return. Raises the remote's troubles."""
        self._requested.update(self._stores)
        await self.look()
        await self._send_all()

    async def _send_all(self) -> None:
        if self._appender is None:
            return
        for store in self._stores:
            if not self._ledger.places.stores().get(store, UNKNOWN).bootstrapped:
                await self._appender.bootstrap(store)
        while await self._appender.send_some():
            pass
        for store in self._appender.take_gone():
            self.request(store)

    async def _walk(self, store: str) -> None:
        seen = await asyncio.to_thread(self._folders[store].scan)
        self._record_holds(store, seen)
        record = self._ledger.places.stores().get(store, UNKNOWN)
        if seen.root is not None and record.bootstrapped and record.root != seen.root:
            # Its files are other ones, but they may hold what those held that were there.
            self._mark(store, replace(record, bootstrapped=False))
            self._wakened.set()
        if seen.root is not None:
            await self._stores[store].take_up(seen.stats)
        await self._meet(store, seen.stats)
        self._deleted.pop(store, None)
        if seen.root is not None and await self._stores[store].let_go(seen.stats):
            self._deleted[store] = self._clock.monotonic() + QUIET

    async def _meet(self, store: str, found: Mapping[str, Stat]) -> None:
        met = await self._stores[store].meet(found)
        when = self._clock.monotonic() + COPIED
        self._settler.again([(Key(store, path), when) for path in met])

    def _record_holds(self, store: str, seen: Seen) -> None:
        held = self._ledger.attention.held(store)
        refused = self._appender.refused(store) if self._appender is not None else set()
        with self._ledger.transaction():
            hold_found(self._ledger, store, seen.holds, self._clock.now())
            for path in held.keys() - seen.holds.keys() - refused:
                self._ledger.attention.release(store, path)

    def _mark(self, store: str, record: StoreRecord) -> None:
        with self._ledger.transaction():
            self._ledger.places.record_store(store, record)

    def _name(self) -> None:
        self.idle.clear()
        self._named.set()

    def _rest(self) -> None:
        (self.idle.clear if self.waiting else self.idle.set)()
