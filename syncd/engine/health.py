"""How each part of the daemon is: kept in memory, written to the ledger when it changes."""

from __future__ import annotations

import os

import structlog

from syncd.core.wording import sentence
from syncd.engine.ports import Clock
from syncd.errors import SyncdError
from syncd.ledger.ledger import Ledger

REFRESH = 60.0
"""Seconds after which an unchanged state is written again, so that readers see it is alive."""

TOLD_BY = "told-by"
"""The ledger's name for the process whose health it tells: no other's is to be believed."""

HEARD = "heard"
"""The ledger's name for when that process last told how a store is watched, which it does every
minute: by the clock that nobody sets, that stands still while the machine sleeps, and that all
processes read alike.
"""

log = structlog.get_logger()


class Health:
    """Says of each part what it is doing, once for each change."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._parts: dict[str, tuple[str, str, float]] = {}
        # What an earlier run reported last says nothing about this one.
        with ledger.transaction():
            ledger.attention.forget_health()
            ledger.places.put(HEARD, "")
            ledger.places.put(TOLD_BY, str(os.getpid()))

    def report(self, part: str, state: str, detail: str = "") -> bool:
        """`part` is in `state` now; whether it was in another before."""
        now = self._clock.now()
        known = self._parts.get(part)
        if known and known[:2] == (state, detail) and 0 <= now - known[2] < REFRESH:
            return False
        self._parts[part] = (state, detail, now)
        with self._ledger.transaction():
            self._ledger.attention.report({part: (state, detail)}, now)
            if part.startswith("watch:"):
                self._ledger.places.put(HEARD, repr(self._clock.monotonic()))
        changed = known is None or known[0] != state
        if changed:
            log.debug("health", part=part, state=state, detail=detail)
        return changed

    def presume(self, part: str, state: str, detail: str) -> bool:
        """`part` is in `state` for all that is known, where nothing was reported of it yet; whether
        that is so.
        """
        return part not in self._parts and self.report(part, state, detail)

    def watched(self, part: str, state: str, detail: str = "") -> bool:
        """How a store is watched; the log is told where it is polled, and when not any more."""
        known = self._parts.get(part)
        changed = self.report(part, state, detail)
        if changed and state == "polling":
            log.warning("degraded", part=part, what=detail, advice="see `syncd doctor`")
        elif changed and known is not None and known[0] == "polling":
            log.info("recovered", part=part, state=state)
        return changed

    def trouble(self, part: str, state: str, error: SyncdError) -> None:
        """`part` met a trouble that it goes on trying to overcome."""
        known = self._parts.get(part)
        self.report(part, state, f"{error}. {sentence(error.advice)}")
        if known is None or known[0] != state:
            log.warning("degraded", part=part, what=str(error), advice=error.advice)

    def recovered(self, part: str, state: str, detail: str = "") -> None:
        """`part` is well; told to the log when it was not."""
        known = self._parts.get(part)
        self.report(part, state, detail)
        if known is not None and known[0] != state:
            log.info("recovered", part=part, state=state)
