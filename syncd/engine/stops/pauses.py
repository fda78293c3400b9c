"""Which stores do not send now, because git is at work in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from syncd.core.pause import Operation, Pause
from syncd.engine.health import Health
from syncd.engine.ports import Clock
from syncd.ledger.ledger import Ledger

Looking = Callable[[], Operation | None]
"""Tells what git is doing to a store's folder now."""


class Pauses:
    """Looks at git before anything is sent. Saves are queued all the same."""

    def __init__(
        self, ledger: Ledger, git: Mapping[str, Looking], clock: Clock, health: Health
    ) -> None:
        self._ledger = ledger
        self._git = git
        self._clock = clock
        self._health = health
        self._pauses = {store: Pause() for store in git}
        self._told: set[str] = set()

    def waiting(self) -> list[str]:
        """The stores of which nothing is to be sent now."""
        if self._ledger.outbox.newest() is None:
            # Nothing waits, so nobody needs to look; what is begun then is seen at the next save.
            self._tell({})
            return []
        found = {
            store: operation
            for store, look in self._git.items()
            if (operation := look()) is not None
        }
        waits = {store: self._waits(store, found.get(store)) for store in self._git}
        # Of a store of which nothing is queued git keeps nothing back.
        kept = {store: operation for store, operation in found.items()
                if self._ledger.outbox.newest(store) is not None}  # fmt: skip
        self._tell({store: (operation, waits[store]) for store, operation in kept.items()})
        return [store for store, wait in waits.items() if wait]

    def at_work(self) -> bool:
        """Whether git is doing something to a folder now, be anything queued of it or not."""
        return any(look() is not None for look in self._git.values())

    def _waits(self, store: str, operation: Operation | None) -> bool:
        saved = self._ledger.outbox.newest(store) if operation is not None else None
        return self._pauses[store].waits(operation, saved or 0.0, self._clock.monotonic())

    def _tell(self, found: Mapping[str, tuple[Operation, bool]]) -> None:
        for store, (operation, waits) in found.items():
            state = "waiting" if waits else "going-on"
            detail = f"{operation.name} is under way" if waits else f"in spite of {operation.name}"
            self._health.report(f"git:{store}", state, detail)
        for store in self._told - found.keys():
            self._health.report(f"git:{store}", "idle")
        self._told = set(found)
