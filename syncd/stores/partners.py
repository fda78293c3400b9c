"""Which items of two texts an element of a merged list, or a member of an object, is. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from syncd.core.annotation import Annotation
from syncd.core.sequence import identified, scalars
from syncd.core.value import Value
from syncd.stores.tree import Item, Node


class Partners(NamedTuple):
    """A part of a merged container and the items of both sides that it comes from."""

    value: Value
    annotation: Annotation
    local: Item | None
    remote: Item | None


def members(
    value: dict[str, Value], local: Node, remote: Node | None, annotation: Annotation
) -> Iterator[Partners]:
    """The members of an object: those of one key belong together."""
    ours, theirs = ({item.key: item for item in _items(side, dict)} for side in (local, remote))
    for key, each in value.items():
        yield Partners(each, annotation.member(key), ours.get(key), theirs.get(key))


def elements(
    value: list[Value], local: Node, remote: Node | None, annotation: Annotation
) -> Iterator[Partners]:
    """The elements of a list: those of one id, or of one value where all are scalars."""
    ours, theirs = _items(local, list), _items(remote, list)
    names = _names(annotation.ids, value, _values(ours), _values(theirs))
    if names is None:
        pairs = _aligned(value, ours, theirs)
    else:
        mine, others = _by_name(names[1], ours), _by_name(names[2], theirs)
        pairs = ((_next(mine, name), _next(others, name)) for name in names[0])
    for each, (local_item, remote_item) in zip(value, pairs, strict=True):
        yield Partners(each, annotation.element, local_item, remote_item)


def _items(node: Node | None, shape: type) -> list[Item]:
    return (node.items or []) if node and isinstance(node.value, shape) else []


def _names(ids: tuple[str, ...], *lists: list[Value]) -> Sequence[Iterable[Hashable]] | None:
    """What tells the elements of each list apart: scalars themselves, objects by an id."""
    if all(scalars(each) for each in lists):
        return [each for each in lists if scalars(each)]
    return identified(ids, *lists)


def _aligned(
    value: list[Value], ours: list[Item], theirs: list[Item]
) -> Iterator[tuple[Item | None, Item | None]]:
    """A list taken whole from the remote; equal ends stay as they are in the local text."""
    most = min(len(value), len(ours))
    head = next((at for at in range(most) if value[at] != ours[at].node.value), most)
    ends = range(1, most - head + 1)
    tail = next((at for at in ends if value[-at] != ours[-at].node.value), most - head + 1) - 1
    mine = [*ours[:head], *[None] * (len(value) - head - tail), *ours[len(ours) - tail :]]
    others = theirs if len(theirs) == len(value) else [None] * len(value)
    return zip(mine, others, strict=True)


def _values(items: list[Item]) -> list[Value]:
    return [item.node.value for item in items]


def _by_name(names: Iterable[Hashable], items: list[Item]) -> dict[Hashable, list[Item]]:
    found: dict[Hashable, list[Item]] = {}
    for name, item in reversed(list(zip(names, items, strict=True))):
        found.setdefault(name, []).append(item)
    return found


def _next(items: dict[Hashable, list[Item]], name: Hashable) -> Item | None:
    # An item is written once: an element that is repeated more often is written like a new one.
    return items[name].pop() if items.get(name) else None
