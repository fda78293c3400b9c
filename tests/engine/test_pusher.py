"""A save is sent at once; of a stream of them many go in one call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from syncd.core.model import Cursor, Intent, Key, Outcome
from syncd.core.pace import BURST, RATE
from syncd.engine.intake import Intake
from syncd.engine.known import Known
from syncd.engine.ports import RemoteReplica
from syncd.engine.pusher import Pusher

from .fakes import STORE, Desk
from .test_epoch import until


class Line:
    """To the desk's deployment; the calls that went through, each by what it carried."""

    def __init__(self, desk: Desk) -> None:
        self._deployment = desk.machine.deployment
        self.calls: list[list[str]] = []

    async def push(self, intents: Sequence[Intent], passed: Cursor | None) -> list[Outcome]:
        self.calls.append([intent.key.path for intent in intents])
        return self._deployment.push("laptop", intents, passed)


@asynccontextmanager
async def pushing(desk: Desk, line: Line) -> AsyncIterator[Pusher]:
    intake = Intake(desk.reconciler, desk.clock)
    remote = cast(RemoteReplica, cast(Any, line))
    pusher = Pusher(desk.ledger, remote, intake, desk.guards, desk.clock, lambda: (), Known())
    running = asyncio.create_task(pusher.run())
    try:
        await until(pusher.idle.is_set)
        yield pusher
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        desk.ledger.close()


async def save(desk: Desk, pusher: Pusher, name: str) -> None:
    desk.machine.save(**{name: name})
    await desk.reconciler.consider([Key(STORE, f"{name}.txt")])
    pusher.wake()


async def test_a_few_saves_go_one_by_one_and_a_stream_together(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    line = Line(desk)
    async with pushing(desk, line) as pusher:
        for number in range(int(BURST)):
            await save(desk, pusher, f"at-once-{number}")
            await until(pusher.idle.is_set)
        assert len(line.calls) == BURST
        for number in range(10):
            await save(desk, pusher, f"streamed-{number}")
        await asyncio.sleep(0)
        assert len(line.calls) == BURST
        assert not pusher.idle.is_set(), "what waits for its call is not sent"
        desk.clock.seconds += 1 / RATE
        await until(pusher.idle.is_set)
        assert line.calls[int(BURST) :] == [[f"streamed-{number}.txt" for number in range(10)]]
    assert len(desk.machine.mirror()) == BURST + 10


async def test_what_fills_a_call_waits_for_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    line = Line(desk)
    async with pushing(desk, line) as pusher:
        for number in range(250):
            desk.machine.save(**{f"note-{number:03}": "x"})
        keys = [Key(STORE, f"note-{number:03}.txt") for number in range(250)]
        await desk.reconciler.consider(keys[:200])
        await desk.reconciler.consider(keys[200:])
        pusher.wake()
        await until(pusher.idle.is_set)
        assert [len(call) for call in line.calls] == [100, 100, 50]
