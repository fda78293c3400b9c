"""The columns that Python makes from a text are those that the deployment makes."""

from __future__ import annotations

import hashlib
import json
import secrets
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.core.model import Kind
from syncd.storage.columns import row_of
from syncd.storage.rows import AssetRow, DeploymentRow, ExecutionRow, Row, WorkflowRow
from syncd.stores.layout import format_of
from tests.embedded.backend import Backend

from .deployment import enroll
from .flows import CORPUS
from .mirror import Mirror

EXAMPLES = Path(__file__).parents[2] / "examples"
KINDS: dict[Kind, tuple[str, type[Row]]] = {
    Kind.WORKFLOW: ("workflows:list", WorkflowRow),
    Kind.EXECUTION: ("workflows:listExecutions", ExecutionRow),
    Kind.ASSET: ("assets:list", AssetRow),
    Kind.DEPLOYMENT: ("deployments:list", DeploymentRow),
}

times = st.sampled_from([
    "2026-03-02T09:15:04.120Z", "2026-03-02T09:15:04", "2026-03-02", "2026-03-02T09:15:04+02:00",
    "2026-03-02T09:15:04.1239Z", "2107-01-01T00:00:00.011Z", "1969-12-31T23:59:59.0009Z",
    "yesterday", "12:30", 1772442890512, -0.0, 8.64e15, 8.65e15, 1772442890512.75,
])  # fmt: skip
texts = st.text(max_size=6) | st.sampled_from(
    ["é" * 400, "é" * 512, "i" * 513, "😀" * 160, "a" * 2001, "x😀" * 1000]
)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | texts | times
names = st.lists(scalars | st.fixed_dictionaries({"name": scalars}), max_size=4) | st.just(
    ["t"] * 101
)
inner = st.dictionaries(
    st.sampled_from(["downloads", "rating", "author", "version", "message"]), scalars
)
FIELDS = [
    "id", "name", "title", "description", "version", "status", "tags", "active", "steps", "nodes",
    "createdAt", "updatedAt", "workflowId", "startTime", "endTime", "completedSteps", "results",
    "siteId", "environment", "commitHash", "branch", "startedAt", "completedAt", "buildArtifacts",
    "healthCheckStatus", "rollbackId", "error", "category", "type", "metadata", "author",
]  # fmt: skip
objects = st.dictionaries(st.sampled_from(FIELDS), scalars | names | inner, max_size=10)
paths = st.sampled_from(
    ["a.json", "b/c.json", "b/d/.e.json", "exec-1772442890512-k3f9x0a2b.json", "f.g.json", "é.json"]
)
files = st.tuples(st.sampled_from(list(KINDS)), paths, objects | scalars | names)


def told(deployment: Backend, given: list[tuple[Kind, str, str]]) -> dict[str, Row]:
    """The rows that a deployment makes of (kind, path, text), by path."""
    workspace = f"w-{secrets.token_hex(8)}"
    mirror = Mirror(deployment.url, enroll(deployment, workspace, "x"), workspace)
    operations = [operation(*each) for each in given]
    for start in range(0, len(operations), 50):
        part = operations[start : start + 50]
        results = mirror._client.mutation("sync:push", {**mirror._who, "operations": part})
        assert {each["outcome"] for each in results["results"]} <= {"applied"}, results
    found: dict[str, Row] = {}
    for function, model in KINDS.values():
        cursor = None
        while True:
            page = mirror.query(function, limit=200, cursor=cursor)
            found |= {row["path"]: model.model_validate(row) for row in page["rows"]}
            if (cursor := page["cursor"]) is None:
                break
    return found


def operation(kind: Kind, path: str, text: str) -> dict[str, Any]:
    body = text.encode()
    write = {"digest": hashlib.sha256(body).hexdigest(), "size": len(body), "text": text}
    return {
        "operation": secrets.token_hex(16), "store": "s", "path": path, "record": "",
        "kind": kind.value, "format": format_of(path).value,
        "expect": {"revision": 0, "digest": None}, "write": write,
    }  # fmt: skip


def made(kind: Kind, path: str, text: str) -> Row | None:
    body = text.encode()
    return row_of(kind, "s", path, hashlib.sha256(body).hexdigest(), body)


def columns(row: Row | None) -> dict[str, Any]:
    assert row is not None
    return row.model_dump(exclude={"revision", "search_text"})


@settings(max_examples=12, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.lists(files, min_size=30, max_size=60))
def test_of_any_json(deployment: Backend, given: list[tuple[Kind, str, Any]]) -> None:
    numbered = [
        (kind, f"{number}/{path}", json.dumps(value, ensure_ascii=number % 2 == 0))
        for number, (kind, path, value) in enumerate(given)
    ]
    rows = told(deployment, numbered)
    for each in numbered:
        assert columns(made(*each)) == columns(rows.get(each[1])), each


def test_of_real_files(deployment: Backend) -> None:
    found = [*EXAMPLES.rglob("*.json"), *EXAMPLES.rglob("*.yaml"), *CORPUS.rglob("*.json")]
    given = [
        (list(KINDS)[number % 4], f"{number}/{path.name}", path.read_text())
        for number, path in enumerate(found)
    ]
    rows = told(deployment, given)
    for each in given:
        assert columns(made(*each)) == columns(rows.get(each[1])), each[1]
