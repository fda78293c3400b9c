"""A YAML text as a tree in which every value knows where it stands. Pure.

The tree holds what JSON can say. Anchors, aliases, merge keys, tags, directives, several
documents and repeated keys are refused, and so is what versions of YAML read differently: such
texts are mirrored as they are, and never merged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import yaml

from syncd.stores.tree import DEEPEST, Item, Node
from syncd.stores.yaml_events import LONGEST, broken, events
from syncd.stores.yaml_scalar import resolved

MARK: Final = "\ufeff"

_DISPUTED_LINES: Final = re.compile("[\r\x85\u2028\u2029\ufeff]")
_LINE_END: Final = re.compile("\r?\n")
_TABS: Final = re.compile(r"\n[ -]*\t")
_ANY_TABS: Final = re.compile(r"\n[ ?:-]*\t")
_GAP: Final = re.compile(r"(?:[ \t\n,]|#[^\n]*)*")
_COLON: Final = re.compile(r"[ \t]*:(?:[ \t\n]|#[^\n]*)*")
_COMMENT: Final = re.compile(r"#[^\n]*")


@dataclass(frozen=True, slots=True)
class Document:
    """One side's text and its tree. An Item of a block list starts at its dash."""

    text: str
    """Without its byte order mark; each line ends in one line feed."""
    root: Node
    mark: str
    line: str
    """How its lines end: in one of two ways, or empty where in both."""
    odd: frozenset[str]
    """Keys that are not text (`on`, `1`), as they are spelled."""
    names: frozenset[str]
    """All other keys."""
    comments: tuple[str, ...]

    def restored(self, text: str) -> str:
        """`text`, spliced from this one, with its mark and its line ends."""
        return self.mark + (text.replace("\n", self.line) if self.line else text)


def parse_yaml(text: str) -> Document | str:
    """The tree of a YAML text, or in a few words why it has none."""
    mark = MARK if text.startswith(MARK) else ""
    ends = set(_LINE_END.findall(text))
    text = text.removeprefix(MARK).replace("\r\n", "\n")
    if _DISPUTED_LINES.search(text):
        return "its lines end in ways that versions of YAML read differently"
    if len(text) > LONGEST:
        return f"it is longer than {LONGEST:,} characters"
    builder = _Builder(text)
    try:
        root = builder.document()
    except _Refused as refusal:
        return str(refusal)
    except yaml.YAMLError:
        return broken(text) or _spared(text)
    return Document(
        text, root, mark, ends.pop() if len(ends) == 1 else "" if ends else "\n",
        frozenset(builder.odd), frozenset(builder.names), tuple(builder.comments),
    )  # fmt: skip


def _spared(text: str) -> str:
    """What libyaml refuses in a text that is not broken: see `broken`."""
    if _ANY_TABS.search(f"\n{text}"):
        return "it has tabs where not every YAML takes them for spaces"
    return "it has half of a surrogate pair, which YAML does not take"


class _Refused(Exception):
    pass


