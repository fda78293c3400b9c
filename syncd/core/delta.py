"""A text told as what it changes in another one. Pure; the counterpart of `convex/model/splice.ts`.

Texts are compared from both ends, and what lies between by the lines that either has once: those
that come in the same order are kept, as far as they go (the patience diff). That is linear but for
sorting, finds appends and scattered edits, and tells a rewritten file as one splice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from syncd.core.patience import in_order

LEAST: Final = 1024
"""Bytes of the shortest text that is worth a comparison, which takes some 15 us of 2 KB: what else
an operation tells is half as long."""

OVERHEAD: Final = 40
"""Bytes that a splice takes on the wire beside its text."""

MOST: Final = 500
"""Splices that a text is told by; `convex/model/limits.ts` takes 1,000."""

LINES: Final = 100_000
"""Lines that are compared, of either text. Beyond, what lies between the first change and the last
counts as one: 2 MiB of empty lines took 200 MB and more than a second."""


@dataclass(frozen=True, slots=True)
class Splice:
    """`drop` bytes at `at` of the former text make way for `text`."""

    at: int
    drop: int
    text: str


@dataclass(frozen=True, slots=True)
class Delta:
    """A text as what it changes in the one with the digest `base`."""

    base: str
    splices: tuple[Splice, ...]


def delta(former: bytes, text: bytes) -> list[Splice] | None:
    """What `text`, valid UTF-8, changes in `former`; None where that is not much shorter."""
    if min(len(former), len(text)) < LEAST:
        return None
    splices = [Splice(at, end - at, text[start:stop].decode())
               for at, end, start, stop in _differing(former, text)]  # fmt: skip
    size = sum(OVERHEAD + len(splice.text.encode()) for splice in splices)
    return splices if len(splices) <= MOST and 2 * size <= len(text) else None


def spliced(former: bytes, splices: Sequence[Splice]) -> bytes:
    """`former` with `splices`, which are in order and do not overlap."""
    parts: list[bytes] = []
    kept = 0
    for splice in splices:
        parts += [former[kept : splice.at], splice.text.encode()]
        kept = splice.at + splice.drop
    return b"".join([*parts, former[kept:]])


_Gap = tuple[int, int, int, int]
"""Where the former text ends to be the same and begins again, and the same of the new one."""


def _differing(former: bytes, text: bytes) -> Iterator[_Gap]:
    whole = _trimmed(former, text, (0, len(former), 0, len(text)))
    at, end, start, stop = whole
    if max(_line_ends(former, at, end), _line_ends(text, start, stop)) > LINES:
        yield whole
        return
    old = former[at:end].splitlines(keepends=True)
    new = text[start:stop].splitlines(keepends=True)
    old_places, new_places = _places(old, at), _places(new, start)
    kept = [(-1, -1), *in_order(old, new), (len(old), len(new))]
    for (one, other), (next_one, next_other) in pairwise(kept):
        gap = (old_places[one + 1], old_places[next_one],
               new_places[other + 1], new_places[next_other])  # fmt: skip
        found = _trimmed(former, text, gap)
        if found[0] < found[1] or found[2] < found[3]:
            yield found


def _line_ends(text: bytes, start: int, stop: int) -> int:
    """At least as many as `splitlines` finds."""
    return text.count(b"\n", start, stop) + text.count(b"\r", start, stop)


def _places(lines: Sequence[bytes], start: int) -> list[int]:
    """Where each line begins, and where the last one ends."""
    places = [start]
    for line in lines:
        places.append(places[-1] + len(line))
    return places


def _trimmed(former: bytes, text: bytes, gap: _Gap) -> _Gap:
    """`gap` without what is the same at its ends, cut between code points."""
    at, end, start, stop = gap
    same = _common(former[at:end], text[start:stop])
    while same and _continues(text, start + same):
        same -= 1
    at, start = at + same, start + same
    same = _common(former[at:end][::-1], text[start:stop][::-1])
    while same and _continues(text, stop - same):
        same -= 1
    return at, end - same, start, stop - same


def _common(one: bytes, other: bytes) -> int:
    """How many bytes are the same at the beginning of both."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _continues(text: bytes, place: int) -> bool:
    """Whether a code point goes on at `place`."""
    return place < len(text) and text[place] & 0xC0 == 0x80
