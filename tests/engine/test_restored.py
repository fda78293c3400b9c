"""The deployment is restored between a question and its answer: nothing that was saved is undone.

In each story this machine's edit was accepted, the deployment forgot it, and another machine
wrote over what was there before; what arrives first decides nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from syncd.core.model import Change, Cursor, Intent, Key, Outcome, Replayed, Witness
from syncd.core.news import Page
from syncd.core.portion import ANSWER
from syncd.engine.session import Session
from syncd.errors import Unavailable
from syncd.ledger.ledger import Ledger
from tests.machine.deployment import Deployment

from .fakes import STORE, Machine, Remote, deployment, digest
from .test_epoch import until

A = Key(STORE, "a.txt")


class Slow(Remote):
    """Calls the hook of a function, once, before it is carried out or before it is answered."""

    def __init__(self, remote: Deployment, device: str) -> None:
        super().__init__(remote, device)
        self.before: dict[str, Callable[[], Awaitable[None]]] = {}
        self.after: dict[str, Callable[[], Awaitable[None]]] = {}
        self.met: set[str] = set()
        """Functions whose hooks came to their end."""
        self.answered: list[Outcome] = []

    async def push(self, intents: Sequence[Intent], passed: Cursor | None = None) -> list[Outcome]:
        await self._meet(self.before, "push")
        outcomes = await super().push(intents, passed)
        await self._meet(self.after, "push")
        self.answered += outcomes
        return outcomes

    async def changes(
        self,
        stores: Sequence[str],
        cursor: Cursor | None,
        witnesses: Sequence[Witness] = (),
        known: Sequence[int] = (),
        most: int = ANSWER,
    ) -> Page:
        await self._meet(self.before, "changes")
        return await super().changes(stores, cursor, witnesses, known, most)

    async def fetch(self, keys: Sequence[Key], most: int = ANSWER) -> list[Change | None]:
        await self._meet(self.before, "fetch")
        return await super().fetch(keys, most)

    async def _meet(self, hooks: dict[str, Callable[[], Awaitable[None]]], name: str) -> None:
        hook = hooks.pop(name, None)
        if hook is not None:
            await hook()
            self.met.add(name)


class Story:
    """A machine that runs, another one, and a backup of the deployment."""

    def __init__(self, folder: Path) -> None:
        self.machine = Machine(folder / "laptop", deployment())
        self.other = Machine(folder / "other", self.machine.deployment, "other")
        self.remote = self.machine.remote = Slow(self.machine.deployment, "laptop")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Both machines hold `first`, and this one runs."""
        self.machine.save(a="first")
        await self.machine.sync()
        await self.other.sync()
        self.ledger: Ledger = self.machine.ledger()
        self.session: Session = self.machine.session(self.ledger)
        running = asyncio.create_task(self.session.run(lambda _: None))
        try:
            await self.quiet()
            self.backup = self.machine.deployment.backup()
            yield
            await until(self.agreed)
            self.listed = self._listed()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            self.ledger.close()

    async def quiet(self) -> None:
        await until(self.agreed)

    def agreed(self) -> bool:
        """Nothing is left to do, and what is heard is what is there."""
        gauge, there = self.session.gauge(), self.machine.deployment.state.entries.get(A)
        base, remote = self.ledger.entries.get(A)
        done = not (gauge.named or gauge.queued or gauge.sent) and base == remote
        return done and there is not None and remote.digest == there.digest

    def save(self, body: str) -> None:
        self.machine.save(a=body)
        self.session.intake.name([A])

    async def accepted(self, body: str) -> None:
        """Save, and wait until that is acknowledged."""
        self.save(body)
        await until(lambda: self.revision() == self.there() and self.machine.mirror()["a"] == body)

    def revision(self) -> int:
        base, _ = self.ledger.entries.get(A)
        return base.revision if base is not None else 0

    def there(self) -> int:
        return self.machine.deployment.state.entries[A].revision

    async def restored_and_written(self, body: str) -> None:
        """The deployment is what it was at the backup, and the other machine writes to it."""
        self.machine.deployment.restore(self.backup)
        self.other.save(a=body)
        await self.other.sync()
        assert self.machine.mirror()["a"] == body

    async def heard(self, body: str) -> None:
        self.session.wake()
        await until(lambda: self.ledger.entries.get(A)[1].digest == digest(body.encode()))

    def nothing_is_undone(self) -> bool:
        """Both sides hold what was saved here, and what was written there is listed."""
        ours = self.machine.tree()["a"] == self.machine.mirror()["a"] == "ours"
        return ours and self.listed == ["theirs"]

    def _listed(self) -> list[str]:
        with self.ledger.transaction() as connection:
            rows = connection.execute("SELECT remote_digest FROM conflicts").fetchall()
        return [(self.ledger.contents.get(row[0]) or b"").decode() for row in rows]


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