class _Builder:
    """Recursive descent over the events of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._events: Iterator[yaml.Event] = events(text)
        self._looked = 0
        self._plain = "#" not in text and "\t" not in text
        self.comments: list[str] = []
        self.odd: set[str] = set()
        self.names: set[str] = set()

    def document(self) -> Node:
        """The root of the only document; that of an empty text is null."""
        next(self._events)
        start = next(self._events)
        size = len(self._text)
        if isinstance(start, yaml.StreamEndEvent):
            self._look(size, size)
            return Node(size, size, None)
        assert isinstance(start, yaml.DocumentStartEvent)
        if start.version or start.tags:
            raise _Refused("it has directives")
        root = self._node(next(self._events), 0)
        next(self._events)
        if not isinstance(next(self._events), yaml.StreamEndEvent):
            raise _Refused("it holds several documents")
        self._look(size, size)
        return root

    def _look(self, start: int, end: int) -> None:
        """See what stands before the scalar from `start` to `end`, or before the text's end."""
        if not self._plain:
            gap = self._text[self._looked : start]
            if _TABS.search(gap):
                raise _Refused("it is indented by tabs")
            self.comments += [found[0].rstrip() for found in _COMMENT.finditer(gap)]
            self._looked = end

    def _node(self, event: yaml.Event, depth: int) -> Node:
        self._check(event, depth)
        match event:
            case yaml.ScalarEvent():
                return self._scalar(event)
            case yaml.MappingStartEvent():
                return self._mapping(event, depth)
            case _:
                return self._sequence(event, depth)

    def _check(self, event: yaml.Event, depth: int) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Refused("it has anchors or aliases")
        if getattr(event, "tag", None):
            raise _Refused("it has tags")
        if depth >= DEEPEST and not isinstance(event, yaml.ScalarEvent):
            raise _Refused(f"it nests more than {DEEPEST} levels deep")

    def _scalar(self, event: yaml.ScalarEvent) -> Node:
        start, end = _start(event), _end(event)
        if event.style in ("|", ">"):
            end = self._block_end(start, end)
        self._look(start, end)
        value = event.value if event.style else resolved(event.value)
        return Node(start, end, value)

    def _block_end(self, start: int, end: int) -> int:
        """The end of a block scalar without the line break that ends its last line.

        Empty lines after it are no part of it, unless it keeps them.
        """
        token = self._text[start:end]
        if "+" in token.partition("\n")[0].partition("#")[0]:
            return start + len(token.removesuffix("\n"))
        return start + len(token.rstrip("\n"))

    def _mapping(self, event: yaml.MappingStartEvent, depth: int) -> Node:
        flow = bool(event.flow_style)
        place = start = _start(event)
        if flow:
            place = self._opening(start, "{")
        items: list[Item] = []
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            item = self._member(key, place, depth)
            items.append(item)
            place = item.node.end
        members = {item.key: item.node.value for item in items}
        if len(members) < len(items):
            raise _Refused("a key is there twice")
        end = _end(key) if flow else place
        return Node(start, end, members, items)

    def _member(self, event: yaml.Event, place: int, depth: int) -> Item:
        self._check(event, depth)
        if not isinstance(event, yaml.ScalarEvent):
            raise _Refused("a key is more than a scalar")
        key = self._scalar(event)
        name = self._name(key)
        # What stands before a key and after it: nothing but its colon. Else it is a `? key`.
        if self._gap(place) != key.start or "\n" in self._text[key.start : key.end]:
            raise _Refused("it has keys that start with a question mark")
        value = self._node(next(self._events), depth + 1)
        if not _COLON.fullmatch(self._text, key.end, value.start):
            raise _Refused("a key has no colon")
        return Item(name, key.start, key.end, value)

    def _name(self, key: Node) -> str:
        if isinstance(key.value, str):
            self.names.add(key.value)
            return key.value
        spelling = self._text[key.start : key.end]
        if spelling == "<<":
            raise _Refused("it has merge keys")
        self.odd.add(spelling)
        return spelling

    def _sequence(self, event: yaml.Event, depth: int) -> Node:
        assert isinstance(event, yaml.SequenceStartEvent)
        flow = bool(event.flow_style)
        place = start = _start(event)
        if flow:
            place = self._opening(start, "[")
        items: list[Item] = []
        while not isinstance(element := next(self._events), yaml.SequenceEndEvent):
            dash = place if flow else self._dash(place)
            node = self._node(element, depth + 1)
            first, stop = (node.start, node.start) if flow else (dash, dash + 1)
            items.append(Item("", first, stop, node))
            place = node.end
        end = _end(element) if flow else place
        return Node(start, end, [item.node.value for item in items], items)

    def _opening(self, place: int, bracket: str) -> int:
        if self._text[place : place + 1] != bracket:
            raise _Refused("it has pairs without braces")
        return place + 1

    def _dash(self, place: int) -> int:
        place = self._gap(place)
        if self._text[place : place + 1] != "-":
            raise _Refused("it has lists that are laid out unusually")
        return place

    def _gap(self, place: int) -> int:
        found = _GAP.match(self._text, place)
        assert found is not None  # it matches the empty string
        return found.end()


def _start(event: yaml.Event) -> int:
    assert event.start_mark is not None
    return event.start_mark.index


def _end(event: yaml.Event) -> int:
    assert event.end_mark is not None
    return event.end_mark.index
