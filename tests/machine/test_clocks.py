"""Invariant 12: wrong and jumping clocks change nothing of what becomes of files and deployment."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from dataclasses import replace
from unittest import mock

import pytest

from syncd.engine.exchange.presence import Presence

from .faults import CRASHING, LOSSY, NONE, Mix
from .machine import Clock
from .run import run_seed
from .world import World


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Coroutines of killed daemons complain when they are collected.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    yield
    gc.collect()


def outcome(world: World) -> object:
    """What there is in the end."""
    assert world.violation is None
    entries = world.deployment.state.entries
    there = {key: (entry.revision, entry.digest) for key, entry in entries.items()}
    here = {machine.name: machine.live() for machine in world.machines}
    return there, here


def of_right_clocks(seed: int, mix: Mix) -> World:
    right = property(lambda self: 0.0, lambda self, value: None)
    with mock.patch.object(Clock, "skew", right, create=True):
        return run_seed(seed, mix)


JUMPING = replace(NONE, clock_jump=0.3)
"""Jumps alone: a jump may have a file read once more, and then other faults meet other steps."""


async def _tells_nothing(presence: Presence) -> None:
    """How far a ledger came is told sooner where a file is read once more: it is written then."""


MIXES = {"wrong, answers lost": LOSSY, "wrong, crashes": CRASHING, "jumping": JUMPING}


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_what_clocks_say_decides_nothing(mix: Mix, monkeypatch: pytest.MonkeyPatch) -> None:
    if mix is JUMPING:
        monkeypatch.setattr(Presence, "tell", _tells_nothing)
    wrong = [run_seed(seed, mix) for seed in range(8)]
    assert any(machine.clock.skew for world in wrong for machine in world.machines)
    if mix is JUMPING:
        assert sum(world.exercised["clock_jump"] for world in wrong) > 20
    for seed, world in enumerate(wrong):
        assert outcome(world) == outcome(of_right_clocks(seed, mix)), f"seed {seed}"
