"""A save is sent at once; of a stream of them many go in one call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from syncd.core.decision import Heard
from syncd.core.doubt import ABSENCE, OVERDUE, Doubts
from syncd.core.model import (
    MISSING_BLOB,
    Content,
    Cursor,
    Intent,
    Key,
    Outcome,
    Refused,
    Snapshot,
)
from syncd.core.pace import BURST, FULL, RATE
from syncd.core.pause import LOCKED, Operation
from syncd.engine.exchange.known import Known
from syncd.engine.exchange.pusher import IN_FLIGHT, Pusher
from syncd.engine.health import Health
from syncd.engine.naming.intake import Intake
from syncd.engine.ports import RemoteReplica
from syncd.engine.stops.pauses import Pauses
from syncd.errors import FunctionFailed

from .fakes import STORE, Desk, digest
from .test_epoch import until


class Line:
    """To the desk's deployment; the calls that went through, each by what it carried."""

    def __init__(self, desk: Desk) -> None:
        self._deployment = desk.machine.deployment
        self.calls: list[list[str]] = []
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        """What happens while the next call is on its way."""
        self.throws_over: set[str] = set()
        """Paths with which a call fails."""
        self.answers: list[Outcome] | None = None
        """What is answered in place of what the deployment says."""

    async def push(self, intents: Sequence[Intent], passed: Cursor | None) -> list[Outcome]:
        self.calls.append([intent.key.path for intent in intents])
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        if self.throws_over & set(self.calls[-1]):
            raise FunctionFailed("push threw", "try again")
        if self.answers is not None:
            return self.answers
        return self._deployment.push("laptop", intents, passed)


@asynccontextmanager
async def pushing(
    desk: Desk, line: Line, waiting: Callable[[], Collection[str]] = lambda: ()
) -> AsyncIterator[Pusher]:
    intake = Intake(desk.reconciler, desk.clock)
    remote = cast(RemoteReplica, cast(Any, line))
    pusher = Pusher(desk.ledger, remote, intake, desk.guards, desk.clock, waiting, Known())
    desk.reconciler.closing.connect(pusher.claim_beside, pusher.send)
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


@pytest.mark.parametrize("uploads", [0, FULL])
async def test_a_few_saves_go_one_by_one_and_a_stream_together(
    tmp_path: Path, uploads: int
) -> None:
    desk = Desk(tmp_path)
    line = Line(desk)
    payloads = [f"payload-{number}" for number in range(uploads)]
    desk.machine.save(**dict.fromkeys(payloads, "a payload"))
    await desk.reconciler.consider([Key(STORE, f"{name}.txt") for name in payloads])
    with desk.ledger.transaction() as connection:
        connection.execute("UPDATE outbox SET upload = 'wanted'")
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


async def test_calls_over_a_slow_link_carry_less_and_soon_more_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    line = Line(desk)
    names = [f"long-{number:03}" for number in range(400)]

    async def slowly() -> None:
        desk.clock.seconds += 30

    async with pushing(desk, line) as pusher:
        desk.machine.save(**dict.fromkeys(names, "x" * 16 * 1024))
        line.meanwhile = slowly
        await desk.reconciler.consider([Key(STORE, f"{name}.txt") for name in names])
        pusher.wake()
        await until(lambda: sum(map(len, line.calls)) >= 350)
    *full, slow, next_one = [len(call) for call in line.calls][:5]
    assert full == [64] * IN_FLIGHT
    assert slow < next_one < 64


