"""How unlike two texts are: a metric, whatever the layout."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.words import unlike, words

Words = Counter[bytes]
TEXTS = st.text("ab,: \n{}", max_size=30).map(str.encode).map(words)


@given(TEXTS, TEXTS, TEXTS)
def test_it_is_a_distance(one: Words, other: Words, third: Words) -> None:
    assert unlike(one, other) == unlike(other, one)
    assert (unlike(one, other) == 0) == (one == other)
    assert unlike(one, third) <= unlike(one, other) + unlike(other, third)


def test_layout_is_no_difference() -> None:
    value = {"a": [1, {"b": True}], "c": "two words"}
    texts = [
        json.dumps(value),
        json.dumps(value, indent=2),
        json.dumps(value, separators=(",", ":")),
    ]
    assert len({frozenset(words(text.encode()).items()) for text in texts}) == 1


def test_a_value_that_changed_is_one_word_less_and_one_more() -> None:
    assert unlike(words(b'{"a": 1, "b": 1}'), words(b'{"a": 1, "b": 2}')) == 2
