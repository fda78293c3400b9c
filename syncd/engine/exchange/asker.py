"""Asks what the devices are called whose changes are heard, so that the log can say who it was.

One call for each that is new, once for all: who wrote something is told by an id with every change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from syncd.errors import FunctionFailed, ProtocolError, Unauthorized, Unavailable
from syncd.ledger.ledger import Ledger

DEVICES = 100
"""Devices a call asks about at most; `convex/model/limits.ts` takes as many."""

log = structlog.get_logger()


class Directory(Protocol):
    """The part of the deployment that knows its devices."""

    async def authors(self, devices: Sequence[str]) -> list[str | None]:
        """What these devices are called; None for nobody known."""


class Asker:
    """Asks whenever it is woken: a device was heard that has no name, or the deployment is back."""

    def __init__(self, ledger: Ledger, directory: Directory) -> None:
        self._ledger = ledger
        self._directory = directory
        self._wakened = asyncio.Event()
        ledger.authors.recall()  # Wakes nobody yet: first a hello tells whom a call meets.
        ledger.authors.connect(self.wake)

    def wake(self) -> None:
        """There may be somebody to ask about, or somebody to ask."""
        self._wakened.set()

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self._wakened.wait()
            self._wakened.clear()
            await self.ask()

    async def ask(self) -> None:
        """Ask about all that have no name; where that cannot be now, at the next tie."""
        try:
            while devices := self._ledger.authors.unknown()[:DEVICES]:
                names = await self._directory.authors(devices)
                with self._ledger.transaction():
                    self._ledger.authors.know(dict(zip(devices, names, strict=True)))
        except (Unavailable, Unauthorized, ProtocolError, FunctionFailed) as error:
            # Functions of an earlier version do not know the question.
            log.debug("authors_not_told", why=str(error), instead="the log names them by their ids")
