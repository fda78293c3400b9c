"""Pairing, over every arrangement of few names, inodes and contents."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.model import Digest, Key
from syncd.core.move import EMPTY, Trace, may_be, pairs

DIGESTS = [EMPTY, Digest("a" * 64), Digest("b" * 64)]


def trace(path: str, digest: Digest = DIGESTS[1], inode: int | None = 1) -> Trace:
    return Trace(Key("flows", path), digest, inode)


traces = st.builds(
    Trace,
    st.builds(
        Key,
        st.sampled_from(["flows", "sites"]),
        st.sampled_from([f"{folder}{name}.json" for folder in ("", "d/", "e/") for name in "xy"]),
    ),
    st.sampled_from(DIGESTS),
    st.none() | st.integers(1, 3),
)


@st.composite
def looks(draw: st.DrawFn) -> tuple[list[Trace], list[Trace]]:
    """What vanished and what appeared: a key is in one of them, once."""
    met = draw(st.lists(traces, max_size=8, unique_by=lambda each: each.key))
    cut = draw(st.integers(0, len(met)))
    return met[:cut], met[cut:]


@given(looks())
def test_pairs_are_one_to_one_and_of_the_same_bytes_in_one_store(
    met: tuple[list[Trace], list[Trace]],
) -> None:
    gone, came = ({each.key: each for each in side} for side in met)
    found = pairs(*met)
    assert len(set(found.values())) == len(found)
    for before, after in found.items():
        assert gone[before].digest == came[after].digest
        assert before.store == after.store
        assert may_be(came[after], gone[before])


@given(looks())
def test_the_order_in_which_files_are_met_decides_nothing(
    met: tuple[list[Trace], list[Trace]],
) -> None:
    vanished, appeared = met
    expected = pairs(vanished, appeared)
    assert pairs(vanished[::-1], appeared[::-1]) == expected
    assert pairs(sorted(vanished, key=str), sorted(appeared, key=str)) == expected


@given(looks())
def test_nothing_in_a_pair_has_a_rival(met: tuple[list[Trace], list[Trace]]) -> None:
    vanished, appeared = met
    by_key = {each.key: each for each in (*vanished, *appeared)}
    for before, after in pairs(vanished, appeared).items():
        by_inode = by_key[before].inode is not None and by_key[before].inode == by_key[after].inode
        for side, one in ((vanished, by_key[before]), (appeared, by_key[after])):
            rivals = [each for each in side if each.key.store == one.key.store and each != one]
            same = [each for each in rivals if each.digest == one.digest]
            if by_inode:
                assert all(each.inode != one.inode for each in same)


@given(looks())
def test_empty_files_are_never_paired_by_their_bytes_alone(
    met: tuple[list[Trace], list[Trace]],
) -> None:
    by_key = {each.key: each for each in (*met[0], *met[1])}
    for before, after in pairs(*met).items():
        if by_key[before].digest == EMPTY:
            assert by_key[before].inode == by_key[after].inode is not None


A, B = trace("a.json").key, trace("b.json").key


@pytest.mark.parametrize(
    ("vanished", "appeared", "found"),
    [
        ([trace("a.json")], [trace("b.json")], {A: B}),
        ([trace("a.json")], [trace("b.json", DIGESTS[2])], {}),
        ([trace("a.json")], [trace("b.json", inode=2)], {}),
        ([trace("a.json")], [trace("d/a.json", inode=2)], {A: trace("d/a.json").key}),
        ([trace("a.json", inode=None)], [trace("d/a.json")], {A: trace("d/a.json").key}),
        ([trace("a.json")], [trace("d/a.json", inode=2), trace("e/a.json", inode=3)], {}),
        ([trace("a.json")], [trace("d/a.json", inode=2), trace("b.json")], {A: B}),
        ([trace("a.json")], [trace("b.json"), trace("d/a.json")], {}),
        ([trace("a.json"), trace("d/a.json", inode=2)], [trace("e/a.json", inode=3)], {}),
        ([trace("a.json", EMPTY)], [trace("d/a.json", EMPTY, 2)], {}),
        ([trace("a.json", EMPTY)], [trace("b.json", EMPTY)], {A: B}),
    ],
    ids=[
        "another name, the same inode",
        "an inode that was given to other bytes",
        "the same bytes under another name",
        "the same name in another folder",
        "where the inode is not known any more",
        "two copies",
        "the file itself beside a copy",
        "two links of one file",
        "two that vanished",
        "empty files",
        "an empty file of the same inode",
    ],
)
def test_pairs(vanished: Sequence[Trace], appeared: Sequence[Trace], found: dict[Key, Key]) -> None:
    for order in permutations(appeared):
        assert pairs(vanished, order) == found