async def test_behind_a_full_call_of_saves_the_next_are_gathered_and_behind_bulk_they_are_not(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    line = Line(desk)
    async with pushing(desk, line) as pusher:
        names = [f"bulk-{number:02}" for number in range(FULL)]
        desk.machine.save(**{name: name for name in names})
        await desk.reconciler.consider([Key(STORE, f"{name}.txt") for name in names])
        pusher.wake()
        await until(pusher.idle.is_set)
        await save(desk, pusher, "beside")
        await until(pusher.idle.is_set)
        desk.reconciler.closing.connect(lambda _: None, pusher.send)
        for number in range(FULL):  # Each by itself, as saves are, before any is sent.
            name = f"streamed-{number:02}"
            desk.machine.save(**{name: name})
            await desk.reconciler.consider([Key(STORE, f"{name}.txt")])
        await save(desk, pusher, "one-more")
        await until(lambda: len(line.calls) == 3)
        await save(desk, pusher, "behind")
        await asyncio.sleep(0.01)
        assert [len(call) for call in line.calls] == [FULL, 1, FULL + 1]
        desk.clock.seconds += 1 / RATE
        await until(pusher.idle.is_set)
        assert line.calls[3:] == [["behind.txt"]]


async def test_a_save_at_rest_waits_for_the_disk_once_before_it_is_sent(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    line = Line(desk)
    said: list[str] = []
    desk.ledger.entries._connection.set_trace_callback(said.append)
    waits: list[int] = []

    async def called() -> None:
        waits.append(said.count("BEGIN IMMEDIATE"))

    async with pushing(desk, line) as pusher:
        line.meanwhile = called
        desk.machine.save(a="one")
        await desk.reconciler.consider([Key(STORE, "a.txt")])
        await until(lambda: waits == [1])
        await until(pusher.idle.is_set)
    assert line.calls == [["a.txt"]]
    assert desk.machine.mirror() == {"a": "one"}


async def test_a_save_that_was_claimed_at_rest_and_not_sent_is_sent_after_a_crash(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    line = Line(desk)
    async with pushing(desk, line) as pusher:
        desk.reconciler.closing.connect(pusher.claim_beside, lambda _: None)
        desk.machine.save(a="one")
        await desk.reconciler.consider([Key(STORE, "a.txt")])
    desk.open()
    async with pushing(desk, line) as pusher:
        await until(lambda: bool(line.calls))
        await until(pusher.idle.is_set)
    assert line.calls == [["a.txt"]]
    assert desk.machine.mirror() == {"a": "one"}


async def test_nothing_is_claimed_at_once_while_a_call_is_on_its_way(tmp_path: Path) -> None:
    """Else what replaces it would wait behind it, and what waits be sent in calls of one."""
    desk = Desk(tmp_path)
    line = Line(desk)
    states: list[dict[str, int]] = []

    async def saved() -> None:
        desk.machine.save(b="two")
        await desk.reconciler.consider([Key(STORE, "b.txt")])
        states.append(desk.ledger.outbox.count())

    async with pushing(desk, line) as pusher:
        line.meanwhile = saved
        desk.machine.save(a="one")
        await desk.reconciler.consider([Key(STORE, "a.txt")])
        await until(lambda: bool(states))
        assert states == [{"queued": 1, "sent": 1}]
        pusher.wake()
        await until(lambda: desk.machine.mirror() == {"a": "one", "b": "two"})


async def test_a_deletion_is_not_claimed_in_the_turn_that_queues_it(tmp_path: Path) -> None:
    """Guards look at what is queued, and may stop it."""
    desk = Desk(tmp_path)
    gone, other, *_ = await agreed(desk, 3)
    line = Line(desk)
    async with pushing(desk, line) as pusher:
        (desk.machine.files / gone.path).unlink()
        (desk.machine.files / other.path).write_bytes(b"newer")
        await desk.reconciler.consider([gone])
        desk.clock.seconds += ABSENCE
        await desk.reconciler.consider([gone, other])
        assert desk.ledger.outbox.count() == {"queued": 2}
        pusher.wake()
        await until(lambda: len(desk.machine.mirror()) == 2)


async def test_both_halves_of_a_move_go_together_at_rest_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (former, *_) = await agreed(desk, 3)
    line, there = Line(desk), Key(STORE, "there.txt")
    async with pushing(desk, line) as pusher:
        (desk.machine.files / former.path).rename(desk.machine.files / there.path)
        await desk.reconciler.consider([former, there])
        desk.clock.seconds += ABSENCE
        await desk.reconciler.consider([former, there])
        pusher.wake()
        await until(lambda: "there" in desk.machine.mirror())
        await until(pusher.idle.is_set)
    assert line.calls == [[former.path]], "one operation with a target"


async def test_nothing_is_claimed_at_once_while_nobody_sends(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    async with pushing(desk, Line(desk)) as pusher:
        claim_beside, send = pusher.claim_beside, pusher.send
    desk.open()
    desk.reconciler.closing.connect(claim_beside, send)
    desk.machine.save(a="one")
    await desk.reconciler.consider([Key(STORE, "a.txt")])
    assert desk.ledger.outbox.count() == {"queued": 1}


async def test_what_git_holds_back_is_not_claimed_at_rest(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    line = Line(desk)
    held: list[str] = []
    async with pushing(desk, line, lambda: held) as pusher:
        held.append(STORE)
        desk.machine.save(a="one")
        await desk.reconciler.consider([Key(STORE, "a.txt")])
        assert desk.ledger.outbox.count() == {"queued": 1}
        held.clear()
        pusher.wake()
        await until(lambda: desk.machine.mirror() == {"a": "one"})


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


async def test_what_a_call_fails_over_is_found_and_keeps_nothing_else_back(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    line = Line(desk)
    names = ["a", "b", "bad", "c", "d"]
    line.throws_over = {"bad.txt"}
    async with pushing(desk, line) as pusher:
        desk.machine.save(**{name: name for name in names})
        await desk.reconciler.consider([Key(STORE, f"{name}.txt") for name in names])
        pusher.wake()
        await until(pusher.idle.is_set)
        assert desk.ledger.outbox.count() == {"parked": 1}
        assert pusher.accepted == 4
    assert desk.machine.mirror() == {name: name for name in names if name != "bad"}


async def test_an_answer_that_news_overtook_is_asked_for_once_more_and_then_taken(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    line = Line(desk)
    key = Key(STORE, "a.txt")
    async with pushing(desk, line) as pusher:

        async def heard() -> None:
            later = Snapshot(9, Content(digest(b"theirs"), 6), 10**12)
            desk.ledger.hear([Heard(key, later, "other", b"theirs")], None)

        line.meanwhile = heard
        await save(desk, pusher, "a")
        await until(pusher.idle.is_set)
        assert desk.ledger.outbox.count() == {}
    assert line.calls == [["a.txt"]] * 2


async def test_bytes_that_the_deployment_does_not_have_any_more_are_uploaded(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    line = Line(desk)
    uploads: list[bool] = []
    line.answers = [Refused(MISSING_BLOB, "collected")]
    async with pushing(desk, line) as pusher:
        pusher.connect(lambda _: None, lambda: uploads.append(True))
        await save(desk, pusher, "a")
        await until(lambda: bool(uploads))


async def test_git_may_begin_while_an_answer_is_on_its_way(tmp_path: Path) -> None:
    """It ended the daemon: what git does was told in the transaction that takes the answers."""
    desk = Desk(tmp_path)
    line = Line(desk)
    git: list[Operation] = []
    pauses = Pauses(desk.ledger, {STORE: lambda: git[-1] if git else None}, desk.clock,
                    Health(desk.ledger, desk.clock))  # fmt: skip

    async def begins() -> None:
        git.append(Operation(LOCKED, desk.clock.now()))

    async with pushing(desk, line, pauses.waiting) as pusher:
        await save_many(desk)
        line.meanwhile = begins
        pusher.wake()
        await until(lambda: bool(git) and not desk.ledger.outbox.awaits_answers())
        assert [len(call) for call in line.calls] == [100] * IN_FLIGHT
        git.clear()
        await until(pusher.idle.is_set)
    assert [len(call) for call in line.calls] == [100] * 5


async def test_a_folder_may_be_replaced_while_an_answer_is_on_its_way(tmp_path: Path) -> None:
    """So with a guard: what it finds out is told in a transaction of its own."""
    desk = Desk(tmp_path)
    (gone, *_) = await agreed(desk, 12)
    line = Line(desk)

    async def deleted_and_replaced() -> None:
        (desk.machine.files / gone.path).unlink()
        await desk.consider([gone.path.removesuffix(".txt")])
        desk.machine.files.rename(tmp_path / "aside")
        desk.machine.files.mkdir()

    async with pushing(desk, line) as pusher:
        await save_many(desk)
        line.meanwhile = deleted_and_replaced
        pusher.wake()
        await until(lambda: bool(desk.guards.guarded))
        await until(pusher.idle.is_set)
    assert [len(call) for call in line.calls] == [100] * 5


async def save_many(desk: Desk) -> None:
    """More than are sent at once."""
    names = [f"more-{number:03}" for number in range(500)]
    desk.machine.save(**dict.fromkeys(names, "x"))
    await desk.reconciler.consider([Key(STORE, f"{name}.txt") for name in names])


def test_who_never_came_back_to_look_holds_nothing_up() -> None:
    doubts = Doubts()
    doubts.missing(Key(STORE, "a"), 5.0)
    doubts.missing(Key("other", "a"), 5.0)
    assert doubts.absent(STORE, 5.0) == 1
    assert doubts.absent(STORE, 5.0 + OVERDUE) == 0
    doubts.certain(Key(STORE, "a"))
    assert doubts.absent(STORE, 5.0) == 0
