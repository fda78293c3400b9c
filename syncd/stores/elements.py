"""Where the records of a JSON text stand: the elements of the list at a JSON pointer. Pure.

A tree of the whole text would cost a second for some thousand records. Bounds are found by one
expression that passes over whole values; what is inside them is for the caller to judge.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from syncd.core.model import Hold
from syncd.stores.tree import MARK

_STRING: Final = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_LEVELS: Final = 40
"""Levels of nesting that the expression passes over; what nests deeper is not found whole."""
_UNFIT: Final = f"nests more than {_LEVELS} levels deep, or is cut off"


def _nested(levels: int) -> str:
    inner = ""
    for _ in range(levels):
        inner = rf'[\[{{](?:[^"\[\]{{}}]++|{_STRING}{inner and "|" + inner})*+[\]}}]'
    return inner


@cache
def _object() -> re.Pattern[str]:
    return re.compile(r"(?=\{)" + _nested(_LEVELS))


@cache
def _value() -> re.Pattern[str]:
    return re.compile(rf'{_STRING}|{_nested(_LEVELS)}|[^"\[\]{{}},:\s]+')


_KEY: Final = re.compile(_STRING)
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_COMMA_OR_BRACKET: Final = re.compile(r"[ \t\n\r]*([,\]])[ \t\n\r]*")


@dataclass(frozen=True, slots=True)
class Place:
    """A list in a text: `text[start:end]`, brackets included, and the bounds of its elements."""

    start: int
    end: int
    elements: list[tuple[int, int]]


def locate(text: str, pointer: str) -> Place | Hold:
    """The list at `pointer` (RFC 6901, through objects only), or why there is none of objects.

    Of a text that does not parse it finds something or nothing: the parts must be parsed.
    """
    place = _skip(text, len(MARK) if text.startswith(MARK) else 0)
    for token in pointer.split("/")[1:]:
        found = _member(text, place, token.replace("~1", "/").replace("~0", "~"))
        if isinstance(found, Hold):
            return found
        place = found
    return _elements(text, place, pointer)


def _member(text: str, place: int, name: str) -> int | Hold:
    """Where the value of the member `name` of the object at `place` begins."""
    found: int | None = None
    more = text[place : place + 1] == "{"
    place = _skip(text, place + 1)
    while more and (key := _KEY.match(text, place)):
        colon = _skip(text, key.end())
        value = _skip(text, colon + 1)
        passed = _value().match(text, value)
        if passed is None or text[colon : colon + 1] != ":":
            return refused(f"the value of {key[0][:40]} {_UNFIT}")
        if unquoted(key[0]) == name:
            if found is not None:
                return refused(f"it has two members {name!r}")
            found = value
        place = _skip(text, passed.end())
        more = text[place : place + 1] == ","
        place = _skip(text, place + 1)
    return refused(f"it has no member {name!r}") if found is None else found


def _elements(text: str, start: int, pointer: str) -> Place | Hold:
    if text[start : start + 1] != "[":
        return refused(f"there is no list at {pointer!r}")
    elements: list[tuple[int, int]] = []
    place = _skip(text, start + 1)
    more = text[place : place + 1] != "]"
    end = place + 1
    while more:
        found = _object().match(text, place)
        following = _COMMA_OR_BRACKET.match(text, found.end()) if found else None
        if found is None or following is None:
            what = _UNFIT if text[place : place + 1] == "{" else "is no object"
            return refused(f"an element of the list at {pointer!r} {what}")
        elements.append(found.span())
        more, place, end = following[1] == ",", following.end(), following.end(1)
    return Place(start, end, elements)


def unquoted(token: str) -> str | None:
    """The text that a string token stands for, None where it is no such token."""
    try:
        found = json.loads(token)
    except ValueError:
        return None
    return found if isinstance(found, str) else None


def refused(why: str) -> Hold:
    """Why a text is no records file."""
    return Hold(
        "not-records",
        why,
        'mend the file, or mirror it as one record: layout = "file" in config.toml',
    )


def _skip(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    assert found is not None  # it matches the empty string
    return found.end()
