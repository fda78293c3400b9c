"""The tie to the deployment: said hello to, bound, bootstrapped; lost and tied again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

import structlog

from syncd.core.news import Welcome
from syncd.engine.bootstrap import Bootstrap, Progress
from syncd.engine.health import Health
from syncd.engine.ports import RemoteReplica
from syncd.engine.pusher import FUNCTION_FAILED
from syncd.errors import ProtocolError, SyncdError, Unauthorized, Unavailable
from syncd.ledger.ledger import Ledger

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds between attempts to reach the deployment, doubled from the first to the longest."""

WITNESSES = 64
"""Snapshots shown to the deployment with each hello, so that it can deny them."""

log = structlog.get_logger()


def _quietly(what: str, done: int, total: int | None) -> None:
    log.debug("progress", what=what, done=done, total=total)


class AnotherEpoch(Exception):
    """The ledger and the deployment do not belong together (any more): first contact is due."""

    def __init__(self, deployment: str, why: str) -> None:
        super().__init__(why)
        self.deployment = deployment
        self.why = why


class Link:
    """Keeps the deployment reachable, known, and bound to the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        remote: RemoteReplica,
        bootstrap: Bootstrap,
        health: Health,
    ) -> None:
        self._ledger = ledger
        self._remote = remote
        self._bootstrap = bootstrap
        self._health = health
        self._retry_now = asyncio.Event()

    async def tie(self, progress: Progress) -> tuple[Welcome, list[str]]:
        """Say hello once and bootstrap what is new: who we are there, the fresh stores.

        Raises the remote's troubles, and AnotherEpoch where the ledger belongs elsewhere.
        """
        start = int(self._ledger.places.get("start") or 0) + 1
        with self._ledger.transaction():
            self._ledger.places.put("start", str(start))
        welcome = await self._remote.hello(
            self._ledger.places.get("nonce") or "",
            start,
            self._ledger.cursor,
            self._ledger.entries.witnesses(WITNESSES),
        )
        self._bind(welcome, start)
        with self._ledger.transaction():
            self._ledger.outbox.retry(FUNCTION_FAILED)
        fresh = await self._bootstrap.run(progress)
        self._health.recovered("deployment", "online", f"device {welcome.name}")
        return welcome, fresh

    async def tie_patiently(self, lost: Callable[[SyncdError], None]) -> tuple[Welcome, list[str]]:
        """Say hello until it succeeds; `lost` is told each trouble."""
        pause = FIRST_PAUSE
        while True:
            try:
                return await self.tie(_quietly)
            except (Unavailable, Unauthorized, ProtocolError) as error:
                self.lost(error)
                lost(error)
            self._retry_now.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(
                    self._retry_now.wait(),
                    pause * random.uniform(0.7, 1.3),  # noqa: S311
                )
            pause = min(LONGEST_PAUSE, pause * 2)

    def retry_now(self) -> None:
        """The deployment is likely back: do not wait for the next attempt."""
        self._retry_now.set()

    def lost(self, error: SyncdError) -> None:
        """A call failed for good: say so."""
        state = "auth-failed" if isinstance(error, Unauthorized) else "offline"
        self._health.trouble("deployment", state, error)
        self._health.report("feed", "behind", "the deployment is away")

    def _bind(self, welcome: Welcome, start: int) -> None:
        bound = self._ledger.places.get("deployment")
        if bound is not None and bound != welcome.deployment:
            raise AnotherEpoch(welcome.deployment, "another deployment answers behind the URL")
        if welcome.seen >= start:
            raise AnotherEpoch(welcome.deployment, "the ledger is an old copy or a clone")
        if welcome.broken or welcome.seen < int(self._ledger.places.get("answered") or 0):
            raise AnotherEpoch(welcome.deployment, "the deployment was restored from a backup")
        with self._ledger.transaction():
            self._ledger.places.put("deployment", welcome.deployment)
            self._ledger.places.put("answered", str(start))
            self._ledger.places.put("device", welcome.device)
