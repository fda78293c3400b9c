"""A merged value written into the local YAML text. Pure.

Wherever the merged value is the local one, the local text stands: comments, key order, quotes,
block or flow style, indentation, line ends. What the remote brought is copied as it is written
there, with its comments, indented to its new place; in a flow container it goes on one line.
Sums and texts merged by lines are spelled anew.

A block item's *segment* runs from its key or dash to the end of the line that its value ends
on; the *lead* before it holds empty lines, comments and the indentation. A segment moves with
its lead; the comments in the lead of an item that goes stay where it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise, takewhile
from typing import Final, NamedTuple

from syncd.core.annotation import PLAIN, Annotation
from syncd.core.value import Value
from syncd.stores.partners import Partners, elements, members
from syncd.stores.tree import Item, Node
from syncd.stores.whitespace import Spacing, Style
from syncd.stores.yaml_scalar import literal, written
from syncd.stores.yaml_tree import Document

_FLOW: Final = Style("", "\n", ": ")
_HEADER: Final = re.compile(r"[|>][-+0-9]*")
_HEADER_COMMENT: Final = re.compile(r"[|>][-+0-9]*([ \t]+#[^\n]*)")
_LITERAL: Final = re.compile(r"\|[-+0-9]*[^\n]*\n+( *)")
_LINE_COMMENT: Final = re.compile(r"[ \t]+#[^\n]*")
_UNSAFE_IN_FLOW: Final = re.compile(r"[,\[\]{}\n#]|\A[|>]|\A\Z")


def spliced(
    value: Value,
    local: Document,
    remote: Document,
    annotation: Annotation = PLAIN,
    *,
    anew: bool = False,
) -> str:
    """The local text, changed as little as possible so that it parses to `value`.

    `value` is a merge of the two sides, by `annotation`. With `anew`, what the remote brought is
    spelled on one line rather than copied: less faithful, and never ambiguous.
    """
    whole = Partners(value, annotation, _whole(local), _whole(remote))
    return _Splice(local, remote, anew=anew).root(whole, local.root)


class _Place(NamedTuple):
    """Where a block item goes: its column, and whether it is an element or has a key.

    `copied` says that the remote holds its part in block style too.
    """

    column: int
    listed: bool
    copied: bool


class _Splice:
    def __init__(self, local: Document, remote: Document, *, anew: bool) -> None:
        self._local, self._remote = local.text, remote.text
        self._odd = local.odd | remote.odd
        self._anew = anew

    def root(self, whole: Partners, node: Node) -> str:
        """The whole text."""
        end = node.end
        if _block(self._local, node):
            end = _line_end(self._local, end)
        if not whole.value or not _same_shape(whole.value, node):
            body = written(whole.value, odd=self._odd)
        else:
            body = self._container(whole, node)
        before, after = self._local[: node.start], self._local[end:]
        if node.start == node.end:
            # An empty text's value goes on a line of its own, beside comments and markers.
            before += "\n" if before.rpartition("\n")[2].strip() else ""
            body += "\n" if after and not after.startswith("\n") else ""
        return before + body + after

    def _container(self, part: Partners, node: Node) -> str:
        """A local mapping or list, to the end of its last line if it is in block style."""
        if _block(self._local, node):
            return self._in_block(part, node)
        return self._in_flow(part, node)

    def _in_block(self, part: Partners, node: Node) -> str:
        theirs = part.remote.node if part.remote else None
        copied = theirs is not None and _block(self._remote, theirs)
        place = _Place(_column(self._local, node.start), isinstance(part.value, list), copied)
        parts = [*_parts(part, node)]
        leads, rest = self._leads(node, {each.local.start for each in parts if each.local}, place)
        gaps = _gaps(self._remote, theirs) if theirs and copied else {}
        text = ""
        for each in parts:
            lead = leads[each.local.start] if each.local else _new_lead(each, gaps, place)
            text += (lead if text else lead.lstrip("\n ")) + self._segment(each, place)
        return text + rest

    def _leads(self, node: Node, kept: set[int], place: _Place) -> tuple[dict[int, str], str]:
        """The lead of each item that is kept, and the comments that follow the last of them."""
        items = node.items or []
        leads = {items[0].start: "\n" + " " * place.column} | _gaps(self._local, node)
        rest = ""
        for item in items:
            lead = leads[item.start]
            if item.start in kept:
                leads[item.start] = rest + lead
                rest = ""
            elif "#" in lead:
                rest += lead[: lead.rindex("\n")]
        return leads, rest

    def _segment(self, part: Partners, place: _Place) -> str:
        item = part.local
        if item is None:
            return self._new_segment(part, place)
        node, end = item.node, _line_end(self._local, item.node.end)
        if part.value == node.value:
            return self._local[item.start : end]
        if part.value and node.items and _same_shape(part.value, node):
            tail = "" if _block(self._local, node) else self._local[node.end : end]
            return self._local[item.start : node.start] + self._container(part, node) + tail
        comment = _comment(self._local, item, place)
        if not comment and part.remote and place.copied:
            comment = _comment(self._remote, part.remote, place)
        stem = self._local[item.start : _stem_end(self._local, item, place)]
        return _placed(stem, self._body(part, place), comment)

    def _new_segment(self, part: Partners, place: _Place) -> str:
        item = part.remote
        if item and place.copied and part.value == item.node.value and not self._anew:
            text = self._remote[item.start : _line_end(self._remote, item.node.end)]
            return _shifted(text, place.column - _column(self._remote, item.start))
        stem = "-" if place.listed or item is None else self._remote[item.start : item.stop] + ":"
        return _placed(stem, self._body(part, place), "")

    def _body(self, part: Partners, place: _Place) -> str:
        """A value that is put after a key or a dash: after a space, or on lines of its own."""
        local, remote = part.local, part.remote
        if remote and part.value == remote.node.value and not self._anew:
            node = remote.node
            text = self._remote[node.start : node.end]
            if place.copied:
                return self._copied(remote, place)
            if "\n" not in text and text:
                return " " + text
        if local and isinstance(part.value, str) and not self._anew:
            found = _LITERAL.match(self._local, local.node.start)
            block = literal(part.value, found[1]) if found else None
            if block:
                return " " + block
        return " " + written(part.value, odd=self._odd)

    def _copied(self, item: Item, place: _Place) -> str:
        """The value of a block item of the remote, moved with the item's column."""
        node = item.node
        shift = place.column - _column(self._remote, item.start)
        if not _block(self._remote, node):
            text = self._remote[node.start : node.end]
            return " " + _shifted(text, shift) if text else ""
        text = self._remote[node.start : _line_end(self._remote, node.end)]
        space = self._remote[item.stop : node.start]
        if place.listed and "\n" not in space:
            return space + _shifted(text, shift)
        column = _column(self._remote, node.start) + shift
        return "\n" + " " * column + _shifted(text, shift)

    def _in_flow(self, part: Partners, node: Node) -> str:
        spacing = Spacing(self._local, node, _FLOW, None)
        return spacing.written(
            [(each.local, self._flow_head(each, node) + self._flow_value(each))
             for each in _parts(part, node)]
        )  # fmt: skip

    def _flow_head(self, part: Partners, node: Node) -> str:
        """Key and colon of a member, nothing for an element."""
        if part.local:
            return self._local[part.local.start : part.local.node.start]
        if isinstance(node.value, list) or part.remote is None:
            return ""
        key = self._remote[part.remote.start : part.remote.stop]
        return (written(part.remote.key) if _UNSAFE_IN_FLOW.search(key) else key) + ": "

    def _flow_value(self, part: Partners) -> str:
        local, remote = part.local, part.remote
        if local and part.value == local.node.value:
            return self._local[local.node.start : local.node.end]
        if local and _same_shape(part.value, local.node):
            return self._in_flow(part, local.node)
        if remote and part.value == remote.node.value and not self._anew:
            text = self._remote[remote.node.start : remote.node.end]
            if not _block(self._remote, remote.node) and not _UNSAFE_IN_FLOW.search(text):
                return text
        return written(part.value, odd=self._odd)