async def test_news_asked_for_before_an_edit_was_acknowledged(story: Story) -> None:
    async with story.running():

        async def meanwhile() -> None:
            await story.accepted("ours")
            await story.restored_and_written("theirs")

        story.remote.before["changes"] = meanwhile
        story.session.wake()
        await until(lambda: bool(story.remote.met))
    assert story.nothing_is_undone()


async def test_an_answer_that_comes_after_news_of_a_restored_deployment(story: Story) -> None:
    async with story.running():

        async def meanwhile() -> None:
            await story.restored_and_written("theirs")
            await story.heard("theirs")

        story.remote.after["push"] = meanwhile
        story.save("ours")
        await until(lambda: bool(story.remote.met))
    assert story.nothing_is_undone()


async def test_a_replay_that_comes_after_news_of_a_restored_deployment(story: Story) -> None:
    async with story.running():
        restored = asyncio.Event()

        async def meanwhile() -> None:
            await story.restored_and_written("theirs")
            restored.set()
            await story.heard("theirs")

        async def lost() -> None:
            story.remote.after["push"] = meanwhile
            story.remote.before["changes"] = wait
            raise Unavailable("the answer was lost", "wait")

        async def wait() -> None:
            await restored.wait()

        story.remote.after["push"] = lost
        story.save("ours")
        await until(lambda: any(isinstance(each, Replayed) for each in story.remote.answered))
    assert story.nothing_is_undone()


async def test_a_stop_sends_nothing_to_a_deployment_that_was_not_met(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "laptop", deployment())
    remote = machine.remote = Slow(machine.deployment, "laptop")
    ledger = machine.ledger()
    session = machine.session(ledger)
    lost = asyncio.Event()

    async def answer_is_lost() -> None:
        raise Unavailable("the answer was lost", "wait")

    running = asyncio.create_task(
        session.run(lambda trouble: lost.set() if trouble is not None else None)
    )
    try:
        await until(lambda: session.guards.confirmed)
        remote.after["push"] = answer_is_lost
        machine.save(a="ours")
        session.intake.name([A])
        await lost.wait()
        another = remote.deployment = deployment(seed=1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await session.flush(5.0)
        assert ledger.outbox.count() == {"sent": 1}
    finally:
        running.cancel()
        ledger.close()
    assert another.state.entries == {}


async def test_a_snapshot_fetched_after_an_edit_was_forgotten(story: Story) -> None:
    async with story.running():

        async def meanwhile() -> None:
            await story.accepted("ours")
            await story.restored_and_written("theirs")

        story.remote.before["fetch"] = meanwhile
        assert story.session._online is not None
        story.session._online.puller.fetch([A])
        await until(lambda: bool(story.remote.met))
    assert story.nothing_is_undone()


async def test_bytes_fetched_after_an_edit_was_forgotten(story: Story) -> None:
    async with story.running():

        async def meanwhile() -> None:
            story.machine.deployment.restore(story.backup)
            await story.accepted("ours")
            await story.restored_and_written("theirs")

        # A copy of this machine writes: its changes are told without bytes.
        story.other.remote.device = "laptop"
        story.remote.before["fetch"] = meanwhile
        story.other.save(a="the copy's")
        await story.other.sync()
        story.session.wake()
        await until(lambda: bool(story.remote.met))
    assert story.nothing_is_undone()


async def test_a_deletion_that_the_deployment_forgot_is_undone_here(story: Story) -> None:
    async with story.running():
        story.other.delete("a")
        await story.other.sync()
        story.session.wake()
        await until(lambda: "a" not in story.machine.tree())
        # Somebody else writes: the feed ends behind the cursor, and all that is told is new.
        story.machine.deployment.restore(story.backup)
        story.machine.deployment.write(Key(STORE, "b.txt"), b"b", "b" * 32)
        story.session.wake()
        await until(lambda: story.machine.tree().get("a") == "first")
    assert story.machine.mirror() == {"a": "first", "b": "b"}


async def test_a_save_over_a_deletion_that_the_deployment_forgot_is_sent(story: Story) -> None:
    async with story.running():
        story.other.delete("a")
        await story.other.sync()
        story.session.wake()
        await until(lambda: "a" not in story.machine.tree())
        story.machine.deployment.restore(story.backup)
        story.machine.deployment.write(Key(STORE, "b.txt"), b"b", "b" * 32)
        story.save("ours")
        await until(lambda: story.machine.mirror()["a"] == "ours")
    assert story.machine.tree()["a"] == "ours"
