"""Calls are as large as a link takes in some seconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.portion import LEAST, LONGEST, Portion

MOST = 1024 * 1024
ABREAST = 3

rates = st.floats(1024, 1e9)


def _over(portion: Portion, rate: float, calls: int, latency: float = 0.0) -> None:
    """Full calls, three of them on their way at once, over a link of `rate` bytes a second."""
    for _ in range(calls):
        portion.took(portion.bytes, latency + ABREAST * portion.bytes / rate)


@given(rates)
def test_after_a_call_or_two_none_takes_longer_than_it_may(rate: float) -> None:
    portion = Portion(MOST)
    for _ in range(30):
        _over(portion, rate, 1)
        assert ABREAST * portion.bytes / rate <= LONGEST * 1.001 or portion.bytes == LEAST


@given(rates, rates)
def test_what_a_link_takes_by_now_is_found(before: float, now: float) -> None:
    """Whatever it took before: at least half of what it could be, and no more than that."""
    portion = Portion(MOST)
    _over(portion, before, 5)
    _over(portion, now, 12)
    fits = LONGEST * now / ABREAST
    assert portion.bytes >= min(MOST, fits / 2 * 0.99) or portion.bytes == LEAST
    assert portion.bytes <= max(LEAST, fits * 1.01)


def test_calls_over_a_fast_link_stay_as_large_as_they_may() -> None:
    portion = Portion(MOST)
    _over(portion, 10e6, 100, latency=0.3)
    assert portion.bytes == MOST


def test_calls_that_are_not_answered_become_small_and_large_again() -> None:
    portion = Portion(MOST)
    portion.lost(portion.bytes)
    assert portion.bytes == MOST // 4
    for _ in range(5):
        portion.lost(portion.bytes)
    assert portion.bytes == LEAST
    _over(portion, 10e6, 5)
    assert portion.bytes == MOST


@given(st.integers(MOST // 100, MOST))
def test_calls_become_large_again_with_texts_that_never_fill_one(text: int) -> None:
    portion = Portion(MOST)
    for _ in range(6):
        portion.lost(portion.bytes)
    for _ in range(6):
        portion.took(max(1, portion.bytes // text) * text, 0.1)
    assert portion.bytes == MOST


def test_a_late_answer_to_a_larger_call_does_not_make_calls_larger() -> None:
    portion = Portion(MOST)
    portion.took(MOST, 90.0)
    small = portion.bytes
    portion.took(MOST, 45.0)
    portion.lost(MOST)
    assert portion.bytes == small


def test_a_small_call_that_takes_long_says_nothing_of_the_link() -> None:
    portion = Portion(MOST)
    portion.took(LEAST - 1, 60.0)
    portion.lost(LEAST - 1)
    assert portion.bytes == MOST


def test_a_call_tells_how_long_it_took_and_whether_it_was_lost() -> None:
    portion, times = Portion(MOST), iter([10.0, 40.0, 50.0])
    with portion.call(MOST, times.__next__):
        pass
    slow = portion.bytes
    assert slow == int(MOST * LONGEST / 30)
    with pytest.raises(TimeoutError), portion.call(slow, times.__next__):
        raise TimeoutError
    assert portion.bytes == LEAST
