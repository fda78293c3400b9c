"""Files that are missing at first sight: while many are, no deletion of their store is sent.

The guard judges deletions that are believed, and of a slow `rm` the first are believed while the
others are only doubted: sent at once, they would be gone before it stops the rest.
"""

from __future__ import annotations

from collections.abc import Iterable

from syncd.core.doubt import Doubts
from syncd.core.guard import WINDOW, Direction, allowance
from syncd.engine.ports import Clock
from syncd.ledger.ledger import Ledger


class Vanishing:
    """Delays deletions, for as long as a second look takes; it stops none, and delays no move: of
    a renamed folder as many are missing.
    """

    def __init__(self, ledger: Ledger, doubts: Doubts, clock: Clock) -> None:
        self._ledger = ledger
        self._doubts = doubts
        self._clock = clock

    def among(self, stores: Iterable[str]) -> list[str]:
        """Those of which more files may be going at once than do unasked."""
        return [store for store in stores if self._many(store)]

    def _many(self, store: str) -> bool:
        doubted = self._doubts.absent(store, self._clock.monotonic())
        if not doubted:
            return False
        deletions, to_remote = self._ledger.deletions, Direction.TO_REMOTE
        allowed = allowance(deletions.size(store, to_remote))
        if doubted > allowed:  # Of a renamed folder each claim listed all that went before.
            return True
        gone = deletions.listed("gone", store, to_remote, after=self._clock.now() - WINDOW)
        return doubted + len(gone) > allowed
