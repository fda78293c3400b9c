"""The tie to the deployment: said hello to, bound, bootstrapped; lost and tied again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from syncd.core.epoch import End, ended
from syncd.core.model import BYTES_DAMAGED
from syncd.core.news import StoreSettings, Welcome
from syncd.engine.exchange.bootstrap import Bootstrap, Progress
from syncd.engine.exchange.epoch import Epoch
from syncd.engine.exchange.feed import Feed
from syncd.engine.exchange.pusher import FUNCTION_FAILED
from syncd.engine.health import Health
from syncd.engine.ports import RemoteReplica
from syncd.engine.waiting import spread, woken
from syncd.errors import (
    CeilingReached,
    FunctionFailed,
    ProtocolError,
    SyncdError,
    Unauthorized,
    Unavailable,
)
from syncd.ledger.ledger import Ledger
from syncd.ledger.places import BESIDE

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds, about, between attempts to reach the deployment, doubled to the longest."""

MOMENT = 0.5
"""Seconds, about, from a proof that the deployment answers to the attempt that it is worth: all
machines may have it in the same moment."""

QUIET = 3.0
"""Seconds without an answer after which a deployment that was not met yet is called away."""

log = structlog.get_logger()


def _quietly(what: str, done: int, total: int | None) -> None:
    log.debug("progress", what=what, done=done, total=total)


class AnotherDeployment(Exception):
    """Behind the URL answers another deployment than the ledger's, or, where that is new, one that
    has a ledger: another ledger is due.
    """

    def __init__(self, deployment: str) -> None:
        super().__init__("the deployment that answers behind the URL is another ledger's")
        self.deployment = deployment


class Link:
    """Keeps the deployment reachable, known, and bound to the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        remote: RemoteReplica,
        bootstrap: Bootstrap,
        health: Health,
        epoch: Epoch,
        feed: Feed,
        settings: Sequence[StoreSettings],
    ) -> None:
        self._ledger = ledger
        self._remote = remote
        self._bootstrap = bootstrap
        self._health = health
        self._epoch = epoch
        self._feed = feed
        self._settings = settings
        self._retry_now = asyncio.Event()
        self._believes = True
        """Whether the next proof that the deployment answers is worth an attempt."""
        self._presumed = False
        """Whether it was called away for want of an answer."""

    async def tie(self, progress: Progress) -> tuple[Welcome, list[str]]:
        """Say hello and bootstrap what is new: who we are there, the fresh stores.

        A new epoch begins where the ledger and the deployment parted. Raises the remote's
        troubles, and AnotherDeployment.
        """
        welcome = await self._hello()
        while isinstance(welcome, End):
            self._health.report("epoch", "began", welcome.value)
            await self._epoch.end(welcome)
            self._feed.forget()
            welcome = await self._hello()
        if self._presumed:  # What follows may take minutes: a first contact does.
            self._presumed = False
            self._health.report("deployment", "online", "it answers")
        await self._register()
        with self._ledger.transaction():
            self._ledger.outbox.retry(FUNCTION_FAILED)
            self._ledger.attention.release_all(BYTES_DAMAGED)
        fresh = await self._bootstrap.run(progress)
        self._health.recovered("deployment", "online", f"device {welcome.name}")
        return welcome, fresh

    async def tie_patiently(self, lost: Callable[[SyncdError], None]) -> tuple[Welcome, list[str]]:
        """Say hello until it succeeds; `lost` is told each trouble."""
        pause, self._believes = FIRST_PAUSE, True
        while True:
            # RACE: before the attempt: what is known since it began is worth another.
            self._retry_now.clear()
            try:
                return await self.tie(_quietly)
            except (Unavailable, Unauthorized, ProtocolError, FunctionFailed) as error:
                self.lost(error)
                lost(error)
            await woken(self._retry_now, spread(pause))
            self._believes = self._believes or not self._retry_now.is_set()
            pause = min(LONGEST_PAUSE, pause * 2)

    def retry_now(self) -> None:
        """The deployment is likely back: do not wait for the next attempt."""
        self._retry_now.set()

    def answering(self) -> None:
        """The deployment was heard: the next attempt is due in a moment.

        One that is heard and refuses hello is not asked in a tight loop: after a proof that led
        to nothing the next is believed once a pause has run its length.
        """
        if self._believes:
            self._believes = False
            asyncio.get_running_loop().call_later(spread(MOMENT), self._retry_now.set)

    def lost(self, error: SyncdError) -> None:
        """A call failed for good: say so."""
        state, feed = "offline", "the deployment is away"
        if isinstance(error, Unauthorized):
            state, feed = "auth-failed", "the deployment does not accept the token"
        elif isinstance(error, CeilingReached):
            state, feed = "ceiling", error.held
        self._health.trouble("deployment", state, error)
        self._health.report("feed", "behind", feed)

    async def _register(self) -> None:
        """Tell the deployment of the stores, unless this one was told the same already."""
        told = repr(self._settings)
        if told != (self._ledger.places.get("registered") or repr(())):
            await self._remote.register(self._settings)
            with self._ledger.transaction():
                self._ledger.places.put("registered", told)

    def _presume_away(self) -> None:
        told = self._health.presume("deployment", "offline", "it has not answered yet")
        self._presumed = told or self._presumed

    async def _hello(self) -> Welcome | End:
        """Say hello once. An epoch that has ended leaves the ledger as it was."""
        places = self._ledger.places
        start = int(places.get("start") or 0) + 1
        with self._ledger.transaction():
            places.put("start", str(start))
        shown = self._feed.witnesses.show()
        passed = self._ledger.passing.place
        # One that takes the call and says nothing is given most of a minute to answer.
        silent = asyncio.get_running_loop().call_later(QUIET, self._presume_away)
        try:
            welcome = await self._remote.hello(
                places.get("nonce") or "", start, self._ledger.passing.cursor, shown, passed
            )
        finally:
            silent.cancel()
        bound, beside = places.get("deployment"), (places.get(BESIDE) or "").split()
        if bound != welcome.deployment and (bound is not None or welcome.deployment in beside):
            await self._epoch.leave()
            raise AnotherDeployment(welcome.deployment)
        if end := ended(welcome, start, int(places.get("answered") or 0)):
            return end
        self._feed.witnesses.checked(())
        self._feed.presence.told(passed)
        with self._ledger.transaction():
            places.put("deployment", welcome.deployment)
            places.put("answered", str(start))
            places.put("device", welcome.device)
            self._ledger.passing.reaped(welcome.reaped)
        return welcome
