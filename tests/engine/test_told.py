"""The feed is asked when it holds news, and not because of what was just pushed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from syncd.core.model import Cursor, Key, Witness
from syncd.core.news import Page
from syncd.core.portion import ANSWER
from syncd.engine.session import Session
from syncd.ledger.ledger import Ledger

from .fakes import Machine, Remote, deployment
from .test_epoch import until


class Counting(Remote):
    """Counts how often the feed is asked."""

    asked = 0

    async def changes(
        self,
        stores: Sequence[str],
        cursor: Cursor | None,
        witnesses: Sequence[Witness] = (),
        known: Sequence[int] = (),
        most: int = ANSWER,
    ) -> Page:
        self.asked += 1
        return await super().changes(stores, cursor, witnesses, known, most)


class Running:
    """A session that runs, and what it did."""

    def __init__(self, machine: Machine, remote: Counting) -> None:
        self.machine = machine
        self.remote = remote
        self.ledger: Ledger = machine.ledger()
        self.session: Session = machine.session(self.ledger)

    async def rest(self) -> int:
        """Once all that is saved is there and all that is told is heard: how often was asked."""
        session = self.session
        online = session._online
        assert online is not None
        idle = [session.intake.idle, online.pusher.idle, online.puller.idle]
        while not all(each.is_set() for each in idle):
            for each in idle:
                await asyncio.wait_for(each.wait(), 10)
        return self.remote.asked

    async def save(self, **bodies: str) -> None:
        self.machine.save(**bodies)
        self.session.rescan.request("notes")
        await until(lambda: bodies.items() <= self.machine.mirror().items())
        await self.rest()

    def tell(self) -> None:
        self.session.told(*self.machine.deployment.end())

    @property
    def at_head(self) -> bool:
        return self.ledger.passing.cursor == self.machine.deployment.head()


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Running]:
    machine = Machine(folder, deployment())
    machine.save(a="first", b="other")
    await machine.sync()
    remote = Counting(machine.deployment, "laptop")
    machine.remote = remote
    made = Running(machine, remote)
    task = asyncio.create_task(made.session.run(lambda _: None))
    try:
        await until(lambda: made.session.gauge().named == 0 and made.session.guards.confirmed)
        await until(lambda: remote.asked > 0)
        await made.rest()
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        made.ledger.close()


async def test_a_save_of_our_own_is_not_asked_for(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        asked = it.remote.asked
        for body in ("second", "third", "fourth"):
            await it.save(a=body)
            assert not it.at_head
            it.tell()
            assert await it.rest() == asked
            assert it.at_head
        it.tell()
        assert await it.rest() == asked, "told twice"


async def test_what_others_save_is_asked_for(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        other = Machine(tmp_path / "other", it.machine.deployment, "other")
        await other.sync()
        asked = it.remote.asked
        other.save(b="theirs")
        await other.sync()
        it.tell()
        await until(lambda: it.machine.tree()["b"] == "theirs")
        assert await it.rest() == asked + 1
        other.save(b="theirs again")
        await other.sync()
        await it.save(a="ours, later")
        it.tell()
        await until(lambda: it.machine.tree()["b"] == "theirs again")
        assert await it.rest() == asked + 2
        assert it.at_head


async def test_functions_that_tell_only_where_the_feed_ends_are_asked(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        asked = it.remote.asked
        await it.save(a="second")
        it.session.told(it.machine.deployment.head(), None)
        assert await it.rest() == asked + 1


async def test_a_feed_that_ends_behind_the_cursor_is_asked(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        backup = it.machine.deployment.backup()
        await it.save(a="second")
        it.tell()
        await it.rest()
        it.machine.deployment.restore(backup)
        it.tell()
        await until(lambda: it.machine.mirror().get("a") == "second")


async def test_several_of_our_own_are_known_where_they_were_one_push(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        asked = it.remote.asked
        await it.save(a="second", b="second")
        it.tell()
        assert await it.rest() == asked
        assert it.at_head
        await it.save(a="third")
        await it.save(b="third")
        it.tell()
        assert await it.rest() == asked + 1, "between two pushes others may have written"
        assert it.at_head


async def test_who_alone_writes_finds_out_with_the_next_save_that_a_deployment_was_restored(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as it:
        backup = it.machine.deployment.backup()
        await it.save(a="since the backup")
        it.tell()
        await it.rest()
        it.machine.deployment.restore(backup)
        await it.save(b="after the restore")
        it.tell()
        await until(lambda: it.machine.mirror()["a"] == "since the backup")
        assert it.machine.mirror()["b"] == "after the restore"
        assert it.machine.tree() == it.machine.mirror()


async def test_what_can_be_no_key_is_let_go_when_a_person_asks(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        deep = it.machine.files.joinpath(*["d" * 200] * 6)
        deep.mkdir(parents=True)
        (deep / "too-long.txt").write_text("far down")
        it.session.rescan.request("notes")
        await until(lambda: bool(it.ledger.attention.held("notes")))
        (deep / "too-long.txt").unlink()
        it.session.look_again([Key("notes", path) for path in it.ledger.attention.held("notes")])
        await until(lambda: not it.ledger.attention.held("notes"))
