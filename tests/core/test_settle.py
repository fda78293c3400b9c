"""When a key is handed out, against a model of what users expect of saves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.model import Key
from syncd.core.settle import FEW, LONGEST_WINDOW, QUIET, SHORTEST_WINDOW, Settler

KEY, OTHER = Key("s", "a.json"), Key("s", "b.json")
MANY = [Key("s", f"many/{number:03}.json") for number in range(10 * FEW)]


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
    settler.again([(KEY, 0.0)])
    settler.take(0.0, 5)
    settler.touch(KEY, 0.01, settled=True)
    assert settler.take(0.01, 5) == [KEY]


def test_a_save_goes_before_what_was_named_with_many() -> None:
    settler = Settler()
    settler.name(MANY, 0.0)
    assert settler.take(0.0, 5) == MANY[:5]
    settler.touch(KEY, 1.0, settled=True)
    assert settler.take(1.0, 5) == [KEY]
    assert settler.take(1.0, 5) == MANY[5:10]


def test_what_was_named_with_few_goes_before_many_and_behind_saves() -> None:
    settler = Settler()
    settler.name(MANY, 0.0)
    settler.touch(KEY, 1.0, settled=True)
    settler.name([OTHER], 2.0)
    assert settler.take(2.0, 5) == [KEY, OTHER]


def test_a_save_of_what_was_named_with_many_is_taken_once_and_soon() -> None:
    settler = Settler()
    settler.name(MANY, 0.0)
    settler.touch(MANY[-1], 1.0, settled=True)
    assert settler.take(1.0, 5) == [MANY[-1]]
    assert settler.take(1.0, 1000) == MANY[:-1]
    assert settler.next_due() is None


def test_a_save_leaves_the_turn_of_the_many_to_them() -> None:
    settler = Settler()
    settler.name(MANY, 0.0)
    settler.touch(KEY, 0.0, settled=True)
    assert settler.take(0.0, 5) == [KEY]
    settler.touch(MANY[0], 0.0, settled=True)
    assert settler.take(0.0, 5) == MANY[1:6]
    assert settler.take(0.0, 5) == [MANY[0]]


def test_what_was_named_with_many_stays_where_it_is_not_wanted_and_keeps_its_turn() -> None:
    settler = Settler()
    settler.name(MANY, 0.0)
    assert settler.take(0.0, 5, bulk=False) == []
    assert settler.next_due(bulk=False) is None
    assert settler.next_due() == 0.0
    settler.touch(KEY, 1.0, settled=True)
    assert settler.next_due(bulk=False) == 1.0
    assert settler.take(1.0, 5, bulk=False) == [KEY]
    settler.touch(OTHER, 1.0, settled=True)
    assert settler.take(1.0, 5) == MANY[:5]


def test_naming_many_puts_no_save_off() -> None:
    settler = Settler()
    settler.touch(MANY[-1], 0.0, settled=True)
    settler.name(MANY, 0.0)
    assert settler.take(0.0, 5) == [MANY[-1]]


def test_of_many_what_is_looked_at_again_stays_one_of_them() -> None:
    settler = Settler()
    settler.name(MANY, 0.0)
    settler.name(MANY, 1.0)
    settler.again([(key, 2.0) for key in MANY])
    assert len(settler) == len(MANY)
    assert settler.next_due() == 1.0
    assert settler.take(1.0, 1000) == MANY
    assert settler.next_due() is None


def test_of_many_a_few_that_are_named_again_press() -> None:
    settler = Settler()
    settler.name(MANY, 0.0)
    settler.again([(MANY[-1], 9.0)])
    settler.name([MANY[-2]], 1.0)
    assert settler.take(1.0, 5) == [MANY[-1], MANY[-2]]
    assert settler.take(1.0, 1000) == MANY[:-2]


def test_many_names_of_few_keys_press() -> None:
    settler = Settler()
    settler.name(MANY, 0.0)
    settler.name([KEY] * 10 * FEW, 1.0)
    assert settler.take(1.0, 1000) == [KEY]


def test_what_waits_otherwise_is_not_put_off_by_being_named_with_many() -> None:
    settler = Settler()
    settler.again([(MANY[0], 3.0)])
    settler.touch(MANY[1], 0.0, settled=False)
    settler.again([(key, 5.0) for key in MANY[2 : 3 * FEW]])
    settler.name(MANY, 1.0)
    assert settler.take(1.0, 1000) == [MANY[1], MANY[0]]
    assert settler.take(1.0, 1000) == MANY[2:]
    assert len(settler) == 0


def test_records_may_be_many_too() -> None:
    settler = Settler()
    records = [Key("s", "all.json", f"{number}") for number in range(10 * FEW)]
    settler.name(records, 0.0)
    settler.touch(KEY, 0.0, settled=True)
    assert settler.take(0.0, 1000) == [KEY]
    assert settler.take(0.0, 1000) == sorted(records)


def test_what_is_named_by_and_by_is_many_once_it_is_waiting() -> None:
    settler = Settler()
    for start in range(0, len(MANY), 3):
        settler.name(MANY[start : start + 3], 0.0)
    assert len(settler.take(0.0, 1000)) <= FEW
    assert len(settler) >= len(MANY) - FEW


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2 * FEW)), min_size=1, max_size=40))
def test_neither_saves_nor_the_many_wait_for_all_of_the_others(
    steps: list[tuple[bool, int]],
) -> None:
    """Each key is taken within twice as many turns as its own sort alone would take, and one."""
    settler, most, number = Settler(), 5, 0
    ahead: dict[Key, int] = {}
    waiting: dict[bool, int] = {True: 0, False: 0}
    turn = 0
    sort: dict[Key, bool] = {}

    def take() -> None:
        nonlocal turn
        turn += 1
        taken = settler.take(0.0, most)
        assert len({sort[key] for key in taken}) <= 1
        for key in taken:
            assert turn <= ahead[key]
            waiting[sort[key]] -= 1

    for saving, count in steps:
        keys = [Key("s", f"{number + n:06}") for n in range(count + (0 if saving else FEW + 1))]
        number += len(keys)
        if saving:
            for key in keys:
                settler.touch(key, 0.0, settled=True)
        else:
            settler.name(keys, 0.0)
        for key in keys:
            waiting[saving] += 1
            sort[key] = saving
            ahead[key] = turn + 2 * -(-waiting[saving] // most) + 1
        take()
    while len(settler):
        take()


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
            settler.again([(key, now)])
        else:
            settler.touch(key, now, settled=sort == "settled")
        waiting.setdefault(key, now)
        due = settler.next_due()
        assert due is not None
        assert due <= min(waiting.values()) + 2 * LONGEST_WINDOW
    assert set(settler.take(now + 3 * LONGEST_WINDOW, 10)) == set(waiting)
    assert len(settler) == 0
