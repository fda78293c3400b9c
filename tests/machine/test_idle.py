"""Budget "idle": an hour in which nothing happens costs no function call. Simulated time."""

from __future__ import annotations

import asyncio
import gc
import random
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from unittest import mock

import pytest

from syncd.remote.listener import PROBE, Listener

from .faults import NONE
from .loop import Loop
from .sources import Simulated
from .timeline import Timeline
from .world import World

HOUR = 3600.0


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Coroutines of loops that are not ended complain when they are collected.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    yield
    gc.collect()


@pytest.mark.parametrize("seed", range(3))
def test_daemons_that_agree_ask_nothing(seed: int) -> None:
    with Simulated():
        world = World(seed, NONE, machines=2)
        world.run()
        assert world.calls["push"], "something had been done"
        before = world.calls.copy()
        world.run_until(world.now + HOUR)
        assert world.calls == before


class Child:
    """A listener's process: it subscribed, was told once, and then nothing happens."""

    def __init__(self) -> None:
        self.returncode: int | None = None
        self.stdin = SimpleNamespace(write=lambda _: None, close=lambda: None)
        self.stdout = SimpleNamespace(readline=self._line)
        self._lines = [b'{"head": "7", "before": "5"}\n']

    async def _line(self) -> bytes:
        return self._lines.pop() if self._lines else await asyncio.Future()


def test_a_listener_whose_subscription_lives_polls_nothing() -> None:
    time = Timeline(random.Random(1), NONE)
    wakes: list[float] = []
    told: list[tuple[str, str | None]] = []
    states: list[str] = []
    probes: list[float] = []

    async def started(*_: object, **__: object) -> Child:
        return Child()

    async def reachable() -> bool:
        probes.append(time.now)
        return True

    def trouble(what: str) -> None:
        raise AssertionError(what)

    hearing = Listener(
        {}, lambda: wakes.append(time.now), lambda state, _: states.append(state), reachable,
        lambda head, before: told.append((head, before)),
    )  # fmt: skip
    loop = Loop(time, trouble, lambda: None)  # type: ignore[abstract]
    with mock.patch("asyncio.create_subprocess_exec", started):
        loop.create_task(hearing.run())
        while (due := time.next_due) is not None and due <= HOUR:
            time.take_next()()
    assert told == [("7", "5")]
    assert states == ["live"]
    assert all(when < 1.0 for when in wakes), "before the subscription lived"
    assert probes[-1] > HOUR - 2 * PROBE, "it went on to look whether the deployment is there"
    loop.kill()
