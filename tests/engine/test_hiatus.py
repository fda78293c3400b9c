"""A person's pause: over restarts, until it is time or until it is ended."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest

from syncd.engine.stops.hiatus import Hiatus
from syncd.ledger.ledger import Ledger

from .fakes import StandingClock


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


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
