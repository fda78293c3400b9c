"""Short troubles of a call are nobody's business; a long one is told before it is tried again."""

from __future__ import annotations

import asyncio

import pytest
from tenacity import wait_none

from syncd.errors import Unavailable
from syncd.remote import patience
from syncd.remote.patience import patiently


async def call(seconds: float, tried: list[float]) -> None:
    """Every attempt fails after so many `seconds`."""
    async for attempt in patiently():
        with attempt:
            tried.append(seconds)
            await asyncio.sleep(seconds)
            raise Unavailable("away", "")


@pytest.mark.parametrize(("seconds", "times"), [(0.0, 3), (0.06, 1)])
async def test_what_was_waited_for_long_in_vain_is_told_first(
    seconds: float, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "SHORT", 0.05)
    monkeypatch.setattr(patience, "wait_random_exponential", lambda **_: wait_none())
    tried: list[float] = []
    with pytest.raises(Unavailable):
        await call(seconds, tried)
    assert len(tried) == times
