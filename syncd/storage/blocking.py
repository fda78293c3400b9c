"""The same systems for programs without an event loop. Does IO.

One thread runs the loop of all of them, so a call is safe from any thread and inside a running
loop, which it blocks like any other call.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import Coroutine, Iterable
from typing import Any, Final, Generic, Self, TypeVar

from syncd.errors import SyncdError
from syncd.storage.asking import LIMIT, Asking, Settings
from syncd.storage.assets import AsyncAssetStorage
from syncd.storage.deployments import AsyncDeploymentStorage
from syncd.storage.metrics import AsyncMetricsStorage
from syncd.storage.records import Asset, Deployment, Execution, Metric, Workflow
from syncd.storage.rows import Aggregate, AssetRow, DeploymentRow, ExecutionRow, Sample, WorkflowRow
from syncd.storage.times import When
from syncd.storage.workflows import AsyncWorkflowStorage

T = TypeVar("T")
S = TypeVar("S", bound=Asking)

_PARTING: Final = 5.0
"""Seconds in which connections are closed when the program ends."""


class _Loop:
    """An event loop in a thread of its own, started when it is needed first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.open: weakref.WeakSet[Asking] = weakref.WeakSet()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._running()).result()

    def let_go(self, system: Asking) -> None:
        """Close a system that nobody has any more, some time soon."""
        # RACE: what is collected is collected anywhere, in this loop's thread too: no waiting.
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(system.close(), self._loop)

    def end(self) -> None:
        """Close what was left open, so that nothing complains when the program ends."""
        if self._loop is None:
            return
        for system in list(self.open):
            closing = asyncio.run_coroutine_threadsafe(system.close(), self._loop)
            closing.result(_PARTING)

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                thread = threading.Thread(
                    target=self._loop.run_forever, name="syncd.storage", daemon=True
                )
                thread.start()
            return self._loop


_loop = _Loop()


def _in_the_child() -> None:
    # RACE: a thread does not survive a fork, and its lock may have been held.
    global _loop
    _loop = _Loop()


os.register_at_fork(after_in_child=_in_the_child)
atexit.register(lambda: _loop.end())


