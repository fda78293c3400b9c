"""Waiting that a cancellation must not cut short."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import pytest

from syncd.engine.waiting import all_ended, one_ahead, whole


async def test_what_is_carried_to_its_end_is_so_however_often_it_is_cancelled() -> None:
    begun, go_on, done = asyncio.Event(), threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        await asyncio.to_thread(go_on.wait, 5)
        done.set()

    running = asyncio.create_task(whole(work()))
    await begun.wait()
    for _ in range(3):
        running.cancel()
        await asyncio.sleep(0.01)
    assert not running.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert done.is_set()


async def test_what_it_raises_is_told_though_it_was_cancelled() -> None:
    go_on = asyncio.Event()

    async def work() -> None:
        await go_on.wait()
        raise ValueError("the disk is full")

    running = asyncio.create_task(whole(work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(ValueError, match="full"):
        await running


async def test_what_is_waited_for_hears_nothing_of_a_cancellation() -> None:
    go_on, ending = asyncio.Event(), asyncio.create_task(asyncio.Event().wait())
    others = [asyncio.create_task(go_on.wait()), ending]
    waiting = asyncio.create_task(all_ended(others))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0.01)
    assert not waiting.done()
    go_on.set()
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert others[0].result() is True


async def test_a_source_is_closed_though_who_leaves_it_is_cancelled_meanwhile() -> None:
    closed: list[bool] = []

    async def source() -> AsyncGenerator[int, None]:
        try:
            yield 1
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            await asyncio.sleep(0.02)
            yield 2
        finally:
            closed.append(True)

    async def use(told: AsyncGenerator[int, None]) -> None:
        async with aclosing(one_ahead(told)) as found:
            async for _ in found:
                await asyncio.Event().wait()

    told = source()
    using = asyncio.create_task(use(told))
    await asyncio.sleep(0.01)
    using.cancel()
    await asyncio.sleep(0.01)
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using
    assert closed == [True]
