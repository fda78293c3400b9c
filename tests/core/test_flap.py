"""A key that swings between two versions is held; one that merely changes often is not."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.decision import Decision, FileState
from syncd.core.flap import ALONE, FLAPPING, WINDOW, Flaps, Shift
from syncd.core.model import (
    TOMBSTONE,
    Content,
    Digest,
    Format,
    Key,
    Kind,
    OperationId,
    Plan,
    Reason,
    Snapshot,
    Version,
)
from syncd.core.reading import Stat

KEY = Key("s", "a.json")


def swing(
    flaps: Flaps, versions: str, pause: float = 1.0, start: float = 0.0, *, alone: bool = False
) -> list[bool]:
    """Whether each change to the next of `versions` is held; the two sides write by turns, unless
    one writes `alone`.
    """
    moments = enumerate(pairwise(versions))
    return [
        flaps.flaps(KEY, shift(former, digest, place % 2 == 0 or alone), start + pause * place)
        for place, (former, digest) in moments
    ]


def shift(former: str, digest: str, outward: bool = True) -> Shift:
    return Shift(Digest(former), Digest(digest), outward)


@pytest.mark.parametrize("start", [0.0, 1e6])
def test_the_third_swing_is_held(start: float) -> None:
    assert swing(Flaps(), "abababa", start=start) == [False, False, False, True, True, True]


def test_a_person_who_goes_back_and_forth_is_not_held() -> None:
    assert not any(swing(Flaps(), "ab" * (ALONE // 2) + "a", alone=True))


def test_two_programs_that_fight_on_one_side_are_held_at_last() -> None:
    held = swing(Flaps(), "ab" * ALONE, alone=True)
    assert held.index(True) == ALONE


def test_changes_that_never_return_are_not_held() -> None:
    assert not any(swing(Flaps(), "abcdefghij"))
    assert not any(swing(Flaps(), "abcabcabcabc"))


def test_swings_far_apart_are_not_held() -> None:
    assert not any(swing(Flaps(), "ab" * 10, pause=WINDOW / 2))


def test_quiet_time_releases() -> None:
    flaps = Flaps()
    assert swing(flaps, "ababab")[-1]
    assert not flaps.flaps(KEY, shift("b", "a"), 5 + WINDOW)


def test_a_person_releases() -> None:
    flaps = Flaps()
    assert swing(flaps, "ababab")[-1]
    other = Key("s", "other.json")
    flaps.flaps(other, shift("a", "b"), 5.0)
    assert flaps.release([other]) == []
    assert flaps.release([KEY]) == [KEY]
    assert not flaps.flaps(KEY, shift("b", "a"), 6.0)


@given(st.text("abc", max_size=40), st.sampled_from([0.0, 1e6]))
def test_whoever_is_held_has_swung_three_times(versions: str, start: float) -> None:
    versions = "".join(letter for letter, _ in groupby(versions))
    held = swing(Flaps(), versions, start=start)
    assert held == sorted(held), "until it is quiet"
    if any(held):
        first = held.index(True)
        last = versions[: first + 2]
        assert last[-1] == last[-3] == last[-5], last
        assert last[-2] == last[-4], last


@given(st.text("ab", max_size=40), st.integers(1, 3))
def test_what_is_planned_again_is_no_change(versions: str, times: int) -> None:
    versions, flaps = "".join(letter for letter, _ in groupby(versions)), Flaps()
    moments = enumerate(pairwise(versions))
    held = [
        [flaps.flaps(KEY, shift(*pair, place % 2 == 0), float(place)) for _ in range(times)]
        for place, pair in moments
    ]
    assert held == [[each] * times for each in swing(Flaps(), versions)]


@given(st.lists(st.integers(0, 5), max_size=60), st.booleans())
def test_keys_are_remembered_for_a_window_after_their_last_change(
    places: list[int], change: bool
) -> None:
    flaps, changed = Flaps(), dict[int, int]()
    for now, place in enumerate(places):
        flaps.flaps(Key("s", str(place)), shift("a", str(now * change)), now * WINDOW / 4)
        if change or now - changed.get(place, -4) >= 4:
            changed[place] = now
        assert len(flaps) == sum(now - when < 4 for when in changed.values())


def test_of_what_comes_where_nothing_was_nothing_is_remembered() -> None:
    flaps = Flaps()
    assert not flaps.flaps(KEY, Shift(None, Digest("a"), False), 0.0)
    assert len(flaps) == 0
    assert swing(flaps, "abababa") == [False, False, False, True, True, True]


def decision(plan: Plan, file: str, *, part: bool = False) -> Decision:
    state = FileState(Stat(1, 1, 1, 1), Digest(file), 1) if file else None
    return Decision(KEY, Kind.WORKFLOW, Format.JSON, plan, OperationId("0"), state, b"body",
                    part=part)  # fmt: skip


def version(digest: str) -> Version:
    return Content(Digest(digest), 1)


def test_pushes_and_pulls_of_one_key_swing_together() -> None:
    flaps = Flaps()
    ours = decision(Plan(Reason.PUSH, Snapshot(2, version("b")), to_remote=version("a")), "a")
    theirs = decision(Plan(Reason.PULL, Snapshot(3, version("b")), to_local=version("b")), "a")
    judged = [flaps.judged(each, float(now)) for now, each in enumerate([ours, theirs] * 3)]
    assert judged[:3] == [ours, theirs, ours]
    assert judged[-1].plan.hold == FLAPPING
    assert judged[-1].plan.to_local is None


def test_what_comes_back_where_it_was_deleted_undoes_nobody() -> None:
    """A deployment that is restored brings a file back as often as somebody deletes it."""
    flaps = Flaps()
    ours = decision(Plan(Reason.PUSH, Snapshot(2, version("b")), to_remote=version("a")), "a")
    back = decision(Plan(Reason.PULL, Snapshot(2, version("b")), to_local=version("b")), "")
    assert [flaps.judged(each, 1.0) for each in [ours, back] * 4] == [ours, back] * 4


def test_programs_that_delete_what_they_do_not_like_and_make_it_anew_are_held() -> None:
    flaps = Flaps()
    anew = decision(Plan(Reason.PUSH, Snapshot(3, TOMBSTONE), to_remote=version("a")), "a")
    theirs = decision(Plan(Reason.PULL, Snapshot(4, version("b")), to_local=version("b")), "a")
    judged = [flaps.judged(each, 1.0) for each in [anew, theirs] * 3]
    assert judged[-1].plan.hold == FLAPPING


def test_records_swing_though_no_file_of_their_own_gives_way() -> None:
    flaps = Flaps()
    base = Snapshot(2, version("b"))
    ours = decision(Plan(Reason.PUSH, base, to_remote=version("a")), "", part=True)
    theirs = decision(Plan(Reason.PULL, base, to_local=version("b")), "", part=True)
    judged = [flaps.judged(each, 1.0) for each in [ours, theirs] * 3]
    assert judged[-1].plan.hold == FLAPPING


def test_what_gives_way_to_nothing_or_is_only_captured_does_not_swing() -> None:
    flaps = Flaps()
    agreed = decision(Plan(Reason.PUSH, Snapshot(2, version("b")), to_remote=version("a")), "a")
    for each in (
        decision(Plan(Reason.PUSH, Snapshot(0, version("b")), to_remote=version("a")), "a"),
        decision(Plan(Reason.HELD, None), "a"),
        decision(Plan(Reason.PUSH, Snapshot(2, version("b")), to_remote=TOMBSTONE), ""),
        replace(agreed, capture=True),
    ):
        assert flaps.judged(each, 0.0) == each
        assert len(flaps) == 0
    flaps.judged(agreed, 0.0)
    assert len(flaps) == 1
