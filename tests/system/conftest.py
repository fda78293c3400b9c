"""A deployment that all tests share, each in a workspace of its own; machines that always end."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.embedded.backend import Backend

from .deployment import enroll, started
from .machine import Machine
from .proxy import Proxy

LOCAL = 'url = "embedded"\n[embedded]\nport = 0'


class World:
    """What one test is given: a workspace on a deployment, and machines in it."""

    def __init__(self, home: Path, deployment: Backend) -> None:
        self.workspace = f"w-{secrets.token_hex(8)}"
        self.deployment = deployment
        self._home = home
        self._machines: list[Machine] = []

    def machine(self, name: str = "laptop", url: str | None = None, **told: Any) -> Machine:
        """A machine enrolled on the deployment, which it reaches by `url`."""
        environment = {
            "CONVEX_URL": url or self.deployment.url,
            "SYNCD_TOKEN": self.enroll(name),
            **told.pop("environment", {}),
        }
        return self._made(Machine(self._home / name, self.workspace, environment=environment,
                                  **told))  # fmt: skip

    def local_machine(self, name: str = "laptop", **told: Any) -> Machine:
        """A machine whose daemon starts an embedded backend of its own."""
        return self._made(Machine(self._home / name, self.workspace, LOCAL, **told))

    def loose_machine(self, name: str = "laptop", **told: Any) -> Machine:
        """A machine as it is before anyone set it up: no deployment, no token."""
        return self._made(Machine(self._home / name, self.workspace, **told))

    def enroll(self, name: str) -> str:
        return enroll(self.deployment, self.workspace, name)

    def revoke(self, name: str) -> None:
        args = {"workspace": self.workspace, "name": name}
        answer = self.deployment.call("mutation", "devices:revoke", args, admin=True)
        assert answer.value == {"revoked": True}

    def close(self) -> None:
        for machine in self._machines:
            machine.close()
        for machine in self._machines:
            if (machine.home / "daemon.log").exists():
                machine.keeps_secrets(machine.said())

    def _made(self, machine: Machine) -> Machine:
        self._machines.append(machine)
        return machine


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Shared by all tests that do not kill it."""
    shared = started(tmp_path_factory.mktemp("deployment") / "data")
    yield shared
    shared.close()


@pytest.fixture
def world(tmp_path: Path, deployment: Backend) -> Iterator[World]:
    made = World(tmp_path, deployment)
    yield made
    made.close()


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[World]:
    """A world with a deployment of its own, that the test may kill."""
    own = started(tmp_path / "deployment")
    made = World(tmp_path, own)
    yield made
    made.close()
    own.close()


@pytest.fixture
def proxy(deployment: Backend) -> Iterator[Proxy]:
    """A way to the shared deployment that can be spoilt."""
    made = Proxy(deployment.port)
    yield made
    made.close()
