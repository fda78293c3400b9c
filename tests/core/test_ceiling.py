"""How fast and how far."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.ceiling import Bucket, Ceiling, Reached
from syncd.core.cost import DAY, Cost, day_of, month_of

from .test_cost import NOON, TODAY, at

sizes = st.integers(1, 10**7)
pauses = st.floats(0, 100)


@given(st.integers(1, 10**7), sizes, st.lists(st.tuples(sizes, pauses), max_size=30))
def test_never_more_than_the_rate_and_one_burst(
    rate: int, burst: int, parts: list[tuple[int, float]]
) -> None:
    bucket = Bucket(rate, burst)
    now = 1e6
    gone: list[tuple[float, int]] = []
    for size, pause in parts:
        now += pause
        gone.append((now + bucket.take(size, now), size))
    assert all(before[0] <= after[0] + 1e-6 for before, after in pairwise(gone)), "in their order"
    for first in range(len(gone)):
        total = 0
        for when, size in gone[first:]:
            total += size
            allowed = max(burst, gone[first][1]) + rate * (when - gone[first][0])
            assert total <= allowed * (1 + 1e-6) + 1


@given(st.integers(1, 10**7), sizes, st.lists(sizes, max_size=30))
def test_no_longer_than_the_rate_needs(rate: int, burst: int, parts: list[int]) -> None:
    bucket = Bucket(rate, burst)
    total = 0
    for size in parts:
        total += size
        assert bucket.take(size, 5.0) == pytest.approx(max(0.0, (total - burst) / rate))


def test_a_rest_allows_one_burst_and_no_more() -> None:
    bucket = Bucket(10, 50)
    assert bucket.take(50, 0.0) == 0.0
    assert bucket.take(20, 0.0) == 2.0
    assert bucket.take(50, 1e9) == 0.0
    assert bucket.take(10, 1e9) == 1.0
    assert bucket.take(10, 1e9 - 5) == 2.0, "a clock that went back gives nothing"


def test_a_day_ends_a_days_ceiling_and_a_month_a_months() -> None:
    midnight, first = float((TODAY + 1) * DAY), at("2026-12-01")
    costs = {TODAY: Cost(calls=10, sent=60, uploaded=40), TODAY - 1: Cost(received=900)}
    assert Ceiling().reached(costs, NOON) is None
    assert Ceiling(calls_a_day=11).reached(costs, NOON) is None
    assert Ceiling(calls_a_day=10).reached(costs, NOON) == Reached("most_calls_a_day", midnight)
    assert Ceiling(calls_a_day=10).reached(costs, midnight) is None
    assert Ceiling(bytes_a_day=100).reached(costs, NOON) == Reached("most_bytes_a_day", midnight)
    assert Ceiling(10, 100, 1001).reached(costs, NOON) == Reached("most_bytes_a_day", midnight)
    assert Ceiling(10, 100, 1000).reached(costs, NOON) == Reached("most_bytes_a_month", first)
    assert Ceiling(10, 100, 1000).reached(costs, first) is None


@given(st.dictionaries(st.integers(TODAY - 40, TODAY + 2), st.builds(Cost, sizes, sizes)),
       st.builds(Ceiling, sizes, sizes, sizes))  # fmt: skip
def test_whatever_stops_ends(costs: dict[int, Cost], ceiling: Ceiling) -> None:
    costs = {day: cost for day, cost in costs.items() if day <= TODAY}
    now, ended = NOON, 0
    while reached := ceiling.reached(costs, now):
        assert reached.until > now
        now, ended = reached.until, ended + 1
        assert ended <= 2
    assert day_of(now) <= month_of(NOON).stop
