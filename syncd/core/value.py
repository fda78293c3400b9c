"""JSON values that lose nothing of their spelling. Pure: values only.

Objects are dicts, arrays lists, strings, booleans and null themselves. A number is its token,
since 1 and 1.0, integers beyond 2^53 and 1e400 are told apart by programs that read the files.
Values nest no deeper than the parser that made them allows.
"""

from __future__ import annotations

import json
import re
from enum import Enum
from typing import Final, Literal, NamedTuple, TypeAlias


class Number(NamedTuple):
    """A number as it is written. Equal to another only if the spelling is."""

    token: str


class Opaque(NamedTuple):
    """A value that no Python value is faithful to, such as an object that repeats a key.

    `source` is its text without white space between tokens; it is compared and kept whole.
    """

    source: str


class Missing(Enum):
    """The type of MISSING."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
"""No value is there: the field, the element or the whole version does not exist."""

Value: TypeAlias = bool | str | Number | Opaque | list["Value"] | dict[str, "Value"] | None
Maybe: TypeAlias = Value | Literal[Missing.MISSING]

_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,99})")
_DECIMAL: Final = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,9}))?")


def integer(value: Maybe) -> int | None:
    """The whole number that `value` is written as, or None; 1.0 and 1e2 are not written so."""
    if isinstance(value, Number) and _INTEGER.fullmatch(value.token):
        return int(value.token)
    return None


def alike(one: Maybe, other: Maybe) -> bool:
    """Whether two values mean the same: 1, 1.0 and 10e-1 do, 1 and "1" do not."""
    if one == other:
        return True
    match one, other:
        case Number(), Number():
            return _magnitude(one) == _magnitude(other)
        case dict(), dict():
            return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
        case list(), list():
            return len(one) == len(other) and all(map(alike, one, other))
        case _:
            return False


def _magnitude(number: Number) -> tuple[str, str, int] | str:
    """Sign, digits and power of ten, no zero at either end; the token where it is extreme."""
    if not (found := _DECIMAL.fullmatch(number.token)):
        return number.token
    sign, whole, fraction, power = found.groups(default="")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return sign, "", 0  # -0 is not 0 to every program
    shift = int(power or "0") - len(fraction)
    return sign, digits.rstrip("0"), shift + len(digits) - len(digits.rstrip("0"))


def spelled(value: Value) -> str:
    """`value` as compact JSON; numbers and opaque values as they were written."""
    match value:
        case Number(token):
            return token
        case Opaque(source):
            return source
        case dict():
            members = (f"{_quoted(key)}:{spelled(each)}" for key, each in value.items())
            return "{" + ",".join(members) + "}"
        case list():
            return "[" + ",".join(map(spelled, value)) + "]"
        case str():
            return _quoted(value)
        case _:
            return json.dumps(value)


def _quoted(text: str) -> str:
    # A lone surrogate has no UTF-8: such a string is spelled in escapes throughout.
    return json.dumps(text, ensure_ascii=any("\ud800" <= each <= "\udfff" for each in text))
