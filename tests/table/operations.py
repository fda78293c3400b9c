"""The operations: how each face does it, and what must come of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from syncd.storage import Asset, AssetMetadata, Deployment, Execution, Metric, Workflow

from .faces import Systems
from .scene import MINUTE, T0, execution_id

Args = dict[str, Any]


@dataclass(frozen=True)
class Reading:
    """`told` and `answered` bring what Python and what a client is told to one form: `expected`."""

    name: str
    python: Callable[[Systems], Awaitable[Any]]
    function: str
    args: Args
    told: Callable[[Any], Any]
    answered: Callable[[Any], Any]
    expected: Any


@dataclass(frozen=True)
class Writing:
    """`given` prepares the record `id`; `done` tells whether the files show the effect, once:
    when the call returns, if `at_once`.
    """

    name: str
    python: Callable[[Systems, str], Awaitable[Any]]
    done: Callable[[Systems, str], Awaitable[bool]]
    given: Callable[[Systems, str], Awaitable[Any]] | None = None
    at_once: bool = True
    function: str = ""
    args: Callable[[str], Args] = lambda id: {"id": id}
    has_request: bool = True
    """Whether the function knows a repetition by its requestId."""


def ids(rows: Any) -> list[str]:
    return [row.id for row in rows]


def values(samples: Any) -> list[float]:
    return [sample.value for sample in samples]


def values_of(page: Any) -> list[float]:
    return [row["value"] for row in page["rows"]]


def names_of(key: str) -> Callable[[Any], list[str]]:
    return lambda page: [row[key] for row in page["rows"]]


READINGS = [
    Reading(
        "workflows: load",
        lambda s: s.workflows.load("beta"),
        "workflows:get", {"id": "beta"},
        lambda told: (told.id, told.status),
        lambda row: (row["value"]["id"], row["value"]["status"]),
        ("beta", "running"),
    ),
    Reading(
        "workflows: load what is not there",
        lambda s: s.workflows.load("omega"),
        "workflows:get", {"id": "omega"},
        lambda told: told, lambda row: row, None,
    ),
    Reading(
        "workflows: list by status",
        lambda s: s.workflows.list(status="draft", limit=2),
        "workflows:list", {"status": "draft", "limit": 2},
        ids, names_of("recordId"), ["alpha", "gamma"],
    ),
    Reading(
        "workflows: list by name",
        lambda s: s.workflows.list(name="Beta"),
        "workflows:list", {"name": "Beta"},
        ids, names_of("recordId"), ["beta"],
    ),
    Reading(
        "executions: load",
        lambda s: s.workflows.load_execution(execution_id(1)),
        "workflows:getExecution", {"executionId": execution_id(1)},
        lambda told: (told.workflow_id, told.status),
        lambda row: (row["workflowId"], row["status"]),
        ("alpha", "failed"),
    ),
    Reading(
        "executions: list, newest first, limit",
        lambda s: s.workflows.list_executions("alpha", limit=2),
        "workflows:listExecutions", {"workflowId": "alpha", "limit": 2},
        ids, names_of("executionId"), [execution_id(2), execution_id(1)],
    ),
    Reading(
        "executions: list by status",
        lambda s: s.workflows.list_executions("alpha", status="running"),
        "workflows:listExecutions", {"workflowId": "alpha", "status": "running"},
        ids, names_of("executionId"), [execution_id(0)],
    ),
    Reading(
        "assets: load",
        lambda s: s.assets.load("one"),
        "assets:get", {"id": "one"},
        lambda told: (told.name, told.tags),
        lambda row: (row["value"]["name"], row["value"]["tags"]),
        ("One", ["x", "y"]),
    ),
    Reading(
        "assets: search by words and all tags",
        lambda s: s.assets.search("changelog entry", tags=["x", "y"]),
        "assets:search", {"query": "changelog entry", "tags": ["x", "y"]},
        ids, names_of("recordId"), ["one"],
    ),
    Reading(
        "assets: search in a category, limit",
        lambda s: s.assets.search("changelo", category="prompts", limit=1),
        "assets:search", {"query": "changelo", "category": "prompts", "limit": 1},
        len, lambda page: len(page["rows"]), 1,
    ),
    Reading(
        "assets: by category",
        lambda s: s.assets.by_category("prompts", type="prompt"),
        "assets:list", {"category": "prompts", "type": "prompt"},
        ids, names_of("recordId"), ["one", "two"],
    ),
    Reading(
        "deployments: load",
        lambda s: s.deployments.load("deploy-0"),
        "deployments:get", {"id": "deploy-0"},
        lambda told: (told.site_id, told.status),
        lambda row: (row["siteId"], row["status"]),
        ("shop", "failed"),
    ),
    Reading(
        "deployments: by site, newest first, limit",
        lambda s: s.deployments.by_site("shop", limit=2),
        "deployments:getBySite", {"siteId": "shop", "limit": 2},
        ids, names_of("recordId"), ["deploy-2", "deploy-1"],
    ),
    Reading(
        "deployments: latest of a site",
        lambda s: s.deployments.latest("shop"),
        "deployments:getLatest", {"siteId": "shop"},
        lambda told: told.id, lambda row: row["recordId"], "deploy-2",
    ),
    Reading(
        "deployments: by status",
        lambda s: s.deployments.by_status("success"),
        "deployments:getByStatus", {"status": "success"},
        ids, names_of("recordId"), ["deploy-2", "deploy-1"],
    ),
    Reading(
        "deployments: the queue",
        lambda s: s.deployments.queue(),
        "documents:get", {"store": "deployments", "path": "deployments.json"},
        lambda told: told, lambda row: row["value"]["queue"], ["deploy-2"],
    ),
    Reading(
        "metrics: by type, newest first, limit",
        lambda s: s.metrics.by_type("speed", limit=2),
        "metrics:getByType", {"type": "speed", "limit": 2},
        values, values_of, [5, 4],
    ),
    Reading(
        "metrics: by name",
        lambda s: s.metrics.by_name("page-1"),
        "metrics:getByName", {"name": "page-1"},
        values, values_of, [5, 3, 1],
    ),
    Reading(
        "metrics: within a time range",
        lambda s: s.metrics.by_type("speed", start=T0 + MINUTE, end=T0 + 2 * MINUTE),
        "metrics:getByType",
        {"type": "speed", "startTime": T0 + MINUTE, "endTime": T0 + 2 * MINUTE},
        values, values_of, [2, 1],
    ),
    Reading(
        "metrics: aggregate",
        lambda s: s.metrics.aggregate(type="speed"),
        "metrics:aggregate", {"type": "speed"},
        lambda told: (told.count, told.min, told.max, told.mean, round(told.p50)),
        lambda told: (told["count"], told["min"], told["max"], told["mean"], round(told["p50"])),
        (6, 0, 5, 2.5, 2),
    ),
    Reading(
        "metrics: aggregate by time",
        lambda s: s.metrics.aggregate(name="page-0", bucket=2 * MINUTE),
        "metrics:aggregate", {"name": "page-0", "bucket": 2 * MINUTE},
        lambda told: [(each.start, each.sum) for each in told.buckets],
        lambda told: [(each["start"], each["sum"]) for each in told["buckets"]],
        [(T0, 0), (T0 + 2 * MINUTE, 2), (T0 + 4 * MINUTE, 4)],
    ),
]  # fmt: skip


async def _has_workflow(s: Systems, id: str) -> bool:
    loaded = await s.workflows.load(id)
    return loaded is not None and bool(loaded.status == "new")


async def _has_execution(s: Systems, id: str) -> bool:
    loaded = await s.workflows.load_execution(id)
    return loaded is not None and bool(loaded.status == "completed")


async def _has_asset(s: Systems, id: str) -> bool:
    loaded = await s.assets.load(id)
    return loaded is not None and bool(loaded.category == "drafts")


async def _counted(s: Systems, id: str) -> bool:
    loaded = await s.assets.load(id)
    return loaded is not None and bool(loaded.metadata.downloads == 6)


async def _has_deployment(s: Systems, id: str) -> bool:
    loaded = await s.deployments.load(id)
    return loaded is not None and bool(loaded.status == "pending")


async def _update_workflow(s: Systems, id: str) -> None:
    loaded = await s.workflows.load(id)
    loaded.status = "new"
    await s.workflows.save(loaded)


async def _update_execution(s: Systems, id: str) -> None:
    loaded = await s.workflows.load_execution(id)
    loaded.status = "completed"
    await s.workflows.save_execution(id, loaded)


async def _update_deployment(s: Systems, id: str) -> None:
    loaded = await s.deployments.load(id)
    loaded.status = "pending"
    await s.deployments.save(loaded)


async def _has_sample(s: Systems, id: str) -> bool:
    # At least once: a client whose answer was lost cannot tell, and the function takes no
    # requestId. That files tell each sample once is tested in tests/system.
    return set(values(await s.metrics.by_name(id))) == {6}


async def _no_workflow(s: Systems, id: str) -> bool:
    return await s.workflows.load(id) is None


async def _no_asset(s: Systems, id: str) -> bool:
    return await s.assets.load(id) is None


WRITINGS = [
    Writing(
        "workflows: save",
        lambda s, id: s.workflows.save(Workflow(id=id, name=id, status="new")),
        _has_workflow,
        function="workflows:create",
        args=lambda id: {"workflow": {"id": id, "name": id, "status": "new"}},
    ),
    Writing(
        "workflows: update",
        lambda s, id: _update_workflow(s, id),
        _has_workflow,
        lambda s, id: s.workflows.save(Workflow(id=id, name=id, status="old")),
        function="workflows:update",
        args=lambda id: {"id": id, "updates": {"status": "new"}},
    ),
    Writing(
        "workflows: delete",
        lambda s, id: s.workflows.delete(id),
        _no_workflow,
        lambda s, id: s.workflows.save(Workflow(id=id, name=id, status="new")),
        function="workflows:remove",
        args=lambda id: {"id": id},
    ),
    Writing(
        "executions: save",
        lambda s, id: s.workflows.save_execution(
            id, Execution(workflow_id="omega", status="completed")
        ),
        _has_execution,
        function="workflows:createExecution",
        args=lambda id: {
            "workflowId": "omega",
            "executionId": id,
            "context": {},
            "status": "completed",
        },
    ),
    Writing(
        "executions: update",
        lambda s, id: _update_execution(s, id),
        _has_execution,
        lambda s, id: s.workflows.save_execution(id, Execution(workflow_id="omega")),
        function="workflows:updateExecution",
        args=lambda id: {"executionId": id, "updates": {"status": "completed"}},
    ),
    Writing(
        "assets: save",
        lambda s, id: s.assets.save(Asset(id=id, name=id, category="drafts")),
        _has_asset,
        function="assets:create",
        args=lambda id: {"asset": {"id": id, "name": id, "category": "drafts"}},
    ),
    Writing(
        "assets: delete",
        lambda s, id: s.assets.delete(id),
        _no_asset,
        lambda s, id: s.assets.save(Asset(id=id, name=id, category="drafts")),
        function="assets:deleteAsset",
        args=lambda id: {"id": id},
    ),
    Writing(
        "assets: count a download",
        lambda s, id: s.assets.increment_downloads(id),
        _counted,
        lambda s, id: s.assets.save(
            Asset(id=id, category="counted", metadata=AssetMetadata(downloads=5))
        ),
        at_once=False,
        function="assets:incrementDownloads",
        args=lambda id: {"id": id},
    ),
    Writing(
        "deployments: save",
        lambda s, id: s.deployments.save(Deployment(id=id, site_id="s", status="pending")),
        _has_deployment,
        function="deployments:create",
        args=lambda id: {"id": id, "siteId": "s", "status": "pending", "environment": "production"},
    ),
    Writing(
        "deployments: update",
        lambda s, id: _update_deployment(s, id),
        _has_deployment,
        lambda s, id: s.deployments.save(Deployment(id=id, site_id="s", status="queued")),
        function="deployments:update",
        args=lambda id: {"id": id, "updates": {"status": "pending"}},
    ),
    Writing(
        "metrics: record",
        lambda s, id: s.metrics.record(Metric(type="t", name=id, value=6)),
        _has_sample,
        function="metrics:record",
        args=lambda id: {"type": "t", "name": id, "value": 6},
        has_request=False,
    ),
]
