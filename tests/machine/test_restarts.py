"""Invariant 13: a daemon that ends anywhere and starts again comes to the same end."""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .restarts import End, Telling, differs, tell
from .run import VARIANTS

STORIES = 6
TRIES = 80


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Coroutines of killed daemons complain when they are collected.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    yield
    gc.collect()


@cache
def whole(seed: int) -> Telling:
    """The story told without a break."""
    telling = tell(seed)
    assert telling.violation is None
    return telling


@pytest.mark.parametrize("seed", range(STORIES))
def test_the_end_of_a_story_is_what_it_tells(seed: int) -> None:
    telling = whole(seed)
    assert all(machine.live() == telling.bodies for machine in telling.machines)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, STORIES - 1),
    at=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=3),
    how=st.sampled_from(End),
)
def test_a_daemon_that_ends_anywhere_comes_to_the_same_end(
    seed: int, at: list[float], how: End
) -> None:
    told = whole(seed)
    ends = {1 + int(each * (told.passed - 1)) for each in at}
    broken = tell(seed, ends, how)
    assert broken.ended
    assert differs(told, broken) == ""


@pytest.mark.parametrize(
    "name",
    ["no note before files", "recovery: never written", "temporary file not flushed",
     "base at the push"],
)  # fmt: skip
def test_what_restarts_need_is_missed(name: str) -> None:
    variant = next(each for each in VARIANTS if each.name == name)
    rng = random.Random(2)

    def ends_otherwise() -> bool:
        seed = rng.randrange(STORIES)
        ends = {rng.randrange(1, whole(seed).passed + 1) for _ in range(2)}
        how = rng.choice((End.KILLED, End.POWER))
        return bool(differs(whole(seed), tell(seed, ends, how, variant)))

    assert any(ends_otherwise() for _ in range(TRIES))
