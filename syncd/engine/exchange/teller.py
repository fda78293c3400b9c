"""Tells the deployment of conflicts, so that those see them whose versions lost.

The queue is the ledger's own list: what is not told yet is told at the next tie.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Protocol

import structlog

from syncd.core.conflict import ListedConflict
from syncd.errors import FunctionFailed, ProtocolError, SyncdError, Unauthorized, Unavailable
from syncd.ledger.ledger import Ledger

CONFLICTS = 20
"""Conflicts a call carries at most; `convex/model/limits.ts` takes 50."""

TEXT_BYTES = 1024 * 1024
"""Bytes of text a call carries at most, unless one conflict alone has more."""

GATHERED = 1.0
"""Seconds after a call in which no other begins: hundreds that a person decides come one by one."""

Told = tuple[ListedConflict, bytes | None]

log = structlog.get_logger()


class Recorder(Protocol):
    """The part of the deployment that keeps conflicts."""

    async def record(self, conflicts: Sequence[Told]) -> list[str | None]:
        """Make conflicts known; the names of those whose versions lost."""


class Teller:
    """Tells whenever it is woken: a conflict was listed or decided, or the deployment is back."""

    def __init__(self, ledger: Ledger, recorder: Recorder) -> None:
        self._ledger = ledger
        self._recorder = recorder
        self._refused: set[int] = set()
        self._wakened = asyncio.Event()
        ledger.conflicts.connect(self.wake)

    def wake(self) -> None:
        """There may be something to tell, or somebody to tell it to."""
        self._wakened.set()

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            await self._wakened.wait()
            self._wakened.clear()
            await self.tell()
            await asyncio.sleep(GATHERED)

    async def tell(self) -> None:
        """Tell what is not told yet; what cannot be told now stays untold."""
        try:
            while batch := self._next():
                await self._record(batch)
        except (Unavailable, Unauthorized, ProtocolError) as error:
            self._put_off(error)

    def _next(self) -> list[Told]:
        untold = self._ledger.conflicts.untold(CONFLICTS + len(self._refused))
        waiting = [conflict for conflict in untold if conflict.number not in self._refused]
        return list(_fitting(self._with_bytes(waiting[:CONFLICTS])))

    def _with_bytes(self, conflicts: Sequence[ListedConflict]) -> Iterator[Told]:
        for conflict in conflicts:
            lost = self._ledger.contents.get(conflict.remote) if conflict.remote else None
            yield conflict, lost

    async def _record(self, batch: Sequence[Told]) -> None:
        try:
            names = await self._recorder.record(batch)
        except FunctionFailed as error:
            if len(batch) > 1:
                # One that the deployment will not take must not keep the others from it.
                for told in batch:
                    await self._record([told])
                return
            self._refused.add(batch[0][0].number)
            self._put_off(error)
            return
        conflicts = [conflict for conflict, _ in batch]
        with self._ledger.transaction():
            self._ledger.conflicts.tell(zip(conflicts, names, strict=True))

    def _put_off(self, error: SyncdError) -> None:
        log.info("conflicts_not_told", why=str(error), kept="in the ledger, listed as before")


def _fitting(told: Iterator[Told]) -> Iterator[Told]:
    total = 0
    for conflict, lost in told:
        size = len(lost or b"")
        if total and total + size > TEXT_BYTES:
            return
        total += size
        yield conflict, lost
