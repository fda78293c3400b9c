"""First contact with a store: what the deployment holds of it is heard before anything is decided.

The head is noted first, then the manifest is paged, tombstones too, and the feed is followed
from that head: what changes meanwhile is told again. Files that are equal are recognised by
digest, so only what differs is fetched. A page is asked for, and the bytes of the one before it
are, while another is heard: on its own each would wait for all the others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

import structlog

from syncd.core.decision import Heard
from syncd.core.model import Change, Content
from syncd.engine.exchange.bodies import Bodies
from syncd.engine.exchange.epoch import Epoch
from syncd.engine.exchange.pages import cut
from syncd.engine.ports import LocalReplica, RemoteReplica
from syncd.engine.stops.guards import Guards
from syncd.engine.versions import parts
from syncd.engine.waiting import all_ended, one_ahead
from syncd.ledger.ledger import Ledger
from syncd.ledger.places import UNKNOWN
from syncd.stores.records import Part

FETCHED = 500
"""Keys whose bytes are asked for at once."""

IN_FLIGHT = 2
"""Such calls on their way while what another brought is heard."""

log = structlog.get_logger()

Progress = Callable[[str, int, int | None], None]
"""Told (what is going on, how many are done, how many there are where that is known)."""


class Bootstrap:
    """Brings stores that the ledger does not know to where changes can be followed."""

    def __init__(
        self,
        ledger: Ledger,
        remote: RemoteReplica,
        bodies: Bodies,
        guards: Guards,
        stores: Mapping[str, LocalReplica],
        epoch: Epoch,
    ) -> None:
        self._ledger = ledger
        self._remote = remote
        self._bodies = bodies
        self._guards = guards
        self._stores = stores
        self._epoch = epoch

    async def run(self, progress: Progress) -> list[str]:
        """Bootstrap every store that needs it; their names. Raises the remote's troubles."""
        fresh = [name for name in self._stores if not self._guards.roots.bootstrapped(name)]
        if not fresh:
            return []
        head = await self._remote.head()
        for name in fresh:
            await self._hear(name, progress)
        if self._ledger.passing.cursor is None:
            self._ledger.hear((), head)
        for name in fresh:
            self._mark(name)
        log.info("bootstrapped", stores=fresh)
        return fresh

    async def _hear(self, name: str, progress: Progress) -> None:
        heard = 0
        async with aclosing(self._news(name)) as coming:
            async for news in coming:
                self._ledger.hear(news, None)
                heard += len(news)
                progress(f"first contact: {name}", heard, None)

    async def _news(self, name: str) -> AsyncGenerator[list[Heard], None]:
        asked: deque[asyncio.Task[list[Heard]]] = deque()
        try:
            async with aclosing(self._portions(name)) as told:
                async for some in told:
                    asked.append(asyncio.create_task(self._fetched(some)))
                    if len(asked) > IN_FLIGHT:
                        yield await asked.popleft()
            while asked:
                yield await asked.popleft()
        finally:
            for task in asked:
                task.cancel()
            await all_ended(asked)

    async def _fetched(self, some: Sequence[Change]) -> list[Heard]:
        return self._bodies.news(some, await self._bodies.of(some))

    async def _portions(self, name: str) -> AsyncGenerator[list[Change], None]:
        async with aclosing(one_ahead(self._pages(name))) as told:
            async for entries in told:
                known = await asyncio.to_thread(self._recognise, self._stores[name], entries)
                for some in cut(([each] for each in known), FETCHED, self._most):
                    yield some

    def _most(self) -> int:
        return self._bodies.portion.bytes

    async def _pages(self, name: str) -> AsyncGenerator[list[Change], None]:
        entries, after = await self._remote.manifest(name, None)
        yield entries
        while after is not None:
            entries, after = await self._remote.manifest(name, after)
            yield entries

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
