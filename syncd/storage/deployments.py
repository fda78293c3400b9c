"""Deployment intelligence: the deployments of each site, and the queue of those to come."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from syncd.errors import RecordError
from syncd.storage.asking import LIMIT, Answers, Asking, Settings
from syncd.storage.ids import id_of
from syncd.storage.mirror import Mirror
from syncd.storage.records import Deployment, expect
from syncd.storage.rows import DeploymentRow, Found
from syncd.storage.shelf import Shelf, fitting
from syncd.storage.workflows import random_letters

_Rows = list[DeploymentRow]
_Ids = list[str]


def new_deployment_id() -> str:
    """An id as the stack's programs make them: when it began, and nine random characters."""
    return f"deploy-{time.time_ns() // 1_000_000}-{random_letters()}"


class AsyncDeploymentStorage(Asking):
    """Deployments, all in one file. Saves are durable when they return, and need no network.

    A deployment is not deleted: programs that hold the file in memory would put it back.
    """

    def __init__(self, config: Settings = "config.toml", *, mirror: Mirror | None = None) -> None:
        super().__init__(config, mirror=mirror)
        self._shelf = Shelf(self._config)
        self._deployments = Answers(self._shelf, self._mirror, DeploymentRow)

    async def save(self, deployment: Deployment) -> None:
        """Save a deployment where it is in the file, or behind all others; no other is touched.

        What others changed in it since it was loaded stays, but for what this program changed
        too. Raises RecordError.
        """
        expect(deployment, Deployment)
        if not deployment.id:
            raise RecordError("the deployment has no id; nothing was written", "give it one")
        await asyncio.to_thread(self._shelf.save, deployment.id, deployment)

    async def load(self, id: str) -> Deployment | None:
        """The deployment with this id, None where there is none."""
        return await self._deployments.load(id, "deployments:get")

    async def list(self, *, limit: int = LIMIT) -> _Rows:
        """Deployments of all sites: the newest start first."""
        return await self._listed(limit, None, None)

    async def by_site(
        self, site_id: str, *, status: str | None = None, limit: int = LIMIT
    ) -> _Rows:
        """Deployments of a site, and in a status where one is given: the newest start first."""
        return await self._listed(limit, site_id, status)

    async def latest(self, site_id: str) -> Deployment | None:
        """The deployment of a site that started last; None where it has none."""
        rows = await self._listed(1, site_id, None)
        return await self.load(rows[0].id) if rows else None

    async def by_status(self, status: str, *, limit: int = LIMIT) -> _Rows:
        """Deployments in a status: the newest start first."""
        return await self._listed(limit, None, status)

    async def queue(self) -> _Ids:
        """The ids of the deployments that wait, the next one first."""
        envelope = await asyncio.to_thread(self._shelf.envelope)
        if envelope is None:
            store, path, _ = self._shelf.place
            found = await self._mirror.query("documents:get", Found, store=store, path=path)
            envelope = self._shelf.told(found) if found else {}
        return _queue(envelope)

    async def enqueue(self, id: str) -> None:
        """Put a deployment at the end of the queue, where it is not in it yet.

        Raises RecordError.
        """
        fitting(id := id_of(id))

        def act(envelope: dict[str, Any]) -> None:
            if id not in (waiting := _waiting(envelope)):
                envelope["queue"] = [*waiting, id]

        await asyncio.to_thread(self._shelf.edit_envelope, act)

    async def dequeue(self, id: str) -> bool:
        """Take a deployment out of the queue; whether it was in it.

        Of several programs of one machine that take it at once, one is told that it was.
        """
        id = id_of(id)
        if await asyncio.to_thread(self._shelf.envelope) is None:
            return False  # A file that is made now would stand against the one that is to come.
        was_in_it = False

        def act(envelope: dict[str, Any]) -> None:
            nonlocal was_in_it
            if was_in_it := id in (waiting := _waiting(envelope)):
                envelope["queue"] = [each for each in waiting if each != id]

        await asyncio.to_thread(self._shelf.edit_envelope, act)
        return was_in_it

    async def _listed(self, limit: int, site_id: str | None, status: str | None) -> _Rows:
        return await self._deployments.list(
            "deployments:list",
            lambda row: site_id in (None, row.site_id) and status in (None, row.status),
            lambda row: (row.started_at is None, -(row.started_at or 0.0), row.id),
            limit,
            siteId=site_id,
            status=status,
        )


def _waiting(envelope: dict[str, Any]) -> list[Any]:
    """The queue as it is written: it may hold more than ids."""
    queue = envelope.get("queue")
    if queue is None:
        return []
    if not isinstance(queue, list):
        raise RecordError("the queue is no list; nothing was written", "make it one in the file")
    return queue


def _queue(envelope: dict[str, Any]) -> list[str]:
    queue = envelope.get("queue")
    return [each for each in queue if isinstance(each, str)] if isinstance(queue, list) else []
