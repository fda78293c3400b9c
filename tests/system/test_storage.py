"""syncd.storage beside a daemon and a deployment: there, away, and lost in the middle."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import time
import warnings
import weakref

import pytest

from syncd.config import Config, load
from syncd.core.model import INLINE_LIMIT
from syncd.errors import Unauthorized, Unavailable
from syncd.storage import (
    Asset,
    AssetMetadata,
    AssetStorage,
    AsyncWorkflowStorage,
    Execution,
    Workflow,
    WorkflowStorage,
)

from .conftest import World
from .machine import Machine
from .mirror import Mirror
from .proxy import Proxy, Way
from .waiting import until

STORES = {"workflows": "workflow", "executions": "execution", "assets": "asset"}
RUN = "exec-1772442890512-abcdefghi"


def config(machine: Machine) -> Config:
    return load(machine.config, machine.environment)


def workflow(id: str, status: str = "draft") -> Workflow:
    return Workflow(id=id, name=id.upper(), status=status)


async def test_what_only_the_deployment_has_is_loaded_and_listed(world: World) -> None:
    there = world.machine("there", stores=STORES).start()
    theirs = AsyncWorkflowStorage(config(there))
    await theirs.save(workflow("far"))
    await theirs.save_execution(RUN, Execution(workflow_id="far"))
    until(lambda: len(there.mirror().live("executions")) == 1, "the execution mirrored")
    until(lambda: len(there.mirror().live("workflows")) == 1, "the workflow mirrored")
    here = world.machine("here", stores=STORES)
    async with AsyncWorkflowStorage(config(here)) as storage:
        assert await storage.load("far") == workflow("far")
        assert [row.id for row in await storage.list(name="FAR")] == ["far"]
        assert [row.id for row in await storage.list_executions("far")] == [RUN]
        assert await storage.load_execution(RUN) == Execution(workflow_id="far")
        assert await storage.load("nowhere") is None
        assert storage.trouble is None
        assert here.tree() == {}
    await theirs.close()


async def test_a_program_sees_its_saves_before_they_are_mirrored(world: World) -> None:
    machine = world.machine(stores=STORES).start()
    async with AsyncWorkflowStorage(config(machine)) as storage:
        await storage.save(workflow("a"))
        await storage.save(workflow("b"))
        until(lambda: len(machine.mirror().live("workflows")) == 2, "both mirrored")
        assert machine.stop() == 0
        await storage.save(workflow("a", "running"))
        await storage.save(workflow("c"))
        await storage.delete("b")
        assert [row.id for row in await storage.list()] == ["a", "c"]
        assert [row.id for row in await storage.list(status="running")] == ["a"]
        assert [row.id for row in await storage.list(status="draft")] == ["c"]
        assert await storage.load("b") is None
        assert storage.trouble is None


async def test_an_execution_that_is_deleted_leaves_the_mirror_too(world: World) -> None:
    machine = world.machine(stores=STORES).start()
    async with AsyncWorkflowStorage(config(machine)) as storage:
        await storage.save_execution(RUN, Execution(workflow_id="a"))
        until(lambda: machine.mirror().live("executions"), "mirrored")
        assert machine.stop() == 0
        assert await storage.delete_execution(RUN) is True
        assert await storage.list_executions() == []
        assert await storage.load_execution(RUN) is None
        machine.start()
        until(lambda: not machine.mirror().live("executions"), "gone there")
        assert await storage.list_executions() == []
        assert storage.trouble is None


async def test_of_a_long_file_that_is_here_the_columns_are_those_of_the_file(world: World) -> None:
    machine = world.machine(stores=STORES).start()
    async with AsyncWorkflowStorage(config(machine)) as storage:
        run = Execution(workflow_id="a", status="completed", context="x" * (INLINE_LIMIT + 1))
        await storage.save_execution(RUN, run)
        until(lambda: machine.mirror().live("executions"), "mirrored")
        for status in (None, "completed"):
            (row,) = await storage.list_executions(status=status)
            assert (row.workflow_id, row.status) == ("a", "completed")
        assert await storage.list_executions(status="running") == []
        assert [row.revision for row in await storage.list_executions()] == [1]
        assert storage.trouble is None


@pytest.mark.parametrize("way", [Way.DEAD, Way.DEAF, Way.FAILING], ids=lambda way: way.name)
def test_a_deployment_that_is_lost_is_a_fallback(world: World, proxy: Proxy, way: Way) -> None:
    machine = world.machine(url=proxy.url, stores=STORES).start()
    with WorkflowStorage(config(machine)) as storage:
        storage.save(workflow("a"))
        until(lambda: machine.mirror().live("workflows"), "mirrored")
        assert [row.revision for row in storage.list()] == [1]
        proxy.turn(way)
        assert [row.revision for row in storage.list()] == [None]
        assert isinstance(storage.trouble, Unavailable)
        began = time.monotonic()
        storage.save(workflow("b"))
        assert [row.id for row in storage.list()] == ["a", "b"]
        assert storage.load("a") == workflow("a")
        assert storage.load("nowhere") is None
        assert storage.list_executions() == []
        assert time.monotonic() - began < 1.0, "it was asked again at once"
        proxy.turn(Way.OPEN)
        until(lambda: storage.list() and storage.trouble is None, "asked again", 15)


def test_a_token_that_is_void_is_told_and_files_answer(world: World) -> None:
    machine = world.machine(stores=STORES)
    machine.environment["SYNCD_TOKEN"] = "syncd_void"
    with WorkflowStorage(config(machine)) as storage:
        storage.save(workflow("a"))
        assert [row.id for row in storage.list()] == ["a"]
        assert isinstance(storage.trouble, Unauthorized)


def test_the_embedded_backend_is_found_by_itself(world: World) -> None:
    machine = world.local_machine(stores=STORES)
    with WorkflowStorage(config(machine)) as storage:
        storage.save(workflow("a"))
        assert [row.revision for row in storage.list()] == [None]
        machine.start().until_in_sync()
        assert [row.revision for row in storage.list()] == [1]


def test_a_storage_that_is_dropped_lets_its_connections_go(world: World) -> None:
    machine = world.machine(stores=STORES)
    storage = WorkflowStorage(config(machine))
    assert storage.list() == []
    assert storage.trouble is None
    left = weakref.ref(storage._system)

    def gone() -> bool:
        gc.collect()
        return left() is None

    gc.collect()  # What other tests left complains before, and not for this storage.
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        del storage
        until(gone, "nothing holds it")
    assert [str(each.message) for each in complaints] == []


async def test_the_blocking_face_works_inside_a_running_loop(world: World) -> None:
    machine = world.machine(stores=STORES)
    with WorkflowStorage(config(machine)) as storage:
        storage.save(workflow("a"))
        assert storage.load("a") == workflow("a")
        assert storage.trouble is None


def test_a_storage_goes_from_loop_to_loop(world: World) -> None:
    machine = world.machine(stores=STORES).start()
    storage = AsyncWorkflowStorage(config(machine))

    async def listed() -> list[float | None]:
        told = [row.revision for row in await storage.list()]
        await storage.close()
        return told

    asyncio.run(storage.save(workflow("a")))
    until(lambda: machine.mirror().live("workflows"), "mirrored")
    assert asyncio.run(listed()) == [1]
    assert asyncio.run(listed()) == [1]


def test_a_blocking_storage_outlives_a_fork(world: World) -> None:
    machine = world.machine(stores=STORES).start()
    with WorkflowStorage(config(machine)) as storage:
        storage.save(workflow("a"))
        until(lambda: machine.mirror().live("workflows"), "mirrored")
        assert [row.revision for row in storage.list()] == [1]
        child = multiprocessing.get_context("fork").Process(
            target=_save_in_a_child, args=(storage,)
        )
        child.start()
        child.join(20)
        assert child.exitcode == 0
        assert [row.id for row in storage.list()] == ["a", "b"]


def _save_in_a_child(storage: WorkflowStorage) -> None:
    storage.save(workflow("b"))
    assert [row.id for row in storage.list()] == ["a", "b"]
    assert storage.trouble is None


def test_an_increment_whose_answer_was_lost_is_counted_once(world: World, proxy: Proxy) -> None:
    machine = world.machine(url=proxy.url, stores=STORES).start()
    told = Asset(id="a", category="c", metadata=AssetMetadata(downloads=5))
    with AssetStorage(config(machine)) as storage:
        storage.save(told)
        until(lambda: machine.mirror().live("assets"), "mirrored")
        proxy.turn(Way.LOST)
        storage.increment_downloads("a")
        assert isinstance(storage.trouble, Unavailable)
        (request,) = (machine.state / "increments").iterdir()
        assert request.read_text() == "a"
        proxy.turn(Way.OPEN)
    assert downloads(world, machine) == 6
    with AssetStorage(config(machine)) as storage:
        storage.load("a")
        assert storage.trouble is None
        assert list((machine.state / "increments").iterdir()) == []
        assert downloads(world, machine) == 6
        storage.increment_downloads("a")
        assert downloads(world, machine) == 7
        until(lambda: counted(storage) == 7, "the count in the file")
        machine.kill()
        proxy.turn(Way.DEAD)
        with AssetStorage(config(machine)) as away:
            away.increment_downloads("a")
            assert counted(away) == 8
        proxy.turn(Way.OPEN)
        machine.start()
        until(lambda: downloads(world, machine) == 8, "what the file counted")


def downloads(world: World, machine: Machine) -> float:
    """What the deployment tells, with what is not in the text yet."""
    mirror = Mirror(world.deployment.url, machine.environment["SYNCD_TOKEN"], world.workspace)
    told: float = mirror.query("assets:get", id="a")["downloads"]
    return told


def counted(storage: AssetStorage) -> int | None:
    loaded = storage.load("a")
    return loaded.metadata.downloads if loaded else None
