"""Text merged by lines."""

from __future__ import annotations

from difflib import SequenceMatcher

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core import lines as lines_of_core
from syncd.core.lines import merge_lines

BASE = "a\nb\nc\nd\ne\nf\ng"
CASES = [
    ("A\nb\nc\nd\ne\nf\ng", "a\nb\nc\nd\ne\nf\nG", "A\nb\nc\nd\ne\nf\nG"),
    ("a\nb\nc\nd\ne\nf\ng\nh", "0\na\nb\nc\nd\ne\nf\ng", "0\na\nb\nc\nd\ne\nf\ng\nh"),
    ("A\nb\nc\nd\ne\nf\nG", "a\nb\nc\nD\ne\nf\ng", "A\nb\nc\nD\ne\nf\nG"),
    ("b\nc\nd\ne\nf\ng", "a\nb\nc\nd\nE\nf\ng", "b\nc\nd\nE\nf\ng"),
    ("a\nB\nc\nd\ne\nf\nG", "a\nB\nc\nd\ne\nf\ng", "a\nB\nc\nd\ne\nf\nG"),
    ("a\nB\nc\nd\ne\nf\ng", "a\nX\nc\nd\ne\nf\ng", None),
    ("a\nB\nc\nd\ne\nf\ng", "a\nb\nC\nd\ne\nf\ng", None),
    (BASE + "\nlocal", BASE + "\nremote", None),
    (BASE.replace("\n", "\r\n"), BASE.replace("d", "D"), None),
    (BASE + "\n", "A" + BASE[1:], "A" + BASE[1:] + "\n"),
]


@pytest.mark.parametrize(("local", "remote", "merged"), CASES)
def test_merge_lines(local: str, remote: str, merged: str | None) -> None:
    assert merge_lines(BASE, local, remote) == merged
    assert merge_lines(BASE, remote, local) == merged


lines = st.one_of(
    st.lists(st.sampled_from("aaabc"), max_size=8).map("\n".join),
    st.lists(st.sampled_from("abcdefgh"), max_size=10, unique=True).map("\n".join),
)


@settings(max_examples=1000, deadline=None)
@given(lines, lines, lines)
def test_replays_symmetry_and_agreement(base: str, local: str, remote: str) -> None:
    merged = merge_lines(base, local, remote)
    assert merged == merge_lines(base, remote, local)
    assert merge_lines(base, local, base) == local
    assert merge_lines(base, local, local) == local
    if merged is not None:
        assert merge_lines(base, merged, remote) == merged
        new = ({*local.split("\n")} | {*remote.split("\n")}) - {*base.split("\n")}
        assert new <= {*merged.split("\n")}


def test_lines_that_repeat_are_told_apart_where_there_are_few() -> None:
    base = "x\ny\n" * 4
    assert merge_lines(base, f"A\n{base}B\n", "x\ny\n" * 2 + "C\n" + "x\ny\n" * 2) == (
        "A\n" + "x\ny\n" * 2 + "C\n" + "x\ny\n" * 2 + "B\n"
    )


def test_long_texts_are_merged_unless_their_lines_repeat() -> None:
    base = "".join(f"{number}\n" for number in range(20_000))
    assert merge_lines(base, "l\n" + base, base + "r\n") == f"l\n{base}r\n"
    # Line by line, difflib takes minutes for these: each side counts as one change.
    same = "x\n" * 20_000
    assert merge_lines(same, "l\n" + same + "l\n", same[:20_000] + "r\n" + same) is None


def test_the_cost_is_bounded_however_many_gaps_have_lines_that_repeat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = 0

    class Counting(SequenceMatcher[str]):
        def __init__(self, junk: None, one: list[str], other: list[str], *, autojunk: bool) -> None:
            nonlocal compared
            compared += len(one) * len(other)
            super().__init__(junk, one, other, autojunk)

    monkeypatch.setattr(lines_of_core, "SequenceMatcher", Counting)
    monkeypatch.setattr(lines_of_core, "MOST_PAIRS_IN_ALL", 1000, raising=False)
    gaps = [f"{number}\n" + "x\ny\n" * 5 for number in range(100)]
    base = "".join(gaps)
    edited = base.replace("x\ny\nx\ny\n", "y\nx\nz\n", 50)
    for local, remote in ((edited, base + "end\n"), (base + "end\n", edited)):
        compared = 0
        assert merge_lines(base, local, remote) == edited + "end\n"
        assert compared <= 6 * 1000
