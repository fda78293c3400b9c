"""The four faces: syncd.storage for both sorts of programs, and the two official clients."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from syncd.config import Config
from syncd.errors import SyncdError
from syncd.storage import (
    AssetStorage,
    AsyncAssetStorage,
    AsyncDeploymentStorage,
    AsyncMetricsStorage,
    AsyncWorkflowStorage,
    DeploymentStorage,
    MetricsStorage,
    WorkflowStorage,
)
from tests.embedded.backend import EMBEDDED, node

HERE = Path(__file__).parent
PATIENCE = 0.5
"""Seconds after which a client that says nothing is taken for one that waits for ever."""


class NoAnswer(Exception):
    """The client failed, or waits for a deployment that is away."""


class Uniform:
    """A system of either sort: its methods are awaited."""

    def __init__(self, system: Any) -> None:
        self._system = system

    @property
    def trouble(self) -> SyncdError | None:
        told: SyncdError | None = self._system.trouble
        return told

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._system, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            told = method(*args, **kwargs)
            return await told if inspect.isawaitable(told) else told

        return call


class Systems:
    """The four systems on one configuration."""

    def __init__(self, config: Config, *, blocking: bool) -> None:
        self.workflows = Uniform((WorkflowStorage if blocking else AsyncWorkflowStorage)(config))
        self.assets = Uniform((AssetStorage if blocking else AsyncAssetStorage)(config))
        self.deployments = Uniform(
            (DeploymentStorage if blocking else AsyncDeploymentStorage)(config)
        )
        self.metrics = Uniform((MetricsStorage if blocking else AsyncMetricsStorage)(config))

    def troubles(self) -> list[SyncdError]:
        """Why answers came from files, where they did."""
        every = (self.workflows, self.assets, self.deployments, self.metrics)
        return [each.trouble for each in every if each.trouble is not None]

    async def close(self) -> None:
        for each in (self.workflows, self.assets, self.deployments, self.metrics):
            await each.close()


class Client:
    """An official client in a process of its own, which can be killed while it waits."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._lines: Queue[str] = Queue()
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    @classmethod
    def python(cls, url: str) -> Client:
        return cls([sys.executable, str(HERE / "client.py"), url])

    @classmethod
    def npm(cls, url: str) -> Client:
        return cls([str(node()), str(HERE / "client.mjs"), url, str(EMBEDDED)])

    def ask(self, kind: str, path: str, args: dict[str, Any], seconds: float = 20.0) -> Any:
        """What a function answers. Raises NoAnswer."""
        assert self._process.stdin is not None
        print(json.dumps({"kind": kind, "path": path, "args": args}), file=self._process.stdin)
        self._process.stdin.flush()
        try:
            told = json.loads(self._lines.get(timeout=seconds))
        except Empty:
            raise NoAnswer("it waits") from None
        if "error" in told:
            raise NoAnswer(told["error"])
        return told["value"]

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reading.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
