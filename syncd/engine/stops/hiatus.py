"""A person's pause: nothing is sent and nothing is heard until it ends. Saves are queued.

It lies in the ledger, so a restart does not end it.
"""

from __future__ import annotations

import asyncio
import math

from syncd.engine.ports import Clock
from syncd.engine.waiting import woken
from syncd.ledger.ledger import Ledger

PAUSED = "paused"
"""The ledger's name for when the pause ends: seconds since the epoch, `inf` for not by itself."""


class Hiatus:
    """Begins and ends the pause, and lets others wait for either."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._changed = asyncio.Event()

    @property
    def left(self) -> float:
        """Seconds until the pause ends, 0 where there is none."""
        told = self._ledger.places.get(PAUSED)
        return max(0.0, float(told) - self._clock.now()) if told else 0.0

    def begin(self, seconds: float = math.inf) -> None:
        """Pause for `seconds`, from now."""
        self._put(repr(self._clock.now() + seconds))

    def end(self) -> bool:
        """End the pause; whether there was one."""
        paused = self.left > 0
        self._put("")
        return paused

    async def over(self) -> None:
        """Return once there is no pause."""
        while left := self.left:
            await self._wait(left)

    async def begun(self) -> None:
        """Return once there is a pause."""
        while not self.left:
            await self._wait(math.inf)

    def _put(self, value: str) -> None:
        with self._ledger.transaction():
            self._ledger.places.put(PAUSED, value)
        self._changed.set()

    async def _wait(self, seconds: float) -> None:
        self._changed.clear()
        await woken(self._changed, None if math.isinf(seconds) else seconds)
