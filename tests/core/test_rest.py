"""How long a file rests between two uploads."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from syncd.core.model import Key
from syncd.core.rest import BURST, FIRST_VAIN, LAST_VAIN, LONGEST, RATE, Rests

KEY = Key("assets", "film.mp4")
MIB = 1 << 20
DAY = 86_400.0


def uploads(size: int, every: float, seconds: float) -> list[float]:
    """When a file is uploaded that is saved `every` so many seconds, in no time each."""
    rests, now = Rests(), 0.0
    sent: list[float] = []
    while now < seconds:
        rests.forget([KEY], now)
        if left := rests.left(KEY, now):
            now += left
            continue
        sent.append(now)
        rests.uploaded(KEY, size, now)
        now = every * (math.floor(now / every) + 1)
    return sent


def test_what_was_never_uploaded_does_not_rest() -> None:
    assert Rests().left(KEY, 5.0) == 0.0


def test_a_few_saves_do_not_wait() -> None:
    assert uploads(BURST // 4, 1.0, 4.0) == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize("every", [0.01, 1.0, 7.0])
def test_a_file_that_is_saved_all_the_time_costs_its_rate(every: float) -> None:
    size = 5 * MIB
    assert len(uploads(size, every, DAY)) * size / DAY == pytest.approx(RATE, rel=0.25)


def test_small_payloads_are_sent_as_often_as_they_are_saved() -> None:
    assert len(uploads(50_000, 0.5, 600.0)) == 1200


def test_no_rest_is_longer_than_the_longest() -> None:
    sent = uploads(1 << 30, 1.0, 3600.0)
    assert max(late - early for early, late in pairwise(sent)) <= LONGEST + 1.0


def test_a_file_that_changes_under_each_upload_is_tried_half_as_often_each_time() -> None:
    rests, now = Rests(), 0.0
    lengths: list[float] = []
    for _ in range(1100):
        rests.changed(KEY, now)
        lengths.append(rests.left(KEY, now))
        now += lengths[-1]
    doubled = [min(LAST_VAIN, FIRST_VAIN * 2 ** min(n, 6)) for n in range(1100)]
    assert lengths == pytest.approx(doubled)
    rests.uploaded(KEY, MIB, now)
    assert rests.left(KEY, now) == 0.0
    rests.changed(KEY, now)
    assert rests.left(KEY, now) == pytest.approx(FIRST_VAIN)


def test_what_may_cost_as_much_as_any_file_is_forgotten_unless_it_waits() -> None:
    rests, later = Rests(), 2 * BURST / RATE
    for _ in range(3):
        rests.changed(KEY, 0.0)
    rests.forget([KEY], later)
    rests.changed(KEY, later)
    assert rests.left(KEY, later) == pytest.approx(FIRST_VAIN * 8)
    rests.forget([], 2 * later)
    rests.changed(KEY, 2 * later)
    assert rests.left(KEY, 2 * later) == pytest.approx(FIRST_VAIN)
