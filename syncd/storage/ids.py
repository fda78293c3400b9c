"""Ids: texts, for which files and programs have numbers too. Pure."""

from __future__ import annotations

import math
import re
from decimal import Decimal

from syncd.errors import RecordError


def digits(value: object) -> object:
    """A number as JavaScript spells it in a string; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    try:
        told = float(value)
    except OverflowError:
        told = math.inf if value > 0 else -math.inf
    if math.isinf(told):
        return "Infinity" if told > 0 else "-Infinity"
    if told != 0 and not 1e-6 <= abs(told) < 1e21:
        return re.sub(r"e([+-])0", r"e\1", repr(told))
    written = format(Decimal(repr(told + 0.0)), "f")
    return written.removesuffix(".0")


def id_of(id: str) -> str:
    """The id by which a program asks, as records have it. Raises RecordError where it is no text:
    types are hints, and a number is one that files hold, too.
    """
    told = digits(id)
    if not isinstance(told, str):
        raise RecordError(f"{id!r} is no id; nothing was done", "give it the text of one")
    return told
