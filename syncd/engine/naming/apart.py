"""Reads files that take long to read, outside of turns: small edits do not wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from syncd.core.model import Key
from syncd.core.reading import Unreadable, Unsettled
from syncd.engine.naming.intake import Intake
from syncd.engine.ports import LocalReplica
from syncd.engine.turns.turn import Reconciler


class Apart:
    """Reads one file after the other and names its key: the digest is known for as long as the
    file stays as it is."""

    def __init__(
        self, stores: Mapping[str, LocalReplica], reconciler: Reconciler, intake: Intake
    ) -> None:
        self._stores = stores
        self._reconciler = reconciler
        self._intake = intake
        self._keys: dict[Key, None] = {}
        self._wakened = asyncio.Event()
        self.idle = asyncio.Event()
        """Set while there is nothing to read."""
        self.idle.set()

    def add(self, keys: Iterable[Key]) -> None:
        """Read the files of `keys`."""
        self._keys.update(dict.fromkeys(keys))
        if self._keys:
            self.idle.clear()
            self._wakened.set()

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            self._wakened.clear()
            while self._keys:
                key = next(iter(self._keys))
                del self._keys[key]
                await self._read(key)
            self.idle.set()
            await self._wakened.wait()

    async def _read(self, key: Key) -> None:
        reading = await asyncio.to_thread(self._stores[key.store].read, key.path)
        # RACE: a turn may have written the file since. What was found there is believed only for
        # the stat it was found with; that there is no sense in the file is for the turn to doubt.
        if isinstance(reading, Unsettled | Unreadable):
            self._reconciler.readings.found_apart(key, reading)
        self._intake.name([key])
