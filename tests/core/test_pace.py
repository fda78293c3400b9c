"""Single saves go at once, and a stream of them in few calls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.pace import BURST, FULL, RATE, Pace


def test_single_saves_never_wait() -> None:
    pace = Pace()
    for number in range(100):
        now = 1000.0 + number / 10
        assert pace.pause(1, now) == 0.0
        pace.went(1, now)


def test_a_few_behind_one_another_go_at_once_after_a_rest() -> None:
    pace = Pace()
    for _ in range(int(BURST)):
        assert pace.pause(1, 1000.0) == 0.0
        pace.went(1, 1000.0)
    assert 0.0 < pace.pause(1, 1000.0) <= 1 / RATE
    assert pace.pause(FULL, 1000.0) == 0.0


@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.7, 1.0, 1.2])
def test_a_thousand_saves_in_a_second_or_so_are_full_calls(seconds: float) -> None:
    pace = Pace()
    waiting = calls = 0
    for number in range(1000):
        now, waiting = 1000.0 + number * seconds / 1000, waiting + 1
        if pace.pause(waiting, now) == 0.0:
            pace.went(waiting, now)
            waiting, calls = 0, calls + 1
    assert calls + (waiting > 0) <= 1000 / FULL + BURST


def test_what_a_clock_that_goes_back_says_is_nothing() -> None:
    pace = Pace()
    pace.went(1, 1000.0)
    assert pace.pause(1, 10.0) == 0.0


@given(st.lists(st.tuples(st.floats(0.0, 0.2), st.integers(1, 2 * FULL)), max_size=200))
def test_small_calls_are_bounded_and_none_waits_for_long(steps: list[tuple[float, int]]) -> None:
    pace = Pace()
    now = began = 1000.0
    small = 0
    for passed, saves in steps:
        now += passed
        pause = pace.pause(saves, now)
        assert pause <= 1 / RATE
        now += pause
        assert pace.pause(saves, now) == 0.0, "what waited its time may go"
        pace.went(saves, now)
        small += saves < FULL
        assert small <= BURST + (now - began) * RATE + 0.02 * small
