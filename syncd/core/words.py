"""How unlike two texts are, whatever their format: by their words. Pure."""

from __future__ import annotations

import re
from collections import Counter

_WORD = re.compile(rb"[^\s,:{}\[\]]+")
"""A name or a value, of JSON, YAML or prose, however that is laid out."""


def words(text: bytes) -> Counter[bytes]:
    """The words of a text, and how often each is in it."""
    return Counter(_WORD.findall(text))


def unlike(one: Counter[bytes], other: Counter[bytes]) -> int:
    """How many words one of two texts has that the other lacks, and the other way round."""
    return (one - other).total() + (other - one).total()
