"""A JSON text as a tree in which every value knows where it stands. Pure.

Strict RFC 8259: NaN, comments and trailing commas do not parse, and what does not parse is not
merged. A string may hold lone surrogates, as real files do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from json import JSONDecodeError, JSONDecoder
from typing import Final

from syncd.core.value import Number, Opaque, Value

DEEPEST: Final = 100
"""Levels of nesting that parse. Real workflows reach 14, Convex takes 64; beyond is whole."""

MARK: Final = "\ufeff"
"""The byte order mark, which may stand before a text."""
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_COLON: Final = re.compile(r"[ \t\n\r]*:[ \t\n\r]*")
_COMMA_OR_BRACE: Final = re.compile(r"[ \t\n\r]*([,}])[ \t\n\r]*")
_COMMA_OR_BRACKET: Final = re.compile(r"[ \t\n\r]*([,\]])[ \t\n\r]*")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_string: Final = JSONDecoder().raw_decode
_STRING: Final = re.compile(r'("[^"\\]*+(?:\\.[^"\\]*+)*+")')
_LITERALS: Final[tuple[tuple[str, bool | None], ...]] = (
    ("true", True),
    ("false", False),
    ("null", None),
)


@dataclass(slots=True)
class Node:
    """A value and its place: `text[start:end]`. `items` is None unless it has parts to tell."""

    start: int
    end: int
    value: Value
    items: list[Item] | None = None


@dataclass(slots=True)
class Item:
    """A member of an object or an element of an array.

    `text[start:stop]` is the member's key token; an element has no key and both are its start.
    """

    key: str
    start: int
    stop: int
    node: Node


@dataclass(frozen=True, slots=True)
class Source:
    """One side's text and its tree."""

    text: str
    root: Node


def parse(text: str) -> Node | None:
    """The tree of a whole JSON text, or None where it is not one or nests too deep.

    A byte order mark may stand before it.
    """
    try:
        node = _Parser(text).value(_skip(text, len(MARK) if text.startswith(MARK) else 0), 0)
    except (_Unexpected, JSONDecodeError):
        return None
    return node if _skip(text, node.end) == len(text) else None


def compact(text: str) -> str:
    """A JSON text without the white space between its tokens."""
    parts = _STRING.split(text)
    parts[::2] = ["".join(part.split()) for part in parts[::2]]
    return "".join(parts)


class _Unexpected(Exception):
    pass


def _skip(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    assert found is not None  # it matches the empty string
    return found.end()


class _Parser:
    """Recursive descent over one text; each method is given the place of its first character."""

    def __init__(self, text: str) -> None:
        self._text = text

    def value(self, start: int, depth: int) -> Node:
        match self._text[start : start + 1]:
            case '"':
                string, end = _string(self._text, start)
                return Node(start, end, string)
            case "{" if depth < DEEPEST:
                return self._object(start, depth + 1)
            case "[" if depth < DEEPEST:
                return self._array(start, depth + 1)
            case _:
                return self._plain(start)

    def _plain(self, start: int) -> Node:
        if found := _NUMBER.match(self._text, start):
            return Node(start, found.end(), Number(found[0]))
        for word, value in _LITERALS:
            if self._text.startswith(word, start):
                return Node(start, start + len(word), value)
        raise _Unexpected

    def _object(self, start: int, depth: int) -> Node:
        items: list[Item] = []
        place = _skip(self._text, start + 1)
        end = place + 1
        more = self._text[place : place + 1] != "}"
        while more:
            if self._text[place : place + 1] != '"':
                raise _Unexpected
            key, stop = _string(self._text, place)
            colon = self._expect(_COLON, stop)
            node = self.value(colon.end(), depth)
            items.append(Item(key, place, stop, node))
            following = self._expect(_COMMA_OR_BRACE, node.end)
            more, place, end = following[1] == ",", following.end(), following.end(1)
        members = {item.key: item.node.value for item in items}
        if len(members) < len(items):
            return Node(start, end, Opaque(compact(self._text[start:end])))
        return Node(start, end, members, items)

    def _array(self, start: int, depth: int) -> Node:
        items: list[Item] = []
        place = _skip(self._text, start + 1)
        end = place + 1
        more = self._text[place : place + 1] != "]"
        while more:
            node = self.value(place, depth)
            items.append(Item("", place, place, node))
            following = self._expect(_COMMA_OR_BRACKET, node.end)
            more, place, end = following[1] == ",", following.end(), following.end(1)
        return Node(start, end, [item.node.value for item in items], items)

    def _expect(self, token: re.Pattern[str], place: int) -> re.Match[str]:
        found = token.match(self._text, place)
        if found is None:
            raise _Unexpected
        return found
