"""The engine on one ledger: everything that runs between a start and a stop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from syncd.engine.bootstrap import Progress
from syncd.engine.guards import Guards
from syncd.engine.health import Health
from syncd.engine.intake import Intake
from syncd.engine.online import Online, Tied
from syncd.engine.ports import Clock, LocalReplica, RemoteReplica
from syncd.engine.rescan import Rescan
from syncd.engine.turn import Reconciler
from syncd.errors import SyncdError
from syncd.ledger.ledger import Ledger

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Gauge:
    """How much is left: keys to look at, rows to send or awaiting an answer."""

    named: int
    queued: int
    sent: int


class Session:
    """Wires the verbs together. `run` until cancelled, or `once` until there is nothing to do.

    Without a remote the daemon is offline by configuration: it captures and sends nothing.
    """

    def __init__(
        self,
        ledger: Ledger,
        remote: RemoteReplica | None,
        stores: Mapping[str, LocalReplica],
        clock: Clock,
        approved: frozenset[str] = frozenset(),
    ) -> None:
        guards = Guards(ledger, stores, clock, approved)
        self._ledger = ledger
        self._reconciler = Reconciler(ledger, stores, guards, clock)
        self.health = Health(ledger, clock)
        self.intake = Intake(self._reconciler, clock)
        self.rescan = Rescan(ledger, stores, guards, self.intake, clock)
        self._online: Online | None = None
        if remote is not None:
            self._online = Online(
                ledger, remote, stores, clock, guards, self.intake, self.rescan, self.health
            )

    def wake(self) -> None:
        """The deployment may have news."""
        if self._online is not None:
            self._online.puller.wake()

    def retry_now(self) -> None:
        """The deployment is likely back."""
        if self._online is not None:
            self._online.link.retry_now()

    def gauge(self) -> Gauge:
        """How much is left to do."""
        counts = self._ledger.outbox.count()
        return Gauge(self.intake.waiting, counts.get("queued", 0), counts.get("sent", 0))

    async def run(self, tied: Tied) -> None:
        """Keep both sides the same until cancelled; `tied` is told how the link is."""
        self.health.report("files", "reading", "what changed while no daemon ran")
        await self._prepare()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.intake.run())
            group.create_task(self._first_look())
            group.create_task(self.rescan.run())
            if self._online is not None:
                group.create_task(self._online.run(tied))

    async def once(self, progress: Progress) -> None:
        """Bring both sides to agreement and return. Raises the first trouble met."""
        if self._online is None:
            raise RuntimeError("once needs a deployment")
        await self._online.tie(progress)
        await self._prepare()
        running = [
            asyncio.create_task(each)
            for each in (
                self.intake.run(),
                self._online.pusher.run(),
                self._online.puller.run(),
                self._quiet(self._online),
            )
        ]
        try:
            ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def flush(self, seconds: float) -> None:
        """Give what is queued up to `seconds` to be sent; the rest stays in the outbox."""
        gauge = self.gauge()
        if self._online is None or not gauge.queued + gauge.sent:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._online.push_only()
        except (TimeoutError, SyncdError, ExceptionGroup) as error:
            left = self.gauge()
            log.info("flush_ended", left=left.queued + left.sent, why=type(error).__name__)

    async def _prepare(self) -> None:
        with self._ledger.transaction():
            self._ledger.contents.drop_unreferenced()
        self.intake.name(await self._reconciler.recover())
        await self.rescan.begin()

    async def _first_look(self) -> None:
        await self.intake.idle.wait()
        self.health.report("files", "current")

    async def _quiet(self, online: Online) -> None:
        # Twice: the second round hears our own writes, so that the cursor ends at the head.
        idle = (self.intake.idle, online.pusher.idle, online.puller.idle)
        for _ in range(2):
            online.puller.wake()
            while not all(event.is_set() for event in idle):
                for event in idle:
                    await event.wait()
