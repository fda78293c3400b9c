"""What a program says is in the file, whatever it is, and is read again as it was said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from syncd.config import Config
from syncd.errors import RecordError
from syncd.storage import Deployment, DeploymentStorage
from syncd.storage.assets import AsyncAssetStorage
from syncd.storage.records import Asset, Execution, WorkflowStep
from syncd.storage.workflows import AsyncWorkflowStorage
from syncd.stores.merge import MERGE_LIMIT
from syncd.stores.tree import DEEPEST
from tests.storage.test_workflows import workflow


@pytest.mark.parametrize("loaded", [True, False], ids=["loaded", "made"])
async def test_keys_that_are_no_text_are_spelled_as_json_spells_them(
    project: Config, loaded: bool
) -> None:
    storage = AsyncWorkflowStorage(project)
    record = workflow("a")
    record.config = {"limits": {"1": "one", "other": {}}}
    await storage.save(record)
    if loaded:
        found = await storage.load("a")
        assert found is not None
        record = found
    record.config = {"limits": {1: "uno", 2.5: {None: True}, False: 0, "other": {}}}
    await storage.save(record)
    after = await storage.load("a")
    assert after is not None
    assert after.config == {"limits": {"1": "uno", "2.5": {"null": True}, "false": 0, "other": {}}}
    after.config = {"limits": {(1, 2): 3}}
    with pytest.raises(RecordError, match="keys must be str"):
        await storage.save(after)


async def test_two_edits_of_a_long_record_are_both_kept(project: Config) -> None:
    storage = AsyncWorkflowStorage(project)
    made = workflow("a")
    made.description = "x" * (MERGE_LIMIT + 1)
    await storage.save(made)
    mine, other = await storage.load("a"), await storage.load("a")
    assert mine is not None
    assert other is not None
    mine.name, other.status = "mine", "theirs"
    await storage.save(mine)
    await storage.save(other)
    both = await storage.load("a")
    assert both is not None
    assert (both.name, both.status) == ("mine", "theirs")


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
async def test_what_is_saved_can_be_loaded(tmp_path: Path, name: str) -> None:
    store = '[[store]]\nname = "w"\nkind = "workflow"\npath = "w"\n'
    (tmp_path / "config.toml").write_text(f'{store}create = "{name.replace("a.", "{id}.")}"\n')
    storage = AsyncWorkflowStorage(tmp_path / "config.toml")
    made = workflow("a")
    made.description = "a\u2028b\x85\r\n\ufeff"
    made.config = {"": 1, "x" * 200: [{"k:\n ey": "é", "?": "on"}]}
    await storage.save(made)
    assert await storage.load("a") == made


async def test_a_field_that_is_taken_away_leaves_the_file(project: Config) -> None:
    storage = AsyncWorkflowStorage(project)
    await storage.save(workflow("a"))
    record = await storage.load("a")
    assert record is not None
    del record.status
    record.name = None
    await storage.save(record)
    text = (project.stores[0].path / "a.json").read_text()
    assert json.loads(text) == {"id": "a", "name": None, "steps": [{"id": "s"}]}
    again = await storage.load("a")
    assert again is not None
    assert again.status is None


async def test_a_copy_under_another_id_leaves_what_it_was_loaded_from(project: Config) -> None:
    storage = AsyncWorkflowStorage(project)
    path = project.stores[0].path / "deep" / "one.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"id": "a",   "kept": 1.0, "name": "A"}')
    record = await storage.load("a")
    assert record is not None
    await storage.save(record.model_copy(update={"id": "b"}))
    record.id = "c"
    await storage.save(record)
    record.name = "C"
    await storage.save(record)
    assert path.read_text() == '{"id": "a",   "kept": 1.0, "name": "A"}'
    b, c = (project.stores[0].path / f"{name}.json" for name in "bc")
    assert b.read_text() == '{"id": "b",   "kept": 1.0, "name": "A"}'
    assert c.read_text() == '{"id": "c",   "kept": 1.0, "name": "C"}'


async def test_an_execution_saved_under_another_id_leaves_the_one_it_was_loaded_from(
    project: Config,
) -> None:
    storage = AsyncWorkflowStorage(project)
    await storage.save_execution("one", Execution(workflow_id="a", status="failed"))
    record = await storage.load_execution("one")
    assert record is not None
    record.status = "running"
    await storage.save_execution("two", record)
    one, two = [await storage.load_execution(id) for id in ("one", "two")]
    assert one is not None
    assert two is not None
    assert (one.status, two.status) == ("failed", "running")


async def test_a_copied_asset_is_saved_in_the_folder_of_the_first(project: Config) -> None:
    storage = AsyncAssetStorage(project)
    await storage.save(Asset(id="a", category="agents"))
    record = await storage.load("a")
    assert record is not None
    del record.category
    await storage.save(record.model_copy(update={"id": "b"}))
    assert [row.id for row in await storage.by_category("agents")] == ["a", "b"]


async def test_a_record_whose_file_was_removed_is_saved_where_it_was(project: Config) -> None:
    storage = AsyncWorkflowStorage(project)
    path = project.stores[0].path / "deep" / "one.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"id": "a"}')
    record = await storage.load("a")
    assert record is not None
    path.unlink()
    await storage.save(record)
    assert path.read_text() == '{"id": "a"}'


async def test_edits_that_together_make_a_flaw_are_both_kept(project: Config) -> None:
    storage = AsyncWorkflowStorage(project)
    made = workflow("a")
    made.steps = [WorkflowStep(id="one"), WorkflowStep(id="two")]
    await storage.save(made)
    mine, theirs = await storage.load("a"), await storage.load("a")
    assert mine is not None
    assert theirs is not None
    theirs.steps.append(WorkflowStep(id="three", depends_on=["one"]))
    await storage.save(theirs)
    del mine.steps[0]
    mine.status = "running"
    await storage.save(mine)
    found = await storage.load("a")
    assert found is not None
    assert ([step.id for step in found.steps], found.status) == (["two", "three"], "running")


async def test_edits_of_yaml_whose_comments_do_not_merge_are_both_kept(project: Config) -> None:
    path = project.stores[0].path / "a.yaml"
    path.parent.mkdir()
    path.write_text("id: a\nconfig:\n  x: 1\n")
    storage = AsyncWorkflowStorage(project)
    mine = await storage.load("a")
    assert mine is not None
    path.write_text("id: a\nstatus: draft\non: push\nconfig:\n  # why\n  x: 1\n")
    mine.config = None
    await storage.save(mine)
    assert path.read_text() == "id: a\nstatus: draft\non: push\nconfig: null\n"


async def test_what_a_record_could_not_tell_is_not_written_over(project: Config) -> None:
    text = '{"id": "a", "steps": [{"id": "s"}, "then t"], "description": 5, "tags": null}'
    path = project.stores[0].path / "a.json"
    path.parent.mkdir()
    path.write_text(text)
    storage = AsyncWorkflowStorage(project)
    record = await storage.load("a")
    assert record is not None
    record.status, record.tags = "running", ["t"]
    await storage.save(record)
    assert path.read_text() == text.replace("null", '["t"]')[:-1] + ', "status": "running"}'
    record.steps.append(WorkflowStep(id="t"))
    with pytest.raises(
        RecordError, match=r'steps holds \[{"id":"s"},"then t"\], .* nothing was wri'
    ):
        await storage.save(record)
    assert '"then t"' in path.read_text()
    await storage.save(workflow("a"))
    assert '"then t"' not in path.read_text()


async def test_tags_that_are_numbers_stay_among_others(project: Config) -> None:
    storage = AsyncAssetStorage(project)
    await storage.save(Asset(id="a", category="c"))
    path = next(each.path for each in project.stores if each.kind == "asset") / "c" / "a.json"
    path.write_text('{"id": "a", "tags": ["x", 2024], "content": 0}')
    record = await storage.load("a")
    assert record is not None
    assert record.tags == ["x", "2024"]
    record.tags.append("y")
    record.content = {}
    await storage.save(record)
    assert path.read_text() == '{"id": "a", "tags": ["x", 2024, "y"], "content": {}}'


async def test_a_step_that_is_changed_beside_a_new_one_keeps_what_is_in_it(
    project: Config,
) -> None:
    path = project.stores[0].path / "a.json"
    path.parent.mkdir()
    path.write_text('{"id": "a", "steps": [{"id": "s",  "n": 1.0, "agent": 5}]}')
    storage = AsyncWorkflowStorage(project)
    record = await storage.load("a")
    assert record is not None
    record.steps[0].depends_on = ["t"]
    record.steps.insert(0, WorkflowStep(id="t"))
    await storage.save(record)
    kept = '{"id": "s",  "n": 1.0, "agent": 5,  "dependsOn": ["t"]}'
    assert path.read_text() == f'{{"id": "a", "steps": [{{"id": "t"}}, {kept}]}}'


def nested(levels: int) -> list[Any]:
    """A list in a list, and so on."""
    told: list[Any] = []
    for _ in range(levels - 1):
        told = [told]
    return told


async def test_what_nests_too_deep_to_be_read_again_is_not_saved(project: Config) -> None:
    storage = AsyncWorkflowStorage(project)
    deepest = Execution(context=nested(DEEPEST - 1))
    await storage.save_execution("a", deepest)
    assert await storage.load_execution("a") == deepest
    cycle: list[Any] = []
    cycle.append(cycle)
    for value in (nested(DEEPEST), {"k": nested(DEEPEST - 1)}, nested(5_000), cycle):
        for id in ("a", "b"):
            with pytest.raises(RecordError, match="nests too deep; nothing was written"):
                await storage.save_execution(id, Execution(context=value))
    assert await storage.load_execution("a") == deepest
    assert await storage.load_execution("b") is None


def test_a_deployment_that_nests_too_deep_leaves_the_file_of_all_readable(project: Config) -> None:
    with DeploymentStorage(project) as storage:
        storage.save(Deployment(id="a", site_id="s"))
        loaded = storage.load("a")
        assert loaded is not None
        loaded.build_artifacts = nested(DEEPEST // 2)
        for each in (loaded, Deployment(id="b", build_artifacts=nested(DEEPEST // 2))):
            with pytest.raises(RecordError, match=r"nests .* deep.*; nothing was written"):
                storage.save(each)
        assert [row.id for row in storage.list()] == ["a"]
        storage.enqueue("a")
