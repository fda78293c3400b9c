"""What is known of the deployment when following it ends."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from syncd.engine.online import Online
from syncd.engine.waiting import whole
from syncd.errors import Unavailable


class Following:
    """An engine that follows, tied, and whose push fails once `away` is set."""

    def __init__(self) -> None:
        self.away = asyncio.Event()
        self.online = cast(Any, Online.__new__(Online))
        self.online.tied, self.online.carrier = True, None
        self.online.pusher = SimpleNamespace(run=self._push)
        self.online.puller = SimpleNamespace(run=_for_ever)
        self.online._here = SimpleNamespace(
            tailer=SimpleNamespace(send=_for_ever), hiatus=SimpleNamespace(begun=_for_ever)
        )

    async def stopped(self, *, failing: bool) -> bool:
        """Stop it, in the moment in which the push fails or before; whether it is tied then."""
        running = asyncio.create_task(self.online._follow())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if failing:
            self.away.set()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return bool(self.online.tied)

    async def _push(self) -> None:
        await self.away.wait()
        raise Unavailable("away", "wait")


async def test_a_stop_in_the_moment_of_a_loss_finds_it_lost() -> None:
    assert await Following().stopped(failing=True) is False


async def test_a_stop_while_the_rest_ends_after_a_loss_finds_it_lost() -> None:
    following, go_on = Following(), asyncio.Event()
    following.online._here.tailer.send = lambda: _in_its_own_time(go_on)
    running = asyncio.create_task(following.online._follow())
    await asyncio.sleep(0.01)
    following.away.set()
    await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.sleep(0.01)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert following.online.tied is False


async def test_a_stop_before_any_loss_finds_it_tied() -> None:
    assert await Following().stopped(failing=False) is True


async def _for_ever() -> None:
    await asyncio.Event().wait()


async def _in_its_own_time(go_on: asyncio.Event) -> None:
    """Ends when it is cancelled, as a write does whose thread goes on."""
    await whole(_once_set(go_on))


async def _once_set(event: asyncio.Event) -> None:
    await event.wait()
