"""The part of the engine that needs the deployment: tied, then pushing and pulling until lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import structlog

from syncd.core.news import StoreSettings, Welcome
from syncd.engine.exchange.bodies import Bodies
from syncd.engine.exchange.bootstrap import Bootstrap, Progress
from syncd.engine.exchange.epoch import Epoch
from syncd.engine.exchange.feed import Feed
from syncd.engine.exchange.link import Link
from syncd.engine.exchange.puller import Puller
from syncd.engine.exchange.pusher import Pusher
from syncd.engine.exchange.witnesses import Denied
from syncd.engine.freight import FileStorage
from syncd.engine.health import Health
from syncd.engine.lines.tailer import Tailer
from syncd.engine.naming.intake import Intake
from syncd.engine.naming.rescan import Rescan
from syncd.engine.payloads.carrier import Carrier
from syncd.engine.ports import Clock, LocalReplica, RemoteReplica
from syncd.engine.stops.guards import Guards
from syncd.engine.stops.hiatus import Hiatus
from syncd.engine.waiting import all_ended, spread
from syncd.errors import FunctionFailed, ProtocolError, SyncdError, Unauthorized, Unavailable
from syncd.ledger.ledger import Ledger

AFTER_LOSS = 0.5
"""Seconds, about, between a failed call and the next hello: a deployment that answers hello and
fails all else must not be asked in a tight loop."""

Tied = Callable[[SyncdError | None], None]
"""Told why the deployment is lost, and None once it is tied."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Here:
    """What a session has, whether there is a deployment or not."""

    ledger: Ledger
    stores: Mapping[str, LocalReplica]
    clock: Clock
    guards: Guards
    intake: Intake
    rescan: Rescan
    health: Health
    epoch: Epoch
    hiatus: Hiatus
    tailer: Tailer


@dataclass(frozen=True, slots=True)
class There:
    """A deployment, what it is told of the stores, and of which of them nothing is sent now."""

    remote: RemoteReplica
    storage: FileStorage | None
    settings: Sequence[StoreSettings]
    waiting: Callable[[], Collection[str]]


class Online:
    """Follows the deployment for as long as it answers, and ties again when it does not."""

    def __init__(self, here: Here, there: There) -> None:
        self._here = here
        ledger, remote, stores, clock = here.ledger, there.remote, here.stores, here.clock
        feed = Feed(ledger, remote, clock)
        bodies = Bodies(ledger, remote, stores, clock)
        self.puller = Puller(ledger, remote, bodies, here.intake, stores, clock, here.health, feed)
        self.pusher = Pusher(
            ledger, remote, here.intake, here.guards, clock, there.waiting, feed.known
        )
        self.puller.answered = self.pusher.idle
        bootstrap = Bootstrap(ledger, remote, bodies, here.guards, stores, here.epoch)
        self.link = Link(ledger, remote, bootstrap, here.health, here.epoch, feed, there.settings)
        self.tied = False
        """Whether the deployment was met and not lost since: what answers is what was met."""
        self.carrier: Carrier | None = None
        if there.storage is not None:
            self.carrier = Carrier(
                ledger, there.storage, stores, here.intake, clock, there.waiting, here.health
            )
        self._connect(here.intake)

    def _connect(self, intake: Intake) -> None:
        if self.carrier is None:
            self.pusher.connect(self.puller.fetch, lambda: None)
            intake.connect(self.pusher.wake, self.puller.fetch)
            return
        uploads, downloads = self.carrier.uploads, self.carrier.downloads

        def queued() -> None:
            self.pusher.wake()
            uploads.wake()

        uploads.connect(self.pusher.wake)
        downloads.connect(self.puller.fetch)
        self.puller.connect(downloads.receive)
        self.pusher.connect(self.puller.fetch, uploads.wake)
        intake.connect(queued, downloads.want)

    async def tie(self, progress: Progress) -> None:
        """Say hello once. Raises the remote's troubles, and AnotherDeployment."""
        welcome, _ = await self.link.tie(progress)
        self.tied = True
        await self._welcome(welcome)

    async def run(self, tied: Tied) -> None:
        """Follow until cancelled; `tied` is told of every loss and every tie. See `tie`."""
        while True:
            await self._here.hiatus.over()
            welcome, fresh = await self.link.tie_patiently(tied)
            self.tied = True
            tied(None)
            await self._welcome(welcome)
            for store in fresh:
                await self._here.rescan.scan(store)
            if fresh and not self._here.intake.idle.is_set():
                # At once, however few: nothing of these stores was ever looked at.
                self._here.health.report("files", "busy", "what is compared for the first time")
            try:
                await self._follow()
                self._here.health.report("feed", "behind", "mirroring is paused")
            except (Unavailable, Unauthorized, ProtocolError, FunctionFailed) as trouble:
                self.link.lost(trouble)
                tied(trouble)
            except Denied as denied:
                log.warning("denied", what=str(denied), next="a hello finds out why")
            self.tied = False
            await asyncio.sleep(spread(AFTER_LOSS))

    async def push_only(self) -> None:
        """Send what is queued and return once nothing is left. Raises the remote's troubles.

        Only while tied: another deployment may answer by now, and what it says of revisions and
        their order would be believed of ours (sim).
        """
        self.pusher.wake()
        async with asyncio.TaskGroup() as group:
            pushing = group.create_task(self.pusher.run())
            group.create_task(self._here.tailer.flush())
            await self.pusher.idle.wait()
            pushing.cancel()

    async def _follow(self) -> None:
        """Push and pull until either fails, raising what it failed with, or a pause begins."""
        # RACE: no TaskGroup. That of Python 3.11 and 3.12.0 drops a cancellation that comes while
        # it ends the others after a failure; this loop would go on, and a stop never end.
        here = self._here
        runs = [self.pusher.run(), self.puller.run(), here.tailer.send(), here.hiatus.begun()]
        runs += self.carrier.runs() if self.carrier is not None else []
        following = [asyncio.create_task(each) for each in runs]
        try:
            ended, _ = await asyncio.wait(following, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in following:
                task.cancel()
            try:
                await all_ended(following)
            finally:
                # RACE: a stop in the moment of a loss hides what was lost: who answers next may be
                # another deployment, and nothing may be sent there.
                self.tied = self.tied and not any(map(_failed, following))
        for task in ended:
            task.result()

    async def _welcome(self, welcome: Welcome) -> None:
        self._here.intake.name(await self._here.epoch.confirm())
        self.pusher.device = welcome.device
        self.pusher.wake()
        self.puller.wake()
        if self.carrier is not None:
            self.carrier.uploads.wake()


def _failed(task: asyncio.Task[None]) -> bool:
    return not task.cancelled() and task.exception() is not None
