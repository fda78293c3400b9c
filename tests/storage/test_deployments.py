"""Deployments from their file alone."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from syncd.config import Config
from syncd.errors import ConfigError, RecordError
from syncd.storage import Deployment, DeploymentStorage, new_deployment_id


def file(project: Config) -> Path:
    path = next(each.path for each in project.stores if each.kind == "deployment")
    return path / "deployments.json"


def deployment(id: str, site: str = "site", status: str = "pending", at: int = 0) -> Deployment:
    started = f"2026-03-02T09:15:{at:02}.000Z"
    return Deployment(id=id, site_id=site, status=status, started_at=started)


def test_deployments_are_saved_loaded_and_listed_newest_first(project: Config) -> None:
    with DeploymentStorage(project) as storage:
        assert storage.latest("site") is None
        assert storage.queue() == []
        for number in range(5):
            status = "success" if number % 2 else "failed"
            storage.save(deployment(f"d{number}", f"s{number % 2}", status, number))
        assert storage.load("d3") == deployment("d3", "s1", "success", 3)
        assert [row.id for row in storage.by_site("s0")] == ["d4", "d2", "d0"]
        assert [row.id for row in storage.by_site("s0", limit=2)] == ["d4", "d2"]
        assert [row.id for row in storage.by_status("success")] == ["d3", "d1"]
        assert [row.id for row in storage.list()] == ["d4", "d3", "d2", "d1", "d0"]
        assert [row.id for row in storage.list(limit=2)] == ["d4", "d3"]
        assert storage.latest("s1") == deployment("d3", "s1", "success", 3)
        assert storage.load("none") is None
    told = json.loads(file(project).read_text())
    assert [each["id"] for each in told["deployments"]] == [f"d{n}" for n in range(5)]
    assert told["queue"] == []


def test_a_save_touches_no_other_deployment(project: Config) -> None:
    text = (
        '{"note": 1.0, "deployments": [\n'
        '  {"id":"a", "siteId" : "s", "x": 1e400},\n'
        '  {"siteId": "s",   "id": "b", "status": "building", "extra": [1.50]}\n'
        '], "queue": ["b"]}\n'
    )
    file(project).parent.mkdir()
    file(project).write_text(text)
    with DeploymentStorage(project) as storage:
        loaded = storage.load("b")
        assert loaded is not None
        storage.save(loaded)
        assert file(project).read_text() == text
        loaded.status = "success"
        storage.save(loaded)
        after = file(project).read_text()
        assert json.loads(after) == json.loads(text.replace("building", "success"))
        assert '{"id":"a", "siteId" : "s", "x": 1e400}' in after
        assert '"extra": [1.50]' in after


@pytest.mark.parametrize("id", ["a\0b", "x" * 513, "\ud800"])
def test_an_id_that_would_hold_the_whole_file_is_refused(project: Config, id: str) -> None:
    with DeploymentStorage(project) as storage:
        storage.save(deployment("a"))
        storage.enqueue("a")
        before = file(project).read_bytes()
        with pytest.raises(RecordError, match="nothing was written"):
            storage.save(deployment(id))
        with pytest.raises(RecordError, match="nothing was written"):
            storage.enqueue(id)
        assert file(project).read_bytes() == before
        assert storage.load("a") == deployment("a")


def test_programs_that_save_at_once_drop_nothing(project: Config) -> None:
    def add(name: str) -> None:
        with DeploymentStorage(project) as storage:
            for number in range(15):
                storage.save(deployment(f"{name}{number}"))
                storage.enqueue(f"{name}{number}")

    threads = [threading.Thread(target=add, args=(name,)) for name in "xyz"]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    expected = {f"{name}{n}" for name in "xyz" for n in range(15)}
    with DeploymentStorage(project) as storage:
        assert {row.id for row in storage.by_site("site", limit=100)} == expected
        assert set(storage.queue()) == expected
        storage.dequeue("x3")
        storage.dequeue("x3")
        assert set(storage.queue()) == expected - {"x3"}
    assert [found.name for found in file(project).parent.iterdir()] == ["deployments.json"]


def test_what_another_program_changed_since_is_kept(project: Config) -> None:
    with DeploymentStorage(project) as storage:
        storage.save(deployment("a"))
        mine, theirs = storage.load("a"), storage.load("a")
        assert mine is not None
        assert theirs is not None
        theirs.health_check_status, theirs.status = "passing", "building"
        storage.save(theirs)
        mine.status = "success"
        storage.save(mine)
        again = storage.load("a")
        assert again is not None
        assert (again.status, again.health_check_status) == ("success", "passing")


def test_a_file_that_is_none_is_refused_and_stays(project: Config) -> None:
    file(project).parent.mkdir()
    for text in ("[]", '{"deployments": [{"id": "a"}, {"id": "a"}]}', '{"deployments": [1]}'):
        file(project).write_text(text)
        with DeploymentStorage(project) as storage, pytest.raises(RecordError):
            storage.save(deployment("b"))
        assert file(project).read_text() == text
    with DeploymentStorage(project) as storage, pytest.raises(RecordError):
        storage.save(Deployment(site_id="s"))
    assert new_deployment_id().startswith("deploy-")


def test_a_file_that_was_left_empty_is_said_to_be_empty(
    project: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.storage.file.PATIENCE", 0.0)
    file(project).parent.mkdir()
    file(project).write_bytes(b"")
    with (
        DeploymentStorage(project) as storage,
        pytest.raises(RecordError, match=r"the file is empty; nothing was written") as raised,
    ):
        storage.save(deployment("a"))
    assert "save the file whole" in raised.value.advice


@pytest.mark.parametrize("call", ["load", "save", "latest"])
def test_a_file_that_is_being_written_is_waited_for(
    project: Config, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    with DeploymentStorage(project) as storage:
        storage.save(deployment("a"))
        whole = file(project).read_bytes()
        file(project).write_bytes(b"")
        monkeypatch.setattr(
            "syncd.storage.file.time.sleep", lambda _: file(project).write_bytes(whole)
        )
        if call == "save":
            storage.save(deployment("b"))
        elif call == "load":
            assert storage.load("a") == deployment("a")
        else:
            assert storage.latest("site") == deployment("a")
        assert b'"a"' in file(project).read_bytes()


def test_a_file_that_the_store_leaves_out_is_not_taken_for_that_of_all_deployments(
    tmp_path: Path,
) -> None:
    store = '[[store]]\nname = "d"\nkind = "deployment"\npath = "d"\ninclude = ["prod.json"]\n'
    (tmp_path / "config.toml").write_text(store)
    with pytest.raises(ConfigError, match=r"deployments\.json is not among the files of store 'd'"):
        DeploymentStorage(tmp_path / "config.toml")
    (tmp_path / "config.toml").write_text(store + 'create = "prod.json"\n')
    with DeploymentStorage(tmp_path / "config.toml") as storage:
        storage.save(deployment("a"))
    assert [each.name for each in (tmp_path / "d").iterdir()] == ["prod.json"]


def test_what_the_system_refuses_is_an_error_of_the_record(project: Config) -> None:
    file(project).parent.write_text("no folder")
    with DeploymentStorage(project) as storage:
        with pytest.raises(RecordError, match="a file has the name of a folder"):
            storage.load("a")
        with pytest.raises(RecordError, match="a file has the name of a folder"):
            storage.save(deployment("a"))


def test_what_else_a_queue_holds_stays_in_it(project: Config) -> None:
    file(project).parent.mkdir(parents=True)
    file(project).write_text('{"deployments": [], "queue": ["a", {"id": "x", "at": 1.0}]}')
    with DeploymentStorage(project) as storage:
        storage.enqueue("b")
        assert json.loads(file(project).read_text())["queue"] == ["a", {"id": "x", "at": 1.0}, "b"]
        storage.dequeue("a")
        assert storage.queue() == ["b"]
        assert '{"id": "x", "at": 1.0}' in file(project).read_text()
        file(project).write_text('{"deployments": [], "queue": {"a": 1}}')
        with pytest.raises(RecordError, match="the queue is no list; nothing was written"):
            storage.enqueue("b")
        assert '{"a": 1}' in file(project).read_text()


def test_one_of_the_programs_that_take_a_deployment_out_of_the_queue_is_told_so(
    project: Config,
) -> None:
    ids = [f"d{number}" for number in range(12)]
    taken: list[str] = []

    def work() -> None:
        with DeploymentStorage(project) as storage:
            while waiting := storage.queue():
                if storage.dequeue(waiting[0]):
                    taken.append(waiting[0])

    with DeploymentStorage(project) as storage:
        for id in ids:
            storage.enqueue(id)
        assert storage.dequeue("none") is False
        threads = [threading.Thread(target=work) for _ in range(3)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert storage.queue() == []
    assert sorted(taken) == sorted(ids)


def test_to_take_out_of_a_queue_that_is_not_here_makes_no_file(project: Config) -> None:
    with DeploymentStorage(project) as storage:
        assert storage.dequeue("a") is False
    # An empty queue of this machine would stand against the one that is yet to come.
    assert not file(project).exists()
