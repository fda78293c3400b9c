"""What lasts is told once; what comes and goes is not."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.notice import LASTS, LEAST, Notice, Notices

STATES = st.sampled_from(("ok", "offline", "degraded"))
STORY = st.lists(st.tuples(STATES, st.floats(0.5, 100.0)), max_size=60)


def told(story: list[tuple[str, float]]) -> list[tuple[float, Notice]]:
    notices, now, found = Notices(), 1000.0, []
    for state, pause in story:
        notice = notices.judged(state, now)
        if notice is not None:
            found.append((now, notice))
        now += pause
    return found


def test_what_lasts_is_told_and_what_comes_and_goes_is_not() -> None:
    assert told([("offline", LASTS - 1), ("ok", 100.0), ("ok", 100.0)]) == []
    ((when, notice),) = told([("offline", LASTS + 1), ("offline", 5.0), ("offline", 500.0)])
    assert notice == Notice("ok", "offline")
    assert when == 1000.0 + LASTS + 1


@given(STORY)
def test_notices_follow_one_another_and_never_too_fast(story: list[tuple[str, float]]) -> None:
    found = told(story)
    former = "ok"
    for _, notice in found:
        assert notice.former == former != notice.state
        former = notice.state
    times = [when for when, _ in found]
    assert all(later - earlier >= LEAST for earlier, later in pairwise(times))


@given(STORY, STATES)
def test_the_state_that_stays_is_the_one_told_last(
    story: list[tuple[str, float]], last: str
) -> None:
    found = told([*story, *[(last, 50.0)] * 4])
    assert (found[-1][1].state if found else "ok") == last
