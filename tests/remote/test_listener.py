"""What the listener does where it cannot listen."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from typing import Any, NoReturn

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


async def test_what_is_no_place_in_the_feed_only_wakes(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        '{"head": "12", "before": "7"}', '{"head": "x"}', '{"head": 5, "before": null}',
        '{"head": "9", "before": "-1"}', "no JSON", '{"head": null}', "x" * 100_000,
        '{"head": "13"}',
    ]  # fmt: skip
    start = asyncio.create_subprocess_exec

    async def prints(*_: object, **pipes: Any) -> asyncio.subprocess.Process:
        said = "\n".join(lines)
        return await start(sys.executable, "-c", f"print({said!r}); input(); input()", **pipes)

    async def reachable() -> bool:
        return True

    monkeypatch.setattr(asyncio, "create_subprocess_exec", prints)
    told: list[tuple[str, str | None] | str] = []
    last = asyncio.Event()

    def tell(head: str, before: str | None) -> None:
        told.append((head, before))
        if head == "13":
            last.set()

    def wake() -> None:
        if told:  # Not the polls from before it hears.
            told.append("woken")

    listener = Listener({}, wake, lambda *_: None, reachable, tell)
    running = asyncio.create_task(listener.run())
    async with asyncio.timeout(30):
        await last.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (told[0], told[-1]) == (("12", "7"), ("13", None))
    assert set(told[1:-1]) == {"woken"}
    assert len(told) >= len(lines), "one that is too long may wake more than once"
