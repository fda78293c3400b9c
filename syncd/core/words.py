"""How unlike two texts are, whatever their format: by their words. Pure."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

_MARKS = b",:{}[]"
_SPACED = bytes.maketrans(_MARKS, b" " * len(_MARKS))


def unlike(one: bytes, other: bytes) -> int:
    """How many pairs of neighbouring words one of two texts has that the other lacks, and the other
    way round.

    A word is a name or a value, of JSON, YAML or prose, however that is laid out; its neighbour
    tells where it stands, as far as it matters: `true` alone is in many places. Linear.
    """
    left = _pairs(one)
    left.subtract(_pairs(other))
    return sum(map(abs, left.values()))


def _pairs(text: bytes) -> Counter[tuple[bytes, bytes]]:
    words = [b"", *text.translate(_SPACED).split(), b""]
    return Counter(pairwise(words))
