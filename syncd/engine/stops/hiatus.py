"""A person's pause: nothing is sent and nothing is heard until it ends. Saves are queued.

It lies in the ledger, so a restart does not end it. No clock that is set back makes it longer.
"""

from __future__ import annotations

import asyncio
import math

from syncd.engine.ports import Clock
from syncd.engine.waiting import woken
from syncd.ledger.ledger import Ledger

PAUSED = "paused"
"""The ledger's name for when the pause ends: seconds since the epoch, `inf` for not by itself."""

_ASKED = "paused_for"
"""The ledger's name for how many seconds that is from when it began."""

LOOK = 30.0
"""Seconds between looks at the clock: while a machine sleeps no wait ends."""


class Hiatus:
    """Begins and ends the pause, and lets others wait for either."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._changed = asyncio.Event()
        self._latest = clock.monotonic() + self._told()
        """When the pause ends, by the clock that nobody sets."""

    @property
    def left(self) -> float:
        """Seconds until the pause ends, 0 where there is none."""
        return max(0.0, min(self._told(), self._latest - self._clock.monotonic()))

    def _told(self) -> float:
        told = self._ledger.places.get(PAUSED)
        if not told:
            return 0.0
        # More than was asked for is left only where the clock was set back.
        asked = float(self._ledger.places.get(_ASKED) or math.inf)
        return min(float(told) - self._clock.now(), asked)

    def begin(self, seconds: float = math.inf) -> None:
        """Pause for `seconds`, from now."""
        self._latest = self._clock.monotonic() + seconds
        self._put(repr(self._clock.now() + seconds), seconds)

    def end(self) -> bool:
        """End the pause; whether there was one."""
        paused = self.left > 0
        self._put("")
        return paused

    async def over(self) -> None:
        """Return once there is no pause."""
        while left := self.left:
            await self._wait(left)
        if self._ledger.places.get(PAUSED):
            self._put("")  # For who reads it and has the clock alone.

    async def begun(self) -> None:
        """Return once there is a pause."""
        while not self.left:
            await self._wait(math.inf)

    def _put(self, value: str, asked: float = 0.0) -> None:
        with self._ledger.transaction():
            self._ledger.places.put(PAUSED, value)
            self._ledger.places.put(_ASKED, repr(asked))
        self._changed.set()

    async def _wait(self, seconds: float) -> None:
        self._changed.clear()
        await woken(self._changed, None if math.isinf(seconds) else min(seconds, LOOK))