class Blocking(Generic[S]):
    """Base of the blocking systems; `system` is the asynchronous one that does the work."""

    def __init__(self, system: S) -> None:
        self._system = system
        _loop.open.add(system)
        # When the program ends all of them are closed, and waited for.
        weakref.finalize(self, lambda: _loop.let_go(system)).atexit = False

    @property
    def trouble(self) -> SyncdError | None:
        """Why the last answer came from files; None where the deployment answered, or was not
        asked.
        """
        return self._system.trouble

    def close(self) -> None:
        """Let the connections go."""
        self._run(self._system.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return _loop.run(work)


class WorkflowStorage(Blocking[AsyncWorkflowStorage]):
    """Workflows and executions; each method is that of AsyncWorkflowStorage."""

    def __init__(self, config: Settings = "config.toml") -> None:
        super().__init__(AsyncWorkflowStorage(config))

    def save(self, workflow: Workflow) -> None:
        """Save a workflow in its file."""
        self._run(self._system.save(workflow))

    def load(self, id: str) -> Workflow | None:
        """The workflow with this id."""
        return self._run(self._system.load(id))

    def list(
        self, *, status: str | None = None, name: str | None = None, limit: int = LIMIT
    ) -> _Workflows:
        """Workflows of this status and name."""
        return self._run(self._system.list(status=status, name=name, limit=limit))

    def delete(self, id: str) -> bool:
        """Delete the workflow's file; whether there was one."""
        return self._run(self._system.delete(id))

    def save_execution(self, id: str, execution: Execution) -> None:
        """Save an execution in its file."""
        self._run(self._system.save_execution(id, execution))

    def load_execution(self, id: str) -> Execution | None:
        """The execution with this id."""
        return self._run(self._system.load_execution(id))

    def delete_execution(self, id: str) -> bool:
        """Delete the execution's file; whether there was one."""
        return self._run(self._system.delete_execution(id))

    def list_executions(
        self, workflow_id: str | None = None, *, status: str | None = None, limit: int = LIMIT
    ) -> _Executions:
        """Executions of a workflow, or of all, the newest start first."""
        return self._run(self._system.list_executions(workflow_id, status=status, limit=limit))


class AssetStorage(Blocking[AsyncAssetStorage]):
    """Assets; each method is that of AsyncAssetStorage."""

    def __init__(self, config: Settings = "config.toml") -> None:
        super().__init__(AsyncAssetStorage(config))

    def save(self, asset: Asset) -> None:
        """Save an asset in its file."""
        self._run(self._system.save(asset))

    def load(self, id: str) -> Asset | None:
        """The asset with this id."""
        return self._run(self._system.load(id))

    def delete(self, id: str) -> bool:
        """Delete the asset's file; whether there was one."""
        return self._run(self._system.delete(id))

    def by_category(
        self, category: str, *, type: str | None = None, limit: int = LIMIT
    ) -> list[AssetRow]:
        """Assets of a category, by path."""
        return self._run(self._system.by_category(category, type=type, limit=limit))

    def search(
        self,
        text: str = "",
        *,
        category: str | None = None,
        tags: Iterable[str] = (),
        limit: int = LIMIT,
    ) -> list[AssetRow]:
        """Assets with words of the text, in this category, with all of these tags."""
        return self._run(self._system.search(text, category=category, tags=tags, limit=limit))

    def increment_downloads(self, id: str) -> None:
        """Count one download of the asset."""
        self._run(self._system.increment_downloads(id))


class DeploymentStorage(Blocking[AsyncDeploymentStorage]):
    """Deployments; each method is that of AsyncDeploymentStorage."""

    def __init__(self, config: Settings = "config.toml") -> None:
        super().__init__(AsyncDeploymentStorage(config))

    def save(self, deployment: Deployment) -> None:
        """Save a deployment in the file of all."""
        self._run(self._system.save(deployment))

    def load(self, id: str) -> Deployment | None:
        """The deployment with this id."""
        return self._run(self._system.load(id))

    def list(self, *, limit: int = LIMIT) -> _Deployments:
        """Deployments of all sites, the newest start first."""
        return self._run(self._system.list(limit=limit))

    def by_site(
        self, site_id: str, *, status: str | None = None, limit: int = LIMIT
    ) -> _Deployments:
        """Deployments of a site, the newest start first."""
        return self._run(self._system.by_site(site_id, status=status, limit=limit))

    def latest(self, site_id: str) -> Deployment | None:
        """The deployment of a site that started last."""
        return self._run(self._system.latest(site_id))

    def by_status(self, status: str, *, limit: int = LIMIT) -> _Deployments:
        """Deployments in a status, the newest start first."""
        return self._run(self._system.by_status(status, limit=limit))

    def queue(self) -> _Ids:
        """The ids of the deployments that wait, the next one first."""
        return self._run(self._system.queue())

    def enqueue(self, id: str) -> None:
        """Put a deployment at the end of the queue."""
        self._run(self._system.enqueue(id))

    def dequeue(self, id: str) -> bool:
        """Take a deployment out of the queue; whether it was in it."""
        return self._run(self._system.dequeue(id))


class MetricsStorage(Blocking[AsyncMetricsStorage]):
    """Samples of metrics; each method is that of AsyncMetricsStorage."""

    def __init__(self, config: Settings = "config.toml") -> None:
        super().__init__(AsyncMetricsStorage(config))

    def record(self, *metrics: Metric) -> None:
        """Add samples, all or none."""
        self._run(self._system.record(*metrics))

    def by_type(
        self, type: str, *, name: str | None = None, start: When | None = None,
        end: When | None = None, limit: int = LIMIT,
    ) -> list[Sample]:  # fmt: skip
        """Samples of a type, the newest first."""
        return self._run(self._system.by_type(type, name=name, start=start, end=end, limit=limit))

    def by_name(
        self, name: str, *, type: str | None = None, start: When | None = None,
        end: When | None = None, limit: int = LIMIT,
    ) -> list[Sample]:  # fmt: skip
        """Samples of a name, the newest first."""
        return self._run(self._system.by_name(name, type=type, start=start, end=end, limit=limit))

    def aggregate(
        self, *, type: str | None = None, name: str | None = None, start: When | None = None,
        end: When | None = None, bucket: float | None = None,
    ) -> Aggregate:  # fmt: skip
        """What samples come to, also by time."""
        summed = self._system.aggregate(type=type, name=name, start=start, end=end, bucket=bucket)
        return self._run(summed)


_Workflows = list[WorkflowRow]
_Executions = list[ExecutionRow]
_Deployments = list[DeploymentRow]
_Ids = list[str]
