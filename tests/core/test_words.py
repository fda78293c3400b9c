"""How unlike two texts are: a metric, whatever the layout."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.words import unlike

TEXTS = st.text("ab,: \n{}", max_size=30).map(str.encode)


@given(TEXTS, TEXTS, TEXTS)
def test_it_is_a_distance(one: bytes, other: bytes, third: bytes) -> None:
    assert unlike(one, other) == unlike(other, one)
    assert unlike(one, one) == 0
    assert unlike(one, third) <= unlike(one, other) + unlike(other, third)


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_it_counts_pairs_as_often_as_they_are_there(one: list[str], other: list[str]) -> None:
    here, there = ([*zip(["", *text], [*text, ""], strict=True)] for text in (one, other))
    apart = sum(abs(here.count(each) - there.count(each)) for each in {*here, *there})
    assert unlike(" ".join(one).encode(), ",".join(other).encode()) == apart


def test_layout_is_no_difference() -> None:
    value = {"a": [1, {"b": True}], "c": "two words"}
    layouts: list[dict[str, Any]] = [{}, {"indent": 2}, {"separators": (",", ":")}]
    texts = [json.dumps(value, **each).encode() for each in layouts]
    assert unlike(texts[0], texts[1]) == unlike(texts[0], texts[2]) == 0


def test_a_word_counts_where_it_stands() -> None:
    text, here, there = b"one two three", b"one, new two three", b"one two new three"
    assert unlike(text, here) == unlike(text, there) == 3
    assert unlike(here, there) == 6
