"""One thing is told as one, and does what one does."""

from __future__ import annotations

import pytest

from syncd.core.wording import counted, sentence


@pytest.mark.parametrize(
    ("number", "verb", "told"),
    [
        (0, "", "0 files"),
        (1, "", "1 file"),
        (2, "", "2 files"),
        (1000, "", "1,000 files"),
        (1, "wait", "1 file waits"),
        (2, "wait", "2 files wait"),
        (1, "are", "1 file is"),
        (2, "are", "2 files are"),
    ],
)
def test_things_are_counted(number: int, verb: str, told: str) -> None:
    assert counted(number, "file", verb) == told


@pytest.mark.parametrize(
    ("text", "told"), [("is it up?", "Is it up?"), ("`syncd run`", "`syncd run`"), ("", "")]
)
def test_a_sentence_begins_as_one(text: str, told: str) -> None:
    assert sentence(text) == told
