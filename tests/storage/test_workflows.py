"""Workflows and executions from files alone."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from syncd.config import Config
from syncd.errors import ConfigError, RecordError
from syncd.files.root import Root
from syncd.storage.file import Make, body_of, change
from syncd.storage.records import Execution, Workflow, WorkflowStep, told
from syncd.storage.workflows import AsyncWorkflowStorage, new_execution_id
from tests.storage.conftest import unlisted


def folder(project: Config, kind: str) -> Path:
    return next(each.path for each in project.stores if each.kind == kind)


def workflow(id: str, status: str = "draft") -> Workflow:
    return Workflow(id=id, name=id.upper(), status=status, steps=[WorkflowStep(id="s")])


async def test_a_workflow_is_saved_loaded_listed_and_deleted(project: Config) -> None:
    storage = AsyncWorkflowStorage(project)
    await storage.save(workflow("b"))
    await storage.save(workflow("a", "running"))
    assert (folder(project, "workflow") / "a.json").read_text() == json.dumps(
        {"id": "a", "name": "A", "steps": [{"id": "s"}], "status": "running"}, indent=2
    )
    loaded = await storage.load("a")
    assert loaded == workflow("a", "running")
    assert [row.id for row in await storage.list()] == ["a", "b"]
    assert [row.id for row in await storage.list(status="draft")] == ["b"]
    assert [row.id for row in await storage.list(name="A")] == ["a"]
    assert [row.id for row in await storage.list(limit=1)] == ["a"]
    assert await storage.delete("a") is True
    assert await storage.delete("a") is False
    assert await storage.load("a") is None
    assert [row.id for row in await storage.list()] == ["b"]


async def test_an_edit_leaves_the_rest_of_the_file(project: Config) -> None:
    path = folder(project, "workflow") / "deep" / "n8n.json"
    path.parent.mkdir(parents=True)
    text = '{\r\n\t"nodes": [{"id": 1.0}],\r\n\t"id": "x",  "name": "old",\r\n\t"é$": {}\r\n}\r\n'
    path.write_bytes(text.encode())
    path.chmod(0o640)
    storage = AsyncWorkflowStorage(project)
    loaded = await storage.load("x")
    assert loaded is not None
    await storage.save(loaded)
    assert path.read_bytes() == text.encode()
    loaded.name = "new"
    await storage.save(loaded)
    assert path.read_bytes() == text.replace("old", "new").encode()
    assert path.stat().st_mode & 0o777 == 0o640
    assert [found.name for found in path.parent.iterdir()] == ["n8n.json"]


async def test_what_another_program_changed_since_is_kept(project: Config) -> None:
    first, second = AsyncWorkflowStorage(project), AsyncWorkflowStorage(project)
    await first.save(workflow("a"))
    mine, theirs = await first.load("a"), await second.load("a")
    assert mine is not None
    assert theirs is not None
    theirs.status, theirs.version = "failed", "2"
    await second.save(theirs)
    mine.status = "running"
    mine.tags.append("new")
    await first.save(mine)
    mine.tags.append("newer")
    await first.save(mine)
    again = await first.load("a")
    assert again is not None
    assert (again.status, again.version, again.tags) == ("running", "2", ["new", "newer"])


def test_programs_that_save_at_once_lose_nothing(project: Config) -> None:
    import asyncio

    asyncio.run(AsyncWorkflowStorage(project).save(workflow("a")))

    def tag(name: str) -> None:
        async def add() -> None:
            storage = AsyncWorkflowStorage(project)
            for number in range(12):
                loaded = await storage.load("a")
                assert loaded is not None
                loaded.tags.append(f"{name}{number}")
                await storage.save(loaded)

        asyncio.run(add())

    threads = [threading.Thread(target=tag, args=(name,)) for name in "xyz"]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    loaded = asyncio.run(AsyncWorkflowStorage(project).load("a"))
    assert loaded is not None
    assert sorted(loaded.tags) == sorted(f"{name}{n}" for name in "xyz" for n in range(12))
    assert [path.name for path in folder(project, "workflow").iterdir()] == ["a.json"]


async def test_executions_are_replaced_and_listed_newest_first(project: Config) -> None:
    storage = AsyncWorkflowStorage(project)
    ids = [f"exec-177244289{n:04}-abcdefghi" for n in range(30)]
    for number, id in enumerate(ids):
        told = Execution(workflow_id=f"w{number % 2}", context={"n": number})
        await storage.save_execution(id, told)
    await storage.save_execution(
        ids[3], Execution(workflow_id="w1", status="completed", start_time="2026-02-28T09:00:00Z")
    )
    newest = await storage.list_executions("w1", limit=3)
    assert [row.id for row in newest] == [ids[29], ids[27], ids[25]]
    done = await storage.list_executions(status="completed")
    assert [row.id for row in done] == [ids[3]]
    assert [row.id for row in await storage.list_executions("w1")][-1] == ids[3]
    loaded = await storage.load_execution(ids[3])
    assert loaded is not None
    assert "context" not in (loaded.origin or b"").decode()
    assert new_execution_id() != new_execution_id()


async def test_a_file_that_is_being_written_keeps_its_row_and_is_waited_for(
    project: Config,
) -> None:
    storage = AsyncWorkflowStorage(project)
    await storage.save(workflow("a"))
    assert len(await storage.list()) == 1
    path = folder(project, "workflow") / "a.json"
    whole = path.read_bytes()
    path.write_bytes(whole[:20])
    assert [row.id for row in await storage.list()] == ["a"]
    threading.Timer(0.1, path.write_bytes, [whole]).start()
    assert await storage.load("a") == workflow("a")


async def test_what_cannot_be_saved_is_refused_and_changes_nothing(project: Config) -> None:
    storage = AsyncWorkflowStorage(project)
    await storage.save(workflow("a"))
    twin = folder(project, "workflow") / "twin.json"
    twin.write_text('{"id": "a"}')
    for bad in (workflow("a"), workflow("../out"), workflow("x/../y"), Workflow(name="none")):
        with pytest.raises(RecordError):
            await storage.save(bad)
    with pytest.raises(RecordError):
        await storage.delete("a")
    twin.write_text('{"id": "b"}')
    with pytest.raises(RecordError):
        await storage.save(workflow("twin"))
    assert told(await storage.load("b") or workflow("b")) == {"id": "b"}
    assert len(list(folder(project, "workflow").iterdir())) == 2


async def test_a_link_is_not_followed(project: Config, tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text('{"id": "a"}')
    folder(project, "workflow").mkdir()
    (folder(project, "workflow") / "a.json").symlink_to(outside)
    with pytest.raises(RecordError):
        await AsyncWorkflowStorage(project).save(workflow("a"))
    assert outside.read_text() == '{"id": "a"}'


def test_a_kind_without_a_store_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(ConfigError):
        AsyncWorkflowStorage(tmp_path / "config.toml")


async def test_yaml_is_loaded_edited_and_keeps_its_comments(project: Config) -> None:
    path = folder(project, "workflow") / "nightly.yaml"
    path.parent.mkdir()
    path.write_text("# Every night.\nid: night\nname: Nightly  # short\nstatus: draft\n")
    storage = AsyncWorkflowStorage(project)
    assert [(row.id, row.status) for row in await storage.list()] == [("night", "draft")]
    loaded = await storage.load("night")
    assert loaded is not None
    loaded.status = "running"
    await storage.save(loaded)
    assert path.read_text() == (
        "# Every night.\nid: night\nname: Nightly  # short\nstatus: running\n"
    )


async def test_a_copy_of_yaml_is_the_json_that_a_new_workflow_is(project: Config) -> None:
    path = folder(project, "workflow") / "nightly.yaml"
    path.parent.mkdir()
    path.write_text("# Every night.\nid: night\nname: 2020-01-01\nactive: perhaps\n")
    storage = AsyncWorkflowStorage(project)
    loaded = await storage.load("night")
    assert loaded is not None
    loaded.id, loaded.status = "day", "draft"
    await storage.save(loaded)
    copy = path.with_name("day.json")
    told = {"id": "day", "name": "2020-01-01", "active": "perhaps", "status": "draft"}
    assert json.loads(copy.read_text()) == told
    loaded.status = "running"
    await storage.save(loaded)
    assert json.loads(copy.read_text()) == {**told, "status": "running"}
    assert path.read_text().startswith("# Every night.\nid: night\n")


async def test_a_project_without_executions_has_workflows_all_the_same(tmp_path: Path) -> None:
    settings = '[[store]]\nname = "w"\nkind = "workflow"\npath = "w"\n'
    (tmp_path / "config.toml").write_text(settings)
    storage = AsyncWorkflowStorage(tmp_path / "config.toml")
    await storage.save(workflow("a"))
    assert await storage.load("a") == workflow("a")
    with pytest.raises(ConfigError, match="no store of kind 'execution'"):
        await storage.list_executions()


@pytest.mark.parametrize("known", [True, False], ids=["loaded before", "new"])
async def test_a_save_leaves_a_file_alone_that_tells_no_record(
    project: Config, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.storage.file.PATIENCE", 0.1)
    storage = AsyncWorkflowStorage(project)
    record = workflow("a")
    if known:
        await storage.save(record)
        loaded = await storage.load("a")
        assert loaded is not None
        record = loaded
    path = folder(project, "workflow") / "a.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"id": "a", "nam')
    record.status = "running"
    with pytest.raises(RecordError, match=r"a\.json holds no record: .*; nothing was written"):
        await storage.save(record)
    assert path.read_text() == '{"id": "a", "nam'


@pytest.mark.parametrize("id", ["../a", "a/b", ".hidden", "a\n", "x" * 201, "a\ud800"])
async def test_an_id_that_makes_no_file_name_writes_nothing(project: Config, id: str) -> None:
    with pytest.raises(RecordError, match=r"the id .* makes no file name; nothing was written"):
        await AsyncWorkflowStorage(project).save(workflow(id))
    folder = project.stores[0].path
    assert not folder.exists() or list(folder.iterdir()) == []


async def test_a_record_whose_file_is_there_keeps_whatever_id_it_has(project: Config) -> None:
    path = project.stores[0].path / "a.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"id": "a/b", "name": "A", "steps": []}')
    storage = AsyncWorkflowStorage(project)
    record = await storage.load("a/b")
    assert record is not None
    record.name = "B"
    await storage.save(record)
    assert path.read_text() == '{"id": "a/b", "name": "B", "steps": []}'
    assert [each.name for each in path.parent.iterdir()] == ["a.json"]


async def test_a_new_file_is_named_in_one_spelling(project: Config) -> None:
    await AsyncWorkflowStorage(project).save(workflow("e\u0301"))
    assert (project.stores[0].path / "\u00e9.json").is_file()


@pytest.mark.parametrize("ending", ["", 'id": "a", "name": "theirs"}'])
async def test_what_is_no_record_in_the_moment_of_a_save_is_waited_for_and_not_written_over(
    project: Config, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    storage = AsyncWorkflowStorage(project)
    await storage.save(workflow("a"))
    path = folder(project, "workflow") / "a.json"
    mine = await storage.load("a")
    assert mine is not None
    mine.status = "running"
    change_now, changing = change, "syncd.storage.stores.change"

    def late(root: Root, place: str, make: Make) -> bytes:
        monkeypatch.setattr(changing, change_now)
        path.write_text('{"')
        return change_now(root, place, make)

    def finished(_: float) -> None:
        path.write_text('{"' + ending)

    monkeypatch.setattr(changing, late)
    monkeypatch.setattr("syncd.storage.file.time.sleep", finished)
    monkeypatch.setattr("syncd.storage.file.PATIENCE", 0.1)
    if not ending:
        with pytest.raises(RecordError, match="holds no record"):
            await storage.save(mine)
        assert path.read_text() == '{"'
        return
    await storage.save(mine)
    assert (json.loads(path.read_text())["name"], mine.status) == ("theirs", "running")
    assert json.loads(path.read_text())["status"] == "running"


@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
async def test_a_file_that_does_not_parse_does_not_pass_for_missing(
    project: Config, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("syncd.storage.file.PATIENCE", 0.0)
    path = folder(project, "workflow") / name
    path.parent.mkdir()
    path.write_text('{"id": "a", "nam')
    storage = AsyncWorkflowStorage(project)
    with pytest.raises(RecordError, match=rf"{name} holds no record: .*; it was not read"):
        await storage.load("a")
    assert await storage.load("b") is None
    path.unlink()
    assert await storage.load("a") is None


@pytest.mark.parametrize("id", ["a", "b"])
async def test_a_file_that_is_being_written_is_waited_for(
    project: Config, monkeypatch: pytest.MonkeyPatch, id: str
) -> None:
    path = folder(project, "workflow") / "a.json"
    path.parent.mkdir()
    path.write_text('{"id": "')

    def finished(_: float) -> None:
        path.write_text(f'{{"id": "{id}", "name": "A"}}')

    monkeypatch.setattr("syncd.storage.file.time.sleep", finished)
    storage = AsyncWorkflowStorage(project)
    found = await storage.load("a")
    assert (found and found.name) == ("A" if id == "a" else None)


async def test_a_workflow_that_tells_no_id_is_saved_in_the_file_whose_name_stands_for_it(
    project: Config,
) -> None:
    path = folder(project, "workflow") / "team" / "a.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"nodes": [], "name": "A"}')
    storage = AsyncWorkflowStorage(project)
    (row,) = await storage.list()
    found = await storage.load(row.id)
    assert found is not None
    found.name = "B"
    await storage.save(found)
    assert path.read_text() == '{"nodes": [], "name": "B"}'
    path.write_text('{"nodes": [], "name": "B", "id": "b"}')
    found.status = "draft"
    await storage.save(found)
    assert json.loads(path.read_text()) == {
        "nodes": [], "name": "B", "id": "b", "status": "draft"
    }  # fmt: skip
    assert [each.name for each in path.parent.parent.rglob("*.json")] == ["a.json"]
    with pytest.raises(RecordError, match="the workflow has no id"):
        await storage.save(Workflow(name="C"))


async def test_what_the_system_refuses_is_an_error_of_the_record(project: Config) -> None:
    folder(project, "workflow").write_text("no folder")
    storage = AsyncWorkflowStorage(project)
    for call in (storage.save(workflow("a")), storage.load("a"), storage.delete("a")):
        with pytest.raises(RecordError, match="a file has the name of a folder"):
            await call
    with pytest.raises(RecordError, match="a file has the name of a folder"):
        await storage.list()


async def test_a_folder_that_cannot_be_listed_hides_no_record(
    project: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder(project, "workflow") / "team" / "mine.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"id": "a", "name": "A"}')
    known, fresh = AsyncWorkflowStorage(project), AsyncWorkflowStorage(project)
    assert len(await known.list()) == 1
    monkeypatch.setattr(Root, "folder", unlisted("team"))
    assert [row.id for row in await known.list()] == ["a"]
    assert await fresh.list() == []
    for call in (fresh.load("a"), fresh.delete("a"), fresh.save(workflow("a"))):
        with pytest.raises(
            RecordError, match=r"team: Permission denied; whether 'a' is in it"
        ) as raised:
            await call
        assert "the user that runs this program" in raised.value.advice
    assert [each.name for each in folder(project, "workflow").iterdir()] == ["team"]


async def test_a_store_that_cannot_be_listed_is_not_an_empty_one(
    project: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder(project, "workflow")).mkdir()
    storage = AsyncWorkflowStorage(project)
    await storage.save(workflow("a"))
    assert len(await storage.list()) == 1
    monkeypatch.setattr(Root, "folder", unlisted(""))
    for each in (storage, AsyncWorkflowStorage(project)):
        with pytest.raises(
            RecordError, match=r"workflows: Permission denied; it was not listed$"
        ) as raised:
            await each.list()
        assert "the user that runs this program" in raised.value.advice
    assert await storage.list_executions("a") == [], "that folder was not made yet"


async def test_a_record_that_cannot_be_edited_is_not_waited_for(
    project: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder(project, "workflow") / "a.yaml"
    path.parent.mkdir()
    path.write_text("base: &b {x: 1}\nid: a\nother: *b\n")
    monkeypatch.setattr("syncd.storage.file.time.sleep", lambda _: pytest.fail("it waits"))
    storage = AsyncWorkflowStorage(project)
    with pytest.raises(RecordError, match="it has anchors or aliases; it was not read"):
        await storage.load("a")


async def test_a_file_that_is_spelled_in_another_unicode_form_is_the_records(
    project: Config,
) -> None:
    places = [folder(project, kind) / "e\u0301.json" for kind in ("workflow", "execution")]
    for path, text in zip(places, ('{"id": "e", "name": "old"}', '{"status": "old"}'), strict=True):
        path.parent.mkdir()
        path.write_text(text)
    storage = AsyncWorkflowStorage(project)
    loaded, run = await storage.load("e"), await storage.load_execution("\xe9")
    assert loaded is not None
    assert run is not None
    loaded.name, run.status = "new", "new"
    await storage.save(loaded)
    await storage.save_execution("e\u0301", run)
    assert [list(path.parent.iterdir()) for path in places] == [[path] for path in places]
    assert [path.read_text().count("new") for path in places] == [1, 1]
    assert await storage.load_execution("e\u0301") == run
    assert await storage.delete("e")
    assert not places[0].exists()


async def test_an_execution_is_deleted_and_its_workflow_is_not(project: Config) -> None:
    storage = AsyncWorkflowStorage(project)
    await storage.save(workflow("a"))
    await storage.save_execution("e\u0301", Execution(workflow_id="a"))
    assert await storage.delete_execution("e\u0301") is True
    assert await storage.delete_execution("e\u0301") is False
    assert await storage.load_execution("e\u0301") is None
    assert await storage.list_executions("a") == []
    assert not list(folder(project, "execution").iterdir())
    assert await storage.load("a") == workflow("a")


async def test_an_execution_is_found_under_each_spelling_of_its_id(project: Config) -> None:
    storage = AsyncWorkflowStorage(project)
    await storage.save_execution("e\u0301", Execution(status="running"))
    for id in ("e\u0301", "\xe9"):
        assert await storage.load_execution(id) == Execution(status="running")


async def test_a_number_is_an_id_and_nothing_else_that_is_no_text(project: Config) -> None:
    storage = AsyncWorkflowStorage(project)
    five: Any = 5
    await storage.save(Workflow.model_validate({"id": 5, "name": "five"}))
    await storage.save_execution(five, Execution(status="running"))
    assert await storage.load(five) == await storage.load("5")
    assert await storage.load_execution("5") == Execution(status="running")
    assert await storage.delete(five)
    nothing: Any = None
    for act in (storage.load, storage.delete, storage.load_execution):
        with pytest.raises(RecordError, match=r"^None is no id; nothing was done$"):
            await act(nothing)


async def test_an_execution_is_found_by_its_name_and_no_other_is_read_for_it(
    project: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = folder(project, "execution")
    (place / "deep").mkdir(parents=True)
    for name in ("a", "b", "c", "deep/d"):
        (place / f"{name}.json").write_text('{"status": "old"}')
    read: list[str] = []

    def noted(root: Root, path: str) -> object:
        read.append(path)
        return body_of(root, path)

    for module in ("index", "stores"):
        monkeypatch.setattr(f"syncd.storage.{module}.body_of", noted)
    storage = AsyncWorkflowStorage(project)
    await storage.save_execution("new", Execution(status="new"))
    assert await storage.load_execution("d") == Execution(status="old")
    await storage.save_execution("d", Execution(status="new"))
    assert await storage.load_execution("none") is None
    assert set(read) == {"new.json", "deep/d.json"}
    assert not (place / "d.json").exists()
