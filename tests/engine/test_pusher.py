"""A save is sent at once; of a stream of them many go in one call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from syncd.core.doubt import ABSENCE, OVERDUE, Doubts
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


async def agreed(desk: Desk, files: int) -> list[Key]:
    names = [f"note-{number:02}" for number in range(files)]
    await desk.agree(**{name: name for name in names})
    return [Key(STORE, f"{name}.txt") for name in names]


async def test_a_slow_removal_of_many_sends_none_before_all_are_judged(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    keys = (await agreed(desk, 60))[:25]
    line = Line(desk)
    async with pushing(desk, line) as pusher:
        for key in keys:
            (desk.machine.files / key.path).unlink()
            await desk.reconciler.consider([key])
            desk.clock.seconds += ABSENCE / len(keys)
        desk.clock.seconds += 0.001
        for key in keys:  # As each is believed gone, others are only missed yet.
            await desk.reconciler.consider([key])
            pusher.wake()
            await asyncio.sleep(0.01)
            desk.clock.seconds += ABSENCE / len(keys)
        assert desk.waiting() == {key.path.removesuffix(".txt") for key in keys}
        await until(pusher.idle.is_set)
    assert line.calls == []


async def test_a_deletion_goes_once_the_files_that_were_missed_with_it_are_back(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    gone, *missed = await agreed(desk, 12)
    line = Line(desk)
    async with pushing(desk, line) as pusher:
        bodies = {key: (desk.machine.files / key.path).read_bytes() for key in missed}
        for key in (gone, *missed):
            (desk.machine.files / key.path).unlink()
        (desk.machine.files / "stays.txt").touch()
        await desk.reconciler.consider([gone])
        desk.clock.seconds += ABSENCE / 2
        await desk.reconciler.consider(missed)
        desk.clock.seconds += ABSENCE / 2
        await desk.reconciler.consider([gone])
        pusher.wake()
        await asyncio.sleep(0.01)
        assert line.calls == []
        assert not pusher.idle.is_set()
        for key in missed:
            (desk.machine.files / key.path).write_bytes(bodies[key])
        await desk.reconciler.consider(missed)
        await until(pusher.idle.is_set)
    assert line.calls == [[gone.path]]


def test_who_never_came_back_to_look_holds_nothing_up() -> None:
    doubts = Doubts()
    doubts.missing(Key(STORE, "a"), 5.0)
    doubts.missing(Key("other", "a"), 5.0)
    assert doubts.absent(STORE, 5.0) == 1
    assert doubts.absent(STORE, 5.0 + OVERDUE) == 0
    doubts.certain(Key(STORE, "a"))
    assert doubts.absent(STORE, 5.0) == 0
