"""What is told as changes leads to the text, byte for byte, and is worth it."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.delta import LEAST, LINES, MOST, OVERHEAD, Splice, delta, spliced

FILLER = [f'  "key {number}": "value {number % 7}", é\n' for number in range(400)]
"""Lines of a text that is long enough; some letters of two bytes."""

scraps = st.one_of(st.sampled_from(FILLER), st.text(max_size=8), st.sampled_from(["\n", "}\n", ""]))
edits = st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 300), scraps), max_size=6)


def edited(text: str, changes: list[tuple[int, int, str]]) -> str:
    for at, drop, scrap in changes:
        text = text[:at] + scrap + text[at + drop :]
    return text


@given(edits, edits)
def test_it_leads_to_the_text(
    before: list[tuple[int, int, str]], after: list[tuple[int, int, str]]
) -> None:
    start = edited("".join(FILLER), before)
    former, text = start.encode(), edited(start, after).encode()
    splices = delta(former, text)
    if splices is None:
        return
    assert spliced(former, splices) == text
    for one, other in pairwise(splices):
        assert one.at + one.drop < other.at
    assert all(splice.drop or splice.text for splice in splices)
    assert all(0 <= splice.at <= len(former) - splice.drop for splice in splices)
    size = sum(OVERHEAD + len(splice.text.encode()) for splice in splices)
    assert size * 2 <= len(text)
    assert len(splices) <= MOST


@given(st.integers(0, 9000), st.text(min_size=1, max_size=40))
def test_one_change_costs_about_what_it_is(at: int, scrap: str) -> None:
    start = "".join(FILLER)
    splices = delta(start.encode(), edited(start, [(at, 0, scrap)]).encode())
    assert splices is not None
    assert sum(len(splice.text.encode()) for splice in splices) <= len(scrap.encode()) + 8


def test_an_append_is_one_splice_at_the_end() -> None:
    former = "".join(FILLER).encode()
    assert delta(former, former + b"more\n") == [Splice(len(former), 0, "more\n")]
    assert delta(former + b"more\n", former) == [Splice(len(former), 5, "")]
    assert delta(former, former) == []


def test_scattered_changes_are_told_apart() -> None:
    lines = list(FILLER)
    for place in (0, 60, 120, 399):
        lines[place] = lines[place].replace("value", "other")
    splices = delta("".join(FILLER).encode(), "".join(lines).encode())
    assert splices is not None
    assert [splice.text for splice in splices] == ["other"] * 4


def test_a_move_of_lines_is_found() -> None:
    moved = FILLER[:20] + FILLER[40:] + FILLER[20:40]
    splices = delta("".join(FILLER).encode(), "".join(moved).encode())
    assert splices is not None
    assert sum(len(splice.text.encode()) for splice in splices) == len(
        "".join(FILLER[20:40]).encode()
    )


def test_what_is_short_or_another_text_is_told_whole() -> None:
    short = b"x" * (LEAST - 1)
    assert delta(short, short + b"y") is None
    former = "".join(FILLER).encode()
    assert delta(former, former[::-1].replace(b"\xa9\xc3", b"")) is None


def test_two_changes_far_apart_in_very_many_lines_count_as_one_between_them() -> None:
    former = b"\n" * (LINES + 2)
    assert delta(former, b"a" + former[1:-1] + b"b") is None
    assert delta(former, b"a" + former[1:]) == [Splice(0, 1, "a")]
    longer = former + b"x" * (4 * LINES)
    assert delta(longer, b"a" + longer[1 : LINES + 1] + b"b" + longer[LINES + 2 :]) == [
        Splice(0, LINES + 2, "a" + "\n" * LINES + "b")
    ]


def test_very_many_lines_are_not_held_in_memory_each() -> None:
    former = b"\n" * (2 * 1024 * 1024)
    tracemalloc.start()
    try:
        delta(former, b"a" + former[1:-1] + b"b")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8 * len(former)


def test_code_points_are_not_cut() -> None:
    former = ("x" * LEAST + "é").encode()
    splices = delta(former, ("x" * LEAST + "è").encode())
    assert splices == [Splice(LEAST, 2, "è")]
    former = ("𝄞" + "x" * LEAST).encode()
    assert delta(former, ("𝄟" + "x" * LEAST).encode()) == [Splice(0, 4, "𝄟")]
