"""First contact with a store: what the deployment holds of it is heard before anything is decided.

The head is noted first, then the manifest is paged, tombstones too, and the feed is followed
from that head: what changes meanwhile is told again. Files that are equal are recognised by
digest, so only what differs is fetched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from syncd.core.model import Change, Content, Key
from syncd.engine.exchange.epoch import Epoch
from syncd.engine.exchange.puller import Puller
from syncd.engine.ports import Clock, LocalReplica, RemoteReplica
from syncd.engine.stops.guards import Guards
from syncd.engine.versions import parts
from syncd.ledger.ledger import Ledger
from syncd.ledger.places import UNKNOWN
from syncd.stores.records import Part

log = structlog.get_logger()

Progress = Callable[[str, int, int | None], None]
"""Told (what is going on, how many are done, how many there are where that is known)."""


class Bootstrap:
    """Brings stores that the ledger does not know to where changes can be followed."""

    def __init__(
        self,
        ledger: Ledger,
        remote: RemoteReplica,
        puller: Puller,
        guards: Guards,
        stores: Mapping[str, LocalReplica],
        clock: Clock,
        epoch: Epoch,
    ) -> None:
        self._ledger = ledger
        self._remote = remote
        self._puller = puller
        self._guards = guards
        self._stores = stores
        self._clock = clock
        self._epoch = epoch

    async def run(self, progress: Progress) -> list[str]:
        """Bootstrap every store that needs it; their names. Raises the remote's troubles."""
        fresh = [name for name in self._stores if not self._guards.roots.bootstrapped(name)]
        if not fresh:
            return []
        head = await self._remote.head()
        for name in fresh:
            await self._page(name, progress)
        if self._ledger.passing.cursor is None:
            self._ledger.hear((), head, self._clock.now())
        for name in fresh:
            self._mark(name)
        log.info("bootstrapped", stores=fresh)
        return fresh

    async def _page(self, name: str, progress: Progress) -> None:
        after: Key | None = None
        heard = 0
        while True:
            entries, after = await self._remote.manifest(name, after)
            known = await asyncio.to_thread(self._recognise, self._stores[name], entries)
            news = await self._puller.with_bytes(known)
            self._ledger.hear(news, None, self._clock.now())
            heard += len(entries)
            progress(f"first contact: {name}", heard, None)
            if after is None:
                return

    def _recognise(self, store: LocalReplica, entries: Sequence[Change]) -> list[Change]:
        last: tuple[str, Mapping[str, Part]] = ("", {})
        recognised: list[Change] = []
        for change in entries:
            path, version = change.key.path, change.snapshot.version
            if isinstance(version, Content) and not change.stored and path != last[0]:
                last = (path, parts(store.read(path), store.pointer) or {})
            part = last[1].get(change.key.record) if path == last[0] else None
            same = part is not None and part.content == version
            recognised.append(replace(change, body=part.body) if part and same else change)
        return recognised

    def _mark(self, name: str) -> None:
        known = self._ledger.places.stores().get(name, UNKNOWN)
        # A folder that was known stays the store's own, were another one there now.
        root = known.root or self._stores[name].identity()
        with self._ledger.transaction():
            self._epoch.settle(name)
            self._ledger.places.record_store(name, replace(known, root=root, bootstrapped=True))
        self._guards.roots.reload()
