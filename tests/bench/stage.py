"""Where a measurement takes place: a backend with an empty data folder, machines, a counter."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.embedded.backend import Backend
from tests.system.deployment import enroll, started
from tests.system.machine import Machine

from .row import Cost

WORKSPACE = "bench"


@dataclass(frozen=True)
class Load:
    """How much is done. Counts of files are at most `files`."""

    files: int
    size: int
    real: int
    corpus: Path | None
    rounds: int
    saves: int
    burst: int
    branch: int
    hot_seconds: float
    idle_seconds: float

    def tenth(self) -> Load:
        """The same with a tenth of the files: what grows, and how."""
        files = max(1, self.files // 10)
        return replace(
            self,
            files=files,
            real=max(1, self.real // 10),
            saves=min(self.saves, files),
            burst=max(1, self.burst // 10),
            branch=max(1, self.branch // 10),
        )


@dataclass(frozen=True)
class Target:
    """Where bare programs send to, and as whom."""

    url: str
    token: str
    workspace: str


class Counter:
    """A process between machines and a deployment that counts what goes through."""

    def __init__(self, port: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.counter", str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.url = str(self._told()["url"])

    def read(self) -> Cost:
        """What went through since it was last asked."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        told = self._told()
        return Cost(**told)

    def close(self) -> None:
        self._process.communicate(timeout=10)

    def _told(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told


@contextmanager
def deployment(data: Path) -> Iterator[Backend]:
    backend = started(data)
    try:
        yield backend
    finally:
        backend.close()


@contextmanager
def counted(backend: Backend) -> Iterator[Counter]:
    counter = Counter(backend.port)
    try:
        yield counter
    finally:
        counter.close()


def machine(home: Path, backend: Backend, url: str | None = None) -> Machine:
    token = enroll(backend, WORKSPACE, home.name)
    told = {"CONVEX_URL": url or backend.url, "SYNCD_TOKEN": token}
    return Machine(home, WORKSPACE, environment=told)


def target(backend: Backend, workspace: str, url: str | None = None) -> Target:
    """A workspace of a bare program's own."""
    return Target(url or backend.url, enroll(backend, workspace, "bare"), workspace)
