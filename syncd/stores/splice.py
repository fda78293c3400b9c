"""A merged value written into the local text. Pure.

Wherever the merged value is the local one, the local bytes stand: key order, indentation,
spelling of numbers and escapes, line ends. What the remote brought keeps its own tokens, laid
out as the local text is. Only sums and texts merged by lines are spelled anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from syncd.core.annotation import PLAIN, Annotation
from syncd.core.value import Value, spelled
from syncd.stores.partners import Partners, elements, members
from syncd.stores.tree import Item, Node, Source
from syncd.stores.whitespace import Spacing, style_of


def spliced(value: Value, local: Source, remote: Source, annotation: Annotation = PLAIN) -> str:
    """The local text, changed as little as possible so that it parses to `value`.

    `value` is a merge of the two sides, by `annotation`.
    """
    whole = Partners(value, annotation, _whole(local), _whole(remote))
    body = _Splice(local, remote).value(whole, "")
    return local.text[: local.root.start] + body + local.text[local.root.end :]


def _whole(source: Source) -> Item:
    return Item("", source.root.start, source.root.start, source.root)


class _Splice:
    """`margin` is the white space that indents the line a value is on, None on a shared line."""

    def __init__(self, local: Source, remote: Source) -> None:
        self._local, self._remote = local.text, remote.text
        self._style = style_of(local if local.root.items else remote)
        self._remote_is_one_line = not style_of(remote).unit

    def value(self, part: Partners, margin: str | None) -> str:
        """The text of a merged value, which both sides, one or neither hold as it is."""
        value, known = part.value, part.annotation
        local = part.local.node if part.local else None
        remote = part.remote.node if part.remote else None
        if local and value == local.value:
            return self._local[local.start : local.end]
        if local and isinstance(value, dict) and isinstance(local.value, dict):
            return self._container(members(value, local, remote, known), local, margin)
        if local and isinstance(value, list) and isinstance(local.value, list):
            return self._container(elements(value, local, remote, known), local, margin)
        if remote and value == remote.value:
            return self._copied(remote, margin)
        return self._spelled(value)

    def _container(self, parts: Iterable[Partners], local: Node, margin: str | None) -> str:
        spacing = Spacing(self._local, local, self._style, margin)
        return spacing.written(
            [(part.local, self._head(part) + self.value(part, spacing.margin(part.local)))
             for part in parts]
        )  # fmt: skip

    def _head(self, part: Partners) -> str:
        """Key and colon of a member, nothing for an element."""
        if part.local:
            return self._local[part.local.start : part.local.node.start]
        return self._key(part.remote) if part.remote else ""

    def _key(self, item: Item) -> str:
        key = self._remote[item.start : item.stop]
        return key and key + self._style.colon

    def _copied(self, node: Node, margin: str | None) -> str:
        """The remote's value in its own tokens, laid out like the local text."""
        if not node.items:
            return self._remote[node.start : node.end]
        lead = self._remote[node.start + 1 : node.items[0].start]
        spread = margin is not None and (self._remote_is_one_line or "\n" in lead)
        inner = f"{margin}{self._style.unit}" if spread and self._style.unit else None
        bodies = [self._key(item) + self._copied(item.node, inner) for item in node.items]
        opening, closing = self._remote[node.start], self._remote[node.end - 1]
        if inner is None:
            return opening + ("," + self._style.gap).join(bodies) + closing
        line = self._style.line
        separator = "," + line + inner
        return f"{opening}{line}{inner}{separator.join(bodies)}{line}{margin}{closing}"

    def _spelled(self, value: Value) -> str:
        in_escapes = isinstance(value, str) and self._local.isascii()
        return json.dumps(value) if in_escapes else spelled(value)
