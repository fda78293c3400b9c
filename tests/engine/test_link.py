"""When a deployment that was lost is asked again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from syncd.core.model import Cursor, Witness
from syncd.core.news import Welcome
from syncd.engine.exchange import link
from syncd.engine.session import Session
from syncd.errors import Unavailable

from .fakes import Machine, Remote, deployment
from .test_epoch import until
from .test_health import told

HOUR = 3600.0


class Away(Remote):
    """A deployment that does not answer while `away`."""

    away = True
    hellos = 0

    async def hello(
        self,
        ledger: str,
        start: int,
        cursor: Cursor | None,
        witnesses: Sequence[Witness],
        passed: Cursor | None = None,
    ) -> Welcome:
        self.hellos += 1
        if self.away:
            raise Unavailable("away", "wait")
        return await super().hello(ledger, start, cursor, witnesses, passed)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were begun; the first is an hour long."""
    pauses: list[float] = []

    def spread(pause: float) -> float:
        pauses.append(pause)
        return pause

    monkeypatch.setattr(link, "FIRST_PAUSE", HOUR)
    monkeypatch.setattr(link, "LONGEST_PAUSE", HOUR)
    monkeypatch.setattr(link, "spread", spread)
    return pauses


@asynccontextmanager
async def offline(folder: Path, drawn: list[float]) -> AsyncIterator[tuple[Session, Away]]:
    """A session that waits for its deployment."""
    machine = Machine(folder, deployment())
    machine.remote = remote = Away(machine.deployment, "laptop")
    ledger = machine.ledger()
    session = machine.session(ledger)
    running = asyncio.create_task(session.run(lambda _: None))
    try:
        await until(lambda: HOUR in drawn)
        yield session, remote
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        ledger.close()


async def test_a_subscription_that_is_live_again_ends_the_wait_in_a_moment(
    tmp_path: Path, drawn: list[float]
) -> None:
    async with offline(tmp_path, drawn) as (session, remote):
        session.heard_from("polling", "the live subscription is away")
        remote.away = False
        session.heard_from("live", "")
        await until(lambda: session.guards.confirmed)
        assert remote.hellos == 2
    assert link.MOMENT in drawn, "all machines may hear it in the same moment"


async def test_one_that_is_heard_and_refuses_is_not_asked_at_every_word(
    tmp_path: Path, drawn: list[float]
) -> None:
    async with offline(tmp_path, drawn) as (session, remote):
        for _ in range(3):
            session.heard_from("live", "")
            await until(lambda: drawn.count(HOUR) == 2)
            session.heard_from("polling", "the live subscription is away")
        assert drawn.count(link.MOMENT) == 1
        assert remote.hellos == 2


class Late(Remote):
    """A deployment that answers late; only its hello is answered at all."""

    async def hello(
        self,
        ledger: str,
        start: int,
        cursor: Cursor | None,
        witnesses: Sequence[Witness],
        passed: Cursor | None = None,
    ) -> Welcome:
        await asyncio.sleep(0.05)
        return await super().hello(ledger, start, cursor, witnesses, passed)

    async def head(self) -> Cursor:
        await asyncio.Event().wait()
        raise AssertionError


async def test_one_that_answered_late_is_not_called_away_while_it_is_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "QUIET", 0.01)
    machine = Machine(tmp_path, deployment())
    machine.remote = Late(machine.deployment, "laptop")
    ledger = machine.ledger()
    running = asyncio.create_task(machine.session(ledger).run(lambda _: None))
    try:
        await until(lambda: told(ledger, "deployment") == "offline")
        await until(lambda: told(ledger, "deployment") == "online")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        ledger.close()
