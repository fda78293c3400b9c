"""What two lists have in common, told by what stands once in each: the patience diff. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence


def in_order(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[tuple[int, int]]:
    """What stands once in both, as much as comes in the same order: (old place, new place).

    It costs n log n, whatever the lists.
    """
    once = {each for each, times in Counter(old).items() if times == 1}
    there = {each: place for place, each in enumerate(old) if each in once}
    counts = Counter(each for each in new if each in there)
    pairs = [(there[each], place) for place, each in enumerate(new) if counts[each] == 1]
    return _ascending(pairs)


def _ascending(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part of `pairs`, whose second numbers ascend, of which the first do too."""
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for place, (number, _) in enumerate(pairs):
        length = bisect_left(ends, number)
        before.append(last[length - 1] if length else -1)
        ends[length : length + 1], last[length : length + 1] = [number], [place]
    chain: list[tuple[int, int]] = []
    place = last[-1] if last else -1
    while place >= 0:
        chain.append(pairs[place])
        place = before[place]
    return chain[::-1]
