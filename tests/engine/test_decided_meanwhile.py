"""What a person decides while a turn is under way counts after it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from syncd.control.acts import Acts
from syncd.control.desk import Desk
from syncd.control.messages import Answer, AnyRequest, Pause, Reject, Restore
from syncd.core.decision import Decision
from syncd.core.model import Content
from syncd.engine.stops.hiatus import Hiatus
from syncd.engine.turns.writer import Performed
from tests.machine.deployment import Deployment

from .fakes import deployment
from .yard import FILE, STORE, Yard, deploy


@pytest.fixture
def remote() -> Deployment:
    return deployment()


@pytest.fixture
def laptop(tmp_path: Path, remote: Deployment) -> Yard:
    return Yard(tmp_path, remote, "laptop")


@pytest.fixture
def tower(tmp_path: Path, remote: Deployment) -> Yard:
    return Yard(tmp_path, remote, "tower")


def acts(yard: Yard) -> Acts:
    between_turns = yard.reconciler.between_turns
    desk = Desk(
        yard.ledger, {STORE: yard.replica}, yard.history, yard.clock,
        {STORE: "/deployments"}, {}, lambda _: None, between_turns,
    )  # fmt: skip

    async def beat() -> None:
        async with between_turns:
            pass

    return Acts(desk, yard.guards, Hiatus(yard.ledger, yard.clock), beat)


class Asked:
    """An act that is begun while a turn is between looking and committing."""

    task: asyncio.Task[Answer] | None = None
    within = False
    """Whether it was done before the turn went on."""

    async def answer(self) -> Answer:
        assert self.task is not None
        return await self.task


def asked_in_the_middle(yard: Yard, request: AnyRequest, monkeypatch: pytest.MonkeyPatch) -> Asked:
    asked, write = Asked(), yard.reconciler.writer.write

    async def meanwhile(decisions: Sequence[Decision]) -> Performed:
        monkeypatch.undo()
        asked.task = asyncio.create_task(acts(yard).perform(request))
        for _ in range(10):
            await asyncio.sleep(0)
        asked.within = asked.task.done()
        return await write(decisions)

    monkeypatch.setattr(yard.reconciler.writer, "write", meanwhile)
    return asked


async def test_a_record_that_is_restored_while_news_is_taken_up_is_restored(
    laptop: Yard, tower: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop.put(deploy("d1", "first"))
    await laptop.sync()
    former = laptop.ledger.records.known(FILE)["d1"].local
    assert isinstance(former, Content)
    await tower.sync()
    tower.load()
    tower.put(deploy("d1", "theirs"))
    await tower.sync()
    laptop.hear()
    restore = Restore(store=STORE, path=FILE.path, record="d1", digest=former.digest)
    asked = asked_in_the_middle(laptop, restore, monkeypatch)
    laptop.put(deploy("d1", "mine"), deploy("d2"))
    await laptop.turn()
    assert [each.what for each in (await asked.answer()).done] == ["restored"]
    assert laptop.ledger.records.known(FILE)["d1"].local == former


async def test_a_pause_waits_for_no_turn(laptop: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asked_in_the_middle(laptop, Pause(), monkeypatch)
    laptop.put(deploy("d1"))
    await laptop.turn()
    assert asked.within


async def test_deletions_are_decided_between_turns(
    laptop: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_in_the_middle(laptop, Reject(store=None), monkeypatch)
    laptop.put(deploy("d1"))
    await laptop.turn()
    assert not asked.within
    assert await asked.answer() == Answer(), "afterwards, and none waits here"
