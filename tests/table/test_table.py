"""The table: each operation by each face while the deployment is there, away, and lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.system.proxy import Way
from tests.system.waiting import until

from .faces import PATIENCE, Client, NoAnswer, Systems
from .operations import READINGS, WRITINGS, Reading, Writing
from .scene import Scene, unique

WAYS = {"up": Way.OPEN, "down": Way.DEAD, "lost": Way.LOST}
PYTHON = {"sync": True, "async": False}
CLIENTS = {"PyPI": Client.python, "npm": Client.npm}


def cells(faces: dict[str, Any], operations: list[Any]) -> list[Any]:
    return [
        pytest.param(
            operation, face, way,
            marks=pytest.mark.cell(operation.name, face, way),
            id=f"{operation.name}-{face}-{way}",
        )
        for operation in operations for face in faces for way in WAYS
    ]  # fmt: skip


@contextmanager
def spoilt(scene: Scene, way: str) -> Iterator[None]:
    scene.proxy.turn(WAYS[way])
    try:
        yield
    finally:
        scene.proxy.turn(Way.OPEN)


@pytest.mark.parametrize(("operation", "face", "way"), cells(PYTHON, READINGS))
async def test_python_reads(scene: Scene, operation: Reading, face: str, way: str) -> None:
    systems = Systems(scene.config, blocking=PYTHON[face])
    with spoilt(scene, way):
        told = await operation.python(systems)
    assert operation.told(told) == operation.expected
    assert way != "up" or systems.troubles() == []
    await systems.close()


@pytest.mark.parametrize(("operation", "face", "way"), cells(PYTHON, WRITINGS))
async def test_python_writes(scene: Scene, operation: Writing, face: str, way: str) -> None:
    systems, id = Systems(scene.config, blocking=PYTHON[face]), unique(operation.name)
    if operation.given is not None:
        await operation.given(systems, id)
        assert not await operation.done(systems, id)
        until_mirrored(scene)
    with spoilt(scene, way):
        await operation.python(systems, id)
        assert way != "up" or systems.troubles() == []
        assert not operation.at_once or await operation.done(systems, id)
    await until_done(operation, systems, id)
    until_mirrored(scene)
    assert await operation.done(systems, id)
    await systems.close()


async def until_done(operation: Writing, systems: Systems, id: str) -> None:
    deadline = time.monotonic() + 10
    while not await operation.done(systems, id):
        assert time.monotonic() < deadline, f"{operation.name} of {id} is not in the files"
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(("operation", "face", "way"), cells(CLIENTS, READINGS))
def test_clients_read(scene: Scene, operation: Reading, face: str, way: str) -> None:
    args = {**scene.who, **operation.args}
    with client(scene, face) as asked, spoilt(scene, way):
        if way == "up":
            answer = asked.ask("query", operation.function, args)
            assert operation.answered(answer) == operation.expected
            return
        with pytest.raises(NoAnswer):
            asked.ask("query", operation.function, args, PATIENCE)


@pytest.mark.parametrize(("operation", "face", "way"), cells(CLIENTS, WRITINGS))
async def test_clients_write(scene: Scene, operation: Writing, face: str, way: str) -> None:
    systems, id = Systems(scene.config, blocking=False), unique(operation.name)
    if operation.given is not None:
        await operation.given(systems, id)
        until_mirrored(scene)
    request = {"requestId": id} if operation.has_request else {}
    args = {**scene.who, **operation.args(id), **request}
    with client(scene, face) as asked:
        if way == "lost":
            # What is lost is the answer to the write itself, on a connection that is there.
            asked.ask("query", "workflows:get", {**scene.who, "id": id})
        with spoilt(scene, way):
            if way == "up":
                assert_done(operation, asked.ask("mutation", operation.function, args))
            else:
                with pytest.raises(NoAnswer):
                    asked.ask("mutation", operation.function, args, PATIENCE)
                asked.close()
    if way == "down":
        assert not await operation.done(systems, id)
    if way != "up":
        with client(scene, face) as asked:
            assert_done(operation, asked.ask("mutation", operation.function, args))
    await until_done(operation, systems, id)
    until_mirrored(scene)
    assert await operation.done(systems, id)
    await systems.close()


def assert_done(operation: Writing, answer: Any) -> None:
    assert not operation.has_request or answer["outcome"] == "applied", answer


@contextmanager
def client(scene: Scene, face: str) -> Iterator[Client]:
    made = CLIENTS[face](scene.proxy.url)
    try:
        yield made
    finally:
        made.close()


def until_mirrored(scene: Scene) -> None:
    """Wait until the files are on the deployment, as they are by then."""
    until(lambda: scene.there() == scene.here(), "everything mirrored", 20)
