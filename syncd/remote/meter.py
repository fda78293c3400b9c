"""Every call to the deployment passes here: it is counted, and waits, or is stopped. Does IO: the
clock."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from syncd.core.ceiling import Bucket, Ceiling, Reached
from syncd.core.cost import Cost, Costs, Spending, together
from syncd.errors import CeilingReached


class Meter:
    """Counts calls and bytes, keeps writes to a pace, and stops where a ceiling is reached.

    By itself it bounds nothing.
    """

    def __init__(
        self,
        ceiling: Ceiling | None = None,
        bucket: Bucket | None = None,
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.spending = Spending()
        """What was counted, for the ledger to keep."""
        self._beside: Costs = {}
        self._ceiling = ceiling or Ceiling()
        self._bucket = bucket
        self._now = now
        self._monotonic = monotonic
        self._sleep = sleep

    @property
    def held(self) -> str:
        """Why no call may be made now, and until when; empty where calls may."""
        reached = self._reached()
        return _stopped(reached).held if reached is not None else ""

    async def admit(self, written: int = 0) -> None:
        """Return once a call may go that has the deployment write so many bytes.

        Raises CeilingReached where none may.
        """
        self._stop_where_reached()
        if self._bucket is not None and written:
            pause = self._bucket.take(written, self._monotonic())
            if pause > 0:
                await self._sleep(pause)
                self._stop_where_reached()

    def count(self, cost: Cost) -> None:
        """`cost` was spent."""
        self.spending.add(cost, self._now())

    def know_beside(self, costs: Costs) -> None:
        """Other programs of this machine spent this: a ceiling is for all of them."""
        self._beside = costs

    def _stop_where_reached(self) -> None:
        reached = self._reached()
        if reached is not None:
            raise _stopped(reached)

    def _reached(self) -> Reached | None:
        return self._ceiling.reached(together(self.spending.costs, self._beside), self._now())


def _stopped(reached: Reached) -> CeilingReached:
    when = datetime.fromtimestamp(reached.until, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    return CeilingReached(
        reached.setting,
        when,
        f"to go on now raise {reached.setting} in config.toml, then `kill -HUP {os.getpid()}`",
    )
