"""What a save lacks of a version whose lines touch its own, and what only looks like it."""

from __future__ import annotations

import random

import pytest

from syncd.core.lines import merge_lines
from syncd.core.unread import unread

BASE = ["one", "two", "three", "four", "five"]


def changed(**lines: str | None) -> list[str]:
    """BASE with some lines replaced, by several where there is a line end, or taken away."""
    return [new for old in BASE for new in (lines.get(old, old) or "").split("\n") if new]


@pytest.mark.parametrize(
    ("written", "save"),
    [
        (changed(five="five\nsix, theirs"), changed(five="five\nseven, ours")),
        (changed(four="four\nand theirs"), changed(five="five, ours")),
        (changed(four="four, theirs"), changed(five="five, ours")),
        (changed(four=None), changed(five="five, ours")),
        (changed(one="one, theirs", four="four, theirs"), changed(four="four, ours")),
        (changed(four="four, theirs\nand a whole\nparagraph"), changed(four="four, ours")),
    ],
)
def test_lines_that_are_gone_or_again_what_they_were_were_not_read(
    written: list[str], save: list[str]
) -> None:
    assert merge_lines(*map("\n".join, (BASE, save, written))) is None
    assert unread(BASE, save, written)


@pytest.mark.parametrize(
    ("written", "save"),
    [
        (changed(four="four, theirs"), changed(four="four, ours")),
        (changed(four="four, theirs"), changed(four="four, theirs", five="five, ours")),
        (changed(five="five\nsix, thiers"), changed(five="five\nsix, theirs")),
        (changed(five="five\nsix, theirs"), changed(five="five\nsix, theirs\nseven, ours")),
        (changed(four=None), changed(four=None, five="five, ours")),
        (changed(four="four\n}"), changed(four="four\n}\n}")),
        (changed(four="four\nif x:\nrun()"), changed(four="four\n  if x:\n    run()")),
    ],
)
def test_lines_that_were_edited_further_were_read(written: list[str], save: list[str]) -> None:
    assert merge_lines(*map("\n".join, (BASE, save, written))) is None
    assert not unread(BASE, save, written)


WORDS = ["alpha", "beta", "gamma", "run", "stop", "test", "{", "}", "done", "return", "if", "else"]


def test_an_edit_of_all_that_was_written_is_never_taken_for_an_older_one() -> None:
    for seed in range(500):
        rng = random.Random(seed)
        base = [_line(rng) for _ in range(rng.randint(1, 10))]
        written = _edited(rng, base, deleting=True)
        assert not unread(base, _edited(rng, written, deleting=False), written), seed


def _line(rng: random.Random) -> str:
    return "  " * rng.randrange(3) + " ".join(rng.choices(WORDS, k=rng.randrange(5)))


def _edited(rng: random.Random, lines: list[str], *, deleting: bool) -> list[str]:
    lines = list(lines)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(lines) + 1)
        if rng.random() < 0.4 or place == len(lines):
            lines.insert(place, f"{_line(rng)} {rng.random():.3f}")
        elif rng.random() < 0.7 or not deleting:
            lines[place] += f" {rng.random():.1f}"
        else:
            del lines[place]
    return lines
