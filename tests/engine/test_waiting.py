"""Waiting that a cancellation must not cut short."""

from __future__ import annotations

import asyncio
import threading

import pytest

from syncd.engine.waiting import whole


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
