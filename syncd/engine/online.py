"""The part of the engine that needs the deployment: tied, then pushing and pulling until lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from syncd.core.news import Welcome
from syncd.engine.bootstrap import Bootstrap, Progress
from syncd.engine.guards import Guards
from syncd.engine.health import Health
from syncd.engine.intake import Intake
from syncd.engine.link import Link
from syncd.engine.ports import Clock, LocalReplica, RemoteReplica
from syncd.engine.puller import Puller
from syncd.engine.pusher import Pusher
from syncd.engine.rescan import Rescan
from syncd.errors import FunctionFailed, ProtocolError, SyncdError, Unauthorized, Unavailable
from syncd.ledger.ledger import Ledger

AFTER_LOSS = 0.5
"""Seconds between a failed call and the next hello: a deployment that answers hello and fails
all else must not be asked in a tight loop."""

Tied = Callable[[SyncdError | None], None]
"""Told why the deployment is lost, and None once it is tied."""


class Online:
    """Follows the deployment for as long as it answers, and ties again when it does not."""

    def __init__(
        self,
        ledger: Ledger,
        remote: RemoteReplica,
        stores: Mapping[str, LocalReplica],
        clock: Clock,
        guards: Guards,
        intake: Intake,
        rescan: Rescan,
        health: Health,
    ) -> None:
        self._rescan = rescan
        self.puller = Puller(ledger, remote, intake, stores, clock, health)
        self.pusher = Pusher(ledger, remote, intake, guards, clock)
        bootstrap = Bootstrap(ledger, remote, self.puller, guards, stores, clock)
        self.link = Link(ledger, remote, bootstrap, health)
        self.pusher.connect(self.puller.fetch)
        intake.connect(self.pusher.wake, self.puller.fetch)

    async def tie(self, progress: Progress) -> None:
        """Say hello once. Raises the remote's troubles, and AnotherEpoch."""
        welcome, _ = await self.link.tie(progress)
        self._welcome(welcome)

    async def run(self, tied: Tied) -> None:
        """Follow until cancelled; `tied` is told of every loss and every tie. See `tie`."""
        while True:
            welcome, fresh = await self.link.tie_patiently(tied)
            tied(None)
            self._welcome(welcome)
            for store in fresh:
                await self._rescan.scan(store)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self.pusher.run())
                    group.create_task(self.puller.run())
            except* (Unavailable, Unauthorized, ProtocolError, FunctionFailed) as troubles:
                trouble = _first(troubles)
                self.link.lost(trouble)
                tied(trouble)
            await asyncio.sleep(AFTER_LOSS)

    async def push_only(self) -> None:
        """Send what is queued and return once nothing is left. Raises the remote's troubles."""
        self.pusher.wake()
        async with asyncio.TaskGroup() as group:
            pushing = group.create_task(self.pusher.run())
            await self.pusher.idle.wait()
            pushing.cancel()

    def _welcome(self, welcome: Welcome) -> None:
        self.pusher.device = welcome.device
        self.pusher.wake()
        self.puller.wake()


def _first(troubles: BaseExceptionGroup[SyncdError]) -> SyncdError:
    first = troubles.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
