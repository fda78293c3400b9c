"""Waiting for an event, but not for ever."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def woken(event: asyncio.Event, seconds: float | None) -> None:
    """Return once `event` is set or `seconds` have passed; None waits for the event alone.

    Not `asyncio.wait_for`: before Python 3.12 that swallows a cancellation which comes in the
    tick in which the event was set, and a loop around it then never ends (cpython gh-86296).
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
