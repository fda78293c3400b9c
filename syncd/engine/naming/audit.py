"""Once a day every file is read, whatever its stat says: disks and clocks are not to be trusted.

In slices, only while nothing else is going on. A file whose digest is not what the ledger says is
named like any other; the turn that reads it decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from syncd.core.decision import FileState
from syncd.core.guard import RootState
from syncd.core.model import Key
from syncd.core.reading import Found, Unreadable
from syncd.engine.health import Health
from syncd.engine.naming.intake import Intake
from syncd.engine.ports import Clock, LocalReplica
from syncd.ledger.ledger import Ledger

EVERY = 86400.0
"""Seconds between two audits."""

QUESTION = 600.0
"""Seconds between two questions whether an audit is due."""

SLICE = 50
SLICE_BYTES = 4 * 1024 * 1024
PAUSE = 0.25
"""A slice ends at so many files or bytes; the next begins so many seconds after it at the
earliest: at most 200 files and 16 MiB a second."""

_LAST = "audited"

log = structlog.get_logger()


class Audit:
    """Reads what nothing says has changed."""

    def __init__(
        self,
        ledger: Ledger,
        stores: Mapping[str, LocalReplica],
        intake: Intake,
        health: Health,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._stores = stores
        self._intake = intake
        self._health = health
        self._clock = clock
        self._away: list[str] = []
        """Stores whose folders were away in the last round."""

    async def run(self) -> None:
        """Audit when a day has passed since the last one ended, until cancelled."""
        while True:
            if self._due():
                await self.round()
                self._done()
            await asyncio.sleep(QUESTION)

    async def round(self) -> int:
        """Read every file once; how many were not what the ledger says."""
        differing, self._away = 0, []
        for store in self._stores:
            after = ""
            while files := self._ledger.places.files_behind(store, after, SLICE):
                if not self._intake.idle.is_set():
                    await self._intake.idle.wait()
                    continue  # RACE: a turn may have read since what is listed here as it was.
                read, named = await asyncio.to_thread(self._read, store, files)
                if not read:
                    self._away.append(store)
                    break
                self._intake.name(named)
                differing += len(named)
                after = read[-1]
                await asyncio.sleep(PAUSE)
        return differing

    def _read(
        self, store: str, files: Sequence[tuple[str, FileState]]
    ) -> tuple[list[str], list[Key]]:
        """(paths read, keys to consider): as many of `files` as a slice takes, at least one; none
        where the folder is away, or is another one.
        """
        read: list[str] = []
        named: list[Key] = []
        total = 0
        for path, known in files:
            reading = self._stores[store].read(path, anew=True)
            if isinstance(reading, Unreadable) and self._is_away(self._stores[store]):
                return [], []
            read.append(path)
            total += known.stat.size
            if not isinstance(reading, Found) or reading.content.digest != known.digest:
                named.append(Key(store, path))
                log.warning("audit_differs", key=f"{store}:{path}", known=known.digest,
                            next="it is looked at as after a save")  # fmt: skip
            if total > SLICE_BYTES:
                break
        return read, named

    def _is_away(self, store: LocalReplica) -> bool:
        return store.root_state(store.bound) is not RootState.PRESENT

    def _due(self) -> bool:
        last = self._ledger.places.get(_LAST)
        if last is None:
            # Every file is read as it is first met.
            self._done()
            return False
        return not 0 <= self._clock.now() - float(last) < EVERY

    def _done(self) -> None:
        with self._ledger.transaction():
            self._ledger.places.put(_LAST, repr(self._clock.now()))
        but = f", but for those of {', '.join(self._away)}: away" if self._away else ""
        self._health.report("audit", "current", f"every file was read and compared{but}")
