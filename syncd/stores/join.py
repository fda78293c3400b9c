"""A records file written from its parts, changed as little as possible. Pure.

A part whose tokens the file holds already keeps its bytes and white space. Other parts are laid
out as the file is: indented where it is, on one line where its own are. New records go last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from syncd.core.model import Hold
from syncd.stores.elements import locate
from syncd.stores.records import ENVELOPE, Split, split, tokens
from syncd.stores.tree import MARK, Item, Node, Source, compact, parse
from syncd.stores.whitespace import Spacing, Style, margin_of, style_of

_TOKEN: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|\{\}|\[\]|[{}\[\],:]|[^{}\[\],:"]+')
_FRESH: Final = Style("  ", "\n", ": ")
_SOMETHING: Final = [Item("", 0, 0, Node(0, 0, None))]


def join(local: Split | None, wanted: Mapping[str, bytes], pointer: str) -> bytes:
    """The text of `local` with the `wanted` parts, those it lacks in their order at the end.

    Without `local` it is two-space JSON without a final newline. `split` finds just what was
    wanted in it; there must be an envelope, with a list at `pointer`.
    """
    records = {name: body.decode() for name, body in wanted.items() if name != ENVELOPE}
    envelope = wanted[ENVELOPE].decode()
    if local is not None:
        text = _changed(local, envelope, records, pointer)
        again = split(text.encode(), pointer, local)
        # What is about to replace a file is read back first, whatever the laying out claims.
        if isinstance(again, Split) and tokens(again.parts) == dict(wanted):
            return text.encode()
    return _fresh(envelope, records, pointer).encode()


def laid_out(written: str, style: Style, margin: str | None) -> str:
    """Compact JSON laid out in a style; `margin` indents its line, None: on a shared line."""
    if margin is None or not style.unit:
        shared = {",": "," + style.gap, ":": style.colon}
        return "".join(shared.get(sign, sign) for sign in _TOKEN.findall(written))
    line = style.line + margin
    text: list[str] = []
    for sign in _TOKEN.findall(written):
        if sign in ("{", "["):
            line += style.unit
            text.append(sign + line)
        elif sign in ("}", "]"):
            line = line[: len(line) - len(style.unit)]
            text.append(line + sign)
        elif sign == ",":
            text.append(sign + line)
        else:
            text.append(style.colon if sign == ":" else sign)
    return "".join(text)


def _fresh(envelope: str, records: Mapping[str, str], pointer: str) -> str:
    place = locate(envelope, pointer)
    assert not isinstance(place, Hold), place.detail
    whole = f"[{','.join(records.values())}]"
    return laid_out(envelope[: place.start] + whole + envelope[place.end :], _FRESH, "")


def _changed(local: Split, envelope: str, records: Mapping[str, str], pointer: str) -> str:
    text, place = local.text, local.place
    outer = text[: place.start] + "[]" + text[place.end :]
    style = _style(local, outer)
    if envelope != local.parts[ENVELOPE].body.decode():
        outer = _around(outer, envelope, style)
    spot = locate(outer, pointer)
    if isinstance(spot, Hold):
        return ""
    margin = _margin(outer, spot.start) if style.unit else None
    return outer[: spot.start] + _list(local, records, style, margin) + outer[spot.end :]


def _style(local: Split, outer: str) -> Style:
    root = parse(outer)
    found = style_of(Source(outer, root)) if root else _FRESH
    if (root and root.items) or not local.names:
        return found
    # The list is all there is: its first record tells.
    start, end = local.place.elements[0]
    first = parse(local.text[start:end])
    inner = style_of(Source(local.text[start:end], first)) if first else found
    lead = local.text[local.place.start + 1 : start]
    return Style(margin_of(lead) or "", "\r\n" if "\r\n" in lead else "\n", inner.colon)


def _margin(text: str, place: int) -> str:
    """The indentation of the line on which `place` is."""
    line = text.rfind("\n", 0, place) + 1
    return text[line : len(text) - len(text[line:].lstrip(" \t"))]


def _list(local: Split, records: Mapping[str, str], style: Style, margin: str | None) -> str:
    text, place = local.text, local.place
    items = {
        name: Item("", start, start, Node(start, end, None, _SOMETHING))
        for name, (start, end) in zip(local.names, place.elements, strict=True)
    }
    node = Node(place.start, place.end, [], list(items.values()))
    spacing = Spacing(text, node, style, margin)
    ordered = [name for name in local.names if name in records]
    ordered += [name for name in records if name not in items]
    if not items and not ordered:
        return text[place.start : place.end]
    written: list[tuple[Item | None, str]] = []
    for name in ordered:
        item = items.get(name)
        if item and local.parts[name].body.decode() == records[name]:
            written.append((item, text[item.start : item.node.end]))
            continue
        one_line = item is not None and "\n" not in text[item.start : item.node.end]
        indent = None if one_line else spacing.margin(item)
        written.append((item, laid_out(records[name], style, indent)))
    return spacing.written(written)


def _around(outer: str, envelope: str, style: Style) -> str:
    """The text around the list, which is empty in `outer`, as another envelope says it."""
    here, there = parse(outer), parse(envelope)
    if here is None or there is None:
        mark = MARK if outer.startswith(MARK) else ""
        return mark + laid_out(envelope, style, "")
    around = _Around(outer, envelope, style)
    return outer[: here.start] + around.value(here, there, "") + outer[here.end :]


class _Around:
    """Writes one tree with the white space of another, wherever both have it."""

    def __init__(self, here: str, there: str, style: Style) -> None:
        self._here, self._there, self._style = here, there, style

    def value(self, here: Node | None, there: Node, margin: str | None) -> str:
        """The text of `there`, which takes the place of `here`."""
        wanted = self._there[there.start : there.end]
        if here is None:
            return laid_out(wanted, self._style, margin)
        written = self._here[here.start : here.end]
        if compact(written) == wanted:
            return written
        alike = written[0] == wanted[0] and here.items and there.items
        return self._items(here, there, margin) if alike else laid_out(wanted, self._style, margin)

    def _items(self, here: Node, there: Node, margin: str | None) -> str:
        spacing = Spacing(self._here, here, self._style, margin)
        known: dict[str, list[Item]] = {}
        for item in reversed(here.items or []):
            known.setdefault(self._name(self._here, item), []).append(item)
        parts: list[tuple[Item | None, str]] = []
        for wanted in there.items or []:
            same = known.get(self._name(self._there, wanted))
            here_too = same.pop() if same else None
            node = here_too.node if here_too else None
            value = self.value(node, wanted.node, spacing.margin(here_too))
            parts.append((here_too, self._head(here_too, wanted) + value))
        return spacing.written(parts)

    def _name(self, text: str, item: Item) -> str:
        """What tells an item among its like: the key of a member, the tokens of an element."""
        stop = item.stop if item.stop > item.start else item.node.end
        return compact(text[item.start : stop])

    def _head(self, item: Item | None, wanted: Item) -> str:
        if wanted.stop == wanted.start:
            return ""
        if item is not None:
            return self._here[item.start : item.node.start]
        return self._there[wanted.start : wanted.stop] + self._style.colon
