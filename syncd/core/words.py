"""How unlike two texts are, whatever their format: by their words. Pure."""

from __future__ import annotations

from collections import Counter

_MARKS = b",:{}[]"
_SPACED = bytes.maketrans(_MARKS, b" " * len(_MARKS))


def unlike(one: bytes, other: bytes) -> int:
    """How many words one of two texts has that the other lacks, and the other way round.

    A word is a name or a value, of JSON, YAML or prose, however that is laid out. Linear.
    """
    left = Counter(one.translate(_SPACED).split())
    left.subtract(Counter(other.translate(_SPACED).split()))
    return sum(map(abs, left.values()))
