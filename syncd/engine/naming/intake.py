"""Where keys are named: by the watcher, the scan, the puller, the pusher. One loop considers them.

Naming is all that any event does. A key named twice is considered once; a key named while it is
considered is considered again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from syncd.core.lead import SILENCE
from syncd.core.model import Digest, Key
from syncd.core.settle import Settler
from syncd.engine.ports import Clock
from syncd.engine.turns.decide import Turn
from syncd.engine.turns.turn import Reconciler
from syncd.engine.waiting import whole, woken

BATCH = 200
"""Keys a turn takes at most: its commit is one fsync, and a turn delays nobody for long."""


class Intake:
    """Gathers named keys and considers them when they are due."""

    def __init__(self, reconciler: Reconciler, clock: Clock) -> None:
        self._reconciler = reconciler
        self.between_turns = reconciler.between_turns
        """Held while a turn runs."""
        self._clock = clock
        self._settler = Settler()
        self.lead = reconciler.closing.lead
        """How much is queued that no call has claimed yet: bulk waits while that is enough."""
        self._deferred: set[Key] = set()
        self._named = asyncio.Event()
        self._on_queued: Callable[[], None] = lambda: None
        self._on_wanted: Callable[[Iterable[Key]], None] = lambda _: None
        self._on_unready: Callable[[Iterable[tuple[Key, Digest]]], None] = lambda _: None
        self._on_slow: Callable[[Iterable[Key]], None] = lambda _: None
        self.idle = asyncio.Event()
        """Set while no key waits, not even for a second look."""
        self.busy = asyncio.Event()
        """Set while some key waits."""

    def connect(
        self, on_queued: Callable[[], None], on_wanted: Callable[[Iterable[Key]], None]
    ) -> None:
        """Tell who sends what turns queue, and who fetches the bytes they lack."""
        self._on_queued = on_queued
        self._on_wanted = on_wanted

    def connect_payloads(
        self,
        on_unready: Callable[[Iterable[tuple[Key, Digest]]], None],
        on_slow: Callable[[Iterable[Key]], None],
    ) -> None:
        """Tell who brings payloads beside their files, and who reads what takes long to read."""
        self._on_unready, self._on_slow = on_unready, on_slow

    def touched(self, key: Key, *, settled: bool) -> None:
        """A file event: considered at once when the file was quiet, coalesced when hot."""
        self._settler.touch(self._reconciler.unit(key), self._clock.monotonic(), settled=settled)
        self._wake()

    def name(self, keys: Iterable[Key]) -> None:
        """Consider `keys` as soon as there is time; many at once let saves go before them."""
        # One by one: those of a whole store are not to be in memory twice.
        self._settler.name(map(self._reconciler.unit, keys), self._clock.monotonic())
        self._wake()

    def answered(self, keys: Iterable[Key]) -> None:
        """The sent rows of `keys` were answered: name those that had to wait for that, and go on
        with bulk.
        """
        self.lead.answered(self._clock.monotonic())
        self._name_deferred(keys)
        self._named.set()

    def _name_deferred(self, keys: Iterable[Key]) -> None:
        waiting = self._deferred.intersection(keys)
        if waiting:
            self._deferred -= waiting
            self.name(waiting)

    @property
    def waiting(self) -> int:
        """How many keys are named and not yet considered."""
        return len(self._settler)

    async def run(self) -> None:
        """Consider what is named until cancelled. Raises LedgerError."""
        while True:
            now = self._clock.monotonic()
            bulk = not self.lead.is_long(now)
            if keys := self._settler.take(now, BATCH, bulk=bulk):
                self.take_over(await whole(self._reconciler.consider(keys)))
            else:
                await self._wait(bulk=bulk)

    def take_over(self, turn: Turn) -> None:
        """See to what a turn left to others."""
        now = self._clock.monotonic()
        self._settler.again([(key, when or now) for key, when in turn.again])
        self._deferred.update(turn.deferred)
        # RACE: some were answered while the turn went on.
        self._name_deferred(self._reconciler.answered(turn.deferred))
        if turn.queued:
            self._on_queued()
        if turn.wanted:
            self._on_wanted(turn.wanted)
        self._on_unready(turn.unready)
        self._on_slow(turn.slow)

    def _wake(self) -> None:
        if len(self._settler):
            self.idle.clear()
            self.busy.set()
        self._named.set()

    async def _wait(self, *, bulk: bool) -> None:
        if not len(self._settler):
            self.idle.set()
            self.busy.clear()
        due, now = self._settler.next_due(bulk=bulk), self._clock.monotonic()
        pauses = [max(0.0, due - now)] if due is not None else []
        pauses += [] if bulk else [SILENCE]
        await woken(self._named, min(pauses, default=None))
        self._named.clear()
