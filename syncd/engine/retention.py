"""Keeps history within its bounds, once a day, and the ledger. The rule is `core.retention`.

A conflict that was resolved goes AGE later, and the bytes that only it named with it. Of files that
are gone the ledger forgets what `exchange.tombstones` says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import structlog

from syncd.core.model import Digest
from syncd.core.retention import AGE, Replaced, surplus
from syncd.core.wording import refusal
from syncd.engine.ports import Clock
from syncd.ledger.ledger import Ledger

INTERVAL = 86400.0
"""Seconds between two rounds."""

LEAP = 2 * INTERVAL
"""Seconds since the last round after which a round goes by the time of that one, and only the next
by the clock: one that is a year ahead for an hour must not take all that is kept.
"""

SOONEST = 60.0
"""Seconds after a start: it has other work, and looking at every key would hold that up."""

THINNED = "thinned"
"""The ledger's name for when the last round began."""

SLICE = 500
"""Rows or files that are handled before others get their turn."""

SETTLED = 3600.0
"""Seconds after which bytes in history count as settled: what indexes them was committed."""

log = structlog.get_logger()


class KeptBytes(Protocol):
    """The history folder."""

    def sizes(self) -> Mapping[Digest, int]:
        """Everything that is kept, with its size in bytes."""

    def drop(self, digest: Digest, before_ns: int) -> bool:
        """Forget bytes, unless they were kept, or kept anew, since."""

    def clear_arrivals(self, before_ns: int) -> int:
        """Clear what crashes left of bytes on their way in; how many went."""


class Retention:
    """Forgets what the rule does not keep: rows of the index first, then bytes.

    A crash in between leaves bytes that no row names; they go when they are AGE old, as do those
    that were retired without a row. `tidy` lets the ledger forget bytes that nothing names,
    `forget` files that are gone on both sides.
    """

    def __init__(
        self,
        ledger: Ledger,
        history: KeptBytes,
        clock: Clock,
        tidy: Callable[[], Awaitable[None]],
        forget: Callable[[], Awaitable[int]],
    ) -> None:
        self._ledger = ledger
        self._history = history
        self._clock = clock
        self._tidy = tidy
        self._forget = forget

    async def run(self) -> None:
        """A round every INTERVAL, over starts and stops, until cancelled. Raises LedgerError."""
        while True:
            await asyncio.sleep(self._left())
            await self._go()

    async def if_due(self) -> None:
        """A round, unless one began within INTERVAL, for who runs once. Raises LedgerError.

        Not at the very first run, a first mirror mostly: all that there is is new.
        """
        if self._ledger.places.get(THINNED) is None:
            self.begun()
        elif self._left() <= SOONEST:
            await self._go()

    async def _go(self) -> None:
        try:
            await self.round(self.begun())
        except OSError as error:
            log.warning("history_not_thinned", why=refusal(error), kept="everything")

    def _left(self) -> float:
        """Seconds until the next round; a clock that was set back does not put it off."""
        passed = self._clock.now() - float(self._ledger.places.get(THINNED) or 0)
        return max(SOONEST, INTERVAL - passed) if passed >= 0 else SOONEST

    def begun(self) -> float:
        """Note that a round begins; the time that it goes by. Raises LedgerError."""
        now = self._clock.now()
        last = float(self._ledger.places.get(THINNED) or now)
        with self._ledger.transaction():
            self._ledger.places.put(THINNED, str(now))
        return last if now - last > LEAP else now

    async def round(self, now: float) -> int:
        """Forget what may go at `now`; how many versions went."""
        with self._ledger.transaction():
            self._ledger.events.trim(now)
            self._ledger.conflicts.forget_resolved(now - AGE)
        await self._forget()
        await self._tidy()
        await asyncio.to_thread(self._history.clear_arrivals, int((now - SETTLED) * 1e9))
        versions = await self._versions()
        sizes = await asyncio.to_thread(self._history.sizes)
        needed = self._ledger.conflicts.needed()
        gone = await asyncio.to_thread(surplus, versions, sizes, needed, now)
        for start in range(0, len(gone), SLICE):
            with self._ledger.transaction():
                self._ledger.past.forget(gone[start : start + SLICE])
            await asyncio.sleep(0)
        await self._drop(gone, sizes, now)
        if gone:
            log.info("history_thinned", versions=len(gone))
        return len(gone)

    async def _versions(self) -> list[Replaced]:
        versions: list[Replaced] = []
        while page := self._ledger.past.page(versions[-1].number if versions else 0, SLICE):
            versions += page
            await asyncio.sleep(0)
        return versions

    async def _drop(
        self, gone: Sequence[Replaced], sizes: Mapping[Digest, int], now: float
    ) -> None:
        # RACE: asked again, because a conflict or a row may have come to name it meanwhile; what
        # comes to name it after this was kept anew just before, and drop spares that.
        named = {version.digest for version in await self._versions()}
        named |= self._ledger.conflicts.needed()
        ages = dict.fromkeys(sizes.keys() - named, AGE) | {
            version.digest: SETTLED for version in gone if version.digest not in named
        }
        digests = list(ages.items())
        for start in range(0, len(digests), SLICE):
            await asyncio.to_thread(self._drop_each, digests[start : start + SLICE], now)

    def _drop_each(self, digests: Sequence[tuple[Digest, float]], now: float) -> None:
        for digest, age in digests:
            self._history.drop(digest, int((now - age) * 1e9))