def _parts(part: Partners, local: Node) -> Iterable[Partners]:
    remote = part.remote.node if part.remote else None
    if isinstance(part.value, dict):
        return members(part.value, local, remote, part.annotation)
    assert isinstance(part.value, list)
    return elements(part.value, local, remote, part.annotation)


def _whole(document: Document) -> Item:
    return Item("", document.root.start, document.root.start, document.root)


def _same_shape(value: Value, node: Node) -> bool:
    return isinstance(value, dict | list) and type(value) is type(node.value)


def _block(text: str, node: Node) -> bool:
    """Whether a node is a mapping or a list in block style."""
    return bool(node.items) and text[node.start] not in "[{"


def _line_end(text: str, place: int) -> int:
    found = text.find("\n", place)
    return len(text) if found < 0 else found


def _column(text: str, place: int) -> int:
    return place - (text.rfind("\n", 0, place) + 1)


def _gaps(text: str, node: Node) -> dict[int, str]:
    """What stands before each item but the first of a container in block style, by its start:
    from the end of the line that the item before it ends on.
    """
    return {
        following.start: text[_line_end(text, item.node.end) : following.start]
        for item, following in pairwise(node.items or [])
    }


def _new_lead(part: Partners, gaps: dict[int, str], place: _Place) -> str:
    """The line break before an item of the remote, and its comments: `gaps` are the remote's."""
    margin = "\n" + " " * place.column
    gap = gaps.get(part.remote.start, "") if part.remote else ""
    return "".join(margin + line for line in _attached(gap)) + margin


def _attached(gap: str) -> list[str]:
    """The comments on the lines right above an item."""
    lines = (line.lstrip(" ") for line in reversed(gap.split("\n")[1:-1]))
    return [*takewhile(lambda line: line.startswith("#"), lines)][::-1]


def _shifted(text: str, columns: int) -> str:
    """`text` with all its lines but the first indented by so much more, or less."""
    first, *lines = text.split("\n")
    return "\n".join([first, *(_indented(line, columns) for line in lines)])


def _indented(line: str, columns: int) -> str:
    spaces = len(line) - len(line.lstrip(" "))
    return line and " " * max(0, spaces + columns) + line[spaces:]


def _stem_end(text: str, item: Item, place: _Place) -> int:
    return item.stop if place.listed else text.index(":", item.stop) + 1


def _comment(text: str, item: Item, place: _Place) -> str:
    """The comment that shares a line with the start of a block item's value."""
    node = item.node
    if found := _LINE_COMMENT.match(text, _stem_end(text, item, place)):
        return found[0]
    if found := _HEADER_COMMENT.match(text, node.start):
        return found[1]
    return "" if _block(text, node) else text[node.end : _line_end(text, node.end)].rstrip()


def _placed(stem: str, body: str, comment: str) -> str:
    """Key or dash, value, and the comment that shared a line with the former value."""
    if body.startswith("\n"):
        return stem + comment + body
    header = _HEADER.match(body, 1)
    if header is None:
        return stem + body + comment
    # A comment after a block scalar would be text: it goes after the header, or nowhere.
    rest = body[header.end() :]
    return stem + body[: header.end()] + (comment if rest.startswith("\n") else "") + rest
