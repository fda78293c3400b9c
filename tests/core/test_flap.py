"""A key that swings between two versions is held; one that merely changes often is not."""

from __future__ import annotations

from itertools import groupby, pairwise

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


def test_the_third_swing_is_held() -> None:
    assert swing(Flaps(), "abababa") == [False, False, False, True, True, True]


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
    assert flaps.release([Key("s", "other.json")]) == []
    assert flaps.release([KEY]) == [KEY]
    assert not flaps.flaps(KEY, shift("b", "a"), 6.0)


@given(st.text("abc", max_size=40))
def test_whoever_is_held_has_swung_three_times(versions: str) -> None:
    versions = "".join(letter for letter, _ in groupby(versions))
    held = swing(Flaps(), versions)
    if any(held):
        first = held.index(True)
        last = versions[: first + 2]
        assert last[-1] == last[-3] == last[-5], last
        assert last[-2] == last[-4], last


@given(st.lists(st.integers(0, 50), max_size=60))
def test_cold_keys_are_forgotten(places: list[int]) -> None:
    flaps = Flaps()
    for now, place in enumerate(places):
        flaps.flaps(Key("s", str(place)), shift("a", "b"), now * WINDOW / 4)
    assert len(flaps) <= 4


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


def test_a_first_version_does_not_swing() -> None:
    flaps = Flaps()
    first = decision(Plan(Reason.PUSH, Snapshot(0, version("b")), to_remote=version("a")), "a")
    flaps.judged(first, 0.0)
    assert len(flaps) == 0
