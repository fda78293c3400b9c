"""When a key is handed out, against a model of what users expect of saves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.model import Key
from syncd.core.settle import LONGEST_WINDOW, QUIET, SHORTEST_WINDOW, Settler

KEY, OTHER = Key("s", "a.json"), Key("s", "b.json")


def test_the_first_save_is_due_at_once() -> None:
    settler = Settler()
    settler.touch(KEY, 10.0, settled=True)
    assert settler.take(10.0, 5) == [KEY]
    assert settler.next_due() is None


def test_saves_within_the_window_are_taken_once_at_its_end() -> None:
    settler = Settler()
    settler.touch(KEY, 10.0, settled=True)
    settler.take(10.0, 5)
    for tenth in range(1, 3):
        settler.touch(KEY, 10.0 + tenth / 10, settled=True)
    assert settler.take(10.2, 5) == []
    assert settler.next_due() == 10.0 + SHORTEST_WINDOW
    assert settler.take(10.0 + SHORTEST_WINDOW, 5) == [KEY]


def test_a_hot_key_is_taken_about_once_a_second_and_a_cooled_one_at_once() -> None:
    settler = Settler()
    takes = []
    for step in range(200):
        now = step / 20
        settler.touch(KEY, now, settled=True)
        takes += [now] * len(settler.take(now, 5))
    assert 10 <= len(takes) <= 14
    settler.touch(KEY, 13.0, settled=True)
    assert settler.take(13.0, 5) == [KEY]


def test_a_write_in_progress_waits_for_quiet_but_not_for_ever() -> None:
    settler = Settler()
    settler.touch(KEY, 0.0, settled=False)
    assert settler.next_due() == QUIET
    for step in range(1, 30):
        settler.touch(KEY, step / 10, settled=False)
        if settler.take(step / 10, 5):
            assert step / 10 <= LONGEST_WINDOW + 0.1
            return
    raise AssertionError("never taken")


def test_naming_a_key_heats_nothing() -> None:
    settler = Settler()
    settler.again(KEY, 0.0)
    settler.take(0.0, 5)
    settler.touch(KEY, 0.01, settled=True)
    assert settler.take(0.01, 5) == [KEY]


events = st.lists(
    st.tuples(
        st.sampled_from([KEY, OTHER]),
        st.floats(0, 0.5),
        st.sampled_from(["settled", "unsettled", "again"]),
    ),
    max_size=60,
)


@given(events)
def test_no_event_is_lost_and_none_waits_longer_than_a_window(
    told: list[tuple[Key, float, str]],
) -> None:
    settler = Settler()
    now = 0.0
    waiting: dict[Key, float] = {}
    for key, pause, sort in told:
        now += pause
        for taken in settler.take(now, 10):
            waiting.pop(taken)
        if sort == "again":
            settler.again(key, now)
        else:
            settler.touch(key, now, settled=sort == "settled")
        waiting.setdefault(key, now)
        due = settler.next_due()
        assert due is not None
        assert due <= min(waiting.values()) + 2 * LONGEST_WINDOW
    assert set(settler.take(now + 3 * LONGEST_WINDOW, 10)) == set(waiting)
    assert len(settler) == 0
