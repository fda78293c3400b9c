"""Payloads in both directions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any

from syncd.engine.exchange.bodies import DAMAGED
from syncd.engine.exchange.bootstrap import Progress
from syncd.engine.freight import FileStorage
from syncd.engine.health import Health
from syncd.engine.naming.intake import Intake
from syncd.engine.payloads.downloads import Downloads
from syncd.engine.payloads.transfers import Transfers
from syncd.engine.payloads.uploads import Uploads
from syncd.engine.ports import Clock, LocalReplica
from syncd.ledger.ledger import Ledger


class Carrier:
    """Uploads and downloads, and how far they are."""

    def __init__(
        self,
        ledger: Ledger,
        storage: FileStorage,
        stores: Mapping[str, LocalReplica],
        intake: Intake,
        clock: Clock,
        waiting: Callable[[], Collection[str]],
        health: Health,
    ) -> None:
        self._up = Transfers("uploads", health, clock)
        self._down = Transfers("downloads", health, clock)
        self.uploads = Uploads(ledger, storage, stores, intake, clock, waiting, self._up)
        self.downloads = Downloads(ledger, storage, stores, intake, clock, self._down, DAMAGED)

    def runs(self, progress: Progress | None = None) -> list[Coroutine[Any, Any, None]]:
        """What is to run. With `progress` it is told how far payloads are, and raises the first
        trouble instead of waiting it out."""
        self._up.progress = self._down.progress = progress
        self.uploads.patient = self.downloads.patient = progress is None
        return [self.uploads.run(), self.downloads.run()]
