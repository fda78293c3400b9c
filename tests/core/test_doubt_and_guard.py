"""What is not believed at first sight, and when deletions wait."""

from __future__ import annotations

import pytest

from syncd.core.doubt import ABSENCE, PATIENCE, Doubts
from syncd.core.guard import RootState, guard
from syncd.core.model import Key

KEY = Key("s", "a.json")


def test_a_missing_file_is_believed_at_the_second_look_a_second_later() -> None:
    doubts = Doubts()
    assert doubts.missing(KEY, 5.0) == 5.0 + ABSENCE
    assert doubts.missing(KEY, 5.5) == 5.0 + ABSENCE
    assert doubts.missing(KEY, 5.0 + ABSENCE) is None


def test_a_file_that_came_back_is_doubted_anew() -> None:
    doubts = Doubts()
    doubts.missing(KEY, 5.0)
    doubts.certain(KEY)
    assert doubts.missing(KEY, 7.0) == 7.0 + ABSENCE


def test_a_walk_ends_the_doubt_about_what_it_found_in_its_own_store() -> None:
    doubts, missing, elsewhere = Doubts(), Key("s", "b.json"), Key("t", "a.json")
    for key in (KEY, missing, elsewhere):
        doubts.missing(key, 5.0)
    doubts.walked("s", {missing})
    assert doubts.missing(KEY, 6.5) == 6.5 + ABSENCE
    assert [doubts.missing(key, 6.5) for key in (missing, elsewhere)] == [None, None]


def test_a_file_that_is_not_whole_is_retried_with_growing_pauses_then_held() -> None:
    doubts = Doubts()
    now, looks = 0.0, []
    while (when := doubts.unsettled(KEY, now)) is not None:
        looks.append(when - now)
        now = when
    assert tuple(looks) == PATIENCE
    assert len(doubts) == 0


@pytest.mark.parametrize(
    ("root", "known", "present", "stops"),
    [
        (RootState.PRESENT, 5, 4, False),
        (RootState.PRESENT, 5, 0, True),
        (RootState.PRESENT, 1, 0, False),
        (RootState.PRESENT, 0, 0, False),
        (RootState.MISSING, 1, 0, True),
        (RootState.REPLACED, 3, 2, True),
        (RootState.UNREADABLE, 3, 0, True),
        (RootState.MISSING, 0, 0, False),
    ],
)
def test_when_deletions_wait(root: RootState, known: int, present: int, stops: bool) -> None:
    found = guard("s", root, known, present)
    assert (found is not None) == stops
    if found is not None:
        assert found.missing == known - present
