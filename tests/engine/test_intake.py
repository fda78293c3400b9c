"""When keys are considered that had to wait for the answer about what was sent of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from syncd.core.lead import ENOUGH, SILENCE
from syncd.core.model import Cursor, Intent, Key, Outcome, halves
from syncd.engine.exchange.known import Known
from syncd.engine.exchange.pusher import Pusher
from syncd.engine.naming.intake import BATCH, Intake
from syncd.engine.ports import RemoteReplica
from syncd.ledger.claimable import Claim

from .fakes import STORE, Desk
from .test_epoch import until

NOTE = Key(STORE, "a.txt")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.ledger.close()


@pytest.mark.parametrize("meanwhile", [False, True])
async def test_what_waits_for_an_answer_is_named_with_it(desk: Desk, meanwhile: bool) -> None:
    intake = Intake(desk.reconciler, desk.clock)
    desk.machine.save(a="a note")
    await desk.reconciler.consider([NOTE])
    sent = desk.ledger.claim(Claim(10, 1 << 20))
    desk.machine.delete("a")
    turn = await desk.reconciler.consider([NOTE])

    def answered() -> None:
        outcomes = desk.machine.deployment.push("laptop", sent)
        desk.ledger.acknowledge(list(zip(halves(sent), outcomes, strict=True)), "laptop", 0.0)
        intake.answered([NOTE])

    if meanwhile:
        answered()
    intake.take_over(turn)
    if not meanwhile:
        assert intake.waiting == 0
        answered()
    assert intake.waiting == 1


class Hanging:
    """A deployment that answers one call, and the others once it is let."""

    def __init__(self, desk: Desk) -> None:
        self._deployment = desk.machine.deployment
        self.calls = 0
        self.answers = asyncio.Event()

    async def push(self, intents: Sequence[Intent], passed: Cursor | None) -> list[Outcome]:
        self.calls += 1
        if self.calls > 1:
            await self.answers.wait()
        return self._deployment.push("laptop", intents, passed)


@asynccontextmanager
async def ahead(desk: Desk, files: int) -> AsyncIterator[tuple[Intake, Pusher, Hanging]]:
    """So many files are looked at and sent, until calls hang and enough is queued beyond them."""
    intake, line = Intake(desk.reconciler, desk.clock), Hanging(desk)
    remote = cast(RemoteReplica, cast(Any, line))
    pusher = Pusher(desk.ledger, remote, intake, desk.guards, desk.clock, tuple, Known())
    intake.connect(pusher.wake, lambda _: None)
    names = [f"note-{number:04}" for number in range(files)]
    desk.machine.save(**dict.fromkeys(names, "x"))
    intake.name(Key(STORE, f"{name}.txt") for name in names)
    runs: list[Coroutine[Any, Any, None]] = [pusher.run(), intake.run()]
    running = [asyncio.create_task(each) for each in runs]
    try:
        async with asyncio.timeout(20):
            while await considers(intake) or not intake.lead.is_long(desk.clock.monotonic()):
                pass  # What was queued last may just be claimed, and the lead not be long any more.
        yield intake, pusher, line
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def queued(desk: Desk) -> int:
    return desk.ledger.outbox.count().get("queued", 0)


async def test_many_files_are_queued_no_faster_than_they_are_sent(desk: Desk) -> None:
    async with ahead(desk, 3_000) as (intake, pusher, line):
        most = ENOUGH + BATCH
        assert ENOUGH < queued(desk) <= most
        assert await considers(intake) == 0
        line.answers.set()
        while not intake.idle.is_set():
            assert queued(desk) <= most
            await asyncio.sleep(0)
        await until(pusher.idle.is_set)
    assert len(desk.machine.mirror()) == 3_000


async def test_an_answer_ends_the_wait_before_its_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.engine.naming.intake.woken", lambda event, _: event.wait())
    async with ahead(desk, 1_000) as (intake, _, _):
        left = intake.waiting
        intake.lead.claimed(0)
        assert await considers(intake) == 0
        intake.answered([])
        await until(lambda: intake.waiting < left)


async def test_a_save_does_not_wait_until_more_is_sent(desk: Desk) -> None:
    async with ahead(desk, 3_000) as (intake, _, _):
        before = queued(desk)
        desk.machine.save(a="a note")
        intake.touched(NOTE, settled=True)
        await until(lambda: queued(desk) == before + 1)
        assert await considers(intake) == 0


async def test_files_do_not_wait_for_a_deployment_that_is_silent(desk: Desk) -> None:
    async with ahead(desk, 3_000) as (intake, _, _):
        desk.clock.seconds += SILENCE
        await until(intake.idle.is_set)
        assert len(desk.machine.mirror()) + sum(desk.ledger.outbox.count().values()) == 3_000


async def test_what_was_thought_queued_and_is_not_lets_nothing_wait(desk: Desk) -> None:
    async with ahead(desk, 1_000) as (intake, pusher, line):
        line.answers.set()
        await until(lambda: intake.idle.is_set() and pusher.idle.is_set())
        intake.lead.queued(ENOUGH + 1)
        assert intake.lead.is_long(desk.clock.monotonic())
        pusher.wake()
        await until(lambda: not intake.lead.is_long(desk.clock.monotonic()))


async def considers(intake: Intake) -> int:
    """How many keys are taken up where there is time for it: a turn reads files in threads."""
    left = intake.waiting
    for _ in range(100):
        await asyncio.to_thread(bool)
    return left - intake.waiting
