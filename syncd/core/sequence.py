"""Lists merged by what is in them: order, membership, identity. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeGuard, TypeVar

from syncd.core.value import Number, Value

Item = TypeVar("Item", bound=Hashable)
Identity = str | Number
Scalar = None | bool | str | Number


def scalars(values: Iterable[Value]) -> TypeGuard[list[Scalar]]:
    """Whether a list holds nothing that holds something: it can be a set."""
    return all(each is None or isinstance(each, bool | str | Number) for each in values)


def merge_sets(base: Sequence[Item], local: Sequence[Item], remote: Sequence[Item]) -> list[Item]:
    """The local order, minus what either side removed, what the remote added last."""
    removed, known = set(base).difference(remote), {*base, *local}
    added = dict.fromkeys(each for each in remote if each not in known)
    return [*(each for each in local if each not in removed), *added]


def identified(
    candidates: Iterable[str], *lists: Sequence[Value]
) -> tuple[dict[Identity, dict[str, Value]], ...] | None:
    """Each list by the first of the `candidates` that names every element of every list once.

    None where there is no such field: then the lists have no identities to merge by.
    """
    for candidate in candidates:
        indexes = [_index(candidate, each) for each in lists]
        found = [each for each in indexes if each is not None]
        if len(found) == len(indexes):
            return tuple(found)
    return None


def _index(field: str, elements: Sequence[Value]) -> dict[Identity, dict[str, Value]] | None:
    index: dict[Identity, dict[str, Value]] = {}
    for element in elements:
        identity = element.get(field) if isinstance(element, dict) else None
        if not isinstance(identity, str | Number) or identity in index:
            return None
        assert isinstance(element, dict)
        index[identity] = element
    return index


def interleave(lead: Sequence[Item], follow: Sequence[Item]) -> list[Item]:
    """The items of `lead` in order, with each that only `follow` has put where it stood there.

    That is after its nearest predecessor in `lead`; an item without one goes before its
    successor in `lead`, and an item with neither goes last. Neither sequence repeats an item.
    """
    known = set(lead)
    after: dict[Item, list[Item]] = {}
    first: list[Item] = []
    spot = first
    for item in follow:
        if item in known:
            spot = after.setdefault(item, [])
        else:
            spot.append(item)
    shared = known.intersection(follow)
    ordered: list[Item] = []
    for item in lead:
        if item in shared and first:
            ordered += first
            first = []
        ordered += [item, *after.get(item, ())]
    return [*ordered, *first]
