"""What a call cannot take is refused in words, with nothing done; what is meant is done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from syncd.config import Config
from syncd.errors import RecordError
from syncd.storage import (
    Asset,
    AssetStorage,
    Deployment,
    DeploymentStorage,
    Execution,
    Metric,
    MetricsStorage,
    Workflow,
    WorkflowStorage,
)

Act = Callable[[Config, Any], object]

SAVES: dict[str, tuple[Act, type]] = {
    "workflow": (lambda project, each: WorkflowStorage(project).save(each), Workflow),
    "execution": (
        lambda project, each: WorkflowStorage(project).save_execution("run", each),
        Execution,
    ),
    "asset": (lambda project, each: AssetStorage(project).save(each), Asset),
    "deployment": (lambda project, each: DeploymentStorage(project).save(each), Deployment),
    "metric": (lambda project, each: MetricsStorage(project).record(each), Metric),
}
RECORDS = [
    Workflow(id="a", name="a"),
    Execution(workflow_id="a"),
    Asset(id="a", name="a", category="c"),
    Deployment(id="a", site_id="s"),
    Metric(type="t", name="n", value=1),
    {"id": "a", "type": "t", "name": "n", "value": 1},
    [Metric(type="t", name="n", value=1)],
    None,
]


@pytest.mark.parametrize(("save", "model"), SAVES.values(), ids=SAVES)
@pytest.mark.parametrize("record", RECORDS, ids=lambda each: type(each).__name__)
def test_only_its_own_kind_of_record_is_saved(
    project: Config, save: Act, model: type, record: object
) -> None:
    if isinstance(record, model):
        save(project, record)
        return
    with pytest.raises(RecordError, match=rf"{model.__name__}.* nothing was written$"):
        save(project, record)
    assert [path.name for path in project.source.parent.iterdir()] == ["config.toml"]


LISTS: dict[str, Act] = {
    "workflows": lambda project, limit: WorkflowStorage(project).list(limit=limit),
    "executions": lambda project, limit: WorkflowStorage(project).list_executions(limit=limit),
    "assets": lambda project, limit: AssetStorage(project).search(limit=limit),
    "deployments": lambda project, limit: DeploymentStorage(project).list(limit=limit),
    "samples": lambda project, limit: MetricsStorage(project).by_type("t", limit=limit),
}


@pytest.mark.parametrize("limit", [0, -1, None, "5", 1.5])
@pytest.mark.parametrize("listed", LISTS.values(), ids=LISTS)
def test_a_limit_that_is_no_count_is_refused(project: Config, listed: Act, limit: Any) -> None:
    with pytest.raises(RecordError, match=f"^a limit of {limit!r} lists nothing$"):
        listed(project, limit)


def test_a_tag_may_be_given_by_itself(project: Config) -> None:
    with AssetStorage(project) as storage:
        storage.save(Asset(id="a", category="c", tags=["release"]))
        storage.save(Asset(id="b", category="c", tags=["r"]))
        assert [row.id for row in storage.search(tags="release")] == ["a"]


def test_an_asset_without_a_category_is_told_that_it_needs_one(project: Config) -> None:
    with (
        AssetStorage(project) as storage,
        pytest.raises(RecordError, match=r"^there is no category; nothing was written$") as raised,
    ):
        storage.save(Asset(id="a", category=""))
    assert raised.value.advice == "give it one"


def test_an_empty_file_is_said_to_be_empty(
    project: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.storage.file.PATIENCE", 0.0)
    path = next(each.path for each in project.stores if each.kind == "execution")
    path.mkdir()
    (path / "run.json").touch()
    with (
        WorkflowStorage(project) as storage,
        pytest.raises(RecordError, match=r"holds no record: it is empty; it was not read$"),
    ):
        storage.load_execution("run")


def test_what_is_no_file_comes_with_the_advice_for_it(project: Config) -> None:
    path: Path = next(each.path for each in project.stores if each.kind == "execution")
    path.mkdir()
    (path / "run.json").symlink_to(project.source)
    with WorkflowStorage(project) as storage, pytest.raises(RecordError) as raised:
        storage.load_execution("run")
    assert str(raised.value) == "run.json: it is a symbolic link; it was not read"
    assert "disk" not in raised.value.advice


@pytest.mark.parametrize("bucket", [0, -60_000, 1, float("nan"), "60000", timedelta(minutes=1)])
def test_a_bucket_that_is_no_whole_minutes_is_refused(project: Config, bucket: Any) -> None:
    with MetricsStorage(project) as storage, pytest.raises(RecordError) as raised:
        storage.aggregate(type="t", bucket=bucket)
    assert str(raised.value) == f"{bucket!r} is no bucket of whole minutes; nothing was added up"
    assert raised.value.advice == "give its milliseconds, a multiple of 60_000"
