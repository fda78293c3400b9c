"""How far payloads are that are on their way, for `status` and whoever looks on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from syncd.core.model import Content
from syncd.engine.exchange.bootstrap import Progress
from syncd.engine.health import Health
from syncd.engine.ports import Clock

EVERY = 1.0
"""Seconds between two reports."""


@dataclass(slots=True)
class Transfer:
    """One payload on its way."""

    name: str
    size: int
    done: int = 0


class Transfers:
    """The payloads on their way in one direction: `part` is "uploads" or "downloads"."""

    def __init__(self, part: str, health: Health, clock: Clock) -> None:
        self._part = part
        self._health = health
        self._clock = clock
        self._running: list[Transfer] = []
        self._told = 0.0
        self.progress: Progress | None = None
        """Told of each payload how many of its bytes are done."""

    @contextlib.contextmanager
    def of(self, name: str, content: Content) -> Iterator[Transfer]:
        """A payload that moves while the block runs."""
        transfer = Transfer(name, content.size)
        self._running.append(transfer)
        try:
            yield transfer
        finally:
            self._running.remove(transfer)
            self._tell_now_and_then()

    def advance(self, transfer: Transfer, size: int) -> None:
        """So many bytes more are done."""
        transfer.done += size
        if self.progress is not None:
            self.progress(f"{self._part[:-1]} {transfer.name}", transfer.done, transfer.size)
        self._tell_now_and_then()

    def waits(self, detail: str) -> None:
        """Nothing moves for now; `detail` says why."""
        self._health.report(self._part, "waiting", detail)

    def rests(self) -> None:
        """Nothing is left to be moved."""
        self._health.report(self._part, "current")

    def _tell_now_and_then(self) -> None:
        if self._clock.monotonic() - self._told >= EVERY:
            self._tell()

    def _tell(self) -> None:
        self._told = self._clock.monotonic()
        if self._running:
            done = sum(transfer.done for transfer in self._running)
            size = sum(transfer.size for transfer in self._running)
            names = ", ".join(transfer.name for transfer in self._running)
            self._health.report(
                self._part, "moving", f"{done / 1e6:,.1f} of {size / 1e6:,.1f} MB of {names}"
            )
