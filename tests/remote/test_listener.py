"""What the listener does where it cannot listen."""

from __future__ import annotations

import asyncio
import errno
import os
from typing import NoReturn

import pytest

from syncd.remote.listener import Listener


async def test_where_no_process_can_be_started_it_polls_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuses(*_: object, **__: object) -> NoReturn:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    async def reachable() -> bool:
        return True

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuses)
    told: list[tuple[str, str]] = []
    polled, reported = asyncio.Event(), asyncio.Event()

    def report(state: str, detail: str) -> None:
        told.append((state, detail))
        reported.set()

    listener = Listener({}, polled.set, report, reachable, lambda *_: None)
    running = asyncio.create_task(listener.run())
    async with asyncio.timeout(10):
        await polled.wait()
        await reported.wait()
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    why = "no process could be started to listen: Resource temporarily unavailable"
    assert told[0] == ("polling", why)
