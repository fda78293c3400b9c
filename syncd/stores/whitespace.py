"""How a JSON text is laid out, and how parts are put into it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.stores.tree import Item, Node, Source


@dataclass(frozen=True, slots=True)
class Style:
    """How a text is laid out; `unit` is one level of indentation, empty if all is on one line."""

    unit: str
    line: str
    colon: str

    @property
    def gap(self) -> str:
        """What follows a comma on a shared line."""
        return " " if self.colon[-1:].isspace() else ""


def style_of(source: Source) -> Style:
    """The style of a text, told by its first member; that of one without members is on one line."""
    first = source.root.items[0] if source.root.items else None
    lead = source.text[source.root.start + 1 : first.start] if first else ""
    margin = margin_of(lead)
    line = "\r\n" if "\r\n" in lead else "\n"
    while first and not first.stop > first.start:
        first = first.node.items[0] if first.node.items else None
    colon = source.text[first.stop : first.node.start] if first else ": "
    return Style(margin or "", line, colon)


def margin_of(lead: str) -> str | None:
    """The indentation that the white space before a token gives it, None on a shared line."""
    return lead.rpartition("\n")[2] if "\n" in lead else None


class Spacing:
    """The white space and commas of one local container, for other items than it has."""

    def __init__(self, text: str, node: Node, style: Style, margin: str | None) -> None:
        self._opening, self._closing = text[node.start], text[node.end - 1]
        self._items = node.items or []
        self._leads: dict[int, str] = {}
        self._trails: dict[int, str] = {}
        place = node.start + 1
        for item in self._items:
            self._leads[item.start] = text[place : item.start]
            end = node.end - 1 if item is self._items[-1] else text.index(",", item.node.end)
            self._trails[item.start] = text[item.node.end : end]
            place = end + 1
        self._first, self._next, self._last = self._usual(style, margin)
        like = next((item for item in self._items if item.node.items), None)
        self._elements_on_one_line = (
            like is not None
            and isinstance(node.value, list)
            and "\n" not in text[like.start : like.node.end]
        )

    def _usual(self, style: Style, margin: str | None) -> tuple[str, str, str]:
        """White space before a first item, before any other, and after the last."""
        if not self._items:
            if margin is None or not style.unit:
                return "", style.gap, ""
            line = style.line + margin
            return line + style.unit, line + style.unit, line
        leads = [self._leads[item.start] for item in self._items[:2]]
        following = leads[-1] if len(leads) == 2 or "\n" in leads[0] else style.gap
        return leads[0], following, self._trails[self._items[-1].start]

    def margin(self, item: Item | None) -> str | None:
        """The indentation of an item: its own, or that of a new one beside its like."""
        if item is None and self._elements_on_one_line:
            return None
        return margin_of(self._leads[item.start] if item else self._next)

    def written(self, parts: list[tuple[Item | None, str]]) -> str:
        """The container with the `parts` as its items: each the local item it stands for, if
        any, and its text.
        """
        if not parts:
            return self._opening + self._closing
        bodies = [
            self._lead(item, first=place == 0) + body + self._trail(item, place == len(parts) - 1)
            for place, (item, body) in enumerate(parts)
        ]
        return self._opening + ",".join(bodies) + self._closing

    def _lead(self, item: Item | None, *, first: bool) -> str:
        if item and first == (item is self._items[0]):
            return self._leads[item.start]
        return self._first if first else self._next

    def _trail(self, item: Item | None, last: bool) -> str:
        if last:
            return self._last
        return self._trails[item.start] if item and item is not self._items[-1] else ""
