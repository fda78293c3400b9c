"""Long text merged line by line. Pure.

Two sides' changes combine where at least one line between them is untouched by both, as in
diff3; changes that touch or overlap are a clash, unless they are one and the same change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from syncd.core.patience import in_order

MOST_PAIRS = 10_000
"""Pairs of lines up to which difflib looks between two anchors (milliseconds). Beyond, what is
between them counts as one change from its first changed line to its last: difflib's cost grows
with the square, and took minutes for long texts whose lines repeat."""

MOST_PAIRS_IN_ALL = 1_000_000
"""The same for all that is between the anchors of two texts, which is most where lines repeat
between thousands of anchors: a megabyte of such text took half a minute."""


class Change(NamedTuple):
    """Lines `start` to `end` of the base became `lines`."""

    start: int
    end: int
    lines: tuple[str, ...]


def merge_lines(base: str, local: str, remote: str) -> str | None:
    """`base` with both sides' changes, or None where they touch.

    Merging the result with either side again gives the result again.
    """
    merged = _combined(base, local, remote)
    # Repeated lines can be aligned so that two changes cancel out: then the result shows
    # neither, and a replay would make another.
    if merged is None or any(_combined(base, merged, side) != merged for side in (local, remote)):
        return None
    return merged


def _combined(base: str, local: str, remote: str) -> str | None:
    lines = base.split("\n")
    both = sorted({*changes(lines, local.split("\n")), *changes(lines, remote.split("\n"))})
    merged: list[str] = []
    place = -1
    for start, end, new in both:
        if start <= place:
            return None
        merged += lines[max(place, 0) : start]
        merged += new
        place = end
    return "\n".join([*merged, *lines[max(place, 0) :]])


def changes(base: Sequence[str], side: Sequence[str]) -> Iterator[Change]:
    """What `side` changed; between two changes is at least one line that it left alone."""
    place = new_place = 0
    spare = MOST_PAIRS_IN_ALL
    for anchor, new_anchor in [*in_order(base, side), (len(base), len(side))]:
        before, after = base[place:anchor], side[new_place:new_anchor]
        if before != after:
            pairs = len(before) * len(after)
            closely = pairs <= min(MOST_PAIRS, spare)
            spare -= pairs if closely else 0
            yield from _within(before, after, place, closely=closely)
        place, new_place = anchor + 1, new_anchor + 1


def _within(
    before: Sequence[str], after: Sequence[str], start: int, *, closely: bool
) -> Iterator[Change]:
    """The changes between two anchors, where lines may repeat: line by line, or as one.

    Equal ends are not put aside first: that would tell a few of the merges that difflib cannot,
    and make clashes of many more.
    """
    if not closely:
        head = _equal_head(before, after, min(len(before), len(after)))
        tail = _equal_head(before[::-1], after[::-1], min(len(before), len(after)) - head)
        new = tuple(after[head : len(after) - tail])
        yield Change(start + head, start + len(before) - tail, new)
        return
    for tag, place, end, new_place, new_end in SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        if tag != "equal":
            yield Change(start + place, start + end, tuple(after[new_place:new_end]))


def _equal_head(one: Sequence[str], other: Sequence[str], most: int) -> int:
    return next((place for place in range(most) if one[place] != other[place]), most)
