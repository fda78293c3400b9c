"""How far this ledger came, told now and then: the deployment keeps tombstones until all know them.

Every hello tells it. A daemon that runs for weeks says no other, so what it passes since is told
behind pages that it asks for anyway, and at most once in a while: an idle machine calls nothing.
"""

from __future__ import annotations

from syncd.core.model import Cursor
from syncd.engine.ports import Clock, RemoteReplica
from syncd.ledger.ledger import Ledger

EVERY = 3600.0
"""Seconds between two times: tombstones are reaped once a day."""


class Presence:
    """What the deployment was told last, and when."""

    def __init__(self, ledger: Ledger, remote: RemoteReplica, clock: Clock) -> None:
        self._ledger = ledger
        self._remote = remote
        self._clock = clock
        self._told: Cursor | None = None
        self._since = clock.monotonic()

    def told(self, passed: Cursor | None) -> None:
        """A hello told that the ledger had passed this place."""
        self._told, self._since = passed, self._clock.monotonic()

    async def tell(self) -> None:
        """Tell what was passed since, if that is due. Raises the remote's troubles."""
        if self._clock.monotonic() - self._since < EVERY:
            return
        passed, places = self._ledger.passing.place, self._ledger.places
        if passed is not None and passed != self._told:
            start = int(places.get("start") or 0)
            reaped = await self._remote.tell_passed(places.get("nonce") or "", start, passed)
            with self._ledger.transaction():
                self._ledger.passing.reaped(reaped)
            self.told(passed)
