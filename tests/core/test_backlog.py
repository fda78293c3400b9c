"""Each key once, in the order in which it came, store by store."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.backlog import Backlog
from syncd.core.model import Key

KEYS = [Key(store, f"{number}.json") for store in "ab" for number in range(4)]

acts = st.lists(
    st.tuples(st.sampled_from(["add", "discard", "take"]), st.sampled_from(KEYS)), max_size=60
)


@given(acts)
def test_a_key_is_handed_out_once_and_none_is_lost(acts: list[tuple[str, Key]]) -> None:
    backlog, waiting = Backlog(), set[Key]()
    for act, key in acts:
        if act == "add":
            backlog.add(key)
            waiting.add(key)
        elif act == "discard":
            backlog.discard(key)
            waiting.discard(key)
        else:
            taken = backlog.take(2)
            assert len(taken) == len(set(taken)) == min(2, len(waiting))
            assert waiting.issuperset(taken)
            waiting.difference_update(taken)
        assert len(backlog) == len(waiting)
        assert all((key in backlog) == (key in waiting) for key in KEYS)
    assert set(backlog.take(100)) == waiting


def test_first_in_first_out_store_by_store() -> None:
    backlog = Backlog()
    for key in (KEYS[5], KEYS[0], KEYS[4], KEYS[1]):
        backlog.add(key)
    assert backlog.take(3) == [KEYS[5], KEYS[4], KEYS[0]]
    backlog.add(KEYS[5])
    assert backlog.take(9) == [KEYS[1], KEYS[5]]
    assert backlog.take(9) == []
