"""Tries again what is mended without an event of its file: a full disk, a folder's permissions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from syncd.core.model import Key
from syncd.engine.naming.intake import Intake
from syncd.engine.ports import LocalReplica
from syncd.ledger.ledger import Ledger

EVERY = 15.0
"""Seconds between two attempts."""

FEW = 20
"""Keys that are tried while nothing has got better: each costs an attempt at its file."""

MENDED_BY_TIME = frozenset(
    {
        "disk-full",
        "read-only",
        "no-permission",
        "io-error",
        "too-many-open",
        "open-for-writing",
        "name-twins",
        "not-a-folder",
    }
)
"""Reasons that can go without any event of the file that is held."""


class Patience:
    """Names held keys: a few of each store by turns, and four times as many whenever fewer are held
    than before.
    """

    def __init__(self, ledger: Ledger, stores: Mapping[str, LocalReplica], intake: Intake) -> None:
        self._ledger = ledger
        self._stores = stores
        self._intake = intake
        self._held: dict[str, int] = {}
        self._most: dict[str, int] = {}
        self._last: dict[str, Key] = {}
        """The key of each store that was tried last."""

    async def run(self) -> None:
        """Try again and again, until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            for store in self._stores:
                self.name(store)

    def name(self, store: str) -> None:
        """Name the keys of `store` whose turn it is."""
        held = [
            Key(store, path)
            for path, hold in self._ledger.attention.held(store).items()
            # A folder that could not be listed is held too, told apart by the slash at its end;
            # that only a walk can look at again.
            if hold.reason in MENDED_BY_TIME and not path.endswith("/")
        ]
        better = len(held) < self._held.get(store, 0)
        self._held[store] = len(held)
        self._most[store] = self._most[store] * 4 if better else FEW
        # Those that come first may be beyond mending.
        last = self._last.get(store, Key(store, ""))
        by_turns = sorted(held, key=lambda key: (key <= last, key))
        if tried := by_turns[: self._most[store]]:
            self._last[store] = tried[-1]
            self._intake.name(tried)
