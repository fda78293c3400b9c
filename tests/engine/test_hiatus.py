"""A person's pause: over restarts, until it is time or until it is ended."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.engine.stops import hiatus as module
from syncd.engine.stops.hiatus import PAUSED, Hiatus
from syncd.ledger.ledger import Ledger
from syncd.report.status import pause_in

from .fakes import StandingClock


class SetClock(StandingClock):
    """A clock that people set: `ahead` by so many seconds."""

    ahead = 0.0

    def now(self) -> float:
        return self.seconds + self.ahead


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger.open(tmp_path / "ledger.db")
    yield ledger
    ledger.close()


@pytest.mark.parametrize("seconds", [3600.0, math.inf])
def test_a_pause_lasts_over_a_restart(tmp_path: Path, clock: StandingClock, seconds: float) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db")
    assert Hiatus(ledger, clock).left == 0
    Hiatus(ledger, clock).begin(seconds)
    ledger.close()
    ledger = Ledger.open(tmp_path / "ledger.db")
    try:
        clock.seconds += 3599
        hiatus = Hiatus(ledger, clock)
        assert hiatus.left == pytest.approx(seconds - 3599)
        clock.seconds += 1
        assert (hiatus.left > 0) == math.isinf(seconds)
        assert hiatus.end() == math.isinf(seconds)
        assert hiatus.left == 0
        assert not hiatus.end(), "there is none any more"
    finally:
        ledger.close()


def test_it_is_told_as_it_ends_whatever_the_clock_was_set_to(
    ledger: Ledger, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", clock.now)

    def told() -> dict[str, object]:
        with ledger.transaction() as connection:
            return pause_in(connection)

    hiatus, begun = Hiatus(ledger, clock), clock.seconds
    hiatus.begin(3600.0)
    assert told() == {"paused": True, "paused_until": begun + 3600}
    clock.ahead = -86_400.0
    assert told() == {"paused": True, "paused_until": begun - 86_400 + 3600}
    hiatus.end()
    clock.ahead = -begun - 1
    assert told() == {"paused": False, "paused_until": None}, "of before 1970"


async def test_who_waits_for_its_begin_or_its_end_is_told(
    tmp_path: Path, clock: StandingClock
) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db")
    hiatus = Hiatus(ledger, clock)
    try:
        async with asyncio.timeout(20):
            await hiatus.over()
            for _ in range(2):
                begun = asyncio.create_task(hiatus.begun())
                await asyncio.sleep(0)
                assert not begun.done()
                hiatus.begin()
                await begun
                over = [asyncio.create_task(hiatus.over()) for _ in range(2)]
                await asyncio.sleep(0)
                assert not any(task.done() for task in over)
                hiatus.end()
                await asyncio.gather(*over)
    finally:
        ledger.close()


async def test_a_clock_that_is_set_back_makes_no_pause_longer(
    ledger: Ledger, clock: SetClock
) -> None:
    hiatus = Hiatus(ledger, clock)
    hiatus.begin(3600.0)
    clock.ahead = -7200.0
    assert hiatus.left == 3600
    clock.seconds += 3600
    assert hiatus.left == 0
    async with asyncio.timeout(20):
        await hiatus.over()
    assert ledger.places.get(PAUSED) == "", "so that others, who have the clock alone, see it too"


def test_nor_does_one_that_is_set_back_while_no_daemon_runs(
    ledger: Ledger, clock: SetClock
) -> None:
    Hiatus(ledger, clock).begin(3600.0)
    clock.seconds += 600
    clock.ahead = -7200.0
    assert Hiatus(ledger, clock).left == 3600, "nobody knows how long it was not running"


def test_a_pause_without_an_end_has_none_whatever_the_clock(
    ledger: Ledger, clock: SetClock
) -> None:
    Hiatus(ledger, clock).begin(3600.0)
    Hiatus(ledger, clock).begin()
    clock.ahead = -7200.0
    assert Hiatus(ledger, clock).left == math.inf


async def test_a_machine_that_slept_through_the_end_of_a_pause_goes_on(
    ledger: Ledger, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK", 0.01)
    hiatus = Hiatus(ledger, clock)
    hiatus.begin(3600.0)
    over = asyncio.create_task(hiatus.over())
    await asyncio.sleep(0)
    clock.ahead = 3600.0
    async with asyncio.timeout(20):
        await over
