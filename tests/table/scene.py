"""What all cells of the table share: a machine with a daemon, a way to spoil, and some records."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncd.config import Config, load
from syncd.storage import Asset, AssetMetadata, Deployment, Execution, Metric, Workflow
from syncd.stores.records import Split, split
from tests.embedded.backend import Backend
from tests.system.deployment import enroll
from tests.system.machine import Machine
from tests.system.proxy import Proxy
from tests.system.waiting import until

from .faces import Systems

STORES = {
    "workflows": "workflow",
    "executions": "execution",
    "assets": "asset",
    "deployments": "deployment",
    "metrics": "metric",
}
FILES = [name for name in STORES if name != "metrics"]
"""Stores whose files are the same on both sides, and not only followed."""


Key = tuple[str, str, str]

T0 = 1772442840000
MINUTE = 60_000


@dataclass(frozen=True)
class Place:
    """A deployment, a token for it, and the workspace of the token."""

    url: str
    token: str
    workspace: str


def real_place() -> Place | None:
    """The deployment that the environment names."""
    url = os.environ.get("SYNCD_TEST_URL")
    if url is None:
        return None
    workspace = os.environ.get("SYNCD_TEST_WORKSPACE", "default")
    return Place(url, os.environ["SYNCD_TEST_TOKEN"], workspace)


def embedded_place(backend: Backend) -> Place:
    return Place(backend.url, enroll(backend, "table", "machine"), "table")


class Scene:
    """The daemon goes to the deployment itself, whoever is tried by way of the proxy."""

    def __init__(self, home: Path, place: Place) -> None:
        self.place = place
        told = {"CONVEX_URL": place.url, "SYNCD_TOKEN": place.token}
        self.machine = Machine(home, place.workspace, stores=STORES, environment=told)
        # By default an execution that was made in Convex is no device's own, and in no file.
        told_to = self.machine.config.read_text()
        both = told_to.replace('kind = "execution"', 'kind = "execution"\ndirection = "both"')
        self.machine.config.write_text(both)
        self.proxy = Proxy(int(place.url.rpartition(":")[2]))
        self.who = {"token": place.token, "workspace": place.workspace}

    async def begin(self) -> None:
        """Start the daemon, and mirror what the cells read."""
        self.machine.start().until_in_sync()
        systems = Systems(self.config, blocking=False)
        await self._save(systems)
        await systems.close()
        until(lambda: self.there() == self.here(), "the records mirrored", 30)
        until(lambda: self.samples() == 6, "the samples mirrored", 30)

    @property
    def config(self) -> Config:
        """How the machine's programs are configured: to go by way of the proxy."""
        told = {**self.machine.environment, "CONVEX_URL": self.proxy.url}
        return load(self.machine.config, told)

    def here(self) -> dict[Key, str]:
        """What the files hold, each record's digest."""
        told: dict[Key, str] = {}
        for path, body in self.machine.tree().items():
            store, _, rest = path.partition("/")
            if store not in FILES:
                continue
            if store == "deployments":
                found = split(body, "/deployments")
                if not isinstance(found, Split):
                    continue  # A write under way, in a file beside.
                parts = {(store, rest, id): p.content.digest for id, p in found.parts.items()}
                told |= parts
            else:
                told[store, rest, ""] = hashlib.sha256(body).hexdigest()
        return told

    def there(self) -> dict[Key, str]:
        """What the deployment holds of the same stores."""
        told: dict[Key, str] = {}
        for store in FILES:
            after: Any = None
            while True:
                page = self.machine.mirror().query("sync:manifest", store=store, after=after)
                told |= {
                    (store, each["path"], each["record"]): each["digest"]
                    for each in page["entries"] if not each["deleted"]
                }  # fmt: skip
                if (after := page["next"]) is None:
                    break
        return told

    def samples(self) -> int:
        """How many of the samples that the cells read are on the deployment."""
        return len(self.machine.mirror().query("metrics:getByType", type="speed")["rows"])

    def close(self) -> None:
        self.machine.close()
        self.proxy.close()

    async def _save(self, systems: Systems) -> None:
        for id, status in (("alpha", "draft"), ("beta", "running"), ("gamma", "draft")):
            await systems.workflows.save(Workflow(id=id, name=id.title(), status=status))
        for number in range(3):
            execution = Execution(workflow_id="alpha", status="failed" if number else None)
            await systems.workflows.save_execution(execution_id(number), execution)
        for id, tags in (("one", ["x", "y"]), ("two", ["x"])):
            await systems.assets.save(
                Asset(
                    id=id,
                    name=id.title(),
                    category="prompts",
                    tags=tags,
                    type="prompt",
                    content=f"Write a changelog entry {id}",
                    metadata=AssetMetadata(downloads=1),
                )
            )
        for number in range(3):
            await systems.deployments.save(
                Deployment(
                    id=f"deploy-{number}",
                    site_id="shop",
                    status="success" if number else "failed",
                    started_at=f"2026-03-02T09:15:0{number}.000Z",
                )
            )
        await systems.deployments.enqueue("deploy-2")
        await systems.metrics.record(
            *(
                Metric(type="speed", name=f"page-{n % 2}", value=n, timestamp=T0 + n * MINUTE)
                for n in range(6)
            )
        )


def execution_id(number: int) -> str:
    return f"exec-{1772442890000 + number}-abcdefghi"


def unique(name: str) -> str:
    """An id for what one cell writes."""
    letters = "".join(each if each.isalnum() else "-" for each in name)
    return f"{letters}-{time.time_ns()}"
